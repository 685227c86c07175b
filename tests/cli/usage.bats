#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
load house

@test "--version prints name and version" {
    run -0 "$PLIMSOLL" --version
    [[ $output =~ ^plimsoll\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "--help lists every command, and each has its own --help" {
    run -0 "$PLIMSOLL" --help
    for c in vet measure report reflect list explain; do
        [[ $output == *"  $c "* ]]
        "$PLIMSOLL" "$c" --help | grep -q "^usage: plimsoll $c"
    done
}

@test "no command at all is bad usage" {
    run -3 "$PLIMSOLL"
}

@test "an unknown command is refused with its neighbour" {
    refused vett
    [[ $stderr == *"did you mean 'vet'"* ]]
}

@test "an unknown option is refused with its neighbour" {
    refused vet --rol k8s-worker
    [[ $stderr == *"--role"* ]]
}

@test "an option without its value is refused" {
    refused vet --budget
    [[ $stderr == *"needs a value"* ]]
}

@test "a budget below what probes need is refused with the bound" {
    refused vet --budget 2s
    [[ $stderr == *"below 5 s"* ]]
}

@test "a budget without a unit is refused with an example" {
    refused vet --budget 60
    [[ $stderr == *"has no unit"* ]]
}

@test "an unknown role is refused before anything is measured" {
    refused vet --role k8s-workr --dir "$disk"
    [[ $stderr == *"did you mean 'k8s-worker'"* ]]
    is_empty "$disk"
}

@test "an unknown probe is refused" {
    refused measure disk.wall --dir "$disk"
    [[ $stderr == *"did you mean 'disk.wal'"* ]]
}

@test "a malformed peer is refused" {
    refused measure net.rtt --peer host:99999 --dir "$disk"
    [[ $stderr == *"--peer"* ]]
}

@test "an unknown label is refused with the known ones" {
    refused vet --label colour=blue --dir "$disk"
    [[ $stderr == *"provider, plan, region, price"* ]]
}

@test "an unknown probe option is refused" {
    refused measure disk.wal --set disk.wal.recrod=1 --dir "$disk"
    [[ $stderr == *"recrod"* ]]
}

@test "list shows probes, metrics, facts and fourteen roles" {
    run -0 "$PLIMSOLL" list probes
    [ "${#lines[@]}" -ge 9 ]
    run -0 "$PLIMSOLL" list roles
    [ "${#lines[@]}" -eq 14 ]
    "$PLIMSOLL" list metrics | grep -q '^disk.wal '
    "$PLIMSOLL" list facts | grep -q '^host.kernel.release '
    refused list nothing
    refused list probes metrics
}

@test "every probe, metric, fact and role can be explained" {
    for id in $("$PLIMSOLL" list probes | awk '{print $1}') $("$PLIMSOLL" list metrics | awk '{print $1}') \
        $("$PLIMSOLL" list facts | awk '{print $1}') $("$PLIMSOLL" list roles | awk '{print $1}'); do
        "$PLIMSOLL" explain "$id" >"$work/out" || { echo "$id"; false; }
        [ -s "$work/out" ]
    done
}

@test "one criterion can be explained, with its source" {
    run -0 "$PLIMSOLL" explain k8s-control-plane/wal-p99
    [[ $output == *"source"* ]]
    refused explain no.such.thing
}

@test "the manual page is valid scdoc and names every option of vet" {
    command -v scdoc || skip "scdoc is missing"
    "$PLIMSOLL" man >"$work/plimsoll.1.scd"
    scdoc <"$work/plimsoll.1.scd" >"$work/plimsoll.1"
    for o in $("$PLIMSOLL" vet --help | grep -o -- '--[a-z]*' | sort -u); do
        [ "$o" = --help ] || grep -q -- "${o#--}" "$work/plimsoll.1" || { echo "$o"; false; }
    done
    if command -v mandoc; then mandoc -Tlint -W error "$work/plimsoll.1"; fi
}

@test "a full standard output is an error, not a silence" {
    [ -w /dev/full ] || skip "/dev/full is missing"
    run -3 bash -c "'$PLIMSOLL' list >/dev/full"
    [[ $output == *"standard output"* ]]
}

@test "a closed standard output is an error; a closed standard error is no file of ours" {
    run -3 bash -c "'$PLIMSOLL' list >&-"
    [[ $output == *"standard output"* ]]
    "$PLIMSOLL" measure host --budget 5s --dir "$disk" 2>&- >"$work/doc.json"
    jq -e '.measurements[0].status == "measured"' "$work/doc.json"
    run -3 bash -c "'$PLIMSOLL' measure host --budget 5s --dir '$disk' <&- >&- 2>&-"
    is_empty "$disk"
    "$PLIMSOLL" measure disk.wal --budget 60s --dir "$disk" >"$work/doc.json" 2>&- &
    pid=$!
    sleep 1
    held=$(readlink "/proc/$pid/fd/2")
    kill -TERM "$pid"
    wait "$pid" || true
    [ "$held" = / ]
}

@test "a short word that is near to nothing gets no neighbour" {
    refused measure nope --dir "$disk"
    [[ $stderr != *"did you mean"* ]]
    refused vet --bud 10s --dir "$disk"
    [[ $stderr != *"--out"* ]]
}

@test "a label with a control character is refused before anything is measured" {
    refused vet --label $'note=a\e[31mb' --dir "$disk"
    refused vet --label plan= --dir "$disk"
    is_empty "$disk"
}

@test "a --dir that holds no files gets a remedy" {
    refused measure host --dir /proc
    [[ $stderr == *"/proc"*"name a directory"* ]]
}

@test "explain says so where no role judges by a metric" {
    run -0 "$PLIMSOLL" explain image.share.inflate
    [[ $output == *"judged by:"*"no role"* ]]
    run -0 "$PLIMSOLL" explain image.rate
    [[ $output != *"no role"* ]]
}
