# shellcheck shell=sh
# Limits by the kernel's control groups, of version 1 or 2, for the labs on this host and in the lab
# machine (vm.sh). Sourced; undone by whoever sources it.

# NAME: $cgroup is a group that can limit disks; $controlled says that version 2 was told to control I/O
# for it. 1 where the kernel's control groups limit no disk.
throttle_group() {
    controlled=''
    if [ -e /sys/fs/cgroup/blkio/blkio.throttle.read_iops_device ]; then
        cgroup=/sys/fs/cgroup/blkio/$1
    elif grep -qw io /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
        cgroup=/sys/fs/cgroup/$1
        if ! grep -qw io /sys/fs/cgroup/cgroup.subtree_control; then
            echo +io >/sys/fs/cgroup/cgroup.subtree_control
            # shellcheck disable=SC2034 # for whoever takes it down
            controlled=yes
        fi
    else
        return 1
    fi
    mkdir -p "$cgroup"
}

# MAJOR:MINOR RATE: from now on what is in $cgroup reads and writes that disk at most so often a second
# each; 0: as it can.
throttle_limit() {
    if [ -e "$cgroup/io.max" ]; then
        rate=$2
        if [ "$rate" -eq 0 ]; then rate=max; fi
        echo "$1 riops=$rate wiops=$rate" >"$cgroup/io.max"
    else
        for what in read write; do echo "$1 $2" >"$cgroup/blkio.throttle.${what}_iops_device"; done
    fi
}
