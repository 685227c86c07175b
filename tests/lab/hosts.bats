#!/usr/bin/env bats
# Bad hosts, really made: full, read-only and small filesystems, no io_uring, no libaio, no root, and
# death at any moment. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house

need_root() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
}

need() {
    for t in "$@"; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
}

setup() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    disk=$work/disk
    mkdir "$disk"
    saved=
    aio_max=
}

teardown() {
    if mountpoint -q "$disk"; then umount "$disk"; fi
    if [ -n "$saved" ]; then sysctl -q -w "$saved"; fi
    if [ -n "$aio_max" ]; then sysctl -q -w fs.aio-max-nr="$aio_max"; fi
    rm -rf "$work"
}

# A filesystem of its own on a loop file: TYPE SIZE.
a_filesystem() {
    truncate -s "$2" "$work/image"
    "mkfs.$1" -q "$work/image"
    mount -o loop "$work/image" "$disk"
}

no_io_uring() {
    old=$(sysctl -n kernel.io_uring_disabled 2>/dev/null) || skip "kernel.io_uring_disabled is missing"
    sysctl -q -w kernel.io_uring_disabled=2 2>/dev/null || skip "permission to set kernel.io_uring_disabled is missing"
    saved="kernel.io_uring_disabled=$old"
}

# A measurement whose document is in $output.
measure() {
    run -0 --separate-stderr "$PLIMSOLL" measure -q "$@" --dir "$disk"
}

@test "a filesystem with too little space is refused by name, with numbers" {
    need_root
    need mkfs.ext4 losetup
    a_filesystem ext4 200M
    measure disk.wal disk.read image.runtime --budget 6s
    jq -e '[.measurements[] | .status == "skipped" and (.reason | test("[MG]iB"))] | all' <<<"$output"
    [ "$(ls -A "$disk")" = lost+found ]
}

@test "a full filesystem is one sentence, or skipped by name" {
    need_root
    need mkfs.ext4 losetup
    a_filesystem ext4 64M
    dd if=/dev/zero of="$disk/fill" bs=64k 2>/dev/null || true
    run --separate-stderr "$PLIMSOLL" measure -q disk.wal --budget 6s --dir "$disk"
    if [ "$status" -eq 3 ]; then
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr == *"$disk"* ]]
    else
        jq -e '.measurements[0].status == "skipped"' <<<"$output"
    fi
}

@test "a read-only filesystem is refused with path and reason" {
    need_root
    need mkfs.ext4 losetup
    a_filesystem ext4 64M
    mount -o remount,ro "$disk"
    run -3 --separate-stderr "$PLIMSOLL" measure disk.wal --dir "$disk"
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == *"$disk"*"ead-only"* ]]
}

@test "a journaled ext4 and an xfs are measured, and the journal is named" {
    need_root
    need mkfs.ext4 mkfs.xfs losetup
    a_filesystem ext4 3G
    measure host disk.wal --budget 6s
    jq -e '.host["host.disk.journal"].value == "ordered"' <<<"$output"
    jq -e '.measurements[] | select(.probe == "disk.wal") | .status == "measured"' <<<"$output"
    umount "$disk"
    rm "$work/image"
    a_filesystem xfs 3G
    measure host disk.wal --budget 6s
    jq -e '.host["host.disk.fs"].value == "xfs"' <<<"$output"
    is_empty "$disk"
}

@test "without io_uring, libaio is used, and the reason is written down" {
    need_root
    no_io_uring
    measure disk.read --budget 6s
    jq -e '.measurements[0].notes | map(test("libaio.*io_uring_disabled=2")) | any' <<<"$output"
}

@test "without io_uring and libaio, plain system calls are used" {
    need_root
    no_io_uring
    aio_max=$(sysctl -n fs.aio-max-nr)
    sysctl -q -w fs.aio-max-nr=0
    measure disk.read --budget 6s
    jq -e '.measurements[0].notes | map(test("fs.aio-max-nr=0")) | any' <<<"$output"
    jq -e '.measurements[0].metrics[] | select(.id == "disk.read.qd1") | .n > 0' <<<"$output"
}

@test "a filesystem without O_DIRECT is skipped by name, and the log is measured all the same" {
    need_root
    need gcc
    # No such filesystem is at hand: the C library is made to answer as one would.
    cat >"$work/shim.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
static int refuse(int flags) { return (flags & O_DIRECT) == O_DIRECT; }
int openat(int dir, const char *path, int flags, ...)
{
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
    va_list args;
    va_start(args, flags);
    int mode = va_arg(args, int);
    va_end(args);
    if (refuse(flags)) { errno = EINVAL; return -1; }
    return real(dir, path, flags, mode);
}
int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = va_arg(args, int);
    va_end(args);
    return openat(AT_FDCWD, path, flags, mode);
}
C
    gcc -shared -fPIC -w -o "$work/shim.so" "$work/shim.c" -ldl
    LD_PRELOAD="$work/shim.so" "$PLIMSOLL" measure -q disk.wal disk.read --budget 6s --dir "$disk" >"$work/out"
    jq -c '.measurements[] | [.probe, .status, .reason]' "$work/out"
    jq -e '.measurements[] | select(.probe == "disk.read") | .status == "skipped" and (.reason | test("O_DIRECT"))' "$work/out"
    jq -e '.measurements[] | select(.probe == "disk.wal") | .status == "measured"' "$work/out"
    is_empty "$disk"
}

@test "without root everything that can run runs, and the rest is skipped by name" {
    need_root
    need setpriv
    chmod 755 "$work"
    chmod 777 "$disk"
    cp "$PLIMSOLL" "$work/plimsoll" && chmod 755 "$work/plimsoll"
    run -0 --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups "$work/plimsoll" measure -q \
        --budget 20s --dir "$disk"
    jq -c '.measurements[] | [.probe, .status, .reason]' <<<"$output"
    jq -e '[.measurements[] | select(.status == "failed")] | length == 0' <<<"$output"
    jq -e '.measurements[] | select(.probe == "disk.wal") | .status == "measured"' <<<"$output"
    jq -e '[.host[] | select(.value == null) | .reason | test("root")] | any' <<<"$output"
    is_empty "$disk"
}

# What a run could leave anywhere: scratch, mounts, control groups, network namespaces, processes.
traces() {
    ls -A "$disk"
    grep plimsoll /proc/mounts | grep -v " $disk " || true
    find /sys/fs/cgroup -maxdepth 4 -type d -name 'plimsoll-*' 2>/dev/null || true
    ip netns list 2>/dev/null | grep plimsoll || true
    pgrep -f -- "--dir $disk" || true
}

@test "killed at any moment, nothing is left once the next run has swept" {
    need_root
    need ip
    seed=${PLIMSOLL_SEED:-$RANDOM}
    echo "seed $seed"
    RANDOM=$seed
    for _ in $(seq 8); do
        "$PLIMSOLL" vet -q --budget 8s --dir "$disk" --out "$work/out" >/dev/null 2>&1 &
        pid=$!
        sleep "$((RANDOM % 8)).$((RANDOM % 1000))"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" || true
    done
    rm -rf "$work/out"
    sleep 1
    measure host.try disk.wal --budget 5s
    left=$(traces)
    [ -z "$left" ] || { echo "left behind: $left"; false; }
}

# The child of a run that works in the scratch directory.
worker_of() {
    for c in $(pgrep -P "$1"); do
        if readlink "/proc/$c/fd/"* 2>/dev/null | grep -q "$disk/.*/disk.wal"; then echo "$c"; fi
    done
}

@test "a probe whose process is killed costs only itself" {
    need_root
    "$PLIMSOLL" measure disk.wal noise.stall --budget 12s --dir "$disk" >"$work/out" 2>"$work/err" &
    pid=$!
    sleep 3
    victim=$(worker_of "$pid")
    [ -n "$victim" ]
    kill -KILL "$victim"
    wait "$pid" || true
    jq -e '.measurements[] | select(.probe == "disk.wal") | .status == "failed" and (.reason | test("signal 9"))' "$work/out"
    jq -e '.measurements[] | select(.probe == "noise.stall") | .status == "measured"' "$work/out"
    is_empty "$disk"
}

@test "a probe that hangs is ended in its time, and the rest goes on" {
    need_root
    "$PLIMSOLL" measure disk.wal noise.stall --budget 6s --dir "$disk" >"$work/out" 2>"$work/err" &
    pid=$!
    sleep 1.5
    victim=$(worker_of "$pid")
    [ -n "$victim" ]
    kill -STOP "$victim"
    wait "$pid" || true
    jq -e '.measurements[] | select(.probe == "disk.wal") | .status == "failed" and (.reason | test("did not answer"))' "$work/out"
    jq -e '.measurements[] | select(.probe == "noise.stall") | .status == "measured"' "$work/out"
    is_empty "$disk"
}

@test "a whole run writes its three files, valid, and leaves nothing else" {
    need_root
    start=$(date +%s%N)
    "$PLIMSOLL" vet -q --budget 30s --dir "$disk" --out "$work/out" >"$work/text" || [ $? -le 3 ]
    echo "# took $((($(date +%s%N) - start) / 1000000)) ms of 30000" >&3 # told, never judged
    [ "$(ls "$work/out" | tr '\n' ' ')" = "report.html report.md result.json " ]
    tests/validate-document "$work/out/result.json"
    is_empty "$disk"
}
