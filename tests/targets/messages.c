// SPDX-License-Identifier: Apache-2.0
//
// messages write|sendto|sendmsg|sendmmsg MESSAGES SEGMENTS SIZE
// MESSAGES messages of SEGMENTS segments of SIZE bytes over a socketpair,
// from descriptor 9; a second thread reads them. Each message starts with its
// number in four digits, if it has room. sendmmsg sends all with one call.
// messages partial
// One sendmmsg of five messages, of which the queue takes two.
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "target.h"

static int sender, receiver;

static void* drain(void* unused) {
  (void)unused;
  char* sink = allocate(1 << 20);
  while (recv(receiver, sink, 1 << 20, 0) > 0) continue;
  free(sink);
  return NULL;
}

static void open_pair(int kind) {
  int ends[2];
  if (socketpair(AF_UNIX, kind, 0, ends) < 0) die("socketpair");
  receiver = ends[0];
  sender = place(ends[1], 9);
}

// More than the queue holds: what was not sent must not be seen.
static int send_part(void) {
  open_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  int room = 0;
  while (send(sender, "fill", 4, 0) == 4) ++room;
  char sink[4];
  for (int i = 0; i < 2 && i < room; ++i)
    if (recv(receiver, sink, 4, 0) != 4) die("recv");

  struct iovec parts[5];
  struct mmsghdr messages[5] = {0};
  char* texts[5] = {"first", "second", "third", "fourth", "fifth"};
  for (int i = 0; i < 5; ++i) {
    parts[i] = (struct iovec){texts[i], strlen(texts[i])};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  if (sendmmsg(sender, messages, 5, 0) != 2) die("sendmmsg");
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "partial") == 0) return send_part();
  if (argc != 5) return 2;
  unsigned messages = (unsigned)atoi(argv[2]),
           segments = (unsigned)atoi(argv[3]);
  size_t size = strtoul(argv[4], NULL, 10), length = size * segments;
  open_pair(SOCK_SEQPACKET);
  pthread_t reader;
  pthread_create(&reader, NULL, drain, NULL);

  unsigned char* data = allocate(length * messages);
  struct iovec* parts = allocate(sizeof *parts * segments * messages);
  struct mmsghdr* headers = allocate(sizeof *headers * messages);
  memset(headers, 0, sizeof *headers * messages);
  for (unsigned m = 0; m < messages; ++m) {
    unsigned char* message = data + m * length;
    struct iovec* first = parts + m * segments;
    char number[16];
    snprintf(number, sizeof number, "%04u", m);
    fill(message, length);
    if (length >= 4) memcpy(message, number, 4);
    for (unsigned s = 0; s < segments; ++s)
      first[s] = (struct iovec){message + s * size, size};
    headers[m].msg_hdr.msg_iov = first;
    headers[m].msg_hdr.msg_iovlen = segments;
  }

  if (strcmp(argv[1], "sendmmsg") == 0) {
    unsigned sent = 0;
    while (sent < messages) {
      int n = sendmmsg(sender, headers + sent, messages - sent, 0);
      if (n <= 0) die("sendmmsg");
      sent += (unsigned)n;
    }
  } else {
    for (unsigned m = 0; m < messages; ++m) {
      ssize_t sent;
      if (strcmp(argv[1], "sendmsg") == 0) {
        sent = sendmsg(sender, &headers[m].msg_hdr, 0);
      } else if (strcmp(argv[1], "sendto") == 0) {
        sent = sendto(sender, data + m * length, length, 0, NULL, 0);
      } else {
        sent = write(sender, data + m * length, length);
      }
      if (sent != (ssize_t)length) die(argv[1]);
    }
  }
  shutdown(sender, SHUT_RDWR);
  pthread_join(reader, NULL);
  return 0;
}
