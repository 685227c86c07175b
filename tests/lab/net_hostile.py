#!/usr/bin/env python3
"""Reflectors that mean ill, or are broken: they answer STAMP's test packets on UDP port 862.
    net_hostile.py KIND ADDRESS [OTHER]
    truncated   every fourth answer is cut to 40 octets
    oversized   every fourth answer has 200 octets more than was asked
    replayed    every fourth answer is sent again after 1 s, and again after 4 s
    foreign     every fourth answer is sent from OTHER first, before the right one from ADDRESS
    port        every fourth answer is sent from another port first
    stranger    every fourth answer is sent for another session first
    forged      every fourth answer echoes a time that was never sent first
    wild        the times of every answer are years off and end before they begin
"""
import ipaddress
import select
import socket
import struct
import sys
import time

EVERY = 4
kind, address, *other = sys.argv[1:]
family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET


def bound(host, port):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((host, port))
    return s


def ntp(unix):
    return struct.pack(">Q", int((unix + 2208988800) * 2**32) & (2**64 - 1))


def answer(request, received):
    error = b"\x80\x01"
    head = request[0:4] + ntp(time.time()) + error + request[14:16] + ntp(received)
    return head + request[0:14] + bytes(2) + b"\xff" + bytes(3)


def change(packet, at, octets):
    return packet[:at] + octets + packet[at + len(octets):]


main = bound(address, 862)
aside = bound(other[0], 862) if other else bound(address, 8620)
later = []  # (when, packet, to)
count = 0
print("ready", flush=True)
while True:
    wait = max(min((w for w, _, _ in later), default=time.time() + 1) - time.time(), 0)
    if select.select([main], [], [], wait)[0]:
        request, to = main.recvfrom(9216)
        received = time.time()
        if len(request) < 14:
            continue
        request = request.ljust(44, b"\0")
        packet, count = answer(request, received), count + 1
        if kind == "wild":
            packet = change(change(packet, 4, ntp(received - 10**8)), 16, ntp(received + 10**8))
        # The first ones are greetings: they are answered as they should be.
        if count > EVERY and count % EVERY == 0:
            if kind == "truncated":
                packet = packet[:40]
            if kind == "oversized":
                packet += bytes(200)
            if kind == "replayed":
                later += [(received + 1, packet, to), (received + 4, packet, to)]
            if kind in ("foreign", "port"):
                aside.sendto(packet, to)
            if kind == "stranger":
                main.sendto(change(packet, 14, b"\xff\xff" if packet[14:16] != b"\xff\xff" else b"\0\1"), to)
            if kind == "forged":
                main.sendto(change(packet, 28, ntp(received - 1)), to)
        main.sendto(packet, to)
    now = time.time()
    for _, packet, to in (x for x in later if x[0] <= now):
        main.sendto(packet, to)
    later = [x for x in later if x[0] > now]
