/*
 * The kernel's limit: a UDP responder that does nothing but receive and send. It sets QR and answers with GROWTH octets more
 * than it was asked with, so that a response has as many octets as a real one of its kind.
 *
 * usage: echo ADDRESS PORT GROWTH THREADS
 * Several threads have a SO_REUSEPORT socket each; the kernel spreads the clients by hash. Threads are not pinned.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, ROOM = 4096 };

static struct sockaddr_in address;
static size_t growth;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void *serve(void *unused) {
  (void)unused;
  int one = 1;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) die("socket");
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0) die("SO_REUSEPORT");
  // The system's limit caps it; other servers ask for as much.
  int room = 4 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) < 0) die("SO_RCVBUF");
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");

  unsigned char *octets = calloc(BATCH, ROOM);
  struct mmsghdr *messages = calloc(BATCH, sizeof *messages);
  struct iovec *vectors = calloc(BATCH, sizeof *vectors);
  struct sockaddr_in *peers = calloc(BATCH, sizeof *peers);
  if (!octets || !messages || !vectors || !peers) die("calloc");

  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      vectors[i].iov_base = octets + (size_t)i * ROOM;
      vectors[i].iov_len = 512;
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int received = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    if (received < 0) continue;
    for (int i = 0; i < received; i++) {
      octets[(size_t)i * ROOM + 2] |= 0x80;
      vectors[i].iov_len = messages[i].msg_len + growth;
    }
    for (int sent = 0; sent < received;) {
      int now = sendmmsg(fd, messages + sent, (unsigned)(received - sent), 0);
      sent += now > 0 ? now : 1;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: echo ADDRESS PORT GROWTH THREADS\n");
    return 2;
  }
  address.sin_family = AF_INET;
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) die(argv[1]);
  address.sin_port = htons((unsigned short)atoi(argv[2]));
  growth = (size_t)atoi(argv[3]);
  if (growth > ROOM - 512) {
    fprintf(stderr, "GROWTH is at most %d\n", ROOM - 512);
    return 2;
  }
  for (int i = atoi(argv[4]); i > 1; i--) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, NULL) != 0) die("pthread_create");
  }
  serve(NULL);
}
