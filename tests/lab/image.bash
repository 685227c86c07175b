# What the lab tests of images share: a place to work, our images, what can be known of a tree.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the tests

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
# attributes (those that $2 matches, else the users') and content. Sizes of directories are the filesystem's own.
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

# The small image of a seed in $work/image, and its layers as $work/blobs/0.tar.gz, ...
make_layers() {
    local i=0 digest
    "$layers" image small "$1" "$work/image" >/dev/null
    for digest in $(layer_digests "$work/image"); do
        ln "$work/image/blobs/sha256/$digest" "$work/blobs/$i.tar.gz"
        i=$((i + 1))
    done
}

# What the only manifest of an OCI image layout lists, hex, in order.
layer_digests() {
    python3 -c 'import json, sys
blob = lambda d: json.load(open(sys.argv[1] + "/blobs/" + d["digest"].replace(":", "/")))
index = json.load(open(sys.argv[1] + "/index.json"))
for layer in blob(index["manifests"][0])["layers"]: print(layer["digest"][7:])' "$1"
}
