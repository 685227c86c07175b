#!/usr/bin/env bats
# The reflector as a service, in a network namespace of its own, asked from another one by a few
# lines of Python that can forge sources. Needs root.
bats_require_minimum_version 1.5.0

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    for t in ip jq python3; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    here=plimsoll-r$$-a
    there=plimsoll-r$$-b
    reflector=
    ip netns add "$here"
    ip netns add "$there"
    ip link add ra netns "$here" type veth peer name rb netns "$there"
    ip -n "$here" addr add 10.98.0.1/24 dev ra
    ip -n "$here" addr add 10.98.0.9/24 dev ra
    ip -n "$there" addr add 10.98.0.2/24 dev rb
    ip -n "$here" addr add fd98::1/64 dev ra nodad
    ip -n "$here" addr add fd98::9/64 dev ra nodad
    ip -n "$there" addr add fd98::2/64 dev rb nodad
    ip -n "$here" link set ra up
    ip -n "$there" link set rb up
    # Forged sources come back here, and not as a question for a router.
    ip -n "$there" route add default via 10.98.0.1
    ip netns exec "$there" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.rb.rp_filter=0
}

teardown() {
    if [ -n "$reflector" ]; then
        kill "$reflector" 2>/dev/null || true
        wait "$reflector" 2>/dev/null || true
    fi
    for n in "$here" "$there"; do
        if ip netns list | grep -q "^$n\b"; then ip netns del "$n"; fi
    done
    rm -rf "$work"
}

reflect() {
    ip netns exec "$there" "$PLIMSOLL" reflect --json "$@" >"$work/json" 2>"$work/reflect" &
    reflector=$!
    for _ in $(seq 100); do
        if grep -q listening "$work/reflect"; then return; fi
        sleep 0.05
    done
    cat "$work/reflect"
    false
}

# Ends it; its counts are in $work/json.
ended() {
    kill -TERM "$reflector"
    status=0
    wait "$reflector" || status=$?
    reflector=
    cat "$work/reflect" "$work/json"
    [ "$status" -eq 130 ]
}

# FROM TO COUNT [BYTES]: how many packets and octets came back, and how many went out.
ask() {
    ip netns exec "$here" python3 - "$@" <<'P'
import socket, struct, sys, time
source, to, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
size = int(sys.argv[4]) if len(sys.argv) > 4 else 44
s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20) # SO_RCVBUFFORCE
s.bind((source, 0))
s.connect((to, 862))
back = octets = 0
longest = 0
for i in range(count):
    s.send((struct.pack(">IIIH", i, 0xE0000000, 0, 1) + bytes(size))[:size])
s.settimeout(1.5) # on a loaded machine answers are late
try:
    while back < count:
        came = len(s.recv(65536))
        back, octets, longest = back + 1, octets + came, max(longest, came)
except (TimeoutError, ConnectionError):
    pass
print(back, octets, count * size, longest)
P
}

counted() {
    jq -e "$1" "$work/json"
}

@test "only the ranges of --allow are answered, over IPv4 and IPv6" {
    reflect --allow 10.98.0.0/29 --allow fd98::1
    [ "$(ask 10.98.0.1 10.98.0.2 5 | cut -d' ' -f1)" = 5 ]
    [ "$(ask fd98::1 fd98::2 5 | cut -d' ' -f1)" = 5 ]
    [ "$(ask 10.98.0.9 10.98.0.2 5 | cut -d' ' -f1)" = 0 ]
    [ "$(ask fd98::9 fd98::2 5 | cut -d' ' -f1)" = 0 ]
    ended
    counted '.answered == 10 and .refused.not_allowed == 10 and .refused_sources == 2'
}

@test "a source above --rate gets its rate, and its neighbour all of its own" {
    reflect --rate 1000
    flooded=$(ask 10.98.0.1 10.98.0.2 5000 | cut -d' ' -f1)
    echo "$flooded"
    # A burst of 100, and one more for each millisecond that sending took.
    [ "$flooded" -ge 100 ]
    [ "$flooded" -lt 2500 ]
    [ "$(ask 10.98.0.9 10.98.0.2 50 | cut -d' ' -f1)" = 50 ]
    ended
    counted ".answered == $flooded + 50 and .refused.above_rate == 5000 - $flooded"
}

@test "an IPv6 link is one source: its addresses share a rate" {
    # A burst of 32, and half a minute until there is another.
    reflect --rate 1
    [ "$(ask fd98::1 fd98::2 32 | cut -d' ' -f1)" = 32 ]
    [ "$(ask fd98::9 fd98::2 32 | cut -d' ' -f1)" -lt 32 ]
    ended
}

@test "no packet of any length is answered by more octets than it had" {
    reflect --rate 0
    for size in 0 1 13 14 15 41 43 44 45 48 52 100 111 112 113 512 1472 1473 4000 9216 9217 20000; do
        read -r back octets sent longest <<<"$(ask 10.98.0.1 10.98.0.2 7 "$size")"
        echo "$size: $back back, $octets of $sent octets, longest $longest"
        [ "$octets" -le "$sent" ]
        [ "$longest" -le "$size" ]
        if [ "$size" -ge 14 ] && [ "$size" -le 9216 ]; then
            [ "$back" -eq 7 ] && [ "$octets" -eq "$sent" ]
        else
            [ "$back" -eq 0 ]
        fi
    done
    # The kernel's count of what the link carried agrees: all of it, headers too.
    rx=$(ip -n "$there" -j -s link show rb | jq '.[0].stats64.rx.bytes')
    tx=$(ip -n "$there" -j -s link show rb | jq '.[0].stats64.tx.bytes')
    echo "rx $rx tx $tx"
    [ "$tx" -lt "$rx" ]
    ended
}

@test "a flood of forged sources costs no memory and does not lock a peer out" {
    reflect --rate 1000
    # The pages of the socket's buffer and the tables are touched by the first half.
    for half in 1 2; do
        ip netns exec "$here" python3 - "$half" <<'P'
import random, socket, struct, sys
seed = int(sys.argv[1])
print("seed", seed)
r = random.Random(seed)
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
body = struct.pack(">HHHH", 40000, 862, 52, 0) + struct.pack(">IIIH", 1, 0xE0000000, 0, 1) + bytes(30)
for i in range(25000):
    source = struct.pack(">I", 0x0B000000 + r.randrange(1 << 24))
    head = struct.pack(">BBHHHBBH", 0x45, 0, 72, 0, 0, 64, 17, 0) + source + socket.inet_aton("10.98.0.2")
    s.sendto(head + body, ("10.98.0.2", 0))
P
        rss[half]=$(awk '/^VmRSS:/ {print $2}' "/proc/$reflector/status")
        [ "$(ask 10.98.0.9 10.98.0.2 50 | cut -d' ' -f1)" = 50 ]
    done
    echo "${rss[1]} kB, then ${rss[2]} kB"
    [ "${rss[2]}" -le "$((rss[1] + 512))" ]
    ended
    counted '.packets > 20000'
}

@test "broadcasts, and sources that are a broadcast, get no answer, and it goes on" {
    reflect
    ip netns exec "$here" python3 - <<'P'
import socket, struct
body = struct.pack(">IIIH", 1, 0xE0000000, 0, 1) + bytes(30)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.bind(("10.98.0.1", 0))
for to in ("10.98.0.255", "255.255.255.255"):
    s.setsockopt(socket.SOL_SOCKET, 25, b"ra\0") # SO_BINDTODEVICE
    s.sendto(body, (to, 862))
s.settimeout(0.5)
try:
    s.recv(100)
    raise SystemExit("answered")
except TimeoutError:
    pass
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack(">HHHH", 40000, 862, 52, 0) + body
for source in ("10.98.0.255", "255.255.255.255", "224.0.0.1", "10.98.0.2", "127.0.0.1"):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 72, 0, 0, 64, 17, 0)
    raw.sendto(head + socket.inet_aton(source) + socket.inet_aton("10.98.0.2") + udp, ("10.98.0.2", 0))
P
    [ "$(ask 10.98.0.1 10.98.0.2 5 | cut -d' ' -f1)" = 5 ]
    ended
    # The kernel refuses to send to the first of these sources, and to hear the others.
    counted '.refused.sent_to_many == 2 and .unsent == 1 and .answered == 6'
}

@test "two reflectors that a forged packet sets on each other fall silent" {
    reflect 10.98.0.2:862
    ip netns exec "$here" "$PLIMSOLL" reflect --json 10.98.0.1:8620 >"$work/other" 2>"$work/said" &
    other=$!
    for _ in $(seq 100); do
        if grep -q listening "$work/said"; then break; fi
        sleep 0.05
    done
    ip netns exec "$here" python3 - <<'P'
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack(">HHHH", 8620, 862, 52, 0) + struct.pack(">IIIH", 1, 0xE0000000, 0, 1) + bytes(30)
head = struct.pack(">BBHHHBBH", 0x45, 0, 72, 0, 0, 64, 17, 0)
s.sendto(head + socket.inet_aton("10.98.0.1") + socket.inet_aton("10.98.0.2") + udp, ("10.98.0.2", 0))
P
    sleep 0.5
    kill "$other"
    wait "$other" || true
    ended
    cat "$work/other"
    counted '.packets == 1 and .answered == 1'
    jq -e '.packets == 1 and .answered == 0' "$work/other"
}

@test "nothing of root is left: user, groups, capabilities, new privileges, system calls" {
    reflect
    grep -E '^(Uid|Gid|Groups|NoNewPrivs|Cap.*|Seccomp):' "/proc/$reflector/status" >"$work/status"
    cat "$work/status"
    nobody=$(id -u nobody)
    [ "$(awk '/^Uid:/ {print $2, $3, $4, $5}' "$work/status")" = "$nobody $nobody $nobody $nobody" ]
    grep -q '^Groups:[[:space:]]*$' "$work/status"
    grep -q '^NoNewPrivs:[[:space:]]*1' "$work/status"
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do
        grep -q "^$set:[[:space:]]*0*$" "$work/status"
    done
    grep -q '^Seccomp:[[:space:]]*2' "$work/status"
    [ "$(ask 10.98.0.1 10.98.0.2 5 | cut -d' ' -f1)" = 5 ]
    # It still ends well, and says its counts, with the few calls that it has.
    ended
    counted '.answered == 5'
}

@test "--user names whom it becomes" {
    id daemon >/dev/null || skip "no user daemon"
    reflect --user daemon
    [ "$(awk '/^Uid:/ {print $2}' "/proc/$reflector/status")" = "$(id -u daemon)" ]
    grep -q '; as daemon, no capabilities, few system calls; ' "$work/reflect"
    ended
}

@test "a link that goes down and comes back, and unreachable senders, do not end it" {
    reflect
    [ "$(ask 10.98.0.1 10.98.0.2 5 | cut -d' ' -f1)" = 5 ]
    ip -n "$there" link set rb down
    sleep 0.2
    ip -n "$there" link set rb up
    ip -n "$there" route add default via 10.98.0.1 2>/dev/null || true
    # A sender whose address nobody has: its answers die at the neighbour.
    ip netns exec "$here" python3 - <<'P'
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack(">HHHH", 40000, 862, 52, 0) + struct.pack(">IIIH", 1, 0xE0000000, 0, 1) + bytes(30)
head = struct.pack(">BBHHHBBH", 0x45, 0, 72, 0, 0, 64, 17, 0)
for i in range(20):
    s.sendto(head + socket.inet_aton("10.98.0.77") + socket.inet_aton("10.98.0.2") + udp, ("10.98.0.2", 0))
P
    [ "$(ask 10.98.0.1 10.98.0.2 5 | cut -d' ' -f1)" = 5 ]
    ended
}
