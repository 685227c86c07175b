#!/usr/bin/env bats
# The provider who hides steal: a machine that qemu makes without acceleration, pinned to one CPU of this
# host. A spinner beside it takes half of that CPU; the guest's steal column stays 0. What it lost is told
# by this host's own account of the thread that is its CPU. Needs no root.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH=$PATH:/usr/sbin:/sbin
    for t in qemu-system-x86_64 busybox cpio jq taskset; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    [ "$(uname -m)" = x86_64 ] || skip "the lab machine runs this host's program, which is not for amd64"
    kernel=build/lab/kernel
    [ -e "$kernel/boot" ] || skip "the kernel of the lab machine is missing: run scripts/lab-kernel"
    [ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -ge 2097152 ] || skip "2 GiB of free memory are missing"
    VM_PROGRAMS=env VM_MODULES='' tests/lab/vm.sh image "$kernel" "$PLIMSOLL" tests/lab/vm-noise.sh \
        "$BATS_FILE_TMPDIR"
    python3 tests/lab/vm_noise.py "$BATS_FILE_TMPDIR" "$(($(nproc) - 1))" 3>&-
}

setup() {
    console=$BATS_FILE_TMPDIR/console
    grep -v '^ *[]["{}]' "$console" | cut -c1-300
    cat "$BATS_FILE_TMPDIR/lost"
}

# NAME: its measurement is in $m, what this host says the guest's CPU lost meanwhile in $lost.
measured() {
    m=$(sed -n "/^begin $1 /,/^end $1\$/p" "$console" | sed '1d;$d' | jq '.measurements[0]')
    [ -n "$m" ]
    jq -c '{status, reason, notes}' <<<"$m"
    jq -r '.metrics[] | "\(.id) \(.statistics | map("\(.name) \(.value)") | join(", "))"' <<<"$m"
    lost=$(awk -v name="$1" '$1 == name { print $2 }' "$BATS_FILE_TMPDIR/lost")
    [ -n "$lost" ]
}

figure() {
    jq -r --arg id "$1" --arg name "${2:-value}" \
        '.metrics[] | select(.id == $id) | .statistics[] | select(.name == $name) | .value' <<<"$m"
}

between() {
    echo "$2 <= $1 <= $3"
    jq -ne "$2 <= $1 and $1 <= $3" >/dev/null
}

# What the report says of who took the CPU.
sentence() {
    sed -n "/^begin $1 /,/^end $1\$/p" "$console" | sed '1d;$d' >"$BATS_TEST_TMPDIR/doc.json"
    COLUMNS=1000 "$PLIMSOLL" report "$BATS_TEST_TMPDIR/doc.json" --format text | tr '\n' ' ' | tr -s ' '
}

@test "half of the CPU is taken and not reported: found, measured, and named" {
    measured beside
    between "$lost" 0.3 0.9
    # Interrupts and this guest's own processes take their part beside.
    between "$(figure noise.gap.unreported)" "$lost - 0.03" "$lost + 0.03"
    between "$(figure noise.gap.unreported)" "0.75 * $(figure noise.gap.lost)" 1
    jq -e '.notes | map(test("hypervisor, unreported")) | any' <<<"$m"
    [[ $(sentence beside) == *"The hypervisor took "*", and did not report it;"* ]]
    awk '/^cpu / && NF > 8 { exit $9 != 0 }' "$console" # the column says nothing of it
}

@test "without the spinner nobody is accused" {
    measured alone
    # This host may have other work: what its account says was taken may be told, and no more.
    between "$(figure noise.gap.unreported)" 0 "$lost + 0.02"
    jq -ne "$lost > 0.02" >/dev/null || [[ $(sentence alone) != *"The hypervisor took "* ]]
}

@test "what a process feels of it is the same thief's" {
    measured beside-stall
    jq -c '[.events[] | .cause] | group_by(.) | map({(.[0]): length}) | add' <<<"$m"
    jq -e '[.events[] | .cause] | length > 0' <<<"$m"
    # By the time that it took; what an emulated machine is too slow to tell is unknown.
    jq -e '[.events[] | {cause, duration_ns}] | (map(select(.cause == "unreported").duration_ns) | add) >=
        0.1 * (map(.duration_ns) | add)' <<<"$m"
    # The guest's own processes may hold a sleeper up too.
    jq -e '[.events[] | .cause] | map(select(. == "hypervisor" or . == "quota")) == []' <<<"$m"
}

@test "a quota of control groups of version 2 is not the hypervisor's doing" {
    measured quota
    between "$(figure noise.gap.quota)" 0.3 0.6
    gaps=$(jq '[.events[] | select(.duration_ns >= 35e6)] | sort_by(.at_ns)' <<<"$m")
    # What else takes the CPU comes on top.
    between "$(jq 'map(.duration_ns) | sort | .[length / 2 | floor]' <<<"$gaps")" 48500000 56000000
    jq -e 'map(.cause) | (map(select(. == "quota")) | length) >= 0.9 * length' <<<"$gaps" >/dev/null
}
