#!/usr/bin/env bats
# Bad networks and bad peers: each is counted, told and survived. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house
load line

setup() {
    hosts_begin
    wire
}

teardown() {
    hosts_end
}

hostile() {
    act tests/lab/net_hostile.py "$@"
}

# One of four packets, of those sent, with the greeting not counted in the same way.
a_fourth() {
    between "$1" "$(counted sent) / 4 - 2" "$(counted sent) / 4 + 2"
}

notes_say() {
    jq -e --arg what "$1" '.notes | map(test($what)) | any' <<<"$m" >/dev/null || {
        echo "no note says: $1"
        false
    }
}

@test "answers that are cut short are counted, and are losses" {
    hostile truncated 10.98.0.2
    measure 10.98.0.2
    is_measured
    a_fourth "$(counted truncated)"
    a_fourth "$(counted lost)"
    [ "$(counted sent)" -eq "$(($(counted answered) + $(counted lost)))" ]
}

@test "answers longer than what was asked are counted, and are no answers" {
    hostile oversized 10.98.0.2
    measure 10.98.0.2
    is_measured
    a_fourth "$(counted 'too long')"
    a_fourth "$(counted lost)"
}

@test "answers that are replayed: duplicates, then stale, never a second round trip" {
    hostile replayed 10.98.0.2
    budget=9s measure 10.98.0.2
    is_measured
    [ "$(counted lost)" -eq 0 ]
    [ "$(counted duplicates)" -gt 50 ]
    [ "$(counted answered)" -le "$(counted sent)" ]
    between "$(figure net.rtt max)" 0 900000000
}

@test "answers from another address are ignored and named; those from the right one count" {
    ip -n "$there" addr add 10.98.0.3/24 dev tb
    hostile foreign 10.98.0.2 10.98.0.3
    measure 10.98.0.2
    is_measured
    [ "$(counted lost)" -eq 0 ]
    [ "$(counted duplicates)" -eq 0 ]
    a_fourth "$(counted 'packets from other addresses')"
}

@test "answers from another port of the same host are ignored" {
    hostile port 10.98.0.2
    measure 10.98.0.2
    is_measured
    [ "$(counted lost)" -eq 0 ]
    a_fourth "$(counted 'packets from other addresses')"
}

@test "answers for another session are ignored" {
    hostile stranger 10.98.0.2
    measure 10.98.0.2
    is_measured
    [ "$(counted lost)" -eq 0 ]
    a_fourth "$(counted 'of other sessions')"
}

@test "answers that echo what was never sent are ignored" {
    hostile forged fd98::2
    measure fd98::2
    is_measured
    [ "$(counted lost)" -eq 0 ]
    a_fourth "$(counted 'stale or forged')"
}

@test "a peer whose times cannot be is not trusted" {
    hostile wild 10.98.0.2
    measure 10.98.0.2
    case $(jq -r .status <<<"$m") in untrusted | failed) ;; *) false ;; esac
}

@test "a flood on the reflector: the session goes on, what is lost is told, and the reflector lives" {
    reflect
    # As many as a core can, of our own form and of none, from the sender's host.
    ip netns exec "$here" python3 - <<'P' &
import os, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.98.0.2", 862))
end, sent = time.time() + 7, 0
while time.time() < end:
    for size in (44, 13, 1400):
        try:
            sent += s.send(bytes(size)) > 0
        except OSError:
            pass
P
    started+=($!)
    measure 10.98.0.2
    is_measured
    [ "$(counted answered)" -gt 0 ]
    [ "$(counted sent)" -eq "$(($(counted answered) + $(counted lost)))" ]
    kill -0 "$reflector"
    kill -TERM "$reflector"
    wait "$reflector" || [ $? -eq 130 ]
    cat "$work/reflect"
    grep -q 'too short' "$work/reflect"
}

@test "a reflector killed and started again during the run: a gap as long as it was away" {
    reflect
    (
        sleep 2
        kill -KILL "$reflector"
        sleep 1
        exec ip netns exec "$there" "$PLIMSOLL" reflect -q --for 8s
    ) 3>&- &
    started+=($!)
    budget=8s measure 10.98.0.2
    is_measured
    between "$(figure net.gap value)" 900000000 2500000000
    [ "$(counted lost)" -gt 50 ]
    notes_say "port was closed"
}

@test "a route that vanishes during the run and returns: losses with the kernel's reason" {
    reflect
    (
        sleep 2
        ip -n "$here" route del 10.98.0.0/24 dev ta
        sleep 1
        ip -n "$here" route add 10.98.0.0/24 dev ta
    ) 3>&- &
    started+=($!)
    budget=8s measure 10.98.0.2
    is_measured
    [ "$(counted lost)" -gt 50 ]
    between "$(figure net.gap value)" 900000000 2500000000
    notes_say "not taken by the kernel; the last reason: Network is unreachable"
}

@test "ICMP unreachable on the way, for a while: counted, and survived" {
    command -v iptables-legacy >/dev/null || skip "iptables-legacy is missing"
    reflect
    (
        sleep 2
        ip netns exec "$there" iptables-legacy -A INPUT -p udp --dport 862 -j REJECT --reject-with icmp-host-prohibited
        sleep 1
        ip netns exec "$there" iptables-legacy -F INPUT
    ) 3>&- &
    started+=($!)
    budget=8s measure 10.98.0.2
    is_measured
    [ "$(counted lost)" -gt 50 ]
    notes_say "other ICMP errors"
}

@test "a short packet of TWAMP Light is answered with as many octets, and a shorter one is not" {
    reflect
    ip netns exec "$here" python3 - <<'P'
import socket, struct
for host, family in (("10.98.0.2", socket.AF_INET), ("fd98::2", socket.AF_INET6)):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(2)
    s.connect((host, 862))
    # RFC 5357 4.1.2: number, time, error estimate; no padding.
    request = struct.pack(">IQH", 7, 0xE5A1B2C3D4E5F607, 0x8001)
    s.send(request)
    reply = s.recv(2048)
    assert len(reply) <= len(request), len(reply)
    assert reply[0:4] == request[0:4], reply.hex()
    assert reply[4:12] != request[4:12], "the reflector's own time"
    # With the padding that symmetrical packets have (RFC 5357 4.1.2, 27 octets) all fields fit.
    s.send(request + bytes(27))
    reply = s.recv(2048)
    assert len(reply) == 41, len(reply)
    assert reply[24:28] == request[0:4] and reply[28:36] == request[4:12], reply.hex()
    assert reply[40] == 64 or reply[40] == 255, "the TTL that it arrived with"
    s.send(request[:13])
    s.settimeout(0.5)
    try:
        raise SystemExit("answered: %r" % s.recv(2048))
    except TimeoutError:
        pass
P
}
