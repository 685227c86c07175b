#!/usr/bin/env bats
# The reflector and the network probe, on the loopback.
bats_require_minimum_version 1.5.0
load house

# A reflector on any free port until the test ends; the port is left in $port.
a_reflector() {
    "$PLIMSOLL" reflect 127.0.0.1:0 "$@" 2>"$work/reflect" &
    reflector=$!
    for _ in $(seq 100); do
        port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\),.*/\1/p' "$work/reflect" | head -n 1)
        if [ -n "$port" ]; then return; fi
        sleep 0.05
    done
    cat "$work/reflect"
    false
}

@test "an address that is none is refused with an example" {
    refused reflect '[::1'
    [[ $stderr == *"[2001:db8::7]:862"* ]]
    refused reflect 127.0.0.1:99999
    refused reflect 127.0.0.1 127.0.0.2
}

@test "an address that this host has not is refused" {
    refused reflect 192.0.2.1:8620
    [[ $stderr == *"192.0.2.1:8620"*"no such address"* ]]
}

@test "after --for it ends with 0 and its counts" {
    run -0 --separate-stderr "$PLIMSOLL" reflect 127.0.0.1:0 --for 100ms
    [ -z "$output" ]
    [[ ${stderr_lines[0]} == "reflect: listening at 127.0.0.1:"* ]]
    [ "${stderr_lines[1]}" = "reflect: 0 packets, 0 answered" ]
}

@test "--quiet says nothing" {
    run -0 --separate-stderr "$PLIMSOLL" reflect 127.0.0.1:0 --for 100ms --quiet
    [ -z "$output$stderr" ]
}

@test "interrupted it ends with 130 and its counts" {
    a_reflector
    kill -TERM "$reflector"
    status=0
    wait "$reflector" || status=$?
    [ "$status" -eq 130 ]
    [ "$(tail -n 1 "$work/reflect")" = "reflect: 0 packets, 0 answered" ]
}

@test "the probe measures against it, and --once ends it after a silence" {
    a_reflector --once --idle 1s
    run -0 --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk" --peer "127.0.0.1:$port"
    wait "$reflector"
    cat "$work/reflect"
    jq -e '.measurements[0] | .status == "measured" and .parameters.interval == 10000000
           and ([.metrics[].id] == ["net.rtt", "net.ipdv", "net.loss", "net.gap", "net.offset"])
           and all(.metrics[]; .n > 0)' <<<"$output"
    grep -qE '^reflect: [0-9]{3} packets, [0-9]{3} answered$' "$work/reflect"
}

@test "no peer, no reflector, no name: each says what to do" {
    run --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk"
    jq -e '.measurements[0] | .status == "skipped" and (.reason | test("no --peer; run .plimsoll reflect. "))' <<<"$output"
    run -3 --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk" --peer 127.0.0.1:9
    jq -e '.measurements[0] | .status == "failed" and (.reason | test("^127.0.0.1:9 refuses.*plimsoll reflect"))' <<<"$output"
    run --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk" --peer 'a b'
    jq -e '.measurements[0] | .status == "skipped" and (.reason | test("blanks"))' <<<"$output"
}
