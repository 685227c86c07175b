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
    reflect
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
    if has_metric net.loss.up; then
        exact_ratio net.loss.up
        exact_ratio net.loss.down
    fi
}

# Half a packet of those sent.
exact_ratio() {
    jq -e --arg name "$1" --argjson sent "$(true_count sent)" \
        '.[$name] | "\($name): \(.ours), log \(.truth)", (.error | fabs) < 0.5 / $sent' <<<"$errors" |
        tee /dev/stderr | tail -n 1 | grep -q true
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

# Neighbours' changes of delay, each way, and the variation from the least delay.
variation_is_true() {
    for statistic in p50 p90 mean; do
        for name in net.ipdv net.ipdv.up net.ipdv.down net.pdv.up net.pdv.down; do
            if has_metric "$name"; then within "$name $statistic" 30000; fi
        done
    done
}

# Our own pauses are no gap of the network: an interval for each slot that was missed.
gap_is_true() {
    missed=$(jq -r '.notes[]' <<<"$m" | sed -n 's/.* \([0-9]*\) of [0-9]* slots were missed.*/\1/p')
    within net.gap "$((10000000 * (1 + ${missed:-0})))"
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
