/*
 * Sends questions at a fixed rate, whatever comes back: dnsperf has to find a free number for each, begins slowly, catches up in
 * bursts, and holds back where most are lost. What it could not send in time is not sent later. Counts the responses without an
 * error that come until a third of a second after the last question; a question's id is the time it was sent at, ms.
 *
 * usage: flood ADDRESS PORT NAME RATE SECONDS      NAME: where it begins with `#`, each question has a number there
 * prints: SENT ANSWERED P50 P99      of the time to a response, ms
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 8, BATCH = 64, ROOM = 512, IDLE_US = 20, HEADER = 12, DIGITS = 9, TIMES = 65536 };
static const double LAST_SECONDS = 0.3, LATE_SECONDS = 0.01;

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
  static const unsigned char header[HEADER] = {0, 0, 1, 0, 0, 1};
  memcpy(query, header, sizeof header);
  size_t at = sizeof header;
  if (*name == '#') {
    query[at] = DIGITS + 1;
    query[at + 1] = 'z';
    at += DIGITS + 2;
    name += 1 + (name[1] == '.');
  }
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

static void number(unsigned char *query, unsigned long value) {
  for (int digit = DIGITS; digit > 0; digit--, value /= 10) query[HEADER + 1 + digit] = (unsigned char)('0' + value % 10);
}

/* The time that so many of the responses took at the most, ms. */
static int time_of(const long *times, long count) {
  int time = 0;
  for (long seen = times[0]; seen < count && time < TIMES - 1; seen += times[time]) time++;
  return time;
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
  static unsigned char queries[BATCH][ROOM], responses[BATCH][ROOM];
  static struct mmsghdr out[BATCH], in[BATCH];
  static struct iovec out_vectors[BATCH], in_vectors[BATCH];
  static long times[TIMES];
  const int is_numbered = argv[3][0] == '#';
  for (int i = 0; i < BATCH; i++) {
    out_vectors[i] = (struct iovec){.iov_base = queries[i], .iov_len = encode(queries[i], argv[3])};
    in_vectors[i] = (struct iovec){.iov_base = responses[i], .iov_len = ROOM};
    out[i].msg_hdr = (struct msghdr){.msg_iov = &out_vectors[i], .msg_iovlen = 1};
    in[i].msg_hdr = (struct msghdr){.msg_iov = &in_vectors[i], .msg_iovlen = 1};
  }
  long sent = 0, skipped = 0, answered = 0;
  const double start = now();
  /* Another run asks for other names. */
  unsigned long name = (unsigned long)(start * 1e6);
  for (unsigned turn = 0;; turn++) {
    const double elapsed = now() - start;
    if (elapsed > seconds + LAST_SECONDS) break;
    int is_busy = 0;
    const double due = elapsed * rate - (double)(sent + skipped);
    if (elapsed < seconds && due >= 1) {
      if (due > BATCH && due > rate * LATE_SECONDS) skipped += (long)(due - rate * LATE_SECONDS);
      const unsigned batch = due < BATCH ? (unsigned)due : BATCH;
      for (unsigned i = 0; i < batch; i++) {
        const unsigned time = (unsigned)(elapsed * 1000);
        queries[i][0] = (unsigned char)(time >> 8);
        queries[i][1] = (unsigned char)time;
        if (is_numbered) number(queries[i], name++);
      }
      int count = sendmmsg(fds[turn % SOCKETS], out, batch, 0);
      if (count > 0) sent += count;
      is_busy = 1;
    }
    for (unsigned half = 0; half < 2; half++) {
      int count = recvmmsg(fds[(turn + half * SOCKETS / 2) % SOCKETS], in, BATCH, MSG_DONTWAIT, NULL);
      if (count <= 0) continue;
      const unsigned time = (unsigned)((now() - start) * 1000);
      for (int i = 0; i < count; i++) {
        if ((responses[i][3] & 15) != 0) continue;
        answered++;
        times[(time - (unsigned)(responses[i][0] << 8 | responses[i][1])) % TIMES]++;
      }
      is_busy = 1;
    }
    if (!is_busy) usleep(IDLE_US);
  }
  printf("%ld %ld %d %d\n", sent, answered, time_of(times, answered / 2), time_of(times, answered - answered / 100));
}
