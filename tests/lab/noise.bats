#!/usr/bin/env bats
# Who took the CPU: thieves whose times are known, beside what noise.gap and noise.stall say of each
# episode. Never is a hypervisor accused of them, and the table of all is printed. What else runs on the
# machine is a thief that no log knows: a test that fails is tried again. Needs root.
bats_require_minimum_version 1.8.0
load noise
# shellcheck disable=SC2034 # read by bats
BATS_TEST_RETRIES=2

teardown_file() {
    if [ -e "$BATS_FILE_TMPDIR/rows" ]; then
        python3 tests/lab/episodes.py table "$BATS_FILE_TMPDIR/rows" | sed 's/^/# /' >&3
    fi
}

# MS: how far its length may be off.
found_and_named() {
    row_says '.episodes >= 20'
    row_says '.found >= 0.95 * .episodes'
    row_says '.false == 0'
    row_says '.right >= 0.95 * .found'
    row_says "(.errors_ns | map(fabs) | sort | .[length / 2 | floor]) <= $1 * 1000000"
}

@test "a SCHED_FIFO hog: noise.gap finds each burst to 0.2 ms, and names this guest's other processes" {
    begin noise.gap
    thief fifo 2 20 "$cpu"
    end
    compare others "SCHED_FIFO hog"
    found_and_named 0.2
    between "$(figure noise.gap.others)" 0.01 0.5
}

# Its events are the stalls of 10 ms and more.
@test "a SCHED_FIFO hog: noise.stall finds each burst to 1 ms" {
    begin noise.stall
    thief fifo 12 40 "$cpu"
    end
    compare others "SCHED_FIFO hog"
    found_and_named 1
}

@test "SIGSTOP and SIGCONT: noise.gap names a stop" {
    begin noise.gap
    # shellcheck disable=SC2046 # a list of numbers
    thief stop 5 50 $(family)
    end
    compare halted "SIGSTOP"
    found_and_named 1
}

@test "SIGSTOP and SIGCONT: noise.stall names a stop" {
    begin noise.stall
    # shellcheck disable=SC2046 # a list of numbers
    thief stop 12 50 $(family)
    end
    compare halted "SIGSTOP"
    found_and_named 1.5
}

freeze() {
    control freezer
    begin "$1"
    if [ -e "$group/freezer.state" ]; then
        thief freeze 15 60 "$group/freezer.state" FROZEN THAWED
    else
        thief freeze 15 60 "$group/cgroup.freeze" 1 0
    fi
    end
    compare halted "cgroup freezer"
}

@test "a cgroup freezer: noise.gap names a freeze" {
    freeze noise.gap
    found_and_named 2
}

@test "a cgroup freezer: noise.stall names a freeze" {
    freeze noise.stall
    found_and_named 2.5
}

@test "a CPU quota of 50 ms in 100 ms: gaps of 50 ms, ten a second, by its name" {
    control cpu
    quota
    begin noise.gap 12 # fewer than the 128 gaps that are listed
    end
    # Gaps of this length have no other thief here; the first and the last may be cut by the window.
    gaps=$(jq '[.events[] | select(.duration_ns >= 30e6)] | sort_by(.at_ns)' <<<"$m")
    jq -r '.[] | "\(.at_ns) \(.duration_ns) \(.cause)"' <<<"$gaps" | head -n 20
    [ "$(jq length <<<"$gaps")" -ge 50 ]
    rate=$(jq '(length - 1) / ((last.at_ns - first.at_ns) / 1e9)' <<<"$gaps")
    between "$rate" 9.8 10.2
    between "$(jq 'map(.duration_ns) | sort | .[length / 2 | floor]' <<<"$gaps")" 49000000 51000000
    jq -e 'map(.cause) | (map(select(. == "quota")) | length) >= 0.95 * length' <<<"$gaps" >/dev/null
    jq -e 'map(select(.cause == "hypervisor" or .cause == "unreported")) == []' <<<"$gaps" >/dev/null
    between "$(figure noise.gap.quota)" 0.45 0.55
    jq -c --arg what "quota 50 of 100 ms, noise.gap" '
        {"label": $what, episodes: length, found: length, right: (map(select(.cause == "quota")) | length),
         unknown: (map(select(.cause == "unknown")) | length), false: 0,
         wrong: (map(select(.cause != "quota" and .cause != "unknown")) | length),
         errors_ns: map(.duration_ns - 5e7)}' <<<"$gaps" >>"$BATS_FILE_TMPDIR/rows"
}

@test "a flood on loopback: interrupts or processes or nobody known, never a hypervisor" {
    begin noise.gap
    thief flood 5 40 "$cpu"
    end
    compare interrupts,others "flood on loopback"
    row_says '.false == 0'
}

@test "an interrupt storm: a flood from another CPU whose packets are taken in here" {
    [ "$(nproc)" -gt 1 ] || skip "a second CPU is missing"
    ip netns add plimsoll-noise
    ip -n plimsoll-noise link set lo up
    begin noise.gap
    log=$work/noise.gap-flood.log
    # The packets of lo are taken in by that CPU alone.
    ip netns exec plimsoll-noise sh -c \
        'printf %x $((1 << $1)) >/sys/class/net/lo/queues/rx-0/rps_cpus && exec "$2" flood "$3" 12 5 40 0' \
        - "$cpu" "$LAB/thief" "$seed" >"$log" 3>&- &
    thief_pid=$!
    end
    ip netns del plimsoll-noise
    stolen=$(jq -n "$(figure noise.gap.hypervisor) + $(figure noise.gap.unreported)")
    others=$(jq -n "$(figure noise.gap.interrupts) + $(figure noise.gap.others) + $(figure noise.gap.unknown)")
    echo "hypervisor $stolen, interrupts, processes and unknown $others"
    jq -ne "$stolen < 0.2 * ($stolen + $others)" >/dev/null
}

@test "a competitor on the CPU: half of it is lost to this guest's other processes" {
    begin noise.gap
    timeout -s KILL 12 taskset -c "$cpu" sh -c 'while :; do :; done' 3>&- &
    thief_pid=$!
    end
    between "$(figure noise.gap.others)" 0.3 0.6
    jq -e '.notes | map(test("this guest.s other processes")) | any' <<<"$m"
}

@test "a verdict on a busy machine begins with who took the CPU, and names the process" {
    timeout -s KILL 40 taskset -c "$cpu" sh -c 'while :; do :; done' 3>&- &
    thief_pid=$!
    # Bounded by the host's other CPUs or not, what it takes is told.
    run "$PLIMSOLL" vet -q --budget 20s --role k8s-worker --dir "$disk" --out "$work/report"
    echo "$output"
    [[ $(tr '\n' ' ' <<<"$output" | tr -s ' ') == *"Other processes of this guest took "*"The largest of them was 'sh' ("* ]]
}

# Of the thieves whose class is known, over all attempts.
@test "of more than 200 episodes none is laid at a hypervisor's door, and 95 of 100 have the right name" {
    jq -s 'map(select(.label | test("flood") | not)) |
        {episodes: map(.episodes) | add, right: map(.right) | add, false: map(.false) | add}' \
        "$BATS_FILE_TMPDIR/rows" | tee "$work/sum"
    jq -e '.episodes >= 200 and .false == 0 and .right >= 0.95 * .episodes' "$work/sum"
}
