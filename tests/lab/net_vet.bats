#!/usr/bin/env bats
# Two nodes: 'plimsoll vet --peer' on the one, 'plimsoll reflect' on the other. The network between them is
# in the verdicts of every role that has neighbours. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house
load line

setup() {
    hosts_begin
}

teardown() {
    hosts_end
}

# BUDGET
vet() {
    ip netns exec "$here" "$PLIMSOLL" vet -q --budget "$1" --dir "$disk" --peer 10.98.0.2 \
        --out "$work/out" >"$work/said" || true
    doc=$work/out/result.json
    m=$(jq '.measurements[] | select(.probe == "net.rtt")' "$doc")
    echo "$m" | jq '{status, reason, notes}'
}

# "ROLE CRITERION" of all that judge by a METRIC.
criteria_by() {
    awk -v metric="$1" '
        $1 == "role:" { role = $2 }
        $1 == "-" && $2 == "id:" { id = $3 }
        $1 == "metric:" && $2 == metric { print role, id }
    ' reports/profiles/*.yaml
}

# The verdicts of a role by what it found: "CRITERION VERDICT".
verdicts_of() {
    "$PLIMSOLL" report --details --role "$1" "$doc" |
        awk '$1 == "CRITERION" { on = 1; next } on && /^[a-z0-9-]+ +(fit|marginal|unfit|unknown) / { print $1, $2 }'
}

# Prints "ROLE CRITERION VERDICT" of every criterion of the network's.
network_verdicts() {
    local metric role id
    for role in $(criteria_by net.loss | cut -d' ' -f1); do
        verdicts_of "$role" >"$work/verdicts-$role"
    done
    for metric in net.rtt net.gap net.loss; do
        criteria_by "$metric" | while read -r role id; do
            # The table cuts names to its column.
            awk -v role="$role" -v id="$id" -v metric="$metric" \
                'index(id, $1) == 1 { print role, metric, id, $2; found = 1 } END { if (!found) print role, metric, id, "missing" }' \
                "$work/verdicts-$role"
        done
    done
}

# Every role but the one that is alone is judged by all three.
every_clustered_role() {
    local roles
    roles=$(awk '$1 == "role:" { print $2 }' reports/profiles/*.yaml | grep -v -e -single | sort)
    for metric in net.rtt net.gap net.loss; do
        [ "$(criteria_by "$metric" | cut -d' ' -f1 | sort -u)" = "$roles" ]
    done
}

@test "round trips, gap and loss are in the verdicts of every clustered role" {
    every_clustered_role
    wire
    reflect
    vet 20s
    is_measured
    network_verdicts >"$work/network"
    cat "$work/network"
    [ "$(wc -l <"$work/network")" -ge 39 ]
    # On a pair of devices there is nothing to complain of, but what a loaded machine adds.
    [ "$(grep -cE ' (missing|unknown|unfit)$' "$work/network")" -eq 0 ]
    [ "$(grep -c ' net.loss .* fit$' "$work/network")" -eq "$(criteria_by net.loss | wc -l)" ]
}

@test "a slow line that loses much makes every clustered role unfit, by the network" {
    line up delay=normal:120000:5000 loss=0.1 down delay=constant:120000 loss=0.1
    reflect
    vet 60s
    is_measured
    line_log
    network_verdicts >"$work/network"
    cat "$work/network"
    [ "$(grep -cE ' (missing|unknown)$' "$work/network")" -eq 0 ]
    [ "$(grep -c ' net.loss .* unfit$' "$work/network")" -eq "$(criteria_by net.loss | wc -l)" ]
    # Heartbeats of etcd and raft are meant for less than 240 ms.
    for role in k8s-control-plane k3s-server consul-server nomad-server; do
        grep -qE "^$role net.rtt .* (marginal|unfit)\$" "$work/network"
    done
    for role in $(criteria_by net.loss | cut -d' ' -f1); do
        run "$PLIMSOLL" report --role "$role" "$doc"
        [ "$status" -eq 2 ]
    done
}
