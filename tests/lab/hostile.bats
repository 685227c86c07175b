#!/usr/bin/env bats
# Images that mean ill, through image.runtime and image.limit: each is refused with the layer, the
# entry and the reason, and nothing is written beside what is measured, or left. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house
load image
shopt -s extglob

# tmpfs is no disk to measure: a filesystem of the file's own, made once.
setup_file() {
    [ "$(id -u)" -eq 0 ] || return 0
    export ROOM BED
    ROOM=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    BED=$ROOM/bed
    mkdir "$BED"
    truncate -s 3G "$BED.img"
    mkfs.ext4 -q -F "$BED.img"
    mount -o loop "$BED.img" "$BED"
    chmod 755 "$ROOM" "$BED"
}

teardown_file() {
    [ -n "${ROOM:-}" ] || return 0
    for m in "$BED" "$BED.few"; do
        if mountpoint -q "$m"; then umount "$m"; fi
    done
    rm -rf "$ROOM"
}

setup() {
    need_root
    need jq python3
    layers=$LAB/layers
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    chmod 755 "$work"
    disk=$(mktemp -d "$BED/XXXXXX")
    chmod 777 "$disk"
    secret=$disk.secret # beside it, on the same filesystem: a hard link could be made
    mkdir "$secret"
    echo known >"$secret/known"
    printf -v untouched '%s\n' "$(tell_tree "$secret")"
    as=()
}

teardown() {
    if [ -n "${disk:-}" ]; then rm -rf "$disk" "$secret" "$work"; fi
}

# The image of that case in $work/CASE.
make_case() {
    python3 "$BATS_TEST_DIRNAME/hostile_images.py" "$1" "$work/$1" "$secret"
}

# What a process left says of its directory.
left_processes() {
    pgrep -f -- "--dir $disk " || true
}

# measure IMAGE SECONDS: both probes; in $said a line of what is said of each. The time is kept, and
# nothing is left or changed beside it.
measure() {
    local began=$SECONDS
    run --separate-stderr "${as[@]}" "$PLIMSOLL" measure -q image.runtime image.limit --budget "$2s" \
        --dir "$disk" --image "$1"
    said=$stderr$(jq -r '.measurements[] | .status + ": " + (.reason // "")' <<<"$output")
    notes=$(jq -r '.measurements[].notes[]?' <<<"$output")
    echo "$1: exit status $status, $said"
    [ $((SECONDS - began)) -le $(($2 + 3)) ]
    is_empty "$disk"
    [ -z "$(left_processes)" ]
    diff <(printf '%s' "$untouched") <(tell_tree "$secret")
    [ "$(ls -A "$BED")" = "$(printf '%s\n' lost+found "${disk##*/}" "${secret##*/}" | LC_ALL=C sort)" ]
}

# both PATTERN: a sentence of each probe is like it.
both() {
    [ "$(grep -c . <<<"$said")" -eq 2 ]
    while IFS= read -r line; do
        [[ $line == $1 ]] || return 1
    done <<<"$said"
}

# is_refused CASE PATTERN: exit status 3, with a sentence like it of both.
is_refused() {
    make_case "$1"
    measure "$work/$1" 5
    [ "$status" -eq 3 ]
    both "$2"
}

is_measured() {
    make_case "$1"
    measure "$work/$1" 5
    [ "$status" -eq 0 ]
    both "@(measured|untrusted):*"
}

entry() { echo "failed: '$disk': layer 1 of 1: entry '$1'"; }

@test "what is sound is measured, and so is what is legal and seldom" {
    is_measured sound
    is_measured odd
}

@test "names that lead out of the tree are refused" {
    is_refused dotdot "$(entry "../*escaped"): a name with '..' is refused"
    is_refused dotdot-within "$(entry "etc/../*"): a name with '..' is refused"
    is_refused absolute "$(entry "$secret/planted"): an absolute name is refused"
}

@test "links are not written through" {
    local through="it leads through 'way', which is a link or a file and no directory"
    is_refused symlink-file "$(entry "way/planted"): $through"
    is_refused symlink-up "$(entry "way/planted"): $through"
    is_refused symlink-whiteout "$(entry "way/.wh.known"): $through"
    is_refused symlink-chain "$(entry "a/*"): it leads through 'a', which is a link *"
    is_measured symlink-over
    is_measured symlink-dir
}

@test "hard links out of the tree are refused" {
    is_refused hard-absolute "$(entry "etc/stolen"): link to '$secret/known': an absolute name is refused"
    is_refused hard-write "$(entry "etc/stolen"): link to '$secret/known': an absolute name is refused"
    is_refused hard-dotdot "$(entry "etc/stolen"): link to '../*: a name with '..' is refused"
    is_refused hard-symlink "$(entry "etc/stolen"): link to 'way/known': it leads through 'way', *"
}

@test "deletions of nothing that has a name are refused" {
    is_refused whiteout-dotdot "$(entry "etc/.wh..."): it deletes nothing that has a name"
    is_refused whiteout-root "$(entry ".wh.."): it deletes nothing that has a name"
    is_refused whiteout-empty "$(entry "etc/.wh."): it deletes nothing that has a name"
}

@test "names of 5000 bytes are refused" {
    is_refused long-name "failed: *layer 1 of 1: *a name of 5000 bytes is refused*"
    is_refused long-path "failed: *layer 1 of 1: *a name of * bytes is refused*"
}

@test "10 million entries end at what a layer may have, or with the time" {
    is_refused many "failed: layer 1 of 1: @(it has more than the 4000000|the time was over when *) entries *"
}

@test "bombs are given up: zeros, a sparse file of 1 TiB, sizes that are only claimed" {
    is_refused bomb "failed: layer 1 of 1: *more than * MiB come out of * KiB"
    is_refused sparse "$(entry "etc/sparse"): its 1099511627776 bytes exceed *"
    is_refused large-claim "failed: layer 1 of 1: entry 'etc/huge': not a sound tar: *"
    is_refused truncated-tar "failed: layer 1 of 1: entry 'etc/half': not a sound tar: *"
}

@test "what is stored must be what manifest and config name" {
    is_refused wrong-digest "failed: layer 1 of 1: as stored: its SHA-256 is * and should be *"
    make_case wrong-size
    measure "$work/wrong-size" 5
    [ "$status" -eq 3 ]
    [[ $said == "plimsoll: --image: "*": layer 1 of 1: "*"bytes, and its descriptor says "* ]]
    is_refused wrong-diff-id "failed: layer 1 of 1: its tar (diff_id): its SHA-256 is * and should be 0000*"
}

@test "a stream that is none, ends early or does not end is refused" {
    is_refused no-tar "failed: layer 1 of 1: not a sound tar: *"
    is_refused truncated-gzip "failed: layer 1 of 1: *the gzip stream is truncated"
    is_refused garbage "failed: layer 1 of 1: *garbage follows the gzip stream at byte *"
}

@test "without privilege device nodes are left out, and what is closed can be removed" {
    need setpriv
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all)
    is_measured devices
    [[ $notes == *"Left out, for lack of privilege or of support: device nodes (2 times)."* ]]
    is_measured odd
    is_refused symlink-file "$(entry "way/planted"): it leads through 'way', *"
}

@test "a disk that has no room is said before, one that is full during it with the entry" {
    mkdir "$BED.few"
    truncate -s 3G "$BED.few.img"
    mkfs.ext4 -q -F -N 256 "$BED.few.img"
    mount -o loop "$BED.few.img" "$BED.few"
    rmdir "$BED.few/lost+found"
    make_case crowd
    for probe in image.runtime image.limit; do
        run -3 "$PLIMSOLL" measure -q $probe --budget 5s --dir "$BED.few" --image "$work/crowd"
        [[ $(jq -r '.measurements[0].reason' <<<"$output") == *"layer 1 of 1: entry 'crowd/"*"': "*"No space left on device" ]]
        is_empty "$BED.few"
    done
    fallocate -l 2G "$BED.few/large"
    run -0 "$PLIMSOLL" measure -q image.limit --budget 5s --dir "$BED.few" --image "$work/crowd"
    [[ $(jq -r '.measurements[0] | .status + .reason' <<<"$output") == "skipped"*" free, of which "*" may be written "* ]]
    [ "$(ls -A "$BED.few")" = large ]
}

@test "what is legal and seldom becomes the same tree in both" {
    need getfattr
    make_case odd
    mkdir "$work/runtime" "$work/limit"
    "$layers" pull "$work/odd" "$work/runtime"
    "$layers" limit "$work/odd" "$work/limit"
    for tree in runtime/pull-0/1/fs limit/1; do
        (
            cd "$work/$tree"
            # Deletions, and directories that no entry names, get the time at which they are made.
            find . -mindepth 1 \( -type d -printf '%y %m %U:%G %p\0' -o \
                \( -name deleted -o -name gone \) -printf '%y %p\0' -o \
                -printf '%y %m %U:%G %T@ %s %n %l %p\0' \) | LC_ALL=C sort -z
            find . -type b,c -printf '%p\0' | LC_ALL=C sort -z | xargs -0 stat -c '%t:%T %n'
            getfattr -h -R -d -m - --absolute-names -e hex . |
                awk -v RS= '{ gsub("\n", " "); print }' | LC_ALL=C sort
            find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
        ) >"$work/${tree%%/*}.told"
    done
    cmp "$work/runtime.told" "$work/limit.told"
    # And it is what was asked for.
    grep -qa ' security.capability=' "$work/limit.told"
    grep -qa ' trusted.overlay.opaque=0x79' "$work/limit.told"
    grep -qa 'f 4755 0:0 .* \./bin/su' "$work/limit.told"
    grep -qa 'd 1777 0:0 .* \./tmp' "$work/limit.told"
    grep -qa 'd 0 0:0 .* \./shut' "$work/limit.told"
    grep -qa '^7:63 ./tmp/loop' "$work/limit.told"
    [ "$(stat -c %i "$work/limit/1/bin/sh")" = "$(stat -c %i "$work/limit/1/bin/sh2")" ]
}
