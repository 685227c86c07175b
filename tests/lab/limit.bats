#!/usr/bin/env bats
# The trees that image.limit's pipeline makes, beside those of unpack, tar and umoci; full and
# read-only filesystems; no root. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house

need_root() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
}

need() {
    for t in "$@"; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
}

setup() {
    layers=$LAB/layers
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    chmod 755 "$work"
    disk=$work/disk
    mkdir "$disk" "$work/blobs"
}

teardown() {
    for m in "$work/merged" "$disk"; do
        if mountpoint -q "$m"; then umount "$m"; fi
    done
    chmod -R u+rwX "$work"
    rm -rf "$work"
}

# All that can be known of a tree, a line an entry: type, mode, owner, time, links, target, name; then
# attributes and content. Sizes of directories are the filesystem's own.
tell_tree() {
    (
        cd "$1"
        find . -mindepth 1 \( -type d -printf '%y %m %U:%G %T@ %p\n' -o \
            -printf '%y %m %U:%G %T@ %s %n %l %p\n' \) | LC_ALL=C sort
        getfattr -R -d -m "${2:-^user\.}" --absolute-names . 2>/dev/null |
            awk -v RS= '{ gsub("\n", " "); print }' | LC_ALL=C sort
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
    )
}

without_times_and_links() {
    awk '/^d / { $4 = "-" } /^f / { $6 = "-" } { print }'
}

# What deletes gets the time at which it was made, which is not the same twice.
without_times_of_deletions() {
    awk '/^c / { $4 = "-" } { print }' | LC_ALL=C sort
}

# What the only manifest of an OCI image layout lists, hex, in order.
layer_digests() {
    python3 -c 'import json, sys
blob = lambda d: json.load(open(sys.argv[1] + "/blobs/" + d["digest"].replace(":", "/")))
index = json.load(open(sys.argv[1] + "/index.json"))
for layer in blob(index["manifests"][0])["layers"]: print(layer["digest"][7:])' "$1"
}

# The image of that kind and seed in $work/image, and its layers as $work/blobs/0 ...
make_image() {
    local i=0 digest
    "$layers" image "$1" "$2" "$work/image" >/dev/null
    for digest in $(layer_digests "$work/image"); do
        ln "$work/image/blobs/sha256/$digest" "$work/blobs/$i"
        i=$((i + 1))
    done
}

@test "each layer becomes the tree that unpack makes, whiteouts, marks and all attributes too" {
    need_root
    need getfattr
    make_image small 11
    mkdir "$disk/limit"
    "$layers" limit "$work/image" "$disk/limit"
    for i in 0 1 2; do
        mkdir "$disk/unpack-$i"
        "$layers" unpack "$work/blobs/$i" "$disk/unpack-$i"
        tell_tree "$disk/unpack-$i" - | without_times_of_deletions >"$work/theirs"
        tell_tree "$disk/limit/$i" - | without_times_of_deletions >"$work/ours"
        diff "$work/theirs" "$work/ours"
        cat "$work/ours" >>"$work/all"
    done
    # And it was no comparison of nothing.
    grep -q 'user.plimsoll.note' "$work/all"
    grep -q 'trusted.overlay.opaque' "$work/all"
    grep -q '^c ' "$work/all"
    [ "$(grep -c '^f ' "$work/all")" -gt 1000 ]
}

@test "each layer becomes the tree that tar makes, whiteouts apart" {
    need_root
    need tar getfattr
    make_image small 12
    mkdir "$disk/limit"
    "$layers" limit "$work/image" "$disk/limit"
    for i in 0 1 2; do
        mkdir "$disk/tar-$i"
        tar -C "$disk/tar-$i" --numeric-owner --xattrs --xattrs-include='user.*' -xzpf "$work/blobs/$i"
        (cd "$disk/tar-$i" && find . -name '.wh.*' ! -name '.wh..wh.*' | sed 's/\.wh\.//') |
            LC_ALL=C sort >"$work/deleted-tar"
        (cd "$disk/limit/$i" && find . -type c) | LC_ALL=C sort >"$work/deleted-limit"
        diff "$work/deleted-tar" "$work/deleted-limit"
        find "$disk/tar-$i" -name '.wh.*' -printf '%h\n' | sort -u >"$work/touched"
        find "$disk/tar-$i" -name '.wh.*' -delete
        find "$disk/limit/$i" -type c -delete
        sed "s|/tar-$i|/limit/$i|" "$work/touched" | cat - "$work/touched" | xargs -r touch -d @1
        diff <(tell_tree "$disk/tar-$i") <(tell_tree "$disk/limit/$i")
    done
}

@test "zstd layers under overlayfs are the root filesystem that umoci makes of gzip ones" {
    need_root
    need umoci getfattr
    make_image small 13
    "$layers" image small-zstd 13 "$work/zstd" >/dev/null
    mkdir "$disk/limit" "$work/merged"
    "$layers" limit "$work/zstd" "$disk/limit"
    mount -t overlay -o "ro,lowerdir=$disk/limit/2:$disk/limit/1:$disk/limit/0" overlay \
        "$work/merged" || skip "overlayfs is missing"
    umoci unpack --image "$work/image:small" "$work/bundle"
    # What deletes touches the directory it is in, and overlayfs counts links of deleted files.
    diff <(tell_tree "$work/bundle/rootfs" | without_times_and_links) \
        <(tell_tree "$work/merged" | without_times_and_links)
    [ "$(find "$work/merged" | wc -l)" -gt 1000 ]
}

@test "a filesystem that is full names layer and entry, and what was unpacked can be removed" {
    need_root
    make_image small 14
    mount -t tmpfs -o size=4m tmpfs "$disk"
    run -1 --separate-stderr "$layers" limit "$work/image" "$disk"
    [[ $stderr == "layer "?" of 3: entry '"*"No space left on device" ]]
    rm -r "$disk"/?
}

@test "a read-only filesystem is named" {
    need_root
    make_image small 14
    mount -t tmpfs tmpfs "$disk"
    mount -o remount,ro "$disk"
    run -1 --separate-stderr "$layers" limit "$work/image" "$disk"
    [[ $stderr == *"Read-only file system" ]]
}

@test "a blob of which one bit is another one is named" {
    need_root
    make_image small 15
    python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(100000); b = f.read(1); f.seek(100000); f.write(bytes([b[0] ^ 1]))' \
        "$work/blobs/1"
    run -1 --separate-stderr "$layers" limit "$work/image" "$disk"
    [[ $stderr == "layer 2 of 3: "* ]]
}

@test "without privilege the tree is made but for what is named" {
    need_root
    need setpriv
    make_image small 16
    chmod -R a+rX "$work/image"
    chown 65534:65534 "$disk"
    run -0 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
        --inh-caps=-all --bounding-set=-all "$layers" limit "$work/image" "$disk"
    [[ $output == *"left out: owners"* ]]
    [[ $output == *"left out: opaque marks"* ]]
    [ "$(gunzip -c "$work/blobs/1" | tar t | grep -vc '/\.wh\.')" -eq \
        "$(find "$disk/1" -mindepth 1 ! -type c | wc -l)" ]
}
