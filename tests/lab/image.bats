#!/usr/bin/env bats
# The trees that image.extract makes, beside those of tar and umoci; full and read-only filesystems;
# no root; images of umoci, skopeo and ctr. Needs root.
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
    if [ -n "${daemon:-}" ]; then kill "$daemon" 2>/dev/null || true; fi
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
        getfattr -R -d -m '^user\.' --absolute-names . 2>/dev/null |
            awk -v RS= '{ gsub("\n", " "); print }' | LC_ALL=C sort
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
    )
}

without_times_and_links() {
    awk '/^d / { $4 = "-" } /^f / { $6 = "-" } { print }'
}

make_layers() {
    "$layers" make "$1" "$2" "$work/blobs" >/dev/null
}

@test "each layer becomes the tree that tar makes, whiteouts apart" {
    need_root
    need tar getfattr
    make_layers 7 24
    for i in 0 1 2 3; do
        mkdir "$disk/ours-$i" "$disk/tar-$i"
        "$layers" unpack "$work/blobs/$i.tar.gz" "$disk/ours-$i"
        tar -C "$disk/tar-$i" --numeric-owner --xattrs --xattrs-include='user.*' -xzpf \
            "$work/blobs/$i.tar.gz"
        # Deletions: a file of that name there, a device node 0/0 here.
        (cd "$disk/tar-$i" && find . -name '.wh.*' ! -name '.wh..wh.*' | sed 's/\.wh\.//') |
            LC_ALL=C sort >"$work/deleted-tar"
        (cd "$disk/ours-$i" && find . -type c) | LC_ALL=C sort >"$work/deleted-ours"
        diff "$work/deleted-tar" "$work/deleted-ours"
        # Directories in which deletions were made or removed have another time now.
        find "$disk/tar-$i" -name '.wh.*' -printf '%h\n' | sort -u >"$work/touched"
        find "$disk/tar-$i" -name '.wh.*' -delete
        find "$disk/ours-$i" -type c -delete
        sed 's|/tar-|/ours-|' "$work/touched" | cat - "$work/touched" | xargs -r touch -d @1
        diff <(tell_tree "$disk/tar-$i") <(tell_tree "$disk/ours-$i")
        tell_tree "$disk/ours-$i" >>"$work/all"
    done
    # And it was no comparison of nothing.
    grep -q '^# file: .*user.plimsoll.note' "$work/all"
    [ -s "$work/deleted-ours" ]
    [ "$(grep -c '^f ' "$work/all")" -gt 1000 ]
}

@test "the layers under overlayfs are the root filesystem that umoci makes" {
    need_root
    need umoci getfattr
    make_layers 8 24
    lower=
    umoci init --layout "$work/oci"
    umoci new --image "$work/oci:test"
    for i in 0 1 2 3; do
        mkdir "$disk/$i"
        "$layers" unpack "$work/blobs/$i.tar.gz" "$disk/$i"
        gunzip -c "$work/blobs/$i.tar.gz" >"$work/layer.tar"
        umoci raw add-layer --image "$work/oci:test" "$work/layer.tar"
        lower=$disk/$i${lower:+:$lower}
    done
    mkdir "$work/merged"
    mount -t overlay -o "ro,lowerdir=$lower" overlay "$work/merged" || skip "overlayfs is missing"
    umoci unpack --image "$work/oci:test" "$work/bundle"
    # What deletes touches the directory it is in, and overlayfs counts links of deleted files.
    diff <(tell_tree "$work/bundle/rootfs" | without_times_and_links) \
        <(tell_tree "$work/merged" | without_times_and_links)
    [ "$(find "$work/merged" | wc -l)" -gt 1000 ]
}

@test "a filesystem that is full names the entry, and what was unpacked can be removed" {
    need_root
    make_layers 9 24
    mount -t tmpfs -o size=4m tmpfs "$disk"
    mkdir "$disk/0"
    run -1 --separate-stderr "$layers" unpack "$work/blobs/0.tar.gz" "$disk/0"
    [[ $stderr == "entry '"*"No space left on device" ]]
}

@test "a filesystem without inodes left names the entry" {
    need_root
    make_layers 9 4
    mount -t tmpfs -o nr_inodes=40 tmpfs "$disk"
    mkdir "$disk/0"
    run -1 --separate-stderr "$layers" unpack "$work/blobs/0.tar.gz" "$disk/0"
    [[ $stderr == "entry '"*"No space left on device" ]]
}

@test "a read-only filesystem names the entry" {
    need_root
    make_layers 9 4
    mount -t tmpfs tmpfs "$disk"
    mkdir "$disk/0"
    mount -o remount,ro "$disk"
    run -1 --separate-stderr "$layers" unpack "$work/blobs/0.tar.gz" "$disk/0"
    [[ $stderr == "entry '"*"Read-only file system" ]]
}

@test "without privilege the tree is made but for what is named" {
    need_root
    need setpriv
    make_layers 10 4
    mkdir "$disk/1"
    chown 65534:65534 "$disk/1"
    run -0 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
        --inh-caps=-all --bounding-set=-all "$layers" unpack "$work/blobs/1.tar.gz" "$disk/1"
    [[ $output == *"left out: owners"* ]]
    [[ $output == *"left out: opaque marks"* ]]
    [ "$(gunzip -c "$work/blobs/1.tar.gz" | tar t | grep -vc '/\.wh\.')" -eq \
        "$(find "$disk/1" -mindepth 1 ! -type c | wc -l)" ]
}

# An OCI image layout "$work/oci" with the image "test" of four layers, by umoci.
make_image() {
    make_layers "$1" "$2"
    umoci init --layout "$work/oci"
    umoci new --image "$work/oci:test"
    for i in 0 1 2 3; do
        gunzip -c "$work/blobs/$i.tar.gz" >"$work/$i.tar"
        umoci raw add-layer --image "$work/oci:test" "$work/$i.tar"
    done
}

copy_image() {
    skopeo --insecure-policy copy -q "$@"
}

# What the reader finds in the image in "$1", named "$2": sums and layers, as tar and sha256sum see
# them; the ID is that of the config that skopeo reads.
check_image() {
    run -0 "$LAB/images" "$1" ${2:+"$2"}
    tars=$(cat "$work"/[0-3].tar | wc -c)
    entries=$(for i in 0 1 2 3; do tar tf "$work/$i.tar"; done | wc -l)
    files=$(for i in 0 1 2 3; do tar tvf "$work/$i.tar"; done | awk '/^-/ { n += $3 } END { print n }')
    grep -qx "tar $tars" <<<"$output"
    grep -qx "entries $entries" <<<"$output"
    grep -qx "files $files" <<<"$output"
    grep -qx "id $(skopeo inspect --raw --config "oci:$work/oci:test" | sha256sum | cut -d' ' -f1)" \
        <<<"$output"
    diff <(sha256sum "$work"/[0-3].tar | cut -d' ' -f1) \
        <(grep ^layer <<<"$output" | cut -d' ' -f6)
}

@test "what umoci and skopeo write is read, packed in every way" {
    need umoci skopeo
    make_image 11 4
    check_image "$work/oci"
    [ "$(grep -c '^layer gzip' <<<"$output")" -eq 4 ]
    copy_image "oci:$work/oci:test" "oci-archive:$work/oci.tar:test"
    check_image "$work/oci.tar"
    grep -qx 'form OCI archive' <<<"$output"
    copy_image "oci:$work/oci:test" "docker-archive:$work/docker.tar:example/test:1"
    check_image "$work/docker.tar"
    grep -qx 'form docker-save archive' <<<"$output"
    [ "$(grep -c '^layer plain' <<<"$output")" -eq 4 ]
    check_image "$work/docker.tar" docker.io/example/test:1
    copy_image --dest-compress --dest-compress-format zstd "oci:$work/oci:test" "oci:$work/zstd:test"
    check_image "$work/zstd"
    [ "$(grep -c '^layer zstd' <<<"$output")" -eq 4 ]
    # And the archive again, as a person packs a directory.
    tar -C "$work/zstd" -cf "$work/packed.tar" .
    check_image "$work/packed.tar"
}

@test "what ctr exports is read" {
    need_root
    need umoci skopeo containerd ctr
    make_image 12 4
    copy_image "oci:$work/oci:test" "oci-archive:$work/oci.tar:docker.io/example/test:1"
    cat >"$work/containerd.toml" <<T
version = 2
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$work/containerd.sock"
T
    containerd --config "$work/containerd.toml" >"$work/containerd.log" 2>&1 3>&- &
    daemon=$!
    for _ in $(seq 100); do
        if [ -S "$work/containerd.sock" ]; then break; fi
        sleep 0.1
    done
    ctr -a "$work/containerd.sock" images import --no-unpack "$work/oci.tar"
    ctr -a "$work/containerd.sock" images export "$work/ctr.tar" docker.io/example/test:1
    kill "$daemon"
    wait "$daemon" || true
    daemon=
    check_image "$work/ctr.tar"
    check_image "$work/ctr.tar" docker.io/example/test:1
}

@test "of several images one is asked for by its name" {
    need umoci skopeo
    make_image 13 4
    umoci new --image "$work/oci:other"
    umoci raw add-layer --image "$work/oci:other" "$work/0.tar"
    run -1 --separate-stderr "$LAB/images" "$work/oci"
    [[ $stderr == *"several images"*": test, other" ]]
    check_image "$work/oci" test
    copy_image "oci:$work/oci:test" "docker-archive:$work/docker.tar:example/test:1"
    run -1 --separate-stderr "$LAB/images" "$work/docker.tar" nothing
    [[ $stderr == *"no image named 'nothing', but docker.io/example/test:1" ]]
    run -1 --separate-stderr "$LAB/images" "$work/oci" test linux/s390x
    [[ $stderr == *"no image for linux/s390x, but for: linux/"* ]]
}

@test "what is damaged or packed is refused with the reason" {
    need umoci skopeo
    make_image 14 4
    copy_image "oci:$work/oci:test" "docker-archive:$work/docker.tar:example/test:1"
    gzip -k "$work/docker.tar"
    run -1 --separate-stderr "$LAB/images" "$work/docker.tar.gz"
    [[ $stderr == *"unpack it with gunzip first" ]]
    truncate -s -2000000 "$work/docker.tar"
    run -1 --separate-stderr "$LAB/images" "$work/docker.tar"
    [[ $stderr == *"cut off"* ]]
    blob=$(find "$work/oci/blobs" -type f -size +100k | head -n 1)
    printf x | dd of="$blob" bs=1 seek=50000 conv=notrunc status=none
    run -1 --separate-stderr "$LAB/images" "$work/oci"
    [[ $stderr == *"layer "*" of 4: "* ]]
    rm "$blob"
    mkfifo "$blob"
    run -1 --separate-stderr timeout 10 "$LAB/images" "$work/oci"
    [[ $stderr == *"is no regular file" ]]
}
