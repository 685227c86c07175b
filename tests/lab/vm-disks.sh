#!/bin/sh
# Runs in the lab machine (vm.sh): the program measures disks of known behaviour, one after the other;
# its documents go to the console between "begin NAME" and "end NAME".

export DM_DISABLE_UDEV=1 # nobody else makes the names of its devices

# NAME DEVICE: a filesystem without a journal, so that one error of the disk stays one error.
disk() {
    mkfs.ext4 -q -m 0 -O ^has_journal -E lazy_itable_init=1 "$2"
    mkdir -p "/mnt/$1"
    mount "$2" "/mnt/$1"
}

# NAME PROBE... OPTION...
measure() {
    name=$1
    shift
    status=0
    plimsoll measure -q "$@" --set disk.read.file=16MiB --dir "/mnt/$name" >/tmp/doc.json || status=$?
    echo "begin $name $status"
    cat /tmp/doc.json
    echo "end $name"
}

# Sectors of a device.
sectors() {
    cat "/sys/block/$1/size"
}

# Each answers every request 2 ms later, by a timer; one that is polled would be asked before it.
insmod /modules/null_blk.ko nr_devices=4 gb=4 memory_backed=1 irqmode=2 completion_nsec=2000000 poll_queues=0

disk null_blk /dev/nullb0
measure null_blk disk.read --budget 8s

# By its behaviour it is no flash, whatever its driver says.
plimsoll measure -q disk.class --budget 12s --dir /mnt/null_blk >/tmp/doc.json
echo "begin class $?"
cat /tmp/doc.json
echo "end class"

echo "0 $(sectors nullb1) delay /dev/nullb1 0 5" | dmsetup create slow
disk dm-delay /dev/mapper/slow
measure dm-delay disk.read --budget 8s

# Right at first; once the program has begun to write every write is an error.
whole="0 $(sectors nullb2) flakey /dev/nullb2 0"
echo "$whole 60 0" | dmsetup create frail
disk dm-flakey /dev/mapper/frail
(
    until [ -n "$(find /mnt/dm-flakey -name '.plimsoll-*')" ]; do sleep 0.1; done
    sleep 1
    dmsetup suspend --nolockfs frail
    echo "$whole 0 60 1 error_writes" | dmsetup load frail
    dmsetup resume frail
) &
measure dm-flakey disk.wal noise.stall --budget 9s
dmsetup suspend --nolockfs frail
echo "$whole 60 0" | dmsetup load frail
dmsetup resume frail

# It acknowledges every write, and after a while keeps none: only reading back tells.
whole="0 $(sectors nullb3) flakey /dev/nullb3 0"
echo "$whole 60 0" | dmsetup create faithless
disk dropping /dev/mapper/faithless
(
    until [ -n "$(find /mnt/dropping -name '.plimsoll-*')" ]; do sleep 0.1; done
    sleep 4
    dmsetup suspend --nolockfs faithless
    echo "$whole 0 60 1 drop_writes" | dmsetup load faithless
    dmsetup resume faithless
) &
measure dropping disk.flush --budget 12s

insmod /modules/scsi_debug.ko dev_size_mb=1200 ndelay=3000000 max_queue=32
for _ in 1 2 3 4 5 6 7 8 9 10; do
    if [ -b /dev/sda ]; then break; fi
    sleep 0.2
done
disk scsi_debug /dev/sda
measure scsi_debug disk.read --budget 8s
