#!/usr/bin/env bats
# Real filesystems on loop devices, at their limits: full, failing, throttled to known rates, on targets
# where io_uring needs worker threads. Needs root.
bats_require_minimum_version 1.5.0
load disk

# Rates and seconds are those of the disk only while nothing else holds the CPUs.
BATS_TEST_RETRIES=2

# Bytes that a filesystem has free for root.
free_bytes() {
    stat -f -c '%a %S' "$1" | awk '{ printf "%.0f", $1 * $2 }'
}

@test "10 % and 1 GiB of the filesystem stay free, whatever is asked for" {
    loop_disk 1500M -m 0
    # 100 MiB more than what stays free: a file of 1 GiB is asked for, half of that may be taken.
    total=$(stat -f -c '%b %S' "$disk" | awk '{ printf "%.0f", $1 * $2 }')
    fallocate -l "$(($(free_bytes "$disk") - (1 << 30) - (100 << 20)))" "$disk/ballast"
    budget=7s measure disk.read disk.write --set disk.read.file=1GiB --set disk.write.file=1GiB 3>&- &
    run_pid=$!
    least=$total
    while kill -0 "$run_pid" 2>/dev/null; do
        now=$(free_bytes "$disk")
        if [ "$now" -lt "$least" ]; then least=$now; fi
        sleep 0.05
    done
    wait "$run_pid"
    run_pid=
    cat "$work/said"
    [ "$(of disk.read .status)" = measured ]
    holds 'least >= 2 ^ 30 && least >= total / 10 && used > 16 * 2 ^ 20' "least=$least" "total=$total" \
        "used=$(of disk.read .parameters.file_used)"
}

@test "a filesystem that has no more than that free is refused with the numbers" {
    loop_disk 1300M -m 0
    fallocate -l "$(($(free_bytes "$disk") - (1 << 30) - (20 << 20)))" "$disk/ballast"
    measure disk.wal disk.read
    for p in disk.wal disk.read; do
        [ "$(of "$p" .status)" = skipped ]
        [[ $(of "$p" .reason) == *"10 % and 1 GiB stay free"*"are needed"* ]]
    done
}

# What another program does to the disk while $probe is measured, a second after it began to write.
meanwhile() {
    "$PLIMSOLL" measure --budget 6s --dir "$disk" "$1" "${@:2}" >"$work/doc.json" 2>"$work/said" 3>&- &
    run_pid=$!
    for _ in $(seq 100); do
        if [ -n "$(find "$disk" -name '.plimsoll-*')" ]; then break; fi
        sleep 0.05
    done
    sleep 1
    happens || true
    status=0
    wait "$run_pid" || status=$?
    run_pid=
    cat "$work/said"
    jq -c '.measurements[] | {probe, status, reason, notes}' "$work/doc.json"
}

@test "a filesystem that another fills in the middle: what has its space goes on, the next says so" {
    loop_disk 1500M -m 0
    happens() { fallocate -l "$(free_bytes "$disk")" "$disk/other"; }
    meanwhile disk.wal disk.read --set disk.read.file=256MiB
    [ "$status" -eq 3 ]
    # The logs that allocate as they go are stopped; the one of etcd has its segment, and goes on.
    [ "$(of disk.wal .status)" = measured ]
    [[ $(of disk.wal '.notes | join(" ")') == *"There was no space for more of the log of "*"No space left on device"* ]]
    [ "$(of disk.wal '.metrics[] | select(.id == "disk.wal") | .n')" -gt 0 ]
    [ "$(of disk.read .status)" = failed ]
    [[ $(of disk.read .reason) == *"No space left on device" ]]
    rm "$disk/other"
    rmdir "$disk/lost+found"
    is_empty "$disk"
}

@test "a filesystem that turns read-only in the middle, as ext4 does after an error" {
    loop_disk 1500M -m 0
    mount -o remount,errors=remount-ro "$disk"
    trigger=/sys/fs/ext4/${loop#/dev/}/trigger_fs_error
    [ -e "$trigger" ] || skip "ext4's trigger_fs_error is missing"
    happens() { echo "the lab's own" >"$trigger"; }
    meanwhile disk.wal --set disk.wal.segment=1MiB noise.stall
    [ "$status" -eq 3 ]
    run ! touch "$disk/another"
    [[ $output == *"Read-only file system" ]]
    [ "$(of disk.wal .status)" = failed ]
    [[ $(of disk.wal .reason) == *"'$disk': "*" log"*": Input/output error" || \
        $(of disk.wal .reason) == *"'$disk': "*" log"*": Read-only file system" ]]
    [ "$(of noise.stall .status)" = measured ]
}

# Bytes written to the loop device, as the block layer counted them.
loop_written() {
    awk '{ printf "%.0f", $7 * 512 }' "/sys/block/${loop#/dev/}/stat"
}

@test "the bytes that random writes report are those that reached the device" {
    loop_disk 3G -m 0 -O ^has_journal -E lazy_itable_init=0
    sync -f "$disk"
    before=$(loop_written)
    measure disk.write --set disk.write.file=64MiB
    [ "$(of disk.write .status)" = measured ]
    sync -f "$disk"
    reached=$(($(loop_written) - before))
    # The filesystem's own records come on top: directories, inodes, bitmaps.
    holds 'reached >= written && reached <= written + 4 * 2 ^ 20' "reached=$reached" \
        "written=$(of disk.write .written_bytes)"
}

# RATE: from now on; 0: as it can.
limit() {
    throttle_limit "$number" "$1"
}

# RATE: the program runs under that limit, until the test ends.
throttle() {
    number=$(lsblk -dno MAJ:MIN "$loop" | tr -d ' ')
    throttle_group "plimsoll-lab-$$" || skip "the control groups of this kernel throttle no disk"
    limit "$1"
    printf '#!/bin/sh\necho $$ >%s/cgroup.procs\nexec %s "$@"\n' "$cgroup" "$PLIMSOLL" >"$work/throttled"
    chmod +x "$work/throttled"
    PLIMSOLL=$work/throttled
}

# The rates of a run are drawn from this; set LAB_SEED to have the same again.
draw_rates() {
    seed=${LAB_SEED:-$(($(date +%s) % 1000000))}
    echo "LAB_SEED=$seed"
    RANDOM=$seed
    odd=$((700 + RANDOM % 1300)) odder=$((2100 + RANDOM % 2900))
}

# What disk.read found at each depth, for whoever reads of a failure.
curve() {
    of disk.read '.metrics[] | select(.id | test("^disk.read.(qd[0-9]+|knee).iops$"))
        | "\(.id) \([.blocks[].value | round])"'
}

# A run at that rate: class and cap as given, within 3 %.
limited() {
    loop_disk 3G -m 0
    throttle "$1"
    budget=15s measure disk.class
    curve
    echo "class $(fact disk.class), cap $(fact disk.class.cap), throttled to $1"
    [ "$(fact disk.class)" = rate-limited ]
    holds 'cap >= rate * 0.97 && cap <= rate * 1.03' "cap=$(fact disk.class.cap)" "rate=$1"
}

@test "a disk throttled to a round rate is rate-limited at that rate within 3 %" {
    limited 3000
}

@test "a disk throttled to an odd rate is rate-limited at that rate within 3 %" {
    draw_rates
    limited "$odd"
}

@test "a disk throttled to another odd rate is rate-limited at that rate within 3 %" {
    draw_rates
    limited "$odder"
}

# FROM TO: the limit is another after 10 s of steady writes or so; disk.burst says when and from what to what.
changes() {
    throttle "$1"
    began_ns=$(date +%s%N)
    "$PLIMSOLL" measure disk.burst --budget 25s --dir "$disk" >"$work/doc.json" 2>"$work/said" 3>&- &
    run_pid=$!
    sleep 14
    limit "$2"
    changed_ns=$(($(date +%s%N) - began_ns))
    wait "$run_pid"
    run_pid=
    cat "$work/said"
    jq -c '.measurements[] | {probe, status, reason, notes, events}' "$work/doc.json"
    echo "a second each: $(of disk.burst '.metrics[] | select(.id == "disk.burst.iops") | [.blocks[].value | round] | @text')"
    # A block is a second, and the run's own clock began a little after the program.
    holds 'at >= changed - 1.5e9 && at <= changed + 1.1e9' "at=$(of disk.burst '.events[0].at_ns')" \
        "changed=$changed_ns"
}

@test "a limit imposed in the middle: its second, and the level after it" {
    loop_disk 3G -m 0
    draw_rates
    changes 0 "$odd"
    holds 'after >= rate * 0.97 && after <= rate * 1.03 && before > after' "rate=$odd" \
        "before=$(figure disk.burst.before value)" "after=$(figure disk.burst.after value)"
}

@test "a limit lifted in the middle: its second, and the level before it" {
    loop_disk 3G -m 0
    draw_rates
    changes "$odd" 0
    holds 'before >= rate * 0.97 && before <= rate * 1.03 && after > before' "rate=$odd" \
        "before=$(figure disk.burst.before value)" "after=$(figure disk.burst.after value)"
}

# overlayfs answers nothing without blocking, so io_uring hands every request on.
@test "a target for which io_uring needs kernel workers: they are found, and the engines are compared" {
    loop_disk 3G -m 0
    mkdir "$disk/lower" "$disk/upper" "$disk/work" "$work/over"
    mount -t overlay -o "lowerdir=$disk/lower,upperdir=$disk/upper,workdir=$disk/work" overlay "$work/over" ||
        skip "overlayfs is missing"
    below=$disk disk=$work/over
    measure disk.read --set disk.read.file=64MiB --set disk.read.engine=uring
    as_asked=$(of disk.read '.notes | join(" ")')
    measure disk.read --set disk.read.file=64MiB
    umount "$work/over"
    disk=$below
    [[ $as_asked == *"io_uring"*"as asked"* ]]
    [[ $as_asked =~ hand\ requests\ to\ kernel\ worker\ threads\ \([1-9][0-9]*\ iou-wrk\ threads,\ [0-9.]+\ s\ of\ CPU\) ]]
    [[ $(of disk.read '.notes | join(" ")') =~ an\ I/O\ takes\ .*\ against\ .*\ at\ depth\ 1, ]]
    case $(of disk.read .parameters.engine_used) in
    uring) [[ $(of disk.read '.notes | join(" ")') == *"is not clearly faster here"*"kernel worker threads"* ]] ;;
    *) [[ $(of disk.read '.notes | join(" ")') == *", because io_uring "*" here: an I/O takes "* ]] ;;
    esac
}

# zram itself answers nothing without blocking either (a file on it does, for a filesystem does not ask).
# It is memory, which the program refuses to measure, so its engines are compared by engines.c.
@test "zram: io_uring's kernel workers are found, and the faster engine is taken with the reason" {
    zram_disk 2G
    measure disk.read
    [ "$(of disk.read .status)" = skipped ]
    [[ $(of disk.read .reason) == *"zram0, which answers from memory"* ]]
    head -c 256M /dev/urandom >"$disk/file"
    umount "$disk"
    "$LAB/engines" /dev/zram0 >"$work/race"
    cat "$work/race"
    { read -r taken && read -r workers && read -r why; } <"$work/race"
    [ "$workers" = workers ]
    [[ $why =~ an\ I/O\ takes\ ([0-9.]+)\ us\ against\ ([0-9.]+)\ us\ at\ depth\ 1,\ [0-9.]+\ us\ against\ [0-9.]+\ us\ at\ depth\ 32$ ]]
    # The one that is taken comes second in the sentence, and is the faster one at depth 1; but
    # where the other depth says otherwise io_uring stays, with the figures of both.
    case $taken in
    aio)
        holds 'loser > winner' "loser=${BASH_REMATCH[1]}" "winner=${BASH_REMATCH[2]}"
        [[ $why == "libaio, because io_uring hands requests to kernel workers here: "* ]]
        ;;
    uring) [[ $why == *"for libaio is not clearly faster here: "* ]] ;;
    *) false ;;
    esac
}
