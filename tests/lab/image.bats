#!/usr/bin/env bats
# The trees that image.runtime makes, beside those of tar and umoci; full and read-only filesystems;
# no root. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house
load image

@test "each layer becomes the tree that tar makes, whiteouts apart" {
    need_root
    need tar getfattr
    make_layers 7
    for i in 0 1 2; do
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
    make_layers 8
    lower=
    for i in 0 1 2; do
        mkdir "$disk/$i"
        "$layers" unpack "$work/blobs/$i.tar.gz" "$disk/$i"
        lower=$disk/$i${lower:+:$lower}
    done
    mkdir "$work/merged"
    mount -t overlay -o "ro,lowerdir=$lower" overlay "$work/merged" || skip "overlayfs is missing"
    umoci unpack --image "$work/image:small" "$work/bundle"
    # What deletes touches the directory it is in, and overlayfs counts links of deleted files.
    diff <(tell_tree "$work/bundle/rootfs" | without_times_and_links) \
        <(tell_tree "$work/merged" | without_times_and_links)
    [ "$(find "$work/merged" | wc -l)" -gt 1000 ]
}

@test "a filesystem that is full names the entry, and what was unpacked can be removed" {
    need_root
    make_layers 9
    mount -t tmpfs -o size=4m tmpfs "$disk"
    mkdir "$disk/0"
    run -1 --separate-stderr "$layers" unpack "$work/blobs/0.tar.gz" "$disk/0"
    [[ $stderr == "entry '"*"No space left on device" ]]
}

@test "a filesystem without inodes left names the entry" {
    need_root
    make_layers 9
    mount -t tmpfs -o nr_inodes=40 tmpfs "$disk"
    mkdir "$disk/0"
    run -1 --separate-stderr "$layers" unpack "$work/blobs/0.tar.gz" "$disk/0"
    [[ $stderr == "entry '"*"No space left on device" ]]
}

@test "a read-only filesystem names the entry" {
    need_root
    make_layers 9
    mount -t tmpfs tmpfs "$disk"
    mkdir "$disk/0"
    mount -o remount,ro "$disk"
    run -1 --separate-stderr "$layers" unpack "$work/blobs/0.tar.gz" "$disk/0"
    [[ $stderr == "entry '"*"Read-only file system" ]]
}

@test "without privilege the tree is made but for what is named" {
    need_root
    need setpriv
    make_layers 10
    mkdir "$disk/1"
    chown 65534:65534 "$disk/1"
    run -0 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
        --inh-caps=-all --bounding-set=-all "$layers" unpack "$work/blobs/1.tar.gz" "$disk/1"
    [[ $output == *"left out: owners"* ]]
    [[ $output == *"left out: opaque marks"* ]]
    [ "$(gunzip -c "$work/blobs/1.tar.gz" | tar t | grep -vc '/\.wh\.')" -eq \
        "$(find "$disk/1" -mindepth 1 ! -type c | wc -l)" ]
}

# What a tool says is the image ID: the digest of its config.
config_digest() {
    skopeo inspect --raw "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["config"]["digest"])'
}

@test "the same seed makes the same bytes, and another seed others" {
    for name in a b c; do
        "$layers" image small $([ $name = c ] && echo 2 || echo 1) "$work/$name" >/dev/null
    done
    diff -r "$work/a" "$work/b"
    run -1 diff -rq "$work/a" "$work/c"
}

# What is claimed of it: 20,000 files to 1 %, 500 MB to 3 %, 6 layers.
@test "the reference image is as large as it is said to be" {
    "$layers" image reference 1 "$work/image" >/dev/null
    for digest in $(layer_digests "$work/image"); do
        gunzip -c "$work/image/blobs/sha256/$digest" | tar tv >>"$work/list"
        gunzip -c "$work/image/blobs/sha256/$digest" | wc -c >>"$work/sizes"
    done
    files=$(grep -v '/\.wh\.' "$work/list" | grep -c '^[-h]')
    bytes=$(awk '{ sum += $1 } END { print sum }' "$work/sizes")
    [ "$(wc -l <"$work/sizes")" -eq 6 ]
    [ "$files" -ge 19800 ] && [ "$files" -le 20200 ]
    [ "$bytes" -ge 485000000 ] && [ "$bytes" -le 515000000 ]
}

@test "skopeo copies the images that are made, gzip and zstd, with one image ID" {
    need skopeo
    for kind in small small-zstd; do
        "$layers" image $kind 1 "$work/$kind" >/dev/null
        skopeo copy --quiet "oci:$work/$kind:small" "oci:$work/copy-$kind:copy"
        diff <(cd "$work/$kind/blobs/sha256" && ls) <(cd "$work/copy-$kind/blobs/sha256" && ls)
    done
    skopeo copy --quiet "oci:$work/small:small" "docker-archive:$work/docker.tar:small:1"
    [ "$(config_digest "oci:$work/small:small")" = "$(config_digest "oci:$work/small-zstd:small")" ]
}

@test "umoci unpacks the small image, and what it deletes is gone" {
    need_root
    need umoci
    make_layers 1
    umoci unpack --image "$work/image:small" "$work/bundle"
    [ "$(find "$work/bundle/rootfs" | wc -l)" -gt 2500 ]
    [ -z "$(find "$work/bundle/rootfs" -name '.wh.*')" ]
}

@test "containerd takes the small image without a word about platforms, and unpacks it" {
    need_root
    need containerd ctr
    "$layers" image small 1 "$work/image" >/dev/null
    tar -C "$work/image" -cf "$work/image.tar" .
    cat >"$work/config.toml" <<EOF
version = 2
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$work/sock"
[ttrpc]
  address = "$work/ttrpc"
EOF
    containerd --config "$work/config.toml" >"$work/log" 2>&1 3>&- &
    daemon=$!
    for _ in $(seq 100); do
        if ctr -a "$work/sock" version >/dev/null 2>&1; then break; fi
        sleep 0.1
    done
    run ctr -a "$work/sock" images import --snapshotter native --base-name example.test/image \
        "$work/image.tar"
    made=$(ctr -a "$work/sock" snapshots --snapshotter native ls | grep -c Committed || true)
    kill "$daemon"
    wait "$daemon" || true
    [ "$status" -eq 0 ]
    [[ $output == *"example.test/image:small"*"done"* ]]
    [ "$made" -eq 3 ]
}
