# Shared by the labs of CPU noise: one CPU, thieves of known times (thief.c), control groups of version 1
# or 2, and everything taken down again whatever happened.
load ../cli/house

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    for t in jq python3 taskset; do command -v "$t" >/dev/null || skip "$t is missing"; done
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    disk=$work/disk
    mkdir "$disk"
    cpu=$(($(nproc) - 1))
    seed=${SEED:-$RANDOM}
    echo "seed $seed"
    run_pid='' thief_pid='' group='' controlled=''
}

teardown() {
    for p in $thief_pid $run_pid; do kill "$p" 2>/dev/null || true; done
    wait
    for _ in $(seq 100); do
        if [ -z "$group" ] || rmdir "$group" 2>/dev/null; then break; fi
        sleep 0.05
    done
    if [ -n "$controlled" ]; then echo "-$controlled" >/sys/fs/cgroup/cgroup.subtree_control || true; fi
    rm -rf "$work"
}

# CONTROLLER [FILE]: $group is a control group that has it, as FILE of version 2 shows where that is mounted.
control() {
    if [ -d "/sys/fs/cgroup/$1" ] && [ -e "/sys/fs/cgroup/$1/cgroup.procs" ]; then
        group=/sys/fs/cgroup/$1/plimsoll-noise-$$
    elif [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        if [ "$1" != freezer ] && ! grep -qw "$1" /sys/fs/cgroup/cgroup.subtree_control; then
            echo "+$1" >/sys/fs/cgroup/cgroup.subtree_control
            controlled=$1
        fi
        group=/sys/fs/cgroup/plimsoll-noise-$$
    else
        skip "control groups are missing"
    fi
    mkdir "$group"
}

# Half of one CPU, by 100 ms.
quota() {
    if [ -e "$group/cpu.max" ]; then
        echo "50000 100000" >"$group/cpu.max"
    else
        echo 100000 >"$group/cpu.cfs_period_us"
        echo 50000 >"$group/cpu.cfs_quota_us"
    fi
}

# PROBE: measures on that one CPU, in $group where there is one, and goes on.
begin() {
    probe=$1
    doc=$work/$1.json
    (
        if [ -n "$group" ]; then echo 0 >"$group/cgroup.procs"; fi
        exec taskset -c "$cpu" "$PLIMSOLL" measure -q "$1" --spin 100% --budget "${2:-12}s" --dir "$disk" --out "$doc"
    ) 3>&- &
    run_pid=$!
    sleep 1
}

# Every process of the run but the one that waits.
family() {
    pgrep -P "$run_pid"
}

# KIND LEAST_MS MOST_MS WORD...
thief() {
    log=$work/$probe-$1.log
    "$LAB/thief" "$1" "$seed" "${seconds:-12}" "$2" "$3" "${@:4}" >"$log" 3>&- &
    thief_pid=$!
}

end() {
    status=0
    wait "$run_pid" || status=$?
    echo "exit status $status"
    kill "$thief_pid" 2>/dev/null || true
    wait "$thief_pid" || true
    run_pid='' thief_pid=''
    m=$(jq '.measurements[0]' "$doc")
    jq -c '{probe, status, reason, notes}' <<<"$m"
    jq -r '.metrics[] | "\(.id) \(.statistics | map("\(.name) \(.value)") | join(", "))"' <<<"$m"
}

# RIGHT LABEL: the episodes of the log beside the events, kept for the table.
compare() {
    row=$work/row
    python3 tests/lab/episodes.py compare "$log" "$doc" "$probe" "$1" "$2, $probe" >"$row"
    cat "$row" >>"$BATS_FILE_TMPDIR/rows"
    python3 tests/lab/episodes.py table "$row"
    jq -c '{causes}' "$row"
}

# FILTER: of the row.
row_says() {
    jq -e "$1" "$row" >/dev/null || { echo "not so: $1"; false; }
}

figure() {
    jq -r --arg id "$1" --arg name "${2:-value}" \
        '.metrics[] | select(.id == $id) | .statistics[] | select(.name == $name) | .value' <<<"$m"
}

between() {
    echo "$2 <= $1 <= $3"
    jq -ne "$2 <= $1 and $1 <= $3" >/dev/null
}
