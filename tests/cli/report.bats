#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
load house

@test "no document is bad usage" {
    refused report
}

@test "a missing document is refused with its path" {
    refused report "$work/none.json"
    [[ $stderr == *"$work/none.json"* ]]
}

@test "a truncated document is refused with place and reason" {
    doc=$(ls tests/golden/documents/*.json | head -n 1)
    head -c 1000 "$doc" >"$work/cut.json"
    refused report "$work/cut.json"
    [[ $stderr == *"cut.json"* ]]
}

@test "a document of another schema is refused by its name" {
    echo '{"schema": "goecs.report/v1"}' >"$work/other.json"
    refused report "$work/other.json"
    [[ $stderr == *"goecs.report/v1"* ]]
}

@test "100 MiB of nonsense is refused at once" {
    truncate -s 100M "$work/huge.json"
    refused report "$work/huge.json"
    [[ $stderr == *"huge.json"* ]]
}

@test "nonsense is refused" {
    head -c 4096 /dev/urandom >"$work/noise.json"
    refused report "$work/noise.json"
}

@test "a directory is no document" {
    refused report "$work"
}

@test "the exit status is the worst of the named roles" {
    for doc in tests/golden/documents/*.json; do
        worst=0
        for role in k8s-control-plane swarm-worker; do
            s=0
            "$PLIMSOLL" report --role "$role" "$doc" >/dev/null || s=$?
            [ "$s" -le 3 ]
            case $s in 2) r=9 ;; 3) r=8 ;; *) r=$s ;; esac
            [ "$r" -le "$worst" ] || worst=$r
        done
        case $worst in 9) want=2 ;; 8) want=3 ;; *) want=$worst ;; esac
        run "$PLIMSOLL" report --role k8s-control-plane --role swarm-worker "$doc"
        [ "$status" -eq "$want" ]
    done
}

@test "a profile without a source is refused with file and criterion" {
    cat >"$work/my.yaml" <<'Y'
role: mine
title: Mine
system: Test
criteria:
  - id: wal
    title: WAL
    metric: disk.wal
    statistic: p99
    at_most: {fit: 10 ms, unfit: 100 ms}
    why: Because.
    basis: derived
    advice: None.
Y
    refused report --profile "$work/my.yaml" "$(ls tests/golden/documents/*.json | head -n 1)"
    [[ $stderr == *"my.yaml"* && $stderr == *"source"* ]]
}

a_profile() { # METRIC FIT UNFIT
    cat >"$work/my.yaml" <<Y
role: mine
title: Mine
system: Test
criteria:
  - id: wal
    title: WAL
    metric: $1
    statistic: p99
    at_most: {fit: $2, unfit: $3}
    why: Because.
    source: this test
    basis: derived
    advice: None.
Y
}

@test "a profile with an unknown metric is refused with its neighbour" {
    a_profile disk.wall "10 ms" "100 ms"
    refused report --profile "$work/my.yaml" "$(ls tests/golden/documents/*.json | head -n 1)"
    [[ $stderr == *"disk.wall"* && $stderr == *"disk.wal'"* ]]
}

@test "a bound the wrong way round is refused" {
    a_profile disk.wal "100 ms" "10 ms"
    refused report --profile "$work/my.yaml" "$(ls tests/golden/documents/*.json | head -n 1)"
    [[ $stderr == *"my.yaml"* ]]
}

@test "a user's own profile is judged by" {
    a_profile disk.wal "1000 s" "2000 s"
    run -0 "$PLIMSOLL" report --profile "$work/my.yaml" "$(ls tests/golden/documents/*.json | head -n 1)"
    [[ $output == *mine* ]]
}
