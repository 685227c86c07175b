#!/usr/bin/env bats
# report --cluster, over three made-up documents.
bats_require_minimum_version 1.5.0
load house

nodes=tests/golden/cluster

@test "three nodes are a cluster, in every format" {
    run -0 "$PLIMSOLL" report --cluster "$nodes"/node-{a,b,c}.json
    [[ $output == *"A cluster of 3: node-a, node-b, node-c"* ]]
    [[ $output == *"Best place for a leader: node-a."* ]]
    [[ $output == *"node-c to node-a: failed: nothing answered"* ]]
    run -0 "$PLIMSOLL" report --cluster -f markdown "$nodes"/node-{a,b,c}.json
    [[ $output == "# A cluster of 3"* ]]
    run -0 "$PLIMSOLL" report --cluster -f html "$nodes"/node-{a,b,c}.json
    [[ $output == "<!DOCTYPE html>"*"</html>" ]]
}

@test "JSON holds every direction, the worst pairs, the leaders and the roles" {
    "$PLIMSOLL" report --cluster -f json "$nodes"/node-{a,b,c}.json >"$work/cluster.json"
    jq -e '.schema == "plimsoll-cluster/1" and (.pairs | length) == 9' "$work/cluster.json"
    jq -e '.worst.rtt_p99_ns | .from == "node-b" and .to == "node-c"' "$work/cluster.json"
    jq -e '.quorum.best_leader == "node-a" and (.quorum.leaders | length) == 3' "$work/cluster.json"
    jq -e '.pairs[] | select(.from == "node-c" and .to == "node-a") |
           .status == "failed" and .figures_from == "to"' "$work/cluster.json"
    jq -e '.roles[] | select(.role == "k3s-server") |
           .grade == "unfit" and .node == "node-b" and .peer == "node-c"' "$work/cluster.json"
}

@test "the exit status is the cluster's, of the roles that are named" {
    run -2 "$PLIMSOLL" report --cluster --role k3s-server "$nodes"/node-{a,b,c}.json
    run -1 "$PLIMSOLL" report --cluster --role swarm-worker "$nodes"/node-{a,b,c}.json
    run -0 "$PLIMSOLL" report --cluster --role k8s-control-plane-single "$nodes"/node-{a,b,c}.json
    # A peer that is away is an unknown criterion to --strict.
    run -3 "$PLIMSOLL" report --role mesos-agent --strict "$nodes/node-c.json"
}

@test "one document alone is no cluster" {
    refused report --cluster "$nodes/node-a.json"
    [[ $stderr == *"two hosts or more"* ]]
}

@test "the same document, and two of one host, are refused" {
    refused report --cluster "$nodes/node-a.json" "$nodes/node-a.json"
    [[ $stderr == *"same run"* ]]
    jq '.run.id = "000000000000000000000000000000ff"' "$nodes/node-a.json" >"$work/again.json"
    refused report --cluster "$nodes/node-a.json" "$work/again.json"
    [[ $stderr == *"are both of 'node-a'"*"--label node=NAME"* ]]
}

@test "a document that measured no peer is refused with what to do" {
    jq 'del(.measurements[] | select(.probe == "net.rtt"))' "$nodes/node-c.json" >"$work/c.json"
    refused report --cluster "$nodes/node-a.json" "$work/c.json"
    [[ $stderr == *"c.json' measured no other node"*"--peer"* ]]
}

@test "a schema that is too new is refused by its name" {
    jq '.schema = "plimsoll-result/2"' "$nodes/node-c.json" >"$work/c.json"
    refused report --cluster "$nodes/node-a.json" "$work/c.json"
    [[ $stderr == *"c.json"*"'plimsoll-result/2', and this plimsoll reads 'plimsoll-result/1'"* ]]
}

@test "the same peer twice is refused before anything is measured" {
    refused measure -q net.rtt --dir "$disk" --peer node-b --peer node-b:862
    [[ $stderr == *"--peer 'node-b:862' is there twice, also as 'node-b'"* ]]
    is_empty "$disk"
}

@test "the documents of a cluster are valid" {
    python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is missing"
    tests/validate-document "$nodes"/*.json
}

@test "a cluster's report is valid by its schema, whoever is away" {
    python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is missing"
    "$PLIMSOLL" report --cluster -f json "$nodes"/node-{a,b,c}.json >"$work/cluster.json"
    tests/validate-document "$work/cluster.json"
    tests/validate-document tests/golden/expected/cluster.json
    # Nobody reaches anybody.
    for n in a b c; do
        jq '(.measurements[] | select(.probe == "net.rtt")) |=
            (.status = "failed" | .reason = "away" | .metrics = [])' "$nodes/node-$n.json" >"$work/$n.json"
    done
    "$PLIMSOLL" report --cluster -f json "$work"/{a,b,c}.json >"$work/away.json" || [ $? -le 3 ]
    jq -e '.quorum.best_leader == null and .worst.rtt_p99_ns == null' "$work/away.json"
    tests/validate-document "$work/away.json"
}

@test "the cluster's schema refuses what no report is" {
    python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is missing"
    for edit in 'del(.quorum)' '.pairs[0].status = "fine"' '.pairs[0].loss_ratio = 1.5' \
        '.pairs[0].rtt_p50_ns = -1' '.nodes[0].run = null' '.nodes[3].run = .nodes[0].run' \
        '.roles[0].grade = "good"' '.worst.gap_ns.value = null' '.quorum.leaders[0].reached = "2"' \
        '.more = 1' '.schema = "plimsoll-cluster/2"'; do
        jq "$edit" tests/golden/expected/cluster.json >"$work/bad.json"
        run -1 tests/validate-document "$work/bad.json"
        echo "$edit: $output"
        [ -n "$output" ]
    done
}
