/*
 * Asks the C library's resolver, glibc's or musl's, as programs do:
 *
 *   lookup host NAME     every address, sorted, one a line
 *   lookup addr ADDRESS  the name of an address
 *
 * Exit code 2: there is no such name; 1: anything else went wrong.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESSES_MAX 256

static int compare(const void *a, const void *b) { return strcmp(a, b); }

static int fail(int code) {
  fprintf(stderr, "%s\n", gai_strerror(code));
  return code == EAI_NONAME
#ifdef EAI_NODATA
                 || code == EAI_NODATA
#endif
             ? 2
             : 1;
}

static int look_up_host(const char *name) {
  static char lines[ADDRESSES_MAX][NI_MAXHOST];
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
  int code = getaddrinfo(name, "80", &hints, &list), count = 0;
  if (code != 0) return fail(code);
  for (struct addrinfo *one = list; one != NULL && count < ADDRESSES_MAX; one = one->ai_next)
    getnameinfo(one->ai_addr, one->ai_addrlen, lines[count++], NI_MAXHOST, NULL, 0, NI_NUMERICHOST);
  freeaddrinfo(list);
  qsort(lines, count, sizeof lines[0], compare);
  for (int i = 0; i < count; i++) puts(lines[i]);
  return 0;
}

static int look_up_address(const char *text) {
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *list;
  char name[NI_MAXHOST];
  int code = getaddrinfo(text, NULL, &hints, &list);
  if (code != 0) return fail(code);
  code = getnameinfo(list->ai_addr, list->ai_addrlen, name, sizeof name, NULL, 0, NI_NAMEREQD);
  freeaddrinfo(list);
  if (code != 0) return fail(code);
  puts(name);
  return 0;
}

int main(int count, char **words) {
  if (count == 3 && strcmp(words[1], "host") == 0) return look_up_host(words[2]);
  if (count == 3 && strcmp(words[1], "addr") == 0) return look_up_address(words[2]);
  fprintf(stderr, "usage: lookup host NAME | addr ADDRESS\n");
  return 1;
}
