#!/bin/sh
# Runs in the lab machine (vm.sh), after throttle.sh: the program measures disks of known behaviour, one
# after the other; its documents go to the console between "begin NAME" and "end NAME".

export DM_DISABLE_UDEV=1 # nobody else makes the names of its devices

# NAME DEVICE: a filesystem without a journal, so that one error of the disk stays one error.
disk() {
    mkfs.ext4 -q -m 0 -O ^has_journal -E lazy_itable_init=1 "$2"
    mkdir -p "/mnt/$1"
    mount "$2" "/mnt/$1"
}

# NAME DISK PROBE... OPTION...: small files, for these disks are slow.
measure() {
    name=$1
    dir=/mnt/$2
    shift 2
    status=0
    plimsoll measure -q "$@" --set disk.read.file=16MiB --set disk.write.file=16MiB \
        --set disk.stream.file=16MiB --dir "$dir" >/tmp/doc.json || status=$?
    echo "begin $name $status"
    cat /tmp/doc.json
    echo "end $name"
}

# Sectors of a device.
sectors() {
    cat "/sys/block/$1/size"
}

# N ATTRIBUTE=VALUE...: /dev/nullbN of 4 GiB, its bytes in memory.
null_disk() {
    row=/sys/kernel/config/nullb/nullb$1
    shift
    mkdir "$row"
    for pair in size=4096 memory_backed=1 poll_queues=0 "$@"; do echo "${pair#*=}" >"$row/${pair%%=*}"; done
    echo 1 >"$row/power"
}

# N ATTRIBUTE=VALUE...: it answers every request 2 ms later, by a timer.
late_disk() {
    null_disk "$@" irqmode=2 completion_nsec=2000000
}

clock=/sys/devices/system/clocksource/clocksource0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    if grep -q tsc "$clock/current_clocksource"; then break; fi
    sleep 0.5 # the kernel refines the counter's rate for a second
done
echo "clocks: $(cat "$clock/available_clocksource"), now $(cat "$clock/current_clocksource")"

insmod /modules/null_blk.ko nr_devices=0 poll_queues=1 # no device has more poll queues than that
mount -t configfs configfs /sys/kernel/config
late_disk 0
disk null_blk /dev/nullb0
# What runs here for the first time is emulated slowly: a measurement that nobody looks at.
plimsoll measure -q disk.read --budget 5s --set disk.read.file=16MiB --dir /mnt/null_blk >/dev/null || true
measure null_blk null_blk disk.class --budget 16s

# Another clock, of other hardware.
echo hpet >"$clock/current_clocksource"
measure hpet null_blk disk.read --budget 5s
echo tsc >"$clock/current_clocksource"

# What is polled has its answer when it is asked for, before the timer.
late_disk 1 poll_queues=1
disk polled /dev/nullb1
measure polled polled disk.read --budget 6s
measure interrupted polled disk.read --budget 5s --set disk.read.no-polling=yes

# As fast as the machine, but for the limit: the control groups of version 2.
null_disk 2 irqmode=0
disk limited /dev/nullb2
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cgroup='' # as throttle_group finds it
throttle_group lab
throttle_limit "$(cat /sys/block/nullb2/dev)" 1370
echo "io.max: $(cat "$cgroup/io.max")"
(
    echo 0 >"$cgroup/cgroup.procs"
    measure limited limited disk.class --budget 20s
)

late_disk 3
echo "0 $(sectors nullb3) delay /dev/nullb3 0 5" | dmsetup create slow
disk dm-delay /dev/mapper/slow
measure dm-delay dm-delay disk.class --budget 20s

# Right at first; once the program has begun to write every write is an error.
late_disk 4
whole="0 $(sectors nullb4) flakey /dev/nullb4 0"
echo "$whole 60 0" | dmsetup create frail
disk dm-flakey /dev/mapper/frail
(
    until [ -n "$(find /mnt/dm-flakey -name '.plimsoll-*')" ]; do sleep 0.1; done
    sleep 1
    dmsetup suspend --nolockfs frail
    echo "$whole 0 60 1 error_writes" | dmsetup load frail
    dmsetup resume frail
) &
measure dm-flakey dm-flakey disk.wal noise.stall --budget 9s
dmsetup suspend --nolockfs frail
echo "$whole 60 0" | dmsetup load frail
dmsetup resume frail

# It acknowledges every write, and after a while keeps none: only reading back tells.
late_disk 5
whole="0 $(sectors nullb5) flakey /dev/nullb5 0"
echo "$whole 60 0" | dmsetup create faithless
disk dropping /dev/mapper/faithless
(
    until [ -n "$(find /mnt/dropping -name '.plimsoll-*')" ]; do sleep 0.1; done
    sleep 4
    dmsetup suspend --nolockfs faithless
    echo "$whole 0 60 1 drop_writes" | dmsetup load faithless
    dmsetup resume faithless
) &
measure dropping dropping disk.flush --budget 12s

insmod /modules/scsi_debug.ko dev_size_mb=1200 ndelay=3000000 max_queue=32
for _ in 1 2 3 4 5 6 7 8 9 10; do
    if [ -b /dev/sda ]; then break; fi
    sleep 0.2
done
disk scsi_debug /dev/sda
measure scsi_debug scsi_debug disk.class --budget 20s

# One command at a time, each for 0 to 16 ms at random.
echo 1 >/sys/block/sda/device/queue_depth
echo 16000000 >/sys/bus/pseudo/drivers/scsi_debug/ndelay
echo 1 >/sys/bus/pseudo/drivers/scsi_debug/random
measure one-arm scsi_debug disk.class --budget 20s
