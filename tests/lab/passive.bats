#!/usr/bin/env bats
# Captures made here, in network namespaces, read by us and by tshark: the medians agree. The traffic
# is requests, short connections and bulk; the way is a veth pair, whose segments are larger than the
# MTU, or a line of TUN devices with delay, loss and disorder. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    for t in ip tshark tcpdump jq; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    [ -x /usr/bin/python3 ] || skip "python3 is missing"
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    chmod 755 "$work" # tcpdump gives root up
    disk=$work/disk
    mkdir "$disk"
    a=plimsoll-$$-a
    b=plimsoll-$$-b
    started=
    ip netns add "$a"
    ip netns add "$b"
    ip -n "$a" link set lo up
    ip -n "$b" link set lo up
}

teardown() {
    for p in $started; do
        kill "$p" 2>/dev/null || true
        wait "$p" 2>/dev/null || true
    done
    for n in "$a" "$b"; do
        if ip netns list | grep -q "^$n\b"; then ip netns del "$n"; fi
    done
    rm -rf "$work"
}

# Runs in the background, until the file says that it is ready.
start() { # FILE WORD COMMAND...
    local file=$work/$1 word=$2
    shift 2
    "$@" >"$file" 2>&1 3>&- &
    started="$started $!"
    for _ in $(seq 100); do
        if grep -q "$word" "$file"; then return; fi
        sleep 0.05
    done
    cat "$file"
    false
}

addresses() { # DEVICE-A DEVICE-B
    ip -n "$a" addr add 10.99.0.1/24 dev "$1"
    ip -n "$b" addr add 10.99.0.2/24 dev "$2"
    ip -n "$a" addr add fd99::1/64 dev "$1" nodad
    ip -n "$b" addr add fd99::2/64 dev "$2" nodad
    ip -n "$a" link set "$1" up
    ip -n "$b" link set "$2" up
    near=$1
    far=$2
}

pair() {
    ip link add va netns "$a" type veth peer name vb netns "$b"
    addresses va vb
}

line() { # DELAY_MS SPREAD_MS LOSS DISORDER
    start line ready /usr/bin/python3 tests/lab/passive_line.py "$a" "$b" "$@" "${SEED:-7}"
    addresses line line
}

without_timestamps() {
    ip netns exec "$a" sysctl -qw net.ipv4.tcp_timestamps=0
    ip netns exec "$b" sysctl -qw net.ipv4.tcp_timestamps=0
}

# Traffic to that address while it is captured at both ends: client.pcap (ns) and server.pcapng.
traffic() { # ADDRESS SECONDS KIND...
    local address=$1
    shift
    start serve ready ip netns exec "$b" /usr/bin/python3 tests/lab/passive_traffic.py serve "$address" 2379
    start dump listening ip netns exec "$a" tcpdump -i "${device:-$near}" -s 128 -B 16384 --nano \
        -U -w "$work/client.pcap" tcp
    local first=${started##* }
    start shark Capturing ip netns exec "$b" tshark -q -s 200 -i "$far" -f tcp -w "$work/server.pcapng"
    local second=${started##* }
    ip netns exec "$a" /usr/bin/python3 tests/lab/passive_traffic.py call "$address" 2379 "$@"
    sleep 1
    kill -INT "$first" "$second"
    wait "$first" "$second" || true
}

passive() { # OPTION...
    "$PLIMSOLL" measure -q net.passive --budget 30s --dir "$disk" "$@" >"$work/doc.json"
    m=$(jq '.measurements[0]' "$work/doc.json")
}

figure() { # METRIC NAME
    jq -r --arg id "$1" --arg name "$2" '.metrics[] | select(.id == $id)
        | if $name == "n" then .n else (.statistics[] | select(.name == $name) | .value) end' <<<"$m"
}

tshark_rtts() {
    tshark -r "$1" -Y tcp.analysis.ack_rtt -T fields -e tcp.analysis.ack_rtt 2>/dev/null | sort -g
}

between() {
    jq -ne "$2 <= $1 and $1 <= $3" >/dev/null || {
        echo "not $2 <= $1 <= $3"
        false
    }
}

# One row of the table. strict: ours, too, agrees within 2 %; else only what counts as tshark does.
compare() { # FILE strict|lossy
    passive --pcap "$work/$1"
    [ "$(jq -r .status <<<"$m")" = measured ]
    read -r n p50 < <(tshark_rtts "$work/$1" | awk '{ v[NR] = $1 * 1e9 }
        END { print NR, (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }')
    printf '# %-52s %6d %9.1f %9.1f %9.1f %9.1f  %5.2f %%  %5.2f %%\n' "$BATS_TEST_DESCRIPTION, ${1%.*}" \
        "$n" "$(jq -n "$p50 / 1000")" "$(jq -n "$(figure net.passive.ack_rtt p50) / 1000")" \
        "$(jq -n "$(figure net.passive.rtt p50) / 1000")" \
        "$(jq -n "$(figure net.passive.path p50) / 1000")" \
        "$(jq -n "100 * $(figure net.passive.retransmitted value)")" \
        "$(jq -n "100 * $(figure net.passive.reordered value)")" >&3
    between "$(figure net.passive.ack_rtt n)" "$n * 0.998" "$n * 1.002"
    between "$(figure net.passive.ack_rtt p50)" "$p50 * 0.98" "$p50 * 1.02"
    if [ "$2" = strict ]; then
        between "$(figure net.passive.rtt p50)" "$p50 * 0.98" "$p50 * 1.02"
    fi
}

both() {
    echo "# capture                                              tshark n  p50 (us)   ack_rtt       rtt      path    again  disorder" >&3
    compare client.pcap "$1"
    compare server.pcapng "$1"
}

@test "veth, large segments" {
    pair
    traffic 10.99.0.2 2 requests short bulk slow requests
    both lossy
    [ "$(tshark -r "$work/server.pcapng" -Y 'tcp.len > 1448' 2>/dev/null | wc -l)" -gt 20 ]
}

@test "veth, no timestamps" {
    pair
    without_timestamps
    traffic 10.99.0.2 2 requests short bulk slow requests
    both lossy
}

@test "line of 5 ms" {
    line 5 1 0 0
    traffic 10.99.0.2 3 requests requests requests short
    both strict
}

@test "line of 5 ms, IPv6, no timestamps" {
    line 5 1 0 0
    without_timestamps
    traffic fd99::2 3 requests requests requests short
    both strict
}

@test "line of 5 ms, 2 % loss" {
    line 5 1 0.02 0
    traffic 10.99.0.2 3 requests requests bulk short
    both lossy
    between "$(figure net.passive.retransmitted value)" 0.008 0.04
}

@test "line of 10 ms, 1 % loss, 5 % disorder, no timestamps" {
    line 10 1 0.01 0.05
    without_timestamps
    traffic 10.99.0.2 3 requests requests bulk short
    both lossy
    between "$(figure net.passive.reordered value)" 0.01 0.08 # at the far end
}

@test "all interfaces at once" {
    pair
    device=any traffic 10.99.0.2 2 requests short slow
    both lossy
}

@test "live, beside tcpdump on the same interface" {
    line 5 1 0 0
    (
        ip netns exec "$a" "$PLIMSOLL" measure -q net.passive --budget 30s --dir "$disk" \
            --passive line --port 2379 --for 20s >"$work/live.json"
    ) &
    live=$!
    traffic 10.99.0.2 2 requests requests short
    wait "$live"
    m=$(jq '.measurements[0]' "$work/live.json")
    jq '{status, notes}' <<<"$m"
    [ "$(jq -r .status <<<"$m")" = measured ]
    seen=$(figure net.passive.rtt n) p50=$(figure net.passive.rtt p50)
    handshake=$(figure net.passive.handshake p50)
    passive --pcap "$work/client.pcap"
    [ "$seen" -eq "$(figure net.passive.rtt n)" ]
    between "$p50" "$(figure net.passive.rtt p50) * 0.98" "$(figure net.passive.rtt p50) * 1.02"
    between "$handshake" 9500000 20000000
    between "$(figure net.passive.server p50)" 9500000 60000000
    between "$(figure net.passive.client p50)" 0 2000000
}

@test "a port that nobody uses, and no privilege" {
    pair
    run -3 --separate-stderr ip netns exec "$a" "$PLIMSOLL" measure -q net.passive --budget 5s \
        --dir "$disk" --passive va --port 9 --for 1s
    # Or there were some of IPv6's own, which the kernel's filter lets pass.
    [[ $(jq -r '.measurements[0].reason' <<<"$output") =~ ^(no packet was captured|none of the) ]]
    command -v setpriv >/dev/null || skip "setpriv is missing"
    chmod 777 "$disk"
    cp "$PLIMSOLL" "$work/plimsoll"
    run -3 --separate-stderr setpriv --reuid 65534 --clear-groups "$work/plimsoll" measure -q \
        net.passive --budget 5s --dir "$disk" --passive lo
    [[ $(jq -r '.measurements[0].reason' <<<"$output") == *"CAP_NET_RAW"* ]]
}
