#!/bin/bash
# Unpacking images beside the peers that Debian packages: containerd, umoci, tar with each decoder,
# bsdtar, and skopeo, which checks and copies without unpacking. The same image, alternating rounds,
# each on a fresh ext4 on a loop device (root), the blobs in the page cache. Prints seconds, MB/s,
# CPU seconds and ratios, and tables in Markdown.
# Usage: tests/versus/image.sh [BUILD]
#   VERSUS_DIR     where the loop device's file lies (default /var/tmp)
#   VERSUS_ROUNDS  of each contender on each image (default 5)
#   VERSUS_IMAGES  of: reference reference-zstd real (default all; real is made of this host's /usr)
#   VERSUS_IMAGE   an OCI image layout (directory) of one's own, compared too
#   VERSUS_FS      ext4, xfs or tmpfs (default ext4)
# shellcheck disable=SC2317 # functions are called through names put together
set -u
build=${1:-build/release}
rounds=${VERSUS_ROUNDS:-5}
images=${VERSUS_IMAGES:-reference reference-zstd real}
fs=${VERSUS_FS:-ext4}
here=$(dirname "$0")
ours=$build/tests/versus/image_ours
layers=$build/tests/lab/layers

for tool in jq python3 losetup; do
    command -v $tool >/dev/null || { echo "$tool is needed; images are not compared"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "root is needed for owners and a loop device; images are not compared"; exit 0; }
dir=$(mktemp -d "${VERSUS_DIR:-/var/tmp}/versus.XXXXXX") || exit 3
disk=$dir/disk
loop=
drop_disk() {
    if mountpoint -q "$disk"; then umount "$disk"; fi
    [ -z "$loop" ] || losetup -d "$loop"
    loop=
}
trap 'drop_disk; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
mkdir "$disk"

# Empty each time: nothing is timed in what another left.
fresh_disk() {
    drop_disk
    if [ "$fs" = tmpfs ]; then
        mount -t tmpfs -o size=12g tmpfs "$disk"
        return
    fi
    rm -f "$dir/backing"
    truncate -s 12G "$dir/backing"
    "mkfs.$fs" -q "$dir/backing" && loop=$(losetup -f --show "$dir/backing") &&
        { losetup --direct-io=on "$loop" || true; } && mount "$loop" "$disk"
}

# Blobs of a layout's only image, in order.
blobs() {
    local manifest
    manifest=$(jq -r '.manifests[0].digest' "$1/index.json")
    jq -r '.layers[].digest' "$1/blobs/${manifest/://}" | sed "s|^\(.*\):|$1/blobs/\1/|"
}

# "WALL_S CPU_S", of the command and all its children.
clocked() {
    python3 -c '
import os, subprocess, sys, time
began = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
status, used = os.wait4(child.pid, 0)[1:]
if status:
    sys.exit("%s ended with status %d" % (sys.argv[1], status))
print("%.3f %.3f" % (time.monotonic() - began, used.ru_utime + used.ru_stime))' "$@"
}

# Every layer into a directory of its own by this decoder and tar.
by_tar() {
    local decoder=$1 n=0 blob
    while read -r blob; do
        mkdir "$disk/$((n += 1))"
        $decoder "$blob" | tar -x -p --numeric-owner --xattrs --xattrs-include='*' -C "$disk/$n"
    done
}

timed_tar() {
    export -f by_tar
    export disk
    blobs "$2" >"$dir/blobs"
    # shellcheck disable=SC2016 # expanded by the inner shell
    clocked bash -c 'by_tar "$1" <"$2"' _ "$1" "$dir/blobs"
}

run_limit() { "$ours" limit "$1" "$disk" | awk '{ print $1, $2 }'; }
run_runtime() { "$ours" runtime "$1" "$disk" | awk '{ print $1, $2 }'; }
# The daemon's CPU time is not known apart from its start and the import.
run_containerd() { echo "$("$here/containerd-unpack" "$1" "$disk") nan"; }
run_umoci() {
    local tag
    tag=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$1/index.json")
    clocked umoci raw unpack --image "$1:$tag" "$disk/rootfs"
}
run_tar() { timed_tar "gzip -dc" "$1"; }
run_igzip() { timed_tar "igzip -dc" "$1"; }
run_pigz() { timed_tar "pigz -dc" "$1"; }
run_zstd() { timed_tar "zstd -dcq" "$1"; }
run_bsdtar() {
    blobs "$1" >"$dir/blobs"
    # shellcheck disable=SC2016 # expanded by the inner shell
    clocked bash -c 'n=0; while read -r b; do mkdir "$2/$((n += 1))"; bsdtar -xpf "$b" -C "$2/$n"; done <"$1"' \
        _ "$dir/blobs" "$disk"
}
run_skopeo() { clocked skopeo --insecure-policy copy -q "oci:$1" "dir:$disk/copy"; }

declare -A needs=([limit]=true [runtime]=true [containerd]=containerd [umoci]=umoci [tar]=gzip [igzip]=igzip
    [pigz]=pigz [zstd]=zstd [bsdtar]=bsdtar [skopeo]=skopeo)

# Of an image whose layers are packed this way.
contenders() {
    echo limit runtime containerd
    if [ "$1" = zstd ]; then
        echo zstd bsdtar
    else
        echo umoci tar igzip pigz bsdtar skopeo
    fi
}

table() {
    python3 -c '
import statistics, sys
image, bytes, seen = sys.argv[1], int(sys.argv[2]), {}
for line in sys.stdin:
    who, turn, *figures = line.split()
    if len(figures) == 2:
        seen.setdefault(who, {})[turn] = [float(f) for f in figures]
names = {"limit": "plimsoll, limit", "runtime": "plimsoll, prediction of containerd",
         "containerd": "containerd, unpacking alone", "umoci": "umoci raw unpack",
         "tar": "gzip -dc, tar x", "igzip": "igzip -dc, tar x", "pigz": "pigz -dc, tar x",
         "zstd": "zstd -dc, tar x", "bsdtar": "bsdtar x", "skopeo": "skopeo copy (checks, unpacks nothing)"}
print("\n%s, %.0f MB unpacked:\n" % (image, bytes / 1e6))
print("| | s | range | MB/s | CPU s | to limit |\n| --- | ---: | ---: | ---: | ---: | ---: |")
for who in [w for w in names if w in seen]:
    runs = list(seen[who].values())
    wall = statistics.median(r[0] for r in runs)
    pairs = [seen[who][t][0] / seen["limit"][t][0] for t in seen[who] if t in seen.get("limit", {})]
    print("| %s | %.2f | %.2f-%.2f | %.0f | %s | %s |"
          % (names[who], wall, min(r[0] for r in runs), max(r[0] for r in runs), bytes / 1e6 / wall,
             "%.2f" % statistics.median(r[1] for r in runs) if runs[0][1] == runs[0][1] else "",
             "%.2f" % statistics.median(pairs) if pairs else ""))
both = [t for t in seen.get("runtime", {}) if t in seen.get("containerd", {})]
if both:
    ratios = [seen["runtime"][t][0] / seen["containerd"][t][0] for t in both]
    print("\nprediction by containerd: median %.2f [%.2f..%.2f] of %d rounds"
          % (statistics.median(ratios), min(ratios), max(ratios), len(ratios)))' "$@"
}

# Bytes of all tars of a layout.
tar_bytes() {
    mkdir "$disk/size"
    "$ours" limit "$1" "$disk/size" | awk '{ print $3 }'
}

compare() {
    local name=$1 layout=$2 packed=$3 round i who
    local -a all=()
    for who in $(contenders "$packed"); do
        if command -v "${needs[$who]}" >/dev/null; then all+=("$who"); else echo "${needs[$who]} is missing: $who is left out"; fi
    done
    for round in $(seq "$rounds"); do
        for i in "${!all[@]}"; do
            who=${all[$(((i + round) % ${#all[@]}))]}
            fresh_disk || exit 3
            cat "$layout"/blobs/sha256/* >/dev/null
            printf '%s %s %s\n' "$who" "$round" "$("run_$who" "$layout")"
        done
    done >"$dir/runs"
    fresh_disk || exit 3
    table "$name" "$(tar_bytes "$layout")" <"$dir/runs"
}

# Three layers of what this host has installed, by umoci: an image that this program did not make.
make_real() {
    local part
    umoci init --layout "$1" && umoci new --image "$1:real" || return
    for part in usr/bin usr/share usr/lib; do
        find "/$part" -xdev -type f -size -64M -printf '%P\0' | LC_ALL=C sort -z |
            awk -v RS='\0' -v ORS='\0' -v part="$part" 'NR % (part == "usr/lib" ? 4 : 3) == 0' |
            tar -c -C "/$part" --null -T - --transform "s|^|$part/|" -f "$dir/layer.tar" || return
        umoci raw add-layer --image "$1:real" "$dir/layer.tar" || return
    done
}

echo "$rounds rounds, $fs, $(nproc) CPUs"
for image in $images; do
    rm -rf "$dir/image"
    case $image in
    real) make_real "$dir/image" || continue ;;
    *) "$layers" image "$image" 1 "$dir/image" >/dev/null || continue ;;
    esac
    packed=gzip
    [[ $image != *-zstd ]] || packed=zstd
    compare "$image" "$dir/image" "$packed"
done
[ -z "${VERSUS_IMAGE:-}" ] || compare "$VERSUS_IMAGE" "$VERSUS_IMAGE" gzip
exit 0
