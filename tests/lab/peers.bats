#!/usr/bin/env bats
# Many peers at once, on the loopback of a network namespace: the whole program, from the greeting to
# the document. Needs root.
bats_require_minimum_version 1.5.0

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    for t in ip jq; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    here=plX$$
    reflector=
    ip netns add "$here"
    ip -n "$here" link set lo up
}

teardown() {
    if [ -n "$reflector" ]; then
        kill "$reflector" 2>/dev/null || true
        wait "$reflector" 2>/dev/null || true
    fi
    if ip netns list | grep -q "^$here\b"; then ip netns del "$here"; fi
    rm -rf "$work"
}

reflect() {
    ip netns exec "$here" "$PLIMSOLL" reflect 0.0.0.0:8620 --rate 0 2>"$work/reflect" &
    reflector=$!
    for _ in $(seq 100); do
        if grep -q listening "$work/reflect"; then return; fi
        sleep 0.05
    done
    cat "$work/reflect"
    false
}

# Measures $1 peers of 127.0.0.0/8 with the arguments that follow.
measure() {
    local peers=() i
    for ((i = 0; i < $1; i++)); do
        peers+=(--peer "127.1.$((i / 250)).$((i % 250 + 1)):8620")
    done
    ip netns exec "$here" "$PLIMSOLL" measure net.rtt "${peers[@]}" "${@:2}" -q -o "$work/run.json"
}

# Late is this host, and that is said as such; at 50 ms it takes much to be late.
@test "200 peers are all measured, and each in its own result" {
    reflect
    measure 200 --budget 12s --set net.rtt.interval=50ms
    run jq -r '[.measurements[] | select(.probe == "net.rtt")] as $all
               | [($all | length), ($all | map(.peer) | unique | length),
                  ($all | map(select(.status == "measured")) | length),
                  ($all | map(.metrics[] | select(.id == "net.rtt") | .n) | min >= 20)]
               | map(tostring) | join(" ")' "$work/run.json"
    echo "$output"
    [ "$output" = "200 200 200 true" ]
}

@test "200 peers at 10 ms do not take the memory of the host" {
    reflect
    # Data, not addresses: what is reserved and never touched does not count.
    measure 200 --budget 10s &
    local run=$! most=0 kb pid
    while kill -0 "$run" 2>/dev/null; do
        for pid in $(ip netns pids "$here"); do
            kb=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
            if [ "${kb:-0}" -gt "$most" ]; then most=$kb; fi
        done
        sleep 0.2
    done
    wait "$run"
    echo "largest process: $most kB"
    [ "$most" -gt 10000 ] # it was seen
    [ "$most" -lt 400000 ]
    run jq '[.measurements[] | select(.status == "failed")] | length' "$work/run.json"
    [ "$output" = 0 ]
}
