#!/usr/bin/env bats
# Two hosts in one: network namespaces joined by a veth pair, the reflector in one, the sender in the
# other. Losses are made by the kernel's packet filter, which counts them. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    for t in ip iptables-legacy jq; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    disk=$work/disk
    mkdir "$disk"
    here=plimsoll-$$-a
    there=plimsoll-$$-b
    reflector=
    ip netns add "$here"
    ip netns add "$there"
    ip link add va netns "$here" type veth peer name vb netns "$there"
    ip -n "$here" addr add 10.99.0.1/24 dev va
    ip -n "$there" addr add 10.99.0.2/24 dev vb
    ip -n "$here" addr add fd99::1/64 dev va nodad
    ip -n "$there" addr add fd99::2/64 dev vb nodad
    ip -n "$here" link set va up
    ip -n "$there" link set vb up
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

# A reflector on the other host, until the test ends.
reflect() {
    ip netns exec "$there" "$PLIMSOLL" reflect "$@" 2>"$work/reflect" &
    reflector=$!
    for _ in $(seq 100); do
        if grep -q listening "$work/reflect"; then return; fi
        sleep 0.05
    done
    cat "$work/reflect"
    false
}

# Measures towards that address for 5 s or so; the measurement is left in $m.
measure() {
    ip netns exec "$here" "$PLIMSOLL" measure -q net.rtt --budget "${budget:-5s}" --dir "$disk" \
        --peer "$@" >"$work/doc.json" || true
    m=$(jq '.measurements[0]' "$work/doc.json")
    echo "$m" | jq '{status, reason, notes}'
}

# A statistic in the base unit: METRIC NAME.
figure() {
    jq -r --arg id "$1" --arg name "$2" \
        '.metrics[] | select(.id == $id) | .statistics[] | select(.name == $name) | .value' <<<"$m"
}

# What the note says was sent, answered, lost.
counted() {
    jq -r '.notes[]' <<<"$m" | sed -n "s/^STAMP.*[ :]\([0-9]*\) $1.*/\1/p"
}

between() {
    echo "$2 <= $1 <= $3"
    jq -ne "$2 <= $1 and $1 <= $3" >/dev/null
}

status_is() {
    [ "$(jq -r .status <<<"$m")" = "$1" ]
}

there_filter() {
    ip netns exec "$there" iptables-legacy "$@"
}

dropped() {
    there_filter -nvxL "$1" | awk '$3 == "DROP" {print $1}'
}

@test "round trips over a veth pair: none lost, microseconds long" {
    reflect
    measure 10.99.0.2
    status_is measured
    between "$(figure net.rtt p50)" 1000 2000000
    between "$(counted sent)" 400 600
    [ "$(counted sent)" -eq "$(counted answered)" ]
    [ "$(figure net.loss value)" = 0 ]
    between "$(figure net.gap value)" 10000000 500000000
    # One kernel, one clock: half a round trip is all that can be seen.
    between "$(figure net.offset value)" 0 1000000
}

@test "the same over IPv6, and to a second address of the other host" {
    ip -n "$there" addr add 10.99.0.3/24 dev vb
    reflect
    measure fd99::2
    status_is measured
    [ "$(counted sent)" -eq "$(counted answered)" ]
    measure 10.99.0.3
    status_is measured
    [ "$(counted sent)" -eq "$(counted answered)" ]
}

@test "a port of its own, and one address only" {
    reflect 10.99.0.2:8620
    measure 10.99.0.2:8620
    status_is measured
    measure "[fd99::2]:8620"
    status_is failed
    [[ $(jq -r .reason <<<"$m") == *"[fd99::2]:8620 refuses"* ]]
}

@test "every tenth packet dropped on the way there is a loss of exactly as many" {
    reflect
    there_filter -A INPUT -p udp --dport 862 -m statistic --mode nth --every 10 --packet 0 -j DROP
    budget=9s measure 10.99.0.2
    status_is measured
    # The rule takes the first of each ten, and the first of all is the greeting.
    [ "$(counted lost)" -eq "$(($(dropped INPUT) - 1))" ]
    [ "$(counted sent)" -eq "$(($(counted lost) + $(counted answered)))" ]
    between "$(figure net.loss value)" 0.099 0.101
    between "$(figure net.gap value)" 19000000 200000000
}

@test "every fourth answer dropped on the way back is a loss of exactly as many" {
    reflect
    there_filter -A OUTPUT -p udp --sport 862 -m statistic --mode nth --every 4 --packet 3 -j DROP
    budget=9s measure 10.99.0.2
    status_is measured
    [ "$(counted lost)" -eq "$(dropped OUTPUT)" ]
    between "$(figure net.loss value)" 0.249 0.251
}

@test "an outage of a second is a gap of a second" {
    reflect
    (
        sleep 2
        there_filter -A INPUT -p udp --dport 862 -j DROP
        sleep 1
        there_filter -F INPUT
    ) &
    budget=9s measure 10.99.0.2
    wait $!
    status_is measured
    between "$(figure net.gap value)" 1000000000 1300000000
    between "$(counted lost)" 95 130
    # The mean over seconds is the loss of the whole, however it is bunched.
    between "$(figure net.loss value)" "$(counted lost) / $(counted sent) * 0.97" \
        "$(counted lost) / $(counted sent) * 1.03"
}

@test "a reflector that dies and comes back is loss and gap, not failure" {
    reflect
    first=$reflector
    (
        sleep 1.5
        kill -KILL "$first"
        sleep 0.5
        ip netns exec "$there" "$PLIMSOLL" reflect -q --for 8s
    ) &
    budget=9s measure 10.99.0.2
    wait $!
    status_is measured
    between "$(counted lost)" 40 100
    between "$(figure net.gap value)" 450000000 1000000000
    jq -e '.notes | map(test("port was closed")) | any' <<<"$m"
}

@test "no reflector: refused at once, with the remedy" {
    measure 10.99.0.2
    status_is failed
    [[ $(jq -r .reason <<<"$m") == "10.99.0.2:862 refuses"*"plimsoll reflect"* ]]
}

@test "packets that vanish: nothing answered, with the remedy" {
    reflect
    there_filter -A INPUT -p udp --dport 862 -j DROP
    measure 10.99.0.2
    status_is failed
    [[ $(jq -r .reason <<<"$m") == "nothing answered at 10.99.0.2:862 within 3 s; is 'plimsoll reflect' running there, UDP 862 open and --key-file the same?" ]]
}

@test "no route: the kernel's reason is in the sentence" {
    measure 192.0.2.1
    status_is failed
    [[ $(jq -r .reason <<<"$m") == "192.0.2.1:862 cannot be reached"*"unreachable" ]]
}

@test "answers from another address are ignored, and the sentence names it" {
    ip -n "$there" addr add 10.99.0.3/24 dev vb
    ip netns exec "$there" iptables-legacy -t raw -L >/dev/null 2>&1 || skip "no iptables raw table"
    reflect
    # Not told to conntrack, an answer can leave with another source.
    ip netns exec "$there" iptables-legacy -t nat -A POSTROUTING -p udp --sport 862 -j SNAT \
        --to-source 10.99.0.3 2>/dev/null || skip "no iptables nat table"
    ip netns exec "$there" iptables-legacy -t raw -A PREROUTING -p udp --dport 862 -j NOTRACK ||
        skip "no NOTRACK"
    measure 10.99.0.2
    status_is failed
    [[ $(jq -r .reason <<<"$m") == *"came from 10.99.0.3:862"* ]]
}

@test "the reflector gives root up and ends on SIGTERM with its counts" {
    reflect
    # ip netns exec becomes the program: the process is the same.
    grep -E '^(Name|Uid|Gid|Groups|NoNewPrivs|CapEff):' "/proc/$reflector/status" >"$work/status"
    cat "$work/status"
    [ "$(awk '/^[UG]id:/ {print $2 $3 $4 $5}' "$work/status" | uniq)" = 65534655346553465534 ]
    grep -q '^Groups:[[:space:]]*$' "$work/status"
    grep -q '^NoNewPrivs:[[:space:]]*1' "$work/status"
    grep -q '^CapEff:[[:space:]]*0*$' "$work/status"
    measure 10.99.0.2
    kill -TERM "$reflector"
    status=0
    wait "$reflector" || status=$?
    reflector=
    cat "$work/reflect"
    [ "$status" -eq 130 ]
    grep -qE '^reflect: [0-9]+ packets, [0-9]+ answered;' "$work/reflect"
}

@test "tshark reads our packets, both ways, and finds nothing malformed" {
    command -v tshark >/dev/null || skip "tshark is missing"
    reflect
    ip netns exec "$there" tshark -q -i vb -f "udp port 862" -a duration:6 -w "$work/wire.pcapng" \
        2>"$work/tshark" &
    capture=$!
    for _ in $(seq 100); do
        if grep -q Capturing "$work/tshark"; then break; fi
        sleep 0.05
    done
    measure 10.99.0.2
    wait "$capture"
    read_wire() {
        tshark -r "$work/wire.pcapng" -d udp.port==862,twamp.test "$@" 2>/dev/null
    }
    count=$(read_wire -Y twamp.test | wc -l)
    echo "$count packets"
    [ "$count" -ge 600 ]
    [ "$(read_wire -Y '!twamp.test' | wc -l)" -eq 0 ]
    [ "$(read_wire -Y '_ws.malformed || _ws.expert.severity >= warn' | wc -l)" -eq 0 ]
    # What the dissector reads of the answers: our sequence and TTL, and times of today.
    read_wire -Y 'udp.srcport == 862' -T fields -e twamp.test.seq_number \
        -e twamp.test.sender_seq_number -e twamp.test.sender_ttl -e twamp.test.timestamp \
        -e udp.length >"$work/fields"
    head -n 3 "$work/fields"
    awk -F '\t' -v year="$(date -u +%Y)" '
        $1 != $2 || $3 != 255 || index($4, year) == 0 || $5 != 52 { bad++ } END { exit bad > 0 }
    ' "$work/fields"
}
