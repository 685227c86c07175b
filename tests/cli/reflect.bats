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
           and (.metrics | INDEX(.id) as $m | ["net.rtt", "net.rtt.felt", "net.part.send", "net.part.wake",
                "net.part.reflector", "net.ipdv.up", "net.ipdv.down", "net.loss", "net.gap", "net.offset"] |
                all($m[.].n > 0))' <<<"$output"
    grep -qE '^reflect: [0-9]{3} packets, [0-9]{3} answered;' "$work/reflect"
}

@test "whom it answers must be a range of addresses, and the sentence shows one" {
    refused reflect 127.0.0.1:0 --allow 10.0.0.0/33
    [[ $stderr == *"--allow: '10.0.0.0/33': the bits must be a number from 0 to 32"* ]]
    refused reflect 127.0.0.1:0 --allow 10.0.0.0/8 --allow here
    [[ $stderr == *"'here' is no range of addresses; expected ADDRESS/BITS"* ]]
    refused reflect 127.0.0.1:0 --allow 10.1.2.3/8
    [[ $stderr == *"did you mean 10.0.0.0/8?"* ]]
}

@test "no such key file, no such user: each has a sentence" {
    refused reflect 127.0.0.1:0 --key-file "$work/none"
    [[ $stderr == *"--key-file"*"No such file"* ]]
    if [ "$(id -u)" -eq 0 ]; then
        refused reflect 127.0.0.1:0 --user no-such-user
        [[ $stderr == *"no user 'no-such-user'"*"--user" ]]
        refused reflect 127.0.0.1:0 --user root
    fi
}

@test "a port in use is refused with a remedy" {
    a_reflector
    refused reflect "127.0.0.1:$port"
    [[ $stderr == *"127.0.0.1:$port"*"another program listens there"* ]]
    kill "$reflector"
}

@test "the first line says where, as whom and for whom" {
    a_reflector --allow 10.0.0.0/8 --allow 2001:db8::/32 --rate 500
    kill "$reflector"
    cat "$work/reflect"
    grep -qE "^reflect: listening at 127.0.0.1:$port, UDP, this address only; (as nobody, )?no capabilities, few system calls; for 2 ranges, 500 packets/s each; Ctrl-C ends it$" "$work/reflect"
}

@test "who is not allowed gets no answer, is counted, and does not begin --once" {
    a_reflector --allow 10.0.0.0/8 --once --idle 1ms --json >"$work/json"
    run --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk" --peer "127.0.0.1:$port"
    jq -e '.measurements[0].status == "failed"' <<<"$output"
    kill -TERM "$reflector"
    status=0
    wait "$reflector" || status=$?
    [ "$status" -eq 130 ]
    cat "$work/reflect" "$work/json"
    grep -qE '^reflect: [0-9]+ packets, 0 answered, [0-9]+ not allowed \(--allow\); refused: about 1 source$' "$work/reflect"
    jq -e '.answered == 0 and .packets > 0 and .refused.not_allowed == .packets and .refused_sources == 1
           and .t3_to_departure == null' "$work/json"
}

@test "with a key, what has no HMAC is not answered" {
    echo 000102030405060708090a0b0c0d0e0f >"$work/key"
    chmod 600 "$work/key"
    a_reflector --key-file "$work/key" --json >"$work/json"
    grep -q '; for everybody with the key, ' "$work/reflect"
    run --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk" --peer "127.0.0.1:$port"
    kill "$reflector"
    wait "$reflector" || true
    cat "$work/json"
    jq -e '.answered == 0 and .packets > 0 and .refused.not_authenticated == .packets' "$work/json"
}

@test "--json says how long answers took after T3, and how many sessions there were" {
    a_reflector --stateful --json --for 12s >"$work/json"
    run -0 --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk" --peer "127.0.0.1:$port"
    kill "$reflector"
    wait "$reflector" || true
    cat "$work/json"
    jq -e '.answered > 100 and .answered == .packets and .unsent == 0 and .sessions >= 1
           and .t3_to_departure.samples > 10 and .t3_to_departure.p50_ns > 0
           and .t3_to_departure.p50_ns <= .t3_to_departure.p99_ns' "$work/json"
}

@test "the systemd unit is one that systemd knows" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is missing"
    sed "s|/usr/local/bin/plimsoll|$(realpath "$PLIMSOLL")|; /^Documentation=/d" \
        scripts/plimsoll-reflect.service >"$work/plimsoll-reflect.service"
    run systemd-analyze verify "$work/plimsoll-reflect.service"
    echo "$output"
    ! grep -q plimsoll <<<"$output"
}

@test "no peer, no reflector, no name: each says what to do" {
    run --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk"
    jq -e '.measurements[0] | .status == "skipped" and (.reason | test("no --peer; run .plimsoll reflect. "))' <<<"$output"
    run -3 --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk" --peer 127.0.0.1:9
    jq -e '.measurements[0] | .status == "failed" and (.reason | test("^127.0.0.1:9 refuses.*plimsoll reflect"))' <<<"$output"
    run --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk" --peer 'a b'
    jq -e '.measurements[0] | .status == "skipped" and (.reason | test("blanks"))' <<<"$output"
}
