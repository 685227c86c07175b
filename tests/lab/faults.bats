#!/usr/bin/env bats
# Disks with known faults, by a filesystem that makes them (faultfs.c): what the probes say of a delay,
# of an error, of a full or read-only filesystem, of no answer at all, and that the rest of the run
# goes on. Needs root.
bats_require_minimum_version 1.5.0
load disk

# A daemon that is held up adds delays of its own to those that are ordered.
BATS_TEST_RETRIES=1

# A failure that tells the path, the offset and the error: PROBE DID ERROR.
failed() {
    echo "wanted of $1: $2 ... $3"
    [ "$(of "$1" .status)" = failed ]
    [[ $(of "$1" .reason) =~ $2\ at\ offset\ [0-9]+\ of\ .*$3 ]]
    [[ $(of "$1" .reason) == *"'$disk'"* ]]
}

measured() {
    for p in "$@"; do [ "$(of "$p" .status)" = measured ]; done
}

# Random reads and writes in a small file, to leave the time to measuring.
small=(--set disk.read.file=64MiB --set disk.write.file=64MiB)

@test "known delays: every 150th sync and every 20th read 5 ms late, in the tails and not in p50" {
    fault sync:every:150:delay:5000 read:every:20:delay:5000
    budget=8s measure disk.wal disk.read "${small[@]}"
    fault_ends
    measured disk.wal disk.read
    holds 'p50 < 4e6 && late >= 5e6 && most >= late' "p50=$(figure disk.wal p50)" \
        "late=$(figure disk.wal p99.9)" "most=$(figure disk.wal max)"
    holds 'p50 < 4e6 && p99 >= 5e6' "p50=$(figure disk.read.qd1 p50)" "p99=$(figure disk.read.qd1 p99)"
    # Both happened as often as ordered, and the log alone had nearly all of the syncs.
    holds 'delays >= n / 150 && delays == int(all / 150)' "delays=$(awk '/^rule 1 /{ print $3 }' "$work/counts")" \
        "n=$(of disk.wal '.metrics[] | select(.id == "disk.wal") | .n')" "all=$(counted syncs 2)"
}

@test "one write and one read that fail: path, offset and errno, and the other probes go on" {
    fault write:at:300:error:5 read:at:2000:error:5
    budget=8s measure disk.wal disk.read disk.write "${small[@]}" --set disk.read.engine=uring
    [ "$status" -eq 3 ]
    failed disk.wal 'write 2300 bytes' 'Input/output error'
    failed disk.read 'read 4096 bytes' 'Input/output error'
    measured disk.write
    is_empty "$disk"
    fault_ends
    [ "$(grep -c '^rule . 1$' "$work/counts")" -eq 2 ]
}

# Among the first reads are those by which it tries and compares engines.
@test "a read that fails early is the disk's failure, not an engine's" {
    fault read:at:1000:error:5
    measure disk.read "${small[@]}"
    failed disk.read 'read 4096 bytes' 'Input/output error'
}

@test "one sync that fails, and the other probes go on" {
    fault sync:at:300:error:5
    measure disk.wal disk.read "${small[@]}"
    [ "$status" -eq 3 ]
    failed disk.wal fdatasync 'Input/output error'
    measured disk.read
    is_empty "$disk"
}

@test "a log goes on after short writes" {
    fault write:every:50:short:1000
    measure disk.wal
    measured disk.wal
    fault_ends
    # Each was finished by one write more, and no byte was counted twice.
    [ "$(of disk.wal .written_bytes)" -eq "$(counted writes 3)" ]
    [ "$(awk '/^rule 1 /{ print $3 }' "$work/counts")" -gt 10 ]
}

# Asked one at a time: of a short write in flight beside others the kernel makes an error itself.
@test "random I/O that is short is a failure: it says how many bytes went" {
    fault write:from:1500:short:512 read:from:1500:short:1024
    measure disk.read disk.write "${small[@]}" --set disk.read.engine=sync --set disk.write.engine=sync
    for p in "read 1024" "write 512"; do
        set -- $p
        [ "$(of "disk.$1" .status)" = failed ]
        [[ $(of "disk.$1" .reason) == "$1 4096 bytes at offset "*"'$disk': only $2 bytes went" ]]
    done
}

@test "a filesystem that is full in the middle: the reason says so, what was measured stands" {
    fault write:past:100000000:error:28
    budget=6s measure disk.read disk.write "${small[@]}"
    [ "$status" -eq 3 ]
    measured disk.read
    failed disk.write 'write [0-9]+ bytes' 'No space left on device'
    is_empty "$disk"
    fault_ends
    holds 'written > 67108864 && written <= 100000000' "written=$(counted writes 3)"
}

@test "a filesystem that turns read-only in the middle" {
    fault change:from:2000:error:30
    measure disk.wal disk.read noise.stall "${small[@]}"
    [ "$status" -eq 3 ]
    failed disk.wal 'write 2300 bytes' 'Read-only file system'
    [ "$(of disk.read .status)" = failed ]
    [[ $(of disk.read .reason) == *"Read-only file system"* ]]
    measured noise.stall
    # What cannot be removed is said, not hidden.
    [[ $(of disk.wal '.notes | join(" ")') == *"could not be removed"*"Read-only file system"* ]]
}

# Runs it with a time limit that only a tool that hangs would reach; $took_s is how long it was.
measure_within() {
    limit_s=$1
    shift
    began=$(date +%s)
    status=0
    timeout --signal=KILL "$limit_s" "$PLIMSOLL" measure --budget "${budget:-5s}" --dir "$disk" "$@" \
        >"$work/doc.json" 2>"$work/said" 3>&- || status=$?
    took_s=$(($(date +%s) - began))
    echo "status $status after $took_s s"
    cat "$work/said"
    jq -c '.measurements[] | {probe, status, reason, notes}' "$work/doc.json"
    [ "$status" -eq 3 ]
}

# Answers what hangs with an error, as the kernel's own switch does; nothing of ours runs on.
fault_aborts() {
    number=$(awk -v m="$disk" '$5 == m { split($3, dev, ":"); print dev[2] }' /proc/self/mountinfo)
    mkdir "$work/control"
    mount -t fusectl fusectl "$work/control"
    echo 1 >"$work/control/$number/abort"
    umount "$work/control"
    for _ in $(seq 100); do
        pgrep -f "plimsoll measure .*--dir $disk" >/dev/null || return 0
        sleep 0.05
    done
    pgrep -af "plimsoll measure .*--dir $disk"
    false
}

# Beyond its slot a probe is given 10 s, then it is told to stop and killed: 13 s in all, and as much
# again for a machine that is busy.
@test "a sync that is never answered: ended by its deadline, and the rest of the run goes on" {
    fault sync:at:500:hang
    budget=5s measure_within 90 disk.wal disk.read noise.stall "${small[@]}"
    [ "$took_s" -le 31 ]
    [ "$(of disk.wal .status)" = failed ]
    # What comes after it has the least time, and says why.
    [[ $(of disk.read '.notes | join(" ")') == *"It had 0.5 s and not the "*" s planned: what was measured before took longer"* ]]
    if [ "$(of disk.read .status)" = failed ]; then
        [[ $(of disk.read .reason) == "the time of the run ran out before its turn, and 0.5 s of "* ]]
    fi
    [[ $(of disk.wal .reason) =~ did\ not\ answer\ for\ [0-9]+\ s.*\ process\ ([0-9]+)\ is\ left\ behind ]]
    # The child that the kernel keeps holds no pipe open that somebody reads to its end.
    for fd in 0 1 2; do
        [ "$(readlink "/proc/${BASH_REMATCH[1]}/fd/$fd")" = /dev/null ]
    done
    measured noise.stall
    fault_aborts
}

@test "a read that is never answered: ended by its deadline" {
    fault read:at:1000:hang
    budget=5s measure_within 90 disk.read noise.stall "${small[@]}"
    [ "$took_s" -le 31 ]
    [ "$(of disk.read .status)" = failed ]
    [[ $(of disk.read .reason) =~ did\ not\ answer\ for\ [0-9.]+\ s ]]
    measured noise.stall
    fault_aborts
}

@test "interrupted while the disk does not answer, it still ends at once" {
    fault sync:from:200:hang
    "$PLIMSOLL" measure disk.wal --budget 30s --dir "$disk" >"$work/doc.json" 2>/dev/null 3>&- &
    run_pid=$!
    sleep 2
    began=$(date +%s)
    kill -INT "$run_pid"
    status=0
    wait "$run_pid" || status=$?
    run_pid=
    took_s=$(($(date +%s) - began))
    echo "status $status after $took_s s"
    [ "$status" -eq 130 ]
    [ "$took_s" -le 15 ]
    jq -e '.run.interrupted and .measurements[0].status == "failed"' "$work/doc.json"
    fault_aborts
}

@test "the bytes of every probe are those that reached the disk, and no more than announced" {
    fault
    budget=8s measure disk.wal disk.read disk.write "${small[@]}"
    measured disk.wal disk.read disk.write
    fault_ends
    [ "$(jq '[.measurements[].written_bytes] | add' "$work/doc.json")" -eq "$(counted writes 3)" ]
    announced=$(sed -n 's/.*writes at most \([0-9.]* [KMGT]*i*B\) in all.*/\1/p' "$work/said" |
        awk '{ split("B KiB MiB GiB", u); for (i = 1; u[i] != $2; i++) f = 1024 ^ i; print $1 * f }')
    # The announcement is rounded to three digits.
    holds 'announced > 0 && written <= announced * 1.005' "announced=$announced" "written=$(counted writes 3)"
}

@test "without direct I/O what is written is the same" {
    fault --buffered
    measure disk.wal
    measured disk.wal
    fault_ends
    [ "$(of disk.wal .written_bytes)" -eq "$(counted writes 3)" ]
}
