#!/usr/bin/env bats
# Wireshark's dissector reads our packets, both ways, IPv4 and IPv6, with and without items and a key. It
# knows the base packet (as TWAMP-Test) and takes items for padding, and it has no authenticated mode:
# there the octets that it shows are read by Python, and the HMAC is made by its library. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house
load line

setup() {
    command -v tshark >/dev/null || skip "tshark is missing"
    hosts_begin
    wire
}

teardown() {
    hosts_end
}

has_option() {
    "$PLIMSOLL" reflect --help | grep -q -e "--$1 " || skip "this program's reflect has no --$1"
}

has_setting() {
    "$PLIMSOLL" explain net.rtt | grep -q -e "^ *--$1\b" || skip "this program's net.rtt has no $1"
}

# Until capture_end; the packets are in $work/wire.pcapng.
capture() {
    ip netns exec "$there" tshark -q -i tb -f "udp port 862" -w "$work/wire.pcapng" 2>"$work/tshark" 3>&- &
    capture=$!
    started+=("$capture")
    await "$work/tshark" Capturing
}

capture_end() {
    sleep 1
    kill -INT "$capture"
    wait "$capture" || true
}

read_wire() {
    tshark -r "$work/wire.pcapng" -d udp.port==862,twamp.test "$@" 2>/dev/null
}

# All are STAMP's, and whole.
nothing_is_wrong() {
    count=$(read_wire -Y twamp.test | wc -l)
    echo "$count packets"
    [ "$count" -ge "$1" ]
    [ "$(read_wire -Y '!twamp.test' | wc -l)" -eq 0 ]
    [ "$(read_wire -Y '_ws.malformed || _ws.expert.severity >= warn' | tee /dev/stderr | wc -l)" -eq 0 ]
}

# Fields of the packets that a filter names, a line each, TABs between.
fields() {
    filter=$1
    shift
    # shellcheck disable=SC2046 # words
    TZ=UTC read_wire -Y "$filter" -T fields -t u $(printf -- '-e %s ' "$@")
}

# The dissector's fields of requests and answers, to each other.
fields_agree() {
    fields 'udp.dstport == 862' twamp.test.seq_number twamp.test.timestamp twamp.test.error_estimate.s \
        twamp.test.error_estimate.z udp.length >"$work/requests"
    fields 'udp.srcport == 862' twamp.test.sender_seq_number twamp.test.sender_timestamp twamp.test.sender_ttl \
        twamp.test.receive_timestamp twamp.test.timestamp twamp.test.seq_number twamp.test.error_estimate.z \
        udp.length >"$work/answers"
    head -n 3 "$work/requests" "$work/answers"
    python3 - "$work/requests" "$work/answers" "$1" <<'P'
import sys
requests = [l.rstrip("\n").split("\t") for l in open(sys.argv[1])]
answers = [l.rstrip("\n").split("\t") for l in open(sys.argv[2])]
octets = sys.argv[3]
# Times of one day print alike: the text is in order as they are.
asked = {(seq, sent) for seq, sent, *_ in requests}
assert len(requests) >= len(answers) > 100, (len(requests), len(answers))
for seq, sent, synchronised, ptp, length in requests:
    # The dissector shows flags twice.
    assert ptp.split(",")[0] in ("0", "False") and length == octets, (seq, ptp, length)
for echo, echoed, ttl, received, reflected, seq, ptp, length in answers:
    assert (echo, echoed) in asked, ("never asked", echo, echoed)
    assert ttl == "255" and length == octets, (ttl, length)
    assert echoed <= received <= reflected, (echoed, received, reflected)
P
}

@test "unauthenticated over IPv4: every field as it was sent" {
    reflect
    capture
    measure 10.98.0.2
    is_measured
    capture_end
    nothing_is_wrong 400
    fields_agree 52
}

@test "unauthenticated over IPv6: every field as it was sent" {
    reflect
    capture
    measure fd98::2
    is_measured
    capture_end
    nothing_is_wrong 400
    [ "$(read_wire -Y ip | wc -l)" -eq 0 ]
    fields_agree 52
}

@test "items: extra padding is understood, an unknown item is answered with the U flag, and nobody trips" {
    has_option key-file
    reflect
    capture
    ip netns exec "$here" python3 - <<'P'
import socket, struct, time
for host, family in (("10.98.0.2", socket.AF_INET), ("fd98::2", socket.AF_INET6)):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(2)
    s.connect((host, 862))
    now = struct.pack(">Q", int((time.time() + 2208988800) * 2**32))
    # RFC 8972 4: a flag octet with U set by the sender, a type, a length. 1 is extra padding; 191 nobody's.
    items = bytes((0x80, 1, 0, 8)) + bytes(8) + bytes((0x80, 191, 0, 4)) + b"what"
    request = struct.pack(">I", 5) + now + b"\x80\x01" + b"\x12\x34" + bytes(28) + items
    s.send(request)
    reply = s.recv(2048)
    assert len(reply) == len(request), len(reply)
    assert reply[14:16] == b"\x12\x34", "SSID"
    assert reply[44] == 0x00, "extra padding: %02x" % reply[44]
    assert reply[45:48] == bytes((1, 0, 8)), reply.hex()
    assert reply[56] == 0x80, "an unknown item: %02x" % reply[56]
    assert reply[57:64] == bytes((191, 0, 4)) + b"what", reply.hex()
P
    capture_end
    nothing_is_wrong 4
    fields 'udp.srcport == 862' twamp.test.sender_seq_number twamp.test.padding >"$work/fields"
    cat "$work/fields"
    [ "$(wc -l <"$work/fields")" -eq 2 ]
    # What the dissector calls padding begins behind the TTL, three zeros before the items.
    [ "$(sed 's/://g' "$work/fields" | grep -c '000000000100080000000000000000''80bf000477686174$')" -eq 2 ]
}

@test "items of our sender: extra padding to 200 octets" {
    has_setting size
    reflect
    capture
    measure 10.98.0.2 --set net.rtt.size=200
    is_measured
    capture_end
    nothing_is_wrong 400
    [ "$(counted answered)" -eq "$(counted sent)" ]
    # The greeting may be shorter; of the session each is 200 and 8 octets of UDP, both ways.
    [ "$(read_wire -Y 'udp.length == 208 && udp.dstport == 862' | wc -l)" -ge "$(counted sent)" ]
    [ "$(read_wire -Y 'udp.length == 208 && udp.srcport == 862' | wc -l)" -ge "$(counted sent)" ]
}

@test "authenticated: the octets are where RFC 8762 has them, and the HMAC is Python's" {
    has_option key-file
    has_setting key-file
    printf 'a secret of the lab' >"$work/key"
    chmod 600 "$work/key"
    reflect --key-file "$work/key"
    capture
    measure fd98::2 --set net.rtt.key-file="$work/key"
    is_measured
    capture_end
    [ "$(counted answered)" -eq "$(counted sent)" ]
    fields udp udp.srcport udp.payload | sed 's/://g' >"$work/octets"
    python3 - "$work/octets" <<'P'
import hashlib, hmac, sys
key, sent, answered = b"a secret of the lab", {}, 0
for line in open(sys.argv[1]):
    port, octets = line.split()
    p = bytes.fromhex(octets)
    # RFC 8762 4.2.2 and 4.3.2: 112 octets, the HMAC over the first 96.
    assert len(p) >= 112, len(p)
    assert hmac.new(key, p[:96], hashlib.sha256).digest()[:16] == p[96:112], "HMAC"
    if port != "862":
        assert p[4:16] == bytes(12) and p[28:96] == bytes(68), p.hex()
        sent[p[0:4]] = p[16:24]
    else:
        # The reflector's: number, time 16, received 32, the sender's number 48, time 64, TTL 80.
        assert sent[p[48:52]] == p[64:72] and p[80] == 255, p.hex()
        answered += 1
assert answered > 400, answered
P
}

@test "a wrong key: nothing is answered, and the reflector counts forgeries" {
    has_option key-file
    has_setting key-file
    printf 'a secret of the lab' >"$work/key"
    printf 'another secret here' >"$work/other"
    chmod 600 "$work/key" "$work/other"
    reflect --key-file "$work/key"
    measure 10.98.0.2 --set net.rtt.key-file="$work/other"
    status_is failed
    # Without any key either.
    measure 10.98.0.2
    status_is failed
    kill -TERM "$reflector"
    wait "$reflector" || [ $? -eq 130 ]
    cat "$work/reflect"
    grep -qE ' [1-9][0-9]* not of our key' "$work/reflect"
    grep -qE ' [1-9][0-9]* not authenticated' "$work/reflect"
}
