/*
 * Sends the same question at a fixed rate, whatever comes back: dnsperf has to find a free number for each, and holds back
 * where most are lost. Counts the responses that come until a third of a second after the last question.
 *
 * usage: flood ADDRESS PORT NAME RATE SECONDS      prints: SENT ANSWERED
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 8, BATCH = 64, ROOM = 512, IDLE_US = 20 };
static const double LAST_SECONDS = 0.3;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A query for the A record of a name without a dot at the end. @returns its size */
static size_t encode(unsigned char *query, const char *name) {
  static const unsigned char header[12] = {0, 1, 1, 0, 0, 1};
  memcpy(query, header, sizeof header);
  size_t at = sizeof header;
  while (*name != '\0') {
    size_t size = strcspn(name, ".");
    if (size == 0 || size > 63 || at + size + 6 > ROOM) die("name");
    query[at++] = (unsigned char)size;
    memcpy(query + at, name, size);
    at += size;
    name += size + (name[size] == '.');
  }
  const unsigned char end[5] = {0, 0, 1, 0, 1};
  memcpy(query + at, end, sizeof end);
  return at + sizeof end;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: flood ADDRESS PORT NAME RATE SECONDS\n");
    return 2;
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) die(argv[1]);
  const double rate = atof(argv[4]), seconds = atof(argv[5]);
  int fds[SOCKETS];
  for (int i = 0; i < SOCKETS; i++) {
    fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fds[i] < 0) die("socket");
    int room = 4 << 20;
    setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (connect(fds[i], (struct sockaddr *)&address, sizeof address) < 0) die("connect");
  }
  static unsigned char query[ROOM], responses[BATCH][ROOM];
  static struct mmsghdr out[BATCH], in[BATCH];
  static struct iovec in_vectors[BATCH];
  struct iovec out_vector = {.iov_base = query, .iov_len = encode(query, argv[3])};
  for (int i = 0; i < BATCH; i++) {
    in_vectors[i] = (struct iovec){.iov_base = responses[i], .iov_len = ROOM};
    out[i].msg_hdr = (struct msghdr){.msg_iov = &out_vector, .msg_iovlen = 1};
    in[i].msg_hdr = (struct msghdr){.msg_iov = &in_vectors[i], .msg_iovlen = 1};
  }
  long sent = 0, answered = 0;
  const double start = now();
  for (unsigned turn = 0;; turn++) {
    const double elapsed = now() - start;
    if (elapsed > seconds + LAST_SECONDS) break;
    int is_busy = 0;
    if (elapsed < seconds && (double)sent < elapsed * rate) {
      int count = sendmmsg(fds[turn % SOCKETS], out, BATCH, 0);
      if (count > 0) sent += count;
      is_busy = 1;
    }
    for (unsigned half = 0; half < 2; half++) {
      int count = recvmmsg(fds[(turn + half * SOCKETS / 2) % SOCKETS], in, BATCH, MSG_DONTWAIT, NULL);
      if (count <= 0) continue;
      answered += count;
      is_busy = 1;
    }
    if (!is_busy) usleep(IDLE_US);
  }
  printf("%ld %ld\n", sent, answered);
}
