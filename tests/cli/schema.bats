#!/usr/bin/env bats
# What the schema refuses the reader refuses, and the other way round.
bats_require_minimum_version 1.5.0
load house

setup_file() {
    python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is missing"
}

# Edits the made-up document with jq; both must refuse what comes out.
both_refuse() {
    jq "$1" tests/golden/documents/stopped.json >"$work/bad.json"
    if cmp -s <(jq . tests/golden/documents/stopped.json) "$work/bad.json"; then
        echo "nothing changed: $1"
        return 1
    fi
    run -1 tests/validate-document "$work/bad.json"
    [ -n "$output" ]
    refused report "$work/bad.json"
    [[ $stderr == *"$work/bad.json"* ]]
}

@test "made-up documents are valid" {
    tests/validate-document tests/golden/documents/*.json
}

@test "another schema, and none" {
    both_refuse '.schema = "plimsoll-result/2"'
    both_refuse 'del(.schema)'
}

@test "missing parts" {
    both_refuse 'del(.run)'
    both_refuse 'del(.measurements)'
    both_refuse 'del(.run.seed)'
    both_refuse 'del(.measurements[2].witnessed)'
    both_refuse 'del(.measurements[2].metrics[0].statistics[1].name)'
}

@test "wrong types" {
    both_refuse '.run.interrupted = 1'
    both_refuse '.run.duration_ns = 1.5'
    both_refuse '.run.duration_ns = -1'
    both_refuse '.labels.provider = 7'
    both_refuse '.measurements[2].status = "fine"'
    both_refuse '.measurements[2].metrics[0].unit = "parsec"'
    both_refuse '.measurements[2].metrics[0].blocks[0].p99 = "much"'
    both_refuse '.measurements[2].metrics[0].histogram = "no histogram"'
}

@test "a probe not measured without a reason, and a fact unknown without one" {
    both_refuse '.measurements[1].reason = null'
    both_refuse '.host["host.kernel.options"].reason = null'
}

@test "a number without a unit, and a list that is none" {
    both_refuse '.host["host.cpus"].unit = null'
    both_refuse '.host["host.cgroup.controllers"].value[0] = "two words"'
}

@test "too much of anything" {
    both_refuse '.measurements[2].notes = [range(33) | tostring]'
    both_refuse '.measurements[2].events = [range(513) | {at_ns: 1, duration_ns: 0, what: "x"}]'
    both_refuse '.run.argv = [range(65) | tostring]'
    both_refuse '.run.argv_cut = "1"'
    both_refuse '.labels = ([range(33) | {key: tostring, value: "x"}] | from_entries)'
}
