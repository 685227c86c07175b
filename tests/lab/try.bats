#!/usr/bin/env bats
# What host.try tries is undone, swept after a kill, refused with a reason, and left alone without root.
# Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house

need_root() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
}

setup() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    disk=$work/disk
    mkdir "$disk"
    chmod 755 "$work"
}

teardown() {
    if mountpoint -q "$disk"; then umount "$disk"; fi
    rm -rf "$work"
}

try() {
    run -0 --separate-stderr "$PLIMSOLL" measure -q host.try --dir "$disk"
}

# Everything of ours that could be left on a host.
traces() {
    find /sys/fs/cgroup -maxdepth 3 -name 'plimsoll-*' 2>/dev/null
    grep -c . /proc/self/mounts
    ls -A "$disk"
    ls /sys/class/net
}

fact() {
    jq -r --arg fact "$1" '.host[$fact].value | if type == "array" then join(" ") else tostring end' <<<"$output"
}

@test "what is tried is undone" {
    need_root
    before=$(traces)
    try
    [ "$(traces)" = "$before" ]
    [ "$(jq '[.host | to_entries[] | select(.key | startswith("host.try."))] | length' <<<"$output")" -eq 9 ]
}

@test "a killed run leaves nothing that the next does not sweep" {
    need_root
    before=$(traces)
    for delay in 0.01 0.02 0.03 0.04 0.05 0.06 0.08; do
        setsid "$PLIMSOLL" measure -q host.try --dir "$disk" >/dev/null 2>&1 &
        sleep "$delay"
        kill -KILL -- "-$!" 2>/dev/null || kill -KILL "$!" 2>/dev/null || true
        wait "$!" 2>/dev/null || true
    done
    sleep 0.2
    try
    [ "$(traces)" = "$before" ]
}

@test "without root nothing is tried, and it says so" {
    need_root
    chown 65534:65534 "$disk"
    command -v setpriv >/dev/null || skip "setpriv is missing"
    cp "$PLIMSOLL" "$work/plimsoll"
    run -0 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
        "$work/plimsoll" measure -q host.try --dir "$disk"
    jq -e '[.host | to_entries[] | select(.key | startswith("host.try.")) | .value
        | .value == null and (.reason | test("needs root"))] | length == 9 and all' <<<"$output"
}

@test "without the privilege the answer is no, with the reason" {
    need_root
    command -v setpriv >/dev/null || skip "setpriv is missing"
    run -0 --separate-stderr setpriv --bounding-set -sys_admin,-net_admin,-mknod \
        "$PLIMSOLL" measure -q host.try --dir "$disk"
    [ "$(fact host.try.overlay)" = no ]
    [ "$(fact host.try.veth)" = no ]
    [ "$(fact host.try.mknod)" = no ]
    jq -e '.host["host.try.veth"].reason | test("not permitted.*veth")' <<<"$output"
}

@test "an xfs without file types cannot carry overlays" {
    need_root
    command -v mkfs.xfs >/dev/null || skip "mkfs.xfs is missing"
    truncate -s 400M "$work/image"
    mkfs.xfs -q -m crc=0 -n ftype=0 "$work/image" 2>/dev/null || skip "mkfs.xfs with ftype=0 is missing"
    mount -o loop "$work/image" "$disk" 2>/dev/null || skip "a kernel that mounts such an xfs is missing"
    try
    [ "$(fact host.try.overlay)" = no ]
    jq -e '.host["host.try.overlay"].reason | test("ftype=1")' <<<"$output"
}
