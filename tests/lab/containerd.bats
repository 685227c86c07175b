#!/usr/bin/env bats
# The trees that image.runtime makes beside those of a containerd of its own, layer by layer, and how
# long both took: a ratio is printed, and no bar is set on it. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house

need() {
    for t in "$@"; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
}

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    need containerd ctr getfattr
    layers=$LAB/layers
    versus=$BATS_TEST_DIRNAME/../versus/containerd-unpack
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    chmod 755 "$work"
    mkdir "$work/disk"
    mount -t tmpfs -o size=3g tmpfs "$work/disk"
    mkdir "$work/disk/ours" "$work/disk/theirs"
}

teardown() {
    if mountpoint -q "$work/disk"; then umount "$work/disk"; fi
    rm -rf "$work"
}

# All that can be known of a tree, a line an entry: type, mode, owner, time, links, device, target,
# name; then attributes and content.
tell_tree() {
    (
        cd "$1"
        find . -mindepth 1 \( -type d -printf '%y %m %U:%G %T@ %p\n' -o -type c -printf '%y %m %U:%G %p\n' -o \
            -printf '%y %m %U:%G %T@ %s %n %l %p\n' \) | LC_ALL=C sort
        find . -type c -exec stat -c '%t:%T %n' {} + | LC_ALL=C sort
        getfattr -R -d -m - --absolute-names . 2>/dev/null |
            awk -v RS= '{ gsub("\n", " "); print }' | LC_ALL=C sort
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
    )
}

# Directories that no entry names have the time of what was last put in: now, in either.
forget_now() {
    find "$1" -type d -newer "$work/start" -exec touch -d @1 {} +
}

# IMAGE: both unpack it; every layer's tree is the same, and there are as many.
beside_containerd() {
    touch "$work/start"
    theirs=$("$versus" "$1" "$work/disk" "$work/disk/theirs")
    ours=$("$layers" pull "$1" "$work/disk/ours")
    echo "# ours: $ours; containerd: $theirs s; ratio $(awk -v a="${ours%% *}" -v b="$theirs" \
        'BEGIN { printf "%.2f", a / b }')" >&3
    [ "$(find "$work/disk/theirs" -mindepth 1 -maxdepth 1 | wc -l)" -eq \
        "$(find "$work/disk/ours/pull-0" -mindepth 1 -maxdepth 1 -type d | wc -l)" ]
    for d in "$work"/disk/theirs/*; do
        n=$(basename "$d")
        forget_now "$d/fs"
        forget_now "$work/disk/ours/pull-0/$n/fs"
        tell_tree "$d/fs" >"$work/theirs"
        tell_tree "$work/disk/ours/pull-0/$n/fs" >"$work/ours"
        diff "$work/theirs" "$work/ours"
        cat "$work/ours" >>"$work/all"
    done
}

@test "the small image, gzip" {
    "$layers" image small 1 "$work/disk/image"
    beside_containerd "$work/disk/image"
    # And it was no comparison of nothing: whiteouts, attributes, links.
    grep -q '^c ' "$work/all"
    [ "$(grep -c '^f ' "$work/all")" -gt 1000 ]
}

@test "the small image, zstd" {
    "$layers" image small-zstd 1 "$work/disk/image"
    beside_containerd "$work/disk/image"
}

@test "gzip without a program for it" {
    export CONTAINERD_DISABLE_PIGZ=1 CONTAINERD_DISABLE_IGZIP=1
    "$layers" image small 1 "$work/disk/image"
    beside_containerd "$work/disk/image"
    [[ $ours == *"decoder its own"* ]]
}

@test "the reference image" {
    "$layers" image reference 1 "$work/disk/image"
    beside_containerd "$work/disk/image"
}

# A layer of its own over the base: parents that it does not name, replacements, deletions, an opaque
# directory, hard links, nodes, attributes and odd modes.
@test "what other programs pack: parents that are missing, deletions, odd modes and owners" {
    need umoci setfattr
    base=$work/base top=$work/top
    mkdir -p "$base/a/b/c" "$base/opaque" "$base/gone" "$top/a/b/c" "$top/opaque"
    chmod 2751 "$base/a/b" && chown 7:8 "$base/a/b" && touch -d @1500000000 "$base/a/b"
    setfattr -n user.note -v kept "$base/a/b"
    echo old >"$base/a/b/c/file"
    echo low >"$base/opaque/low"
    echo new >"$top/a/b/c/file" && chmod 4711 "$top/a/b/c/file" && chown 5:6 "$top/a/b/c/file"
    ln "$top/a/b/c/file" "$top/a/b/c/hard"
    ln -s /etc/nowhere "$top/a/b/c/soft"
    mkfifo "$top/a/b/c/pipe"
    : >"$top/.wh.gone"
    : >"$top/opaque/.wh..wh..opq"
    tar -C "$base" --xattrs --numeric-owner -cf "$work/0.tar" a opaque gone
    # No entry for a, a/b and opaque.
    tar -C "$top" --numeric-owner --no-recursion -cf "$work/1.tar" a/b/c a/b/c/file a/b/c/hard \
        a/b/c/soft a/b/c/pipe .wh.gone opaque/.wh..wh..opq
    umoci init --layout "$work/disk/image"
    umoci new --image "$work/disk/image:test"
    umoci raw add-layer --image "$work/disk/image:test" "$work/0.tar"
    umoci raw add-layer --image "$work/disk/image:test" "$work/1.tar"
    beside_containerd "$work/disk/image"
    grep -q '^d 2751 7:8 .* ./a/b$' "$work/ours"
    grep -q 'trusted.overlay.opaque' "$work/ours"
}

@test "a part of this host's own /usr, packed by umoci" {
    need umoci tar
    umoci init --layout "$work/disk/image"
    umoci new --image "$work/disk/image:test"
    for part in lib/python3 share/doc bin; do
        [ -d "/usr/$part" ] || continue
        tar -C / --numeric-owner --one-file-system -cf "$work/disk/layer.tar" "usr/$part"
        umoci raw add-layer --image "$work/disk/image:test" "$work/disk/layer.tar"
        rm "$work/disk/layer.tar"
    done
    beside_containerd "$work/disk/image"
}
