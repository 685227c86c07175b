#!/usr/bin/env python3
"""A line between two network namespaces: TUN devices joined by a seeded delay, loss and disorder.

Usage: passive_line.py NETNS_A NETNS_B DELAY_MS SPREAD_MS LOSS DISORDER [SEED]
Each way: DELAY_MS and up to SPREAD_MS more without overtaking; LOSS and DISORDER are shares, and a
packet out of order comes half a DELAY_MS late. Says "ready", runs until it is terminated.
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
libc = ctypes.CDLL(None, use_errno=True)


def open_tun(netns, name):
    """A TUN device in that namespace; this thread stays there."""
    with open(f"/run/netns/{netns}") as ns:
        if libc.setns(ns.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {netns}")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def main():
    a, b = sys.argv[1], sys.argv[2]
    delay, spread = float(sys.argv[3]) / 1e3, float(sys.argv[4]) / 1e3
    loss, disorder = float(sys.argv[5]), float(sys.argv[6])
    draw = random.Random(int(sys.argv[7]) if len(sys.argv) > 7 else 1)
    ends = [open_tun(a, "line"), open_tun(b, "line")]
    print("ready", flush=True)
    queue, last, count = [], [0.0, 0.0], 0
    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else 1.0
        for fd in select.select(ends, [], [], wait)[0]:
            way = ends.index(fd)
            for _ in range(64):
                try:
                    packet = os.read(fd, 65536)
                except OSError:  # nothing more, or not up yet
                    break
                if draw.random() < loss:
                    continue
                now = time.monotonic()
                due = max(now + delay + draw.random() * spread, last[way])
                if draw.random() < disorder:
                    due += delay / 2
                else:
                    last[way] = due
                count += 1
                heapq.heappush(queue, (due, count, 1 - way, packet))
        while queue and queue[0][0] <= time.monotonic():
            _, _, way, packet = heapq.heappop(queue)
            try:
                os.write(ends[way], packet)
            except OSError:
                pass


main()
