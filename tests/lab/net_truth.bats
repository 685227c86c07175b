#!/usr/bin/env bats
# What net.rtt says beside what a delay line did to each packet, by its log: the table of errors is
# printed. Tolerances are against the log, so that a loaded machine moves both. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house
load line

setup() {
    hosts_begin
}

teardown() {
    hosts_end
}

# Measures with those rules of the line; prints the table.
measure_line() {
    line "$@"
    if "$PLIMSOLL" reflect --help | grep -q -e "--stateful"; then reflect --stateful; else reflect; fi
    measure 10.98.0.2
    is_measured
    compare "$*"
}

# What is counted is exact whatever the load.
counts_are_exact() {
    counts_agree sent
    counts_agree answered
    counts_agree lost
    counts_agree duplicates
    counts_agree reordered
    ways_agree
    exact net.loss.run
    exact net.reordered.extent
}

# By a stateful reflector: which way each was lost, but for those that it cannot tell apart.
ways_agree() {
    ways=$(jq -r '.notes[]' <<<"$m" | sed -n 's/^Stateful reflector: \([0-9]*\) lost .* there, \([0-9]*\) .* here, \([0-9]*\) cannot .*/\1 \2 \3/p')
    read -r up down neither <<<"$ways"
    [ -n "$ways" ] || return 0
    echo "lost up $up, down $down, either $neither; log: up $(true_count lost.up), down $(true_count lost.down)"
    between "$(true_count lost.up)" "$up" "$up + $neither"
    between "$(true_count lost.down)" "$down" "$down + $neither"
    [ "$neither" -le 10 ]
}

# A count of the document, where it has it.
exact() {
    ! has_metric "$1" || within "$1" 0
}

# 30 us, and where a host tells a time before its packet is on the wire, what passed until then by the
# log: its own doing, which the kernel's stamps of sending take out.
round_trips_are_true() {
    for statistic in p50 p90 mean; do
        may=$((30000 + $(stack_ns reflector "$statistic")))
        has_metric net.rtt.felt || may=$((may + $(stack_ns sender "$statistic")))
        within "net.rtt $statistic" "$may"
    done
}

# Neighbours' changes of delay, each way, and the variation from the least delay; on the way back what
# passes between the reflector's last time and the wire varies with them.
variation_is_true() {
    for statistic in p50 p90 mean; do
        for name in net.ipdv.up net.pdv.up; do
            if has_metric "$name"; then within "$name $statistic" 30000; fi
        done
        for name in net.ipdv net.ipdv.down net.pdv.down; do
            if has_metric "$name"; then within "$name $statistic" $((30000 + $(stack_ns reflector "$statistic"))); fi
        done
    done
}

# Within an interval. Where load makes the sender late, a pause of less than a slot is in or out: between both.
gap_is_true() {
    between "$(figure net.gap value)" "$(jq .gap <<<"$truth") - 10000000" \
        "$(jq '.["gap.paused"]' <<<"$truth") + 10000000"
}

# Four packets by hand: answered after 3 ms less 0.1 ms at the reflector; lost there; answered twice,
# 5 ms; lost on the way back; then one that was overtaken by the next.
@test "the analysis itself, on a log written by hand" {
    python3 - >"$work/log" <<'P'
T = 1700000000 * 10**9
def ntp(ns):
    return (((ns // 10**9 + 2208988800) << 32) + (ns % 10**9 << 32) // 10**9).to_bytes(8, "big")
def tap(end, way, ns, payload):
    print("tap", end, way, 72, T + ns, payload.hex())
def request(seq, ns):
    return seq.to_bytes(4, "big") + ntp(T + ns) + b"\x80\x01\x12\x34" + bytes(28)
def answer(seq, sent, received, left):
    return (seq.to_bytes(4, "big") + ntp(T + left) + b"\x80\x01\x12\x34" + ntp(T + received) +
            request(seq, sent)[:14] + bytes(6))
def exchange(seq, sent, up, stay, down, copies=1):
    tap("a", "out", sent, request(seq, sent))
    if up is None:
        return
    arrived = sent + up
    tap("b", "in", arrived, request(seq, sent))
    left = arrived + stay
    reply = answer(seq, sent, arrived, left)
    tap("b", "out", left, reply)
    for i in range(copies if down is not None else 0):
        tap("a", "in", left + down + i, reply)
ms = 10**6
exchange(0, 0, 1 * ms, ms // 10, 2 * ms)
exchange(1, 10 * ms, None, 0, 0)
exchange(2, 20 * ms, 2 * ms, ms // 10, 3 * ms, copies=2)
exchange(3, 30 * ms, 1 * ms, ms // 10, None)
exchange(4, 40 * ms, 1 * ms, ms // 10, 22 * ms)
exchange(5, 50 * ms, 1 * ms, ms // 10, 2 * ms)
print("packet up 72 1000 2000 2500 passed -")
P
    truth=$(tests/lab/delaylog.py truth "$work/log")
    echo "$truth"
    jq -e '.counts == {sent: 6, answered: 4, lost: 2, "lost.up": 1, "lost.down": 1, duplicates: 1, reordered: 1,
        "reordered.up": 0, "reordered.down": 1, extent: 1, "loss.run": 1}' <<<"$truth"
    jq -e '.times["net.rtt"] | .p50 == 3000000 and .p90 == 23000000 and .max == 23000000 and .mean == 8500000' <<<"$truth"
    jq -e '.times["net.ipdv.up"] | .n == 1 and .max == 0' <<<"$truth"
    jq -e '.times["net.ipdv.down"] | .n == 1 and .max == 20000000' <<<"$truth"
    jq -e '.times["net.pdv.up"] | .n == 4 and .p50 == 0 and .max == 1000000' <<<"$truth"
    jq -e '.gap == 28000000 and .line.late.max == 500 and .stacks.sender.max <= 1' <<<"$truth"
}

@test "no delay added: round trips as the kernel saw them" {
    measure_line up delay=constant:0 down delay=constant:0
    counts_are_exact
    round_trips_are_true
    variation_is_true
    gap_is_true
}

@test "a constant delay of 2.5 ms each way" {
    measure_line up delay=constant:2500 down delay=constant:2500
    counts_are_exact
    round_trips_are_true
    variation_is_true
    gap_is_true
}

@test "uniform delays, 2.5 -+ 0.5 ms, with independent loss each way" {
    measure_line up delay=uniform:2500:500 loss=0.02 down delay=uniform:2500:500 loss=0.03
    [ "$(true_count lost.up)" -gt 0 ]
    [ "$(true_count lost.down)" -gt 0 ]
    counts_are_exact
    round_trips_are_true
    variation_is_true
    gap_is_true
}

@test "normal delays, of a deviation near the interval: neighbours overtake each other" {
    measure_line up delay=normal:20000:6000 down delay=normal:10000:2000
    [ "$(true_count reordered)" -gt 0 ]
    counts_are_exact
    round_trips_are_true
    variation_is_true
    gap_is_true
}

@test "exponential up, pareto down: tails" {
    measure_line up delay=exponential:1000:1500 down delay=pareto:1000:1500
    counts_are_exact
    round_trips_are_true
    variation_is_true
    gap_is_true
}

@test "losses in bursts, duplicates each way, packets held back for 25 ms" {
    measure_line up delay=constant:1000 duplicate=0.04 hold=0.03:25000 \
        down delay=constant:1000 burst=0.02:0.25 duplicate=0.03 hold=0.02:25000
    [ "$(true_count loss.run)" -gt 1 ]
    [ "$(true_count duplicates)" -gt 0 ]
    [ "$(true_count reordered)" -gt 0 ]
    counts_are_exact
    round_trips_are_true
    gap_is_true
}

@test "a dark second on the way up: the longest gap within an interval" {
    budget=8s measure_line up delay=constant:1000 dark=2000:1000 down delay=constant:1000
    [ "$(true_count lost.up)" -gt 50 ]
    counts_are_exact
    gap_is_true
    between "$(figure net.gap value)" 900000000 1300000000
}

@test "the other way is told apart: slow up is not slow down" {
    measure_line up delay=normal:8000:1000 down delay=constant:500
    has_metric net.ipdv.up || skip "this program has no net.ipdv.up"
    jq -e '.["net.ipdv.up p50"].ours > 10 * .["net.ipdv.down p50"].ours' <<<"$errors"
}
