/*
 * The authoritative server behind all that forward: one A record for every question, so that what is measured is the others.
 * TTL 0 where the name begins with `z`, else 300 s. Everything but the question is dropped, EDNS too.
 *
 * usage: authority ADDRESS PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, ROOM = 1024, HEADER = 12, RECORD = 16 };

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* The response's size, written over the query; 0 if it is none. */
static size_t answer(unsigned char *octets, size_t size) {
  size_t at = HEADER;
  while (at < size && octets[at] != 0) at += octets[at] + 1u;
  at += 5;
  if (at > size || at + RECORD > ROOM) return 0;
  int isZero = octets[HEADER + 1] == 'z';
  int isAddress = octets[at - 4] == 0 && octets[at - 3] == 1;
  octets[2] = 0x84 | (octets[2] & 1);
  octets[3] = 0;
  memset(octets + 6, 0, 6);
  if (!isAddress) return at;
  octets[7] = 1;
  const unsigned char record[RECORD] = {0xc0, 12, 0, 1, 0, 1, 0, 0, isZero ? 0 : 1, isZero ? 0 : 44, 0, 4, 192, 0, 2, 53};
  memcpy(octets + at, record, RECORD);
  return at + RECORD;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: authority ADDRESS PORT\n");
    return 2;
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) die(argv[1]);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) die("socket");
  int room = 4 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) < 0) die("SO_RCVBUF");
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");

  static unsigned char octets[BATCH][ROOM];
  static struct mmsghdr messages[BATCH], replies[BATCH];
  static struct iovec vectors[BATCH];
  static struct sockaddr_in peers[BATCH];
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      vectors[i] = (struct iovec){.iov_base = octets[i], .iov_len = ROOM};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int received = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    int count = 0;
    for (int i = 0; i < received; i++) {
      vectors[i].iov_len = answer(octets[i], messages[i].msg_len);
      if (vectors[i].iov_len > 0) replies[count++].msg_hdr = messages[i].msg_hdr;
    }
    for (int sent = 0; sent < count;) {
      int now = sendmmsg(fd, replies + sent, (unsigned)(count - sent), 0);
      sent += now > 0 ? now : 1;
    }
  }
}
