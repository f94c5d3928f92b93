/* SPDX-License-Identifier: GPL-2.0
 *
 * tcplife: TCP connections, each when its life has ended.
 *
 * A life begins when the connection is established (or was tried) and ends when
 * its process closes it, or when the connection itself ends before that. The
 * process is the one that connected, or else the one that closed: the kernel's
 * own work for a connection is done in whichever process is interrupted by it,
 * so at no other change of state does the current process mean anything. Of a
 * connection that was accepted and then reset by its peer no process is known.
 */
#include "tracer.bpf.h"

EVENT(tcplife) {
  EVENT_HEADER    /* pid, tid, ppid: 0 where no process is known */
      u16 family; /* AF_INET or AF_INET6 */
  u16 lport;      /* here */
  u16 rport;      /* there */
  u64 duration;   /* nanoseconds */
  u64 sent;       /* bytes that the process gave to the connection */
  u64 received;   /* bytes that came */
  u8 laddr[16];   /* of IPv4 the first four bytes */
  u8 raddr[16];
};

/* States of a connection: in no BTF. */
#define ESTABLISHED 1
#define SYN_SENT 2
#define SYN_RECV 3
#define FIN_WAIT1 4
#define CLOSE 7
#define LAST_ACK 9

#define SHUT_BOTH 3 /* in sk_shutdown: for reading and for writing */

struct life {
  u64 born;
  u32 pid; /* 0: not known yet */
  u32 tid;
  u32 ppid;
  char comm[16];
  u8 is_traced;
  u8 has_connected;
  u8 has_finished; /* it sent its FIN */
};

/* By socket. The oldest is forgotten when there are too many. */
BPF_TABLE("lru_hash", u64, struct life, lives, 16384);

/* The current process is the one whose connection it is. */
static inline void set_owner(struct life *life) {
  struct task_struct *task;
  if (life->pid) {
    return;
  }
  task = tracer_task();
  life->pid = task->tgid;
  life->tid = task->pid;
  life->ppid = task->real_parent->tgid;
  life->is_traced = tracer_traced();
  tracer_copy_comm(life->comm, task->comm);
}

static inline void be_born(u64 socket, int state) {
  struct life none = {};
  struct life *life = lives.lookup_or_try_init(&socket, &none);
  if (!life) {
    return;
  }
  life->born = bpf_ktime_get_ns();
  if (state == SYN_SENT) {
    life->has_connected = 1;
    set_owner(life);
  }
}

/* Bytes, from counters of sequence numbers, in which a SYN and a FIN are one
 * each. A peer's SYN is not counted. */
static inline void count(struct tcplife *event, struct life *life,
                         struct tcp_sock *tcp, struct sock *sock) {
  u64 sent = tcp->bytes_acked + (u32)(tcp->write_seq - tcp->snd_una);
  u64 received = tcp->bytes_received;
  u64 not_sent = life->has_connected + life->has_finished;
  u64 not_received = (sock->__sk_common.skc_flags >> SOCK_DONE) & 1;
  event->sent = sent > not_sent ? sent - not_sent : 0;
  event->received = received > not_received ? received - not_received : 0;
}

TRACEPOINT_PROBE(sock, inet_sock_set_state) {
  u64 socket = (u64)args->skaddr;
  struct sock *sock = (struct sock *)args->skaddr;
  bool finishes = args->newstate == FIN_WAIT1 || args->newstate == LAST_ACK;
  struct tcplife event = {};
  struct life *life;
  bool is_shut;
  if (args->protocol != IPPROTO_TCP) {
    return 0;
  }
  if (args->newstate == SYN_SENT || args->newstate == SYN_RECV ||
      args->newstate == ESTABLISHED) {
    be_born(socket, args->newstate);
    return 0;
  }
  if (!finishes && args->newstate != CLOSE) {
    return 0;
  }
  life = lives.lookup(&socket);
  if (!life) {
    return 0;
  }
  /* Shut for both before it is closed: this is close(). A reset by the peer
   * shuts it afterwards. */
  is_shut = sock->sk_shutdown == SHUT_BOTH;
  if (finishes || is_shut) {
    set_owner(life);
  }
  if (finishes && !is_shut) {
    /* shutdown(): bytes may still come. */
    life->has_finished = 1;
    return 0;
  }
  if (!life->pid ? P_tracer_select != 0 : !life->is_traced) {
    lives.delete(&socket);
    return 0;
  }
  tracer_begin(&event, EVENT_ID_tcplife);
  event.pid = life->pid;
  event.tid = life->tid;
  event.ppid = life->ppid;
  __builtin_memcpy(event.comm, life->comm, sizeof(event.comm));
  event.family = args->family;
  event.lport = args->sport;
  event.rport = args->dport;
  if (args->family == AF_INET) {
    __builtin_memcpy(event.laddr, args->saddr, 4);
    __builtin_memcpy(event.raddr, args->daddr, 4);
  } else {
    __builtin_memcpy(event.laddr, args->saddr_v6, 16);
    __builtin_memcpy(event.raddr, args->daddr_v6, 16);
  }
  event.duration = event.ts - life->born;
  count(&event, life, (struct tcp_sock *)sock, sock);
  lives.delete(&socket);
  tracer_submit(args, &event, sizeof(event));
  tracer_end();
  return 0;
}
