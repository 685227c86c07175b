#!/bin/bash
# Round trips beside fping, irtt, sockperf and ping over a plain pair of devices between two namespaces,
# a packet each millisecond, in alternating runs. Prints a Markdown table of medians over the rounds, and
# ratios of the same round. Needs root; nothing but the two namespaces is ever contacted.
# Usage: tests/versus/net.sh [BUILD]
#   VERSUS_ROUNDS   rounds (default 7); who goes first takes turns
#   VERSUS_SECONDS  of each run, whole ones (default 3)
# What is compared: "wire" is between the kernel's stamps of sending and arrival, less the time at the peer;
# "felt" is what a process sees, from before it sends until it has the answer. fping, irtt and sockperf see the
# latter; ping sees the kernel's answer, which no process gives: a floor, not a peer.
# shellcheck disable=SC2317 # functions are called by their names in $tools
set -u
build=$(realpath "${1:-build/release}")
rounds=${VERSUS_ROUNDS:-7}
seconds=${VERSUS_SECONDS:-3}
here=plversus-$$-a there=plversus-$$-b
packets=$((seconds * 1000))
octets=44 # STAMP's, of payload; irtt needs 60 for its times

skip() {
    echo "versus-net: $1; not compared"
    exit 0
}

[ "$(id -u)" -eq 0 ] || skip "root is missing"
for t in ip python3 jq; do
    command -v "$t" >/dev/null || skip "$t is missing"
done
work=$(mktemp -d "${TMPDIR:-/tmp}/versus.XXXXXX") || exit 3
servers=()

finish() {
    for pid in "${servers[@]}"; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    ip netns del "$here" 2>/dev/null
    ip netns del "$there" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

ip netns add "$here" && ip netns add "$there" || exit 3
ip link add ta netns "$here" type veth peer name tb netns "$there" || exit 3
for side in "$here ta 10.98.0.1" "$there tb 10.98.0.2"; do
    read -r netns device address <<<"$side"
    ip -n "$netns" addr add "$address/24" dev "$device"
    ip -n "$netns" link set "$device" up
    ip -n "$netns" link set lo up
done

serve() {
    ip netns exec "$there" "$@" >/dev/null 2>&1 &
    servers+=($!)
}

# "NAME P50 P99" of microseconds, one a line.
quantiles() {
    python3 -c '
import math, sys
v = sorted(float(x) for x in sys.stdin.read().split())
if v:
    print(sys.argv[1], *(v[max(math.ceil(q * len(v)), 1) - 1] for q in (.5, .99)))' "$1"
}

run_ours() {
    if [ -x "$build/tests/versus/net_ours" ]; then
        ip netns exec "$here" "$build/tests/versus/net_ours" 10.98.0.2 1000 "$packets" |
            awk '{ for (i = 1; i <= NF; i++) {
                if ($i == "wire" || $i == "felt") name = $i
                if ($i == "p50") p50 = $(i + 1)
                if ($i == "p99") print name, p50, $(i + 1)
            } }'
        return
    fi
    mkdir -p "$work/disk"
    ip netns exec "$here" "$build/plimsoll" measure -q net.rtt --set net.rtt.interval=1ms \
        --budget "$((seconds + 5))s" --dir "$work/disk" --peer 10.98.0.2 2>/dev/null |
        jq -r '.measurements[0].metrics[] | select(.id == "net.rtt" or .id == "net.rtt.felt") |
            (.id | if . == "net.rtt" then "wire" else "felt" end) as $name |
            [.statistics[] | select(.name == "p50" or .name == "p99") | .value / 1000] | "\($name) \(.[0]) \(.[1])"'
}

run_fping() {
    ip netns exec "$here" fping -q -C "$packets" -p 1 -b 44 10.98.0.2 2>&1 |
        sed 's/.* : //; s/-//g' | awk '{ for (i = 1; i <= NF; i++) print $i * 1000 }' | quantiles fping
}

run_irtt() {
    ip netns exec "$here" irtt client -Q -i 1ms -d "${seconds}s" -l 60 -o - 10.98.0.2 2>/dev/null |
        jq '.round_trips[].delay.rtt | select(. != null) / 1000' | quantiles irtt
}

# Twice the half that it prints, which is its whole: percentiles are lines of text. $1: the mode, $2: the name.
sockperf_as() {
    name=$1
    shift
    ip netns exec "$here" sockperf "$@" -i 10.98.0.2 -p 11111 -t "$seconds" -m "$octets" 2>&1 |
        awk -v name="$name" '/percentile 50.000/ { p50 = 2 * $NF } /percentile 99.000/ { p99 = 2 * $NF }
            END { if (p50) print name, p50, p99 }'
}

run_sockperf() {
    sockperf_as sockperf under-load --mps 1000 --reply-every 1
}

run_pingpong() {
    sockperf_as sockperf-pp ping-pong
}

run_ping() {
    ip netns exec "$here" ping -n -c "$packets" -i 0.001 -s 44 10.98.0.2 |
        sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | awk '{ print $1 * 1000 }' | quantiles ping
}

tools=(ours)
serve "$build/plimsoll" reflect -q
for t in fping irtt sockperf ping; do
    command -v "$t" >/dev/null || { echo "versus-net: $t is missing: it is left out"; continue; }
    tools+=("$t")
    case $t in
    irtt) serve irtt server -b 10.98.0.2 -i 1ms ;;
    sockperf)
        serve sockperf server -i 10.98.0.2 -p 11111
        tools+=(pingpong)
        ;;
    esac
done
sleep 1
echo "$rounds rounds of $seconds s at a packet a millisecond; us; $(nproc) CPUs"
for round in $(seq "$rounds"); do
    for i in "${!tools[@]}"; do
        tool=${tools[$(((i + round) % ${#tools[@]}))]}
        "run_$tool" | sed "s/^/$round /"
    done
done | python3 -c '
import statistics, sys
seen = {}
for line in sys.stdin:
    turn, name, p50, p99 = line.split()
    seen.setdefault(name, {})[turn] = (float(p50), float(p99))

def median(name, at):
    return statistics.median(v[at] for v in seen[name].values())

def ratio(name, other, at):
    both = [t for t in seen.get(name, {}) if t in seen[other]]
    return "%.2f" % statistics.median(seen[name][t][at] / seen[other][t][at] for t in both) if both else "-"

print()
print("| tool | p50 us | p99 us | wire / it, p50 | felt / it, p50 | felt / it, p99 |")
print("| --- | ---: | ---: | ---: | ---: | ---: |")
names = {"wire": "plimsoll, wire", "felt": "plimsoll, felt", "sockperf": "sockperf under-load, twice its half",
         "sockperf-pp": "sockperf ping-pong, twice its half (back to back)", "ping": "ping (answered by the kernel)"}
for name in ("wire", "felt", "fping", "irtt", "sockperf", "sockperf-pp", "ping"):
    if name in seen:
        p50s = [v[0] for v in seen[name].values()]
        print("| %s | %.1f [%.1f..%.1f] | %.1f | %s | %s | %s |" % (
            names.get(name, name), median(name, 0), min(p50s), max(p50s), median(name, 1),
            ratio("wire", name, 0), ratio("felt", name, 0), ratio("felt", name, 1)))
'
