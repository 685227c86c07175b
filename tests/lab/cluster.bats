#!/usr/bin/env bats
# Three hosts at one switch, in network namespaces: each answers and measures the other two at once, as a
# cluster's nodes would, and the three documents become one report. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    for t in ip jq nft; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    switch=plY-$$-s
    started=()
    ip netns add "$switch"
    ip -n "$switch" link add bridge type bridge
    ip -n "$switch" link set bridge up
    for n in a b c; do
        join "$n"
    done
}

teardown() {
    for p in "${started[@]}"; do
        kill "$p" 2>/dev/null || true
        wait "$p" 2>/dev/null || true
    done
    for n in s a b c; do
        if ip netns list | grep -q "^plY-$$-$n\b"; then ip netns del "plY-$$-$n"; fi
    done
    rm -rf "$work"
}

declare -gA address=([a]=10.96.0.1 [b]=10.96.0.2 [c]=10.96.0.3)

join() {
    local host=plY-$$-$1
    mkdir "$work/disk-$1"
    ip netns add "$host"
    ip -n "$host" link set lo up
    ip link add port netns "$host" type veth peer name "to-$1" netns "$switch"
    ip -n "$switch" link set "to-$1" master bridge up
    ip -n "$host" addr add "${address[$1]}/24" dev port
    ip -n "$host" link set port up
}

# A reflector on each host, until the test ends.
reflect_all() {
    for n in a b c; do
        ip netns exec "plY-$$-$n" "$PLIMSOLL" reflect "$@" 2>"$work/reflect-$n" &
        started+=($!)
    done
    for n in a b c; do
        for _ in $(seq 100); do
            if grep -q listening "$work/reflect-$n"; then continue 2; fi
            sleep 0.05
        done
        cat "$work/reflect-$n"
        false
    done
}

# All three at the same time, as they would be.
measure_all() {
    local measuring=()
    for n in a b c; do
        local peers=()
        for m in a b c; do
            [ "$n" = "$m" ] || peers+=(--peer "${address[$m]}")
        done
        ip netns exec "plY-$$-$n" "$PLIMSOLL" measure -q net.rtt host --budget 8s --dir "$work/disk-$n" \
            "${peers[@]}" --label "node=node-$n" "$@" >"$work/$n.json" &
        measuring+=($!)
    done
    for p in "${measuring[@]}"; do
        wait "$p" || echo "status $?"
    done
    jq -c '.measurements[] | select(.probe == "net.rtt") | {peer, status, reason}' "$work"/{a,b,c}.json
}

# FORMAT: into $work/report; its status is the best role's, and there may be none.
report() {
    run "$PLIMSOLL" report --cluster -f "$1" "$work"/{a,b,c}.json
    printf '%s\n' "$output" >"$work/report"
    echo "status $status"
    [ "$status" -le 3 ]
}

has() {
    grep -qF -e "$1" "$work/report" || { echo "not there: $1"; cat "$work/report"; false; }
}

has_not() {
    ! grep -qF -e "$1" "$work/report" || { echo "there: $1"; cat "$work/report"; false; }
}

@test "three nodes that reach each other: the matrix is whole, and a leader has a place, in every format" {
    reflect_all
    measure_all
    report json
    if python3 -c 'import jsonschema' 2>/dev/null; then tests/validate-document "$work/report"; fi
    jq -e '[.nodes[] | select(.member).name] == ["node-a", "node-b", "node-c"] and (.nodes | length) == 3' "$work/report"
    # Load may make our own pauses what is untrusted; the figures stand, and are each host's own.
    jq -e '(.pairs | length) == 6 and all(.pairs[]; (.status == "measured" or .status == "untrusted")
        and .figures_from == "from" and .rtt_p50_ns > 0 and .rtt_p99_ns >= .rtt_p50_ns
        and .loss_ratio != null and .gap_ns > 0 and .offset_ns != null)' "$work/report"
    jq -e '.quorum.needed == 1 and (.quorum.leaders | length) == 3 and all(.quorum.leaders[]; .reached == 2
        and .completed_by != null and .rtt_p99_ns > 0)' "$work/report"
    jq -e 'all(.worst[]; . != null) and (.quorum.best_leader | test("^node-[abc]$"))' "$work/report"
    best=$(jq -r .quorum.best_leader "$work/report")
    for format in text markdown; do
        report "$format"
        for line in "A cluster of 3" "RTT p50" "RTT p99" "loss" "longest gap" "clock offset" "The worst pair" \
            "A leader in each place" "A commit waits for the nearest 1 of the 2 others" node-a node-b node-c; do
            has "$line"
        done
        grep -qE "Best place for a leader: \**$best" "$work/report"
        has_not "the other side's figures stand"
        has_not "failed"
    done
    report html
    has "<!DOCTYPE html>"
    has "</html>"
    has "Best place for a leader"
    has "A leader in each place"
    has "node-c"
    has_not "<script"
}

@test "a node that loses every fifth packet is in the worst pair, and its loss in the quorum of its place" {
    reflect_all
    ip netns exec "plY-$$-c" nft -f - <<'END'
table inet lossy {
    chain in {
        type filter hook input priority 0
        udp sport 862 numgen inc mod 5 == 0 drop
        udp dport 862 numgen inc mod 5 == 0 drop
    }
}
END
    measure_all
    report json
    jq -c '.pairs[] | [.from, .to, .status, .loss_ratio]' "$work/report"
    jq -e 'all(.pairs[]; (.from == "node-c" or .to == "node-c") == (.loss_ratio > 0.1))' "$work/report"
    jq -e '[.worst.loss_ratio.from, .worst.loss_ratio.to] | index("node-c") != null' "$work/report"
    jq -e '.quorum.leaders[] | select(.leader == "node-c") | .loss_ratio > 0.1' "$work/report"
    jq -c '.roles[] | [.role, .grade, .criterion, .node, .peer]' "$work/report"
    jq -e 'any(.roles[]; .criterion == "loss" and .grade == "unfit" and (.node == "node-c" or .peer == "node-c"))' \
        "$work/report"
}

@test "a node that does not answer: the other side's figures stand, with the reason" {
    reflect_all
    kill "${started[2]}"
    wait "${started[2]}" || true
    measure_all
    report json
    jq -e '[.pairs[] | select(.to == "node-c") | .status] == ["failed", "failed"]' "$work/report"
    jq -e 'all(.pairs[] | select(.to == "node-c"); .figures_from == "to" and .rtt_p50_ns > 0
        and (.reason | test("plimsoll reflect")))' "$work/report"
    report text
    has "node-a to node-c: failed"
    has "the other side's figures stand"
    has "Best place for a leader"
}
