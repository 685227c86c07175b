#!/usr/bin/env bats
# Images as umoci, skopeo and containerd write them, read by ours. Needs root for containerd.
bats_require_minimum_version 1.5.0
load ../cli/house
load image

# An OCI image layout "$work/oci" with the image "test" of three layers, by umoci.
make_image() {
    make_layers "$1"
    umoci init --layout "$work/oci"
    umoci new --image "$work/oci:test"
    for i in 0 1 2; do
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
    tars=$(cat "$work"/[0-2].tar | wc -c)
    entries=$(for i in 0 1 2; do tar tf "$work/$i.tar"; done | wc -l)
    files=$(for i in 0 1 2; do tar tvf "$work/$i.tar"; done | awk '/^-/ { n += $3 } END { print n }')
    grep -qx "tar $tars" <<<"$output"
    grep -qx "entries $entries" <<<"$output"
    grep -qx "files $files" <<<"$output"
    grep -qx "id $(skopeo inspect --raw --config "oci:$work/oci:test" | sha256sum | cut -d' ' -f1)" \
        <<<"$output"
    diff <(sha256sum "$work"/[0-2].tar | cut -d' ' -f1) \
        <(grep ^layer <<<"$output" | cut -d' ' -f6)
}

@test "what umoci and skopeo write is read, packed in every way" {
    need umoci skopeo
    make_image 11
    check_image "$work/oci"
    [ "$(grep -c '^layer gzip' <<<"$output")" -eq 3 ]
    copy_image "oci:$work/oci:test" "oci-archive:$work/oci.tar:test"
    check_image "$work/oci.tar"
    grep -qx 'form OCI archive' <<<"$output"
    copy_image "oci:$work/oci:test" "docker-archive:$work/docker.tar:example/test:1"
    check_image "$work/docker.tar"
    grep -qx 'form docker-save archive' <<<"$output"
    [ "$(grep -c '^layer plain' <<<"$output")" -eq 3 ]
    check_image "$work/docker.tar" docker.io/example/test:1
    copy_image --dest-compress --dest-compress-format zstd "oci:$work/oci:test" "oci:$work/zstd:test"
    check_image "$work/zstd"
    [ "$(grep -c '^layer zstd' <<<"$output")" -eq 3 ]
    # And the archive again, as a person packs a directory.
    tar -C "$work/zstd" -cf "$work/packed.tar" .
    check_image "$work/packed.tar"
}

@test "what ctr exports is read" {
    need_root
    need umoci skopeo containerd ctr
    make_image 12
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
    make_image 13
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
    make_image 14
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
    [[ $stderr == *"layer "*" of 3: "* ]]
    rm "$blob"
    mkfifo "$blob"
    run -1 --separate-stderr timeout 10 "$LAB/images" "$work/oci"
    [[ $stderr == *"is no regular file" ]]
}
