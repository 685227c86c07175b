#!/usr/bin/env bats
# Images that are named with --image, and what is said of those that are none.
bats_require_minimum_version 1.5.0
load house

setup() {
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/plimsoll-cli-XXXXXX")
    disk=$work/disk
    mkdir "$disk"
}

teardown() {
    rm -rf "$work"
}

# The sentence is on standard error, the status says wrong usage, and nothing was measured.
refused() {
    run -3 --separate-stderr "$PLIMSOLL" measure -q image.decode --budget 5s --dir "$disk" --image "$1"
    [ -z "$output" ]
    [[ $stderr == *"--image: $2"* ]]
    [ -z "$(ls -A "$disk")" ]
}

@test "what is no image is refused before anything is measured" {
    printf 'no tar at all' >"$work/text"
    mkfifo "$work/pipe"
    refused smal "there is no image 'smal': the program's own are small, reference"
    refused small:x "the seed 'x'"
    refused "$work/none" "image '$work/none'"
    refused "$work/text" "image '$work/text'"
    refused "$work/disk" "image '$work/disk': it is no image: neither index.json"
    refused "$work/pipe" "image '$work/pipe'"
}

@test "vet refuses it too, and a run without image probes does not ask" {
    run -3 --separate-stderr "$PLIMSOLL" vet -q --budget 10s --dir "$disk" --image ./none -o "$work/out"
    [[ $stderr == *"--image: image './none'"* ]]
    run -0 "$PLIMSOLL" measure -q noise.stall --budget 5s --dir "$disk" --image ./none
}

@test "an image of another seed is made, named and measured" {
    run -0 --separate-stderr "$PLIMSOLL" measure -q image.decode --budget 20s --dir "$disk" --image small-zstd:7
    jq -e '.measurements[0] | .status == "measured" and .written_bytes > 10000000 and
           (.notes | any(startswith("Image '\''small-zstd:7'\'' (made from its seed): 3 layers")))' <<<"$output"
    jq -e '[.measurements[0].metrics[].statistics[0].value] | length == 4 and all(. > 0)' <<<"$output"
    [ -z "$(ls -A "$disk")" ]
}
