#!/bin/bash
# The loop of noise.gap beside oslat, and the sleeper of noise.stall beside cyclictest, all under SCHED_OTHER
# on the same CPU, in alternating runs: first as the machine is, then with a thief whose bursts are known
# (tests/lab/thief: SCHED_FIFO, 1 to 20 ms, each ended by its own clock). Prints a Markdown table of medians
# over the rounds, and ratios of the same round. Root is needed for the thief alone.
# Usage: tests/versus/noise.sh [BUILD]
#   VERSUS_ROUNDS   rounds (default 5); who goes first takes turns
#   VERSUS_SECONDS  of each run, whole ones (default 10)
#   VERSUS_CPU      which CPU (default the last)
# What is compared, and why figures are apart where they are:
# - noise.gap and oslat: quantiles over all steps of the loop, the length of a gap with the step in it. oslat
#   counts whole microseconds, rounded up: 24.2 us are 25, and its p99.99 of a quiet loop is 1 us where ours is
#   the step, some 0.03 us. Its last bucket holds all above; the maximum is exact.
#   A loop has some 30 million steps a second, so that p99.99 is the 3000th longest of a second: where about so
#   many interrupts come, it jumps between the step and their 8 to 25 us from one run to the next, in both.
# - noise.stall and cyclictest: lateness of a 1-ms sleeper. cyclictest leaves out the deadlines that a stall
#   swallowed (coordinated omission): under a thief its p99.99 is of fewer and milder values, and its count is
#   lower. It sleeps with the timer slack of its parent, 50 us by default, which is all of its p50; here it
#   is given 1 ns as noise.stall has. Its second row has those 50 us.
# - Without a thief a maximum is one event of a few seconds, another in each run: only medians over many
#   rounds say anything, and they are apart by tens of per cent on a machine that others use too.
set -u
build=$(realpath "${1:-build/release}")
rounds=${VERSUS_ROUNDS:-5}
seconds=${VERSUS_SECONDS:-10}
cpu=${VERSUS_CPU:-$(($(nproc) - 1))}

skip() {
    echo "versus-noise: $1; not compared"
    exit 0
}

for t in oslat cyclictest python3 taskset; do
    command -v "$t" >/dev/null || skip "$t is missing"
done
[ -x "$build/tests/versus/noise_ours" ] || skip "noise_ours is not built"
work=$(mktemp -d "${TMPDIR:-/tmp}/versus.XXXXXX") || exit 3
thief=

finish() {
    [ -z "$thief" ] || kill "$thief" 2>/dev/null
    wait
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# "NAME P99.99 MAX COUNT" in microseconds, from a document of rt-tests with a histogram of whole ones.
quantiles() {
    python3 -c '
import json, math, sys
name, least = sys.argv[1], int(sys.argv[2])
t = json.load(open(sys.argv[3]))["thread"]["0"]
h = sorted((int(k), v) for k, v in t["histogram"].items() if v)
kept = sum(v for _, v in h)
total = max(t.get("cycles", 0), kept)  # those beyond the histogram are the longest
rank, value, seen = max(math.ceil(0.9999 * total), 1), t["max"], 0
for us, count in h:
    seen += count
    if seen >= rank:
        value = us
        break
print(name, value, t["max"], sum(v for k, v in h if k > least) + total - kept)' "$@"
}

# With another timer slack than 50 us, which a program inherits.
slack() {
    python3 -c 'import ctypes, os, sys
ctypes.CDLL(None).prctl(29, ctypes.c_ulong(int(sys.argv[1])), 0, 0, 0)
os.execvp(sys.argv[2], sys.argv[2:])' "$@"
}

run_gap() { taskset -c "$cpu" "$build/tests/versus/noise_ours" gap "$seconds"; }
run_stall() { taskset -c "$cpu" "$build/tests/versus/noise_ours" stall "$seconds"; }

run_oslat() {
    oslat -q -b 1024 -c "$cpu" -C "$main" -D "$seconds" --json="$work/oslat" >/dev/null 2>&1
    quantiles oslat 10 "$work/oslat"
}

# $1: the slack, $2: the name. Without --policy a histogram makes it SCHED_FIFO.
cyclic() {
    slack "$1" cyclictest -q -t1 -a"$cpu" --policy=other --default-system -i 1000 -D "$seconds" -h 200000 \
        --json="$work/$2" >/dev/null 2>&1
    quantiles "$2" -1 "$work/$2"
}

run_cyclictest() { cyclic 1 cyclictest; }
run_slack() { cyclic 50000 cyclictest-slack; }

# The thief outlives the run, so that all see the same bursts, and is ended with it.
steal() {
    [ "$1" = yes ] || return 0
    "$build/tests/lab/thief" fifo 7 $((seconds + 10)) 1 20 "$cpu" >"$work/thief" 2>&1 &
    thief=$!
    sleep 0.3
    kill -0 "$thief" 2>/dev/null
}

give_back() {
    [ -z "$thief" ] || kill "$thief" 2>/dev/null
    [ -z "$thief" ] || wait "$thief" 2>/dev/null
    thief=
}

# $1: whether with a thief.
compare() {
    for round in $(seq "$rounds"); do
        for i in "${!tools[@]}"; do
            tool=${tools[$(((i + round) % ${#tools[@]}))]}
            steal "$1" || return
            "run_$tool" | sed "s/^/$round /"
            give_back
        done
    done | python3 -c '
import statistics, sys
seen = {}
for line in sys.stdin:
    turn, name, p9999, longest, count = line.split()
    seen.setdefault(name, {})[turn] = (float(p9999), float(longest), float(count))

def median(name, at):
    return statistics.median(v[at] for v in seen[name].values())

def ratio(name, other, at):
    both = [t for t in seen.get(name, {}) if t in seen[other] and seen[other][t][at] > 0]
    return "%.2f" % statistics.median(seen[name][t][at] / seen[other][t][at] for t in both) if both else "-"

def row(name, label, ours, count):
    if name in seen:
        longest = [v[1] for v in seen[name].values()]
        print("| %s | %.1f | %.0f [%.0f..%.0f] | %.0f %s | %s | %s | %s |" % (
            label, median(name, 0), median(name, 1), min(longest), max(longest), median(name, 2), count,
            *(ratio(ours, name, at) for at in range(3))))

print()
print("| tool | p99.99 us | max us | count | ours / it, p99.99 | max | count |")
print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
row("gap", "plimsoll, noise.gap", "gap", "above 10 us")
row("oslat", "oslat", "gap", "above 10 us")
row("stall", "plimsoll, noise.stall", "stall", "deadlines")
row("cyclictest", "cyclictest, slack 1 ns", "stall", "deadlines")
row("cyclictest-slack", "cyclictest, slack 50 us", "stall", "deadlines")'
    echo
}

main=$(((cpu + 1) % $(nproc))) # where oslat waits
tools=(gap oslat stall cyclictest slack)
echo "$rounds rounds of $seconds s each on CPU $cpu of $(nproc), $(uname -r)"
echo
echo "As the machine is:"
compare no
if [ "$(id -u)" -ne 0 ] || [ ! -x "$build/tests/lab/thief" ]; then
    skip "root or the lab's thief is missing, the known one"
fi
echo "With bursts of 1 to 20 ms under SCHED_FIFO:"
compare yes
