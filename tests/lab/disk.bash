# Shared by the disk labs: a directory of its own for each test, filesystems with known faults, on
# loop devices and behind throttles, and everything taken down again whatever happened.
load ../cli/house
source "$BATS_TEST_DIRNAME/throttle.sh"

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    command -v jq >/dev/null || skip "jq is missing"
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    disk=$work/disk
    mkdir "$disk" "$work/below"
    daemon='' run_pid='' loop='' cgroup='' controlled='' zram=''
}

# The fault filesystem is killed before it is unmounted: that answers what hangs in it with an error.
teardown() {
    if [ -n "$run_pid" ]; then kill -KILL "$run_pid" 2>/dev/null || true; fi
    if grep -q " $work/over " /proc/self/mounts; then umount -l "$work/over" || true; fi
    disk=$work/disk
    if [ -n "$loop" ]; then
        if mountpoint -q "$disk"; then umount "$disk" || umount -l "$disk" || true; fi
        losetup -d "$loop" || true
    fi
    if [ -n "$zram" ]; then
        if mountpoint -q "$disk"; then umount "$disk" || true; fi
        echo 1 >"$zram/reset" || true
    fi
    if [ -n "$daemon" ]; then kill -KILL "$daemon" 2>/dev/null || true; fi
    wait
    for m in "$disk" "$work/fuse" "$work/below"; do
        if grep -q " $m " /proc/self/mounts; then umount -l "$m" || true; fi
    done
    # What ran in it may still be ending.
    for _ in $(seq 100); do
        if [ -z "$cgroup" ] || rmdir "$cgroup" 2>/dev/null; then break; fi
        sleep 0.05
    done
    if [ -n "$controlled" ]; then echo -io >/sys/fs/cgroup/cgroup.subtree_control || true; fi
    rm -rf "$work"
}

need() {
    for t in "$@"; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
}

# [--buffered] RULE...: a filesystem with these faults on $disk, its bytes in memory. See faultfs.c.
fault() {
    fault_on "$disk" "$@"
}

fault_on() {
    fault_mount=$1
    shift
    [ -x "$LAB/faultfs" ] || skip "libfuse3's development files are missing"
    [ -e /dev/fuse ] || skip "/dev/fuse is missing"
    opts=()
    if [ "${1:-}" = --buffered ]; then opts+=("$1") && shift; fi
    mount -t tmpfs -o "size=${fault_size:-4g}" tmpfs "$work/below"
    "$LAB/faultfs" "${opts[@]}" --counts "$work/counts" "$work/below" "$fault_mount" "$@" \
        2>"$work/faultfs" 3>&- &
    daemon=$!
    for _ in $(seq 100); do
        if mountpoint -q "$fault_mount"; then return; fi
        sleep 0.05
    done
    cat "$work/faultfs"
    false
}

# Unmounts it; its counts are in $work/counts then.
fault_ends() {
    umount "$disk"
    wait "$daemon"
    daemon=
    cat "$work/counts"
}

# NAME COLUMN of the counts.
counted() {
    awk -v name="$1" -v column="$2" '$1 == name { print $column }' "$work/counts"
}

# SIZE MKFS-OPTION...: a fresh ext4 of that size on $disk, on a loop device. Its file lies in memory
# behind the FUSE filesystem, for which the program takes it for a disk: as fast at all times, and no
# neighbour of the host's own disk shows in it.
loop_disk() {
    need losetup mkfs.ext4
    mkdir "$work/fuse"
    fault_on "$work/fuse"
    truncate -s "$1" "$work/fuse/image"
    shift
    loop=$(losetup -f --show "$work/fuse/image") || skip "loop devices are missing"
    losetup --direct-io=on "$loop" 2>/dev/null || true
    mkfs.ext4 -q -F "$@" "$loop"
    mount "$loop" "$disk"
}

# SIZE: a fresh ext4 of that size on $disk, on zram that nobody uses; afterwards it is as it was.
zram_disk() {
    need mkfs.ext4
    [ -w /sys/block/zram0/disksize ] || skip "zram0 is missing, or not ours"
    [ "$(cat /sys/block/zram0/disksize)" -eq 0 ] || skip "zram0 is in use"
    echo "$1" >/sys/block/zram0/disksize || skip "zram0 takes no size"
    zram=/sys/block/zram0
    mkfs.ext4 -q -F -m 0 -O ^has_journal /dev/zram0
    mount /dev/zram0 "$disk"
}

# The probes named, a run of $budget; the document is in $work/doc.json. Fails only on a bad status.
measure() {
    status=0
    "$PLIMSOLL" measure --budget "${budget:-5s}" --dir "$disk" "$@" \
        >"$work/doc.json" 2>"$work/said" || status=$?
    cat "$work/said"
    jq -c '.measurements[] | {probe, status, reason, notes}' "$work/doc.json"
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
}

# A value of a measurement: PROBE FILTER.
of() {
    jq -r --arg probe "$1" ".measurements[] | select(.probe == \$probe) | $2" "$work/doc.json"
}

# METRIC STATISTIC in the base unit.
figure() {
    jq -r --arg id "$1" --arg name "$2" '[.measurements[].metrics[] | select(.id == $id)][0].statistics[]
        | select(.name == $name) | .value' "$work/doc.json"
}

# A host fact of the document.
fact() {
    jq -r --arg id "$1" '.host[$id].value // "none: \(.host[$id].reason)"' "$work/doc.json"
}

# Fails with the numbers when awk's EXPRESSION of them is false: EXPRESSION NAME=VALUE...
holds() {
    expression=$1
    shift
    echo "$expression: $*"
    for pair in "$@"; do set -- "$@" -v "$pair" && shift; done
    awk "$@" "BEGIN { exit !($expression) }"
}
