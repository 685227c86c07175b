#!/bin/sh
# Runs in the lab machine (vm.sh): the program looks for who takes the CPU; its documents go to the console
# between "begin NAME" and "end NAME". Before each comes "ready NAME", and a line from the host lets it go on.

# NAME PROBE OPTION...
measure() {
    name=$1
    shift
    echo "ready $name"
    read -r _
    status=0
    plimsoll measure -q "$@" --spin 100% --budget 10s --dir /tmp --out /tmp/doc.json || status=$?
    echo "done $name"
    echo "begin $name $status"
    cat /tmp/doc.json
    echo "end $name"
}

# What runs here for the first time is emulated slowly: a measurement that nobody looks at.
plimsoll measure -q noise.gap --budget 5s --dir /tmp >/dev/null || true
measure alone noise.gap
measure beside noise.gap
measure beside-stall noise.stall
grep '^cpu ' /proc/stat
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/lab
echo "50000 100000" >/sys/fs/cgroup/lab/cpu.max
(
    echo 0 >/sys/fs/cgroup/lab/cgroup.procs
    measure quota noise.gap
)
