#!/bin/sh
# A small machine with disks of known faults, in qemu without acceleration: for what this host's kernel
# has no device mapper, no null_blk and no scsi_debug.
#     vm.sh image KERNEL-TREE PROGRAM SCRIPT OUT   OUT/vmlinuz and OUT/initrd: SCRIPT runs in it as root
#     vm.sh run OUT SECONDS                        boots it; prints its console
# KERNEL-TREE holds boot/vmlinuz-* and lib/modules/* of Debian's cloud kernel (scripts/lab-kernel).
# The script finds the program as "plimsoll", busybox's tools, and below /modules those of null_blk and
# scsi_debug, whose parameters it chooses; all others are loaded. Nothing is downloaded. VM_PROGRAMS and
# VM_MODULES name what it needs instead of the tools and modules of disks.
set -eu

fail() {
    printf 'vm: %s\n' "$1" >&2
    exit 3
}

# Copies a program and the libraries it asks for to the same paths below $root.
add_program() {
    for f in "$1" $(ldd "$1" | awk '/=> \// { print $3 } $1 ~ /^\// { print $1 }'); do
        [ -e "$root$f" ] || cp -L --parents "$f" "$root"
    done
}

# The module's file, from a list of all; nothing when it is built in.
module_file() {
    grep "/$(printf %s "$1" | tr _- '..')\.ko\$" "$out/modules" | head -n 1
}

# A module, after those it needs.
add_module() {
    # shellcheck disable=SC2046 # a list of names
    for need in $(grep -a -o -m 1 'depends=[a-zA-Z0-9_,-]*' "$(module_file "$1")" /dev/null |
        sed -n '1s/.*depends=//p' | tr , ' '); do
        add_module "$need"
    done
    name=$1.ko
    [ ! -e "$root/modules/$name" ] || return 0
    if cp "$(module_file "$1")" "$root/modules/$name" 2>/dev/null; then
        echo "$name" >>"$root/modules/order"
    fi
}

make_image() {
    kernel=$1 program=$2 script=$3 out=$4
    root=$out/root
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/real" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/mnt" "$root/modules"
    cp -L "$(command -v busybox)" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh"
    for p in ${VM_PROGRAMS:-mkfs.ext4 dmsetup}; do
        path=$(PATH=/usr/sbin:/sbin:$PATH command -v "$p") || fail "$p is missing"
        add_program "$path"
        ln -s "$path" "$root/real/$p"
    done
    add_program "$program"
    ln -s "$program" "$root/real/plimsoll"
    : >"$root/modules/order"
    find "$kernel/lib/modules" -name '*.ko' >"$out/modules"
    for m in ${VM_MODULES:-null_blk dm-delay dm-flakey sd_mod scsi_debug}; do add_module "$m"; done
    cp "$script" "$root/script"
    cat >"$root/init" <<'I'
#!/bin/sh
export PATH=/real:/bin HOME=/tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do
    case $m in null_blk.ko | scsi_debug.ko) ;; *) insmod "/modules/$m" ;; esac
done
sh /script 2>&1
poweroff -f
I
    chmod +x "$root/init"
    cp -L "$kernel"/boot/vmlinuz-* "$out/vmlinuz"
    (cd "$root" && find . | cpio --quiet -o -H newc) >"$out/initrd"
    rm -rf "$root" "$out/modules"
}

case ${1:-} in
image) make_image "$2" "$3" "$4" "$5" ;;
run)
    # The emulated counter runs with the host's, steadily and alike on all cores, which qemu 7 does not
    # say of itself (and warns of); without it the kernel keeps time by another clock.
    exec timeout --signal=KILL "$3" qemu-system-x86_64 -accel tcg -cpu max,+invtsc,x-force-features=on \
        -m 3072 -smp 2 -display none -monitor none -serial stdio -no-reboot -nic none \
        -kernel "$2/vmlinuz" -initrd "$2/initrd" \
        -append "console=ttyS0 quiet panic=-1 tsc=reliable" </dev/null
    ;;
*) fail 'usage: vm.sh image KERNEL-TREE PROGRAM SCRIPT OUT | vm.sh run OUT SECONDS' ;;
esac
