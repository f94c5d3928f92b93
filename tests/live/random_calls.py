# SPDX-License-Identifier: Apache-2.0
"""random_calls.py SEED: a program for strace_test.py to trace.

Three threads and a child make calls of all kinds, with sizes around every
limit there is, to a file, a pipe, sockets and /dev/null, many of which fail
or take only a part.
"""

import os
import random
import socket
import sys
import threading

EDGES = (0, 1, 255, 256, 257, 4095, 4096, 4097, 15_999, 16_000, 16_001, 32_000)


def make_calls(seed, count):
    pick = random.Random(seed)

    def data(most=1 << 17):
        size = pick.choice(EDGES) if pick.random() < 0.4 else int(
            most ** pick.random())
        return pick.randbytes(min(size, most))

    stream, stream_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    packet, packet_end = socket.socketpair(socket.AF_UNIX,
                                           socket.SOCK_SEQPACKET)
    for end in (stream, stream_end, packet, packet_end):
        end.setblocking(False)
    pipe_end, pipe = os.pipe2(os.O_NONBLOCK)
    null, file = os.open("/dev/null", os.O_WRONLY), os.memfd_create("file")
    anywhere = [null, file, pipe, stream.fileno(), packet.fileno()]

    calls = [
        lambda: os.write(pick.choice(anywhere), data()),
        lambda: os.writev(pick.choice(anywhere), [
            data() for _ in range(pick.choice((1, 2, 3, 10)))]),
        lambda: os.writev(pick.choice(anywhere), [
            data(30) for _ in range(pick.choice((100, 900, 1024)))]),
        lambda: os.pwrite(file, data(), 7),
        lambda: os.pwritev(file, [data() for _ in range(3)], 100,
                           pick.choice((0, os.RWF_HIPRI))),
        lambda: pick.choice((stream, packet)).send(data()),
        lambda: pick.choice((stream, packet)).sendmsg([
            data() for _ in range(pick.choice((0, 1, 5)))]),
    ]
    drains = [lambda: os.read(pipe_end, 1 << 20),
              lambda: stream_end.recv(1 << 20),
              lambda: packet_end.recv(1 << 20)]
    for _ in range(count):
        try:
            pick.choice(calls)()
        except OSError:
            pass
        for drain in drains if pick.random() < 0.3 else ():
            try:
                while drain():
                    pass
            except OSError:
                pass


def main():
    seed = int(sys.argv[1])
    child = os.fork()
    if child == 0:
        make_calls(4 * seed, 120)
        os._exit(0)
    threads = [threading.Thread(target=make_calls, args=(4 * seed + i, 120))
               for i in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.waitpid(child, 0)


main()
