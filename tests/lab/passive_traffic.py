#!/usr/bin/env python3
"""TCP traffic as an orchestrator has: requests and answers, short connections, bulk.

Usage: passive_traffic.py serve ADDRESS PORT
       passive_traffic.py call ADDRESS PORT SECONDS [requests] [short] [bulk] [slow]
A request is 8 octets (length to send, length to answer), then so much. The client ends by itself.
"""
import random
import socket
import struct
import sys
import threading
import time


def take(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(min(65536, n - len(data)))
        if not more:
            return None
        data += more
    return data


def answer(s):
    with s:
        while True:
            head = take(s, 8)
            if head is None:
                return
            sent, wanted = struct.unpack("!II", head)
            if sent and take(s, sent) is None:
                return
            if wanted:
                s.sendall(b"a" * wanted)


def serve(address, port):
    listener = socket.create_server((address, port), backlog=128,
                                    family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    print("ready", flush=True)
    while True:
        s, _ = listener.accept()
        threading.Thread(target=answer, args=(s,), daemon=True).start()


def ask(s, send, wanted):
    s.sendall(struct.pack("!II", send, wanted) + b"q" * send)
    if wanted:
        take(s, wanted)


def call(address, port, kind, until, seed):
    draw = random.Random(seed)
    s = socket.create_connection((address, port))
    while time.monotonic() < until:
        if kind == "bulk":
            ask(s, 1 << 20, 1)
        elif kind == "slow":
            ask(s, 200, 100)
            time.sleep(0.2)
        else:
            ask(s, draw.choice([20, 300, 2300, 9000]), draw.choice([10, 500, 4000, 30000]))
            time.sleep(draw.random() * 0.01)
        if kind == "short":
            s.close()
            s = socket.create_connection((address, port))
    s.close()


def main():
    address, port = sys.argv[2], int(sys.argv[3])
    if sys.argv[1] == "serve":
        serve(address, port)
    until = time.monotonic() + float(sys.argv[4])
    callers = [threading.Thread(target=call, args=(address, port, kind, until, i))
               for i, kind in enumerate(sys.argv[5:] or ["requests"])]
    for c in callers:
        c.start()
    for c in callers:
        c.join()


main()
