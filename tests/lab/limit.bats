#!/usr/bin/env bats
# The trees that image.limit's pipeline makes, beside those of unpack, tar and umoci; full and
# read-only filesystems; no root. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house
load image

# What deletes gets the time at which it was made, which is not the same twice.
without_times_of_deletions() {
    awk '/^c / { $4 = "-" } { print }' | LC_ALL=C sort
}

# A layer with everything that depends on what is below it, and an attribute that is nobody's to set,
# twice: as the lowest layer and as the one above, in $work/image; and as $work/layer.tar.gz.
make_marked() {
    python3 - "$work" <<'EOF'
import gzip, hashlib, io, json, os, sys, tarfile
work, raw = sys.argv[1], io.BytesIO()
attributes = {"SCHILY.xattr.user.note": "ours", "SCHILY.xattr.trusted.note": "theirs"}
with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
    for name, kind in (("noted", tarfile.REGTYPE), ("gone", tarfile.REGTYPE), (".wh.gone", tarfile.REGTYPE),
                       (".wh.below", tarfile.REGTYPE), ("dir", tarfile.DIRTYPE), ("link", tarfile.SYMTYPE),
                       ("dir/.wh..wh..opq", tarfile.REGTYPE)):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.mtime, entry.linkname = kind, 0o755, 1700000000, "noted"
        entry.pax_headers = {} if ".wh." in name else attributes
        tar.addfile(entry)
blobs = work + "/image/blobs/sha256/"
os.makedirs(blobs)
def blob(data, kind):
    digest = hashlib.sha256(data).hexdigest()
    with open(blobs + digest, "wb") as f: f.write(data)
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}
packed = gzip.compress(raw.getvalue(), mtime=0)
with open(work + "/layer.tar.gz", "wb") as f: f.write(packed)
tar_id = "sha256:" + hashlib.sha256(raw.getvalue()).hexdigest()
config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [tar_id, tar_id]}}
manifest = {"schemaVersion": 2, "config": blob(json.dumps(config).encode(), "config.v1+json"),
            "layers": [blob(packed, "layer.v1.tar+gzip")] * 2}
index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), "manifest.v1+json")]}
with open(work + "/image/index.json", "w") as f: json.dump(index, f)
with open(work + "/image/oci-layout", "w") as f: json.dump({"imageLayoutVersion": "1.0.0"}, f)
EOF
}

@test "marks and deletions are made above a layer and not in the lowest, and no attribute trusted.*" {
    need_root
    need getfattr
    make_marked
    mkdir "$disk/limit"
    "$layers" limit "$work/image" "$disk/limit"
    for i in 0 1; do
        mkdir "$disk/unpack-$i"
        "$layers" unpack "$work/layer.tar.gz" "$disk/unpack-$i" "$i"
        tell_tree "$disk/unpack-$i" - | without_times_of_deletions >"$work/theirs-$i"
        tell_tree "$disk/limit/$i" - | without_times_of_deletions >"$work/ours-$i"
        diff "$work/theirs-$i" "$work/ours-$i"
        grep -q 'user.note="ours"' "$work/ours-$i"
        run -1 grep 'trusted.note' "$work/ours-$i"
    done
    run -1 grep -e '^c ' -e 'gone' -e 'overlay.opaque' "$work/ours-0"
    [ "$(grep -c '^c ' "$work/ours-1")" -eq 2 ]
    grep -q 'dir trusted.overlay.opaque="y"' "$work/ours-1"
}

@test "each layer becomes the tree that unpack makes, whiteouts, marks and all attributes too" {
    need_root
    need getfattr
    make_layers 11
    mkdir "$disk/limit"
    "$layers" limit "$work/image" "$disk/limit"
    for i in 0 1 2; do
        mkdir "$disk/unpack-$i"
        "$layers" unpack "$work/blobs/$i.tar.gz" "$disk/unpack-$i"
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
    make_layers 12
    mkdir "$disk/limit"
    "$layers" limit "$work/image" "$disk/limit"
    for i in 0 1 2; do
        mkdir "$disk/tar-$i"
        tar -C "$disk/tar-$i" --numeric-owner --xattrs --xattrs-include='user.*' -xzpf "$work/blobs/$i.tar.gz"
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
    make_layers 13
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
    make_layers 14
    mount -t tmpfs -o size=4m tmpfs "$disk"
    run -1 --separate-stderr "$layers" limit "$work/image" "$disk"
    [[ $stderr == "layer "?" of 3: entry '"*"No space left on device" ]]
    rm -r "$disk"/?
}

@test "a read-only filesystem is named" {
    need_root
    make_layers 14
    mount -t tmpfs tmpfs "$disk"
    mount -o remount,ro "$disk"
    run -1 --separate-stderr "$layers" limit "$work/image" "$disk"
    [[ $stderr == *"Read-only file system" ]]
}

@test "a blob of which one bit is another one is named" {
    need_root
    make_layers 15
    python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(100000); b = f.read(1); f.seek(100000); f.write(bytes([b[0] ^ 1]))' \
        "$work/blobs/1.tar.gz"
    run -1 --separate-stderr "$layers" limit "$work/image" "$disk"
    [[ $stderr == "layer 2 of 3: "* ]]
}

@test "without privilege the tree is made but for what is named" {
    need_root
    need setpriv
    make_layers 16
    chmod -R a+rX "$work/image"
    chown 65534:65534 "$disk"
    run -0 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
        --inh-caps=-all --bounding-set=-all "$layers" limit "$work/image" "$disk"
    [[ $output == *"left out: owners"* ]]
    [[ $output == *"left out: opaque marks"* ]]
    [ "$(gunzip -c "$work/blobs/1.tar.gz" | tar t | grep -vc '/\.wh\.')" -eq \
        "$(find "$disk/1" -mindepth 1 ! -type c | wc -l)" ]
}

@test "through io_uring the trees are those that calls make, and a full filesystem is named too" {
    need_root
    need getfattr
    make_layers 16
    mkdir "$disk/calls" "$disk/ring"
    "$layers" limit "$work/image" "$disk/calls"
    "$layers" limit "$work/image" "$disk/ring" ring || skip "io_uring is missing"
    for i in 0 1 2; do
        diff <(tell_tree "$disk/calls/$i" - | without_times_of_deletions) \
            <(tell_tree "$disk/ring/$i" - | without_times_of_deletions)
    done
    [ "$(find "$disk/ring" -type f | wc -l)" -gt 1000 ]
    mount -t tmpfs -o size=4m tmpfs "$disk"
    run -1 --separate-stderr "$layers" limit "$work/image" "$disk" ring
    [[ $stderr == "layer "?" of 3: entry '"*"No space left on device" ]]
}
