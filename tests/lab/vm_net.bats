#!/usr/bin/env bats
# Round trips through the kernel's own netem, and under steps of the wall clock, in a machine that qemu
# makes (vm.sh, vm-net.sh): this host's kernel may have no netem, and its clock is everyone's. What netem
# dropped is counted by the kernel. An emulated machine is slow and often late: the least round trip is
# looked at, which netem does not undercut, and which among many is hardly held up. Needs no root.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH=$PATH:/usr/sbin:/sbin
    for t in qemu-system-x86_64 busybox cpio tc ip jq; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    [ "$(uname -m)" = x86_64 ] || skip "the lab machine runs this host's program, which is not for amd64"
    kernel=build/lab/kernel
    [ -e "$kernel/boot" ] || skip "the kernel of the lab machine is missing: run scripts/lab-kernel"
    [ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -ge 4194304 ] || skip "4 GiB of free memory are missing"
    VM_PROGRAMS="tc ip" VM_MODULES="veth sch_netem" tests/lab/vm.sh image "$kernel" "$PLIMSOLL" \
        tests/lab/vm-net.sh "$BATS_FILE_TMPDIR"
    tests/lab/vm.sh run "$BATS_FILE_TMPDIR" 300 3>&- | tr -d '\r' >"$BATS_FILE_TMPDIR/console"
}

setup() {
    console=$BATS_FILE_TMPDIR/console
    grep -v '^ *[]["{}]' "$console" | cut -c1-300
    grep -q '^end step' "$console"
}

# NAME: its measurement is in $m.
measured() {
    m=$(sed -n "/^begin $1 /,/^end $1\$/p" "$console" | sed '1d;$d' | jq '.measurements[0]')
    [ -n "$m" ]
    jq -c '{status, reason, notes}' <<<"$m"
    jq -r '.metrics[] | "\(.id) \(.statistics | map("\(.name) \(.value)") | join(", "))"' <<<"$m"
    case $(jq -r .status <<<"$m") in measured | untrusted) ;; *) false ;; esac
}

figure() {
    jq -r --arg id "$1" --arg name "$2" \
        '.metrics[] | select(.id == $id) | .statistics[] | select(.name == $name) | .value' <<<"$m"
}

counted() {
    jq -r '.notes[]' <<<"$m" | sed -n "s/^\(.*[ :(]\)\{0,1\}\([0-9][0-9]*\) $1\b.*/\2/p" | head -n 1
}

between() {
    echo "$2 <= $1 <= $3"
    jq -ne "$2 <= $1 and $1 <= $3" >/dev/null
}

# The least of a metric, ns. The kernel stamps a packet when its driver sends it, after the queue where
# netem holds it back: what waits there is this host's own part, net.part.send, and what waits at the
# reflector's is the network's, for T3 is before it. net.rtt.felt has both.
least_ns() {
    jq -r --arg id "$1" '.metrics[] | select(.id == $id).histogram' <<<"$m" | tests/lab/hdrleast
}

@test "netem's delays of 5 and 7 ms are the round trip's, and nothing without them" {
    measured plain
    between "$(least_ns net.rtt)" 1000 3000000
    measured delay
    between "$(least_ns net.rtt)" 7000000 10000000
    between "$(least_ns net.part.send)" 5000000 8000000
    between "$(least_ns net.rtt.felt)" 12000000 17000000
    [ "$(counted lost)" -eq 0 ]
}

@test "netem's jitter: 5 -+ 2 ms and 5 ms" {
    measured jitter
    # Evenly from 8 to 12 ms: the least of many is near its end, and half are above 10.
    between "$(least_ns net.rtt.felt)" 8000000 11000000
    between "$(figure net.rtt.felt p50)" 9500000 1000000000
}

@test "netem's losses are counted as the kernel counted them" {
    measured loss
    read -r _ _ up down <<<"$(grep '^dropped loss ' "$console")"
    echo "the kernel dropped $up up and $down down"
    [ "$up" -gt 0 ]
    [ "$down" -gt 0 ]
    # Those of the greeting are not of the session.
    between "$(counted lost)" "$up + $down - 2" "$up + $down"
    [ "$(counted sent)" -eq "$(($(counted answered) + $(counted lost)))" ]
}

@test "netem's reordering is seen: one in five leaves at once, and those before it are late" {
    measured reorder
    # Each that leaves at once overtakes two of those that wait for 100 ms, as long as they are not early too.
    between "$(counted reordered)" "$(counted sent) * 0.1" "$(counted sent) * 0.6"
    [ "$(counted lost)" -eq 0 ]
}

@test "netem's duplicates are seen, and are no round trips" {
    measured duplicate
    between "$(counted duplicates)" "$(counted sent) * 0.04" "$(counted sent) * 0.18"
    [ "$(counted answered)" -le "$(counted sent)" ]
}

@test "the wall clock is stepped by an hour and back by two: round trips stand, and it is told" {
    measured step
    [ "$(counted lost)" -eq 0 ]
    between "$(least_ns net.rtt.felt)" 60000000 67000000
    between "$(figure net.rtt.felt max)" 60000000 2500000000
    jq -e '.notes | map(test("stepped")) | any' <<<"$m"
}
