#!/usr/bin/env bats
# Three hosts in a row, in network namespaces: the sender, a router, the reflector. The router's MTU,
# its ICMP and its filter are the truth that net.mtu, net.ports, net.connect and net.load are held
# against. Needs root.
bats_require_minimum_version 1.5.0
load ../cli/house

setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    for t in ip nft tc jq; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    disk=$work/disk
    mkdir "$disk"
    here=plimsoll-$$-a
    middle=plimsoll-$$-r
    there=plimsoll-$$-b
    started=()
    for n in "$here" "$middle" "$there"; do
        ip netns add "$n"
        ip -n "$n" link set lo up
    done
    ip link add pa netns "$here" type veth peer name ra netns "$middle"
    ip link add rb netns "$middle" type veth peer name pb netns "$there"
    address "$here" pa 10.97.1.1/24 fd97:1::1/64
    address "$middle" ra 10.97.1.2/24 fd97:1::2/64
    address "$middle" rb 10.97.2.2/24 fd97:2::2/64
    address "$there" pb 10.97.2.1/24 fd97:2::1/64
    ip netns exec "$middle" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip -n "$here" route add default via 10.97.1.2
    ip -n "$there" route add default via 10.97.2.2
    ip -n "$here" -6 route add default via fd97:1::2
    ip -n "$there" -6 route add default via fd97:2::2
}

teardown() {
    for p in "${started[@]}"; do
        kill "$p" 2>/dev/null || true
        wait "$p" 2>/dev/null || true
    done
    for n in "$here" "$middle" "$there"; do
        if ip netns list | grep -q "^$n\b"; then ip netns del "$n"; fi
    done
    rm -rf "$work"
}

address() {
    ip -n "$1" addr add "$3" dev "$2"
    ip -n "$1" addr add "$4" dev "$2" nodad
    ip -n "$1" link set "$2" up
}

# A reflector on the other host, until the test ends.
reflect() {
    ip netns exec "$there" "$PLIMSOLL" reflect "$@" 2>"$work/reflect" &
    started+=($!)
    for _ in $(seq 100); do
        if grep -q listening "$work/reflect"; then return; fi
        sleep 0.05
    done
    cat "$work/reflect"
    false
}

# Something that listens at TCP ports of the other host, greets, and holds nothing open.
serve() {
    ip netns exec "$there" python3 - "$@" <<'END' >"$work/serve" &
import selectors, socket, sys
s = selectors.DefaultSelector()
for port in sys.argv[1:]:
    l = socket.create_server(("10.97.2.1", int(port)))
    s.register(l, selectors.EVENT_READ)
print("listening", flush=True)
resets = 0
while True:
    for key, _ in s.select():
        c, _ = key.fileobj.accept()
        try:
            c.sendall(b"hello\n")
            if c.recv(1):
                print("bytes", flush=True)
        except ConnectionResetError:
            print("reset", flush=True)
        c.close()
END
    started+=($!)
    for _ in $(seq 100); do
        if grep -q listening "$work/serve"; then return; fi
        sleep 0.05
    done
    false
}

# PROBE [OPTION]...: the measurements are left in $work/doc.json.
measure() {
    ip netns exec "$here" "$PLIMSOLL" measure -q "$1" --budget "${budget:-8s}" --dir "$disk" \
        "${@:2}" >"$work/doc.json" || true
    jq -c '.measurements[] | {peer, status, reason, notes}' "$work/doc.json"
    jq -c '.host' "$work/doc.json"
}

# A statistic of a part: METRIC NAME [INDEX].
figure() {
    jq -r --arg id "$1" --arg name "$2" --argjson at "${3:-0}" \
        '.measurements[$at].metrics[] | select(.id == $id) | .statistics[]
         | select(.name == $name) | .value' "$work/doc.json"
}

fact() {
    jq -r --arg name "$1" '.host[$name].value | if type == "array" then join(" ") else . end' \
        "$work/doc.json"
}

noted() {
    jq -e --arg words "$1" '.measurements | map(.notes[] | contains($words)) | any' \
        "$work/doc.json"
}

between() {
    echo "$2 <= $1 <= $3"
    jq -ne "$2 <= $1 and $1 <= $3" >/dev/null
}

narrow() {
    ip -n "$middle" link set rb mtu "$1"
    ip -n "$there" link set pb mtu "$1"
}

rules() {
    ip netns exec "$1" nft -f -
}

@test "mtu: a whole path carries what the interface says, by both families at once" {
    reflect
    measure net.mtu --peer 10.97.2.1 --peer fd97:2::1
    [ "$(figure net.mtu value 0)" = 1500 ]
    [ "$(figure net.mtu value 1)" = 1500 ]
    [ "$(figure net.mtu.short value)" = 0 ]
    [ "$(fact net.mtu.interface) $(fact net.mtu.blackhole) $(fact net.mtu.whole)" = "1500 no yes" ]
    [ "$(fact net.mtu.vxlan) $(fact net.mtu.wireguard) $(fact net.mtu.ipip)" = "1450 1440 1480" ]
}

@test "mtu: a jumbo path of 9000 octets is found, and one octet less" {
    for link in "$here pa" "$middle ra" "$middle rb" "$there pb"; do
        # shellcheck disable=SC2086 # two words
        set -- $link
        ip -n "$1" link set "$2" mtu 9000
    done
    reflect
    measure net.mtu --peer 10.97.2.1
    [ "$(figure net.mtu value)" = 9000 ]
    narrow 8999
    measure net.mtu --peer 10.97.2.1
    [ "$(figure net.mtu value)" = 8999 ]
}

@test "mtu: a router that carries 1400 and says so" {
    reflect
    narrow 1400
    for peer in 10.97.2.1 fd97:2::1; do
        measure net.mtu --peer "$peer"
        [ "$(figure net.mtu value)" = 1400 ]
        [ "$(figure net.mtu.short value)" = 100 ]
        [ "$(fact net.mtu.blackhole) $(fact net.mtu.whole)" = "no no" ]
        noted "says by ICMP that the next hop carries 1400 octets"
    done
    [ "$(fact net.mtu.vxlan) $(fact net.mtu.wireguard) $(fact net.mtu.ipip)" = "1330 1320 1360" ]
}

@test "mtu: the same without a word is a black hole, and named" {
    reflect
    narrow 1400
    rules "$middle" <<'END'
table inet hole {
    chain out {
        type filter hook output priority 0
        icmp type destination-unreachable drop
        icmpv6 type packet-too-big drop
    }
}
END
    for peer in 10.97.2.1 fd97:2::1; do
        measure net.mtu --peer "$peer"
        [ "$(figure net.mtu value)" = 1400 ]
        [ "$(fact net.mtu.blackhole)" = yes ]
        noted "A black hole: packets above 1400 octets vanish"
    done
}

@test "mtu: a way back that is narrower is seen, though its packets come in pieces" {
    reflect
    ip -n "$middle" link set ra mtu 1400
    measure net.mtu --peer 10.97.2.1
    [ "$(figure net.mtu value)" = 1400 ]
    noted "the way back carries less"
}

@test "mtu: a quarter of all packets lost each way moves the limit by nothing" {
    reflect
    narrow 1400
    rules "$middle" <<'END'
table inet lossy {
    chain forward {
        type filter hook forward priority 0
        numgen random mod 4 == 0 drop
    }
    chain out {
        type filter hook output priority 0
        icmp type destination-unreachable drop
    }
}
END
    budget=20s measure net.mtu --peer 10.97.2.1
    [ "$(figure net.mtu value)" = 1400 ]
}

@test "mtu: no reflector, and none that answers" {
    measure net.mtu --peer 10.97.2.1
    jq -e '.measurements[0] | .status == "failed" and (.reason | test("refuses"))' "$work/doc.json"
    reflect
    rules "$there" <<'END'
table inet shut { chain in { type filter hook input priority 0; udp dport 862 drop; }; }
END
    measure net.mtu --peer 10.97.2.1
    jq -e '.measurements[0] | .status == "failed" and (.reason | test("nothing answered"))' \
        "$work/doc.json"
}

@test "a reflector with a key: round trips, MTU and load have figures, and without the key none" {
    printf 'a secret of the lab' >"$work/key"
    chmod 600 "$work/key"
    reflect --key-file "$work/key"
    ip netns exec "$here" "$PLIMSOLL" measure -q net.rtt net.mtu net.load --budget 12s --dir "$disk" \
        --peer 10.97.2.1 --peer fd97:2::1 --key-file "$work/key" >"$work/doc.json"
    jq -c '.measurements[] | {probe, peer, status, reason, notes}' "$work/doc.json"
    for at in 0 1; do
        jq -e --argjson at "$at" '[.measurements[] | select(.probe == "net.rtt")][$at] | .status != "failed"
            and (.notes[0] | test("authenticated")) and (.notes[0] | test("unauthenticated") | not)' \
            "$work/doc.json"
    done
    jq -e '[.measurements[] | select(.probe == "net.mtu").metrics[] | select(.id == "net.mtu").statistics[]
        | select(.name == "value").value] == [1500, 1500]' "$work/doc.json"
    jq -e '[.measurements[] | select(.probe == "net.load").metrics[] | select(.id == "net.load.rate").statistics[]
        | select(.name == "value").value] | length == 2 and all(. > 100000)' "$work/doc.json"
    # The path is there, the key is not.
    jq -e --arg path "$work/key" '[.measurements[].parameters["key-file"]] | all(. == $path)' "$work/doc.json"
    run ! grep -q 'a secret of the lab' "$work/doc.json"
    measure net.mtu --peer 10.97.2.1
    jq -e '.measurements[0] | .status == "failed" and (.reason | test("--key-file"))' "$work/doc.json"
    measure net.load --peer 10.97.2.1
    jq -e '.measurements[0] | .status == "failed" and (.reason | test("--key-file"))' "$work/doc.json"
}

@test "ports: open, refused, dropped and rejected are told apart, TCP and UDP" {
    reflect
    serve 6443 2380
    rules "$there" <<'END'
table inet ports {
    chain in {
        type filter hook input priority 0
        tcp dport { 2379, 10250 } drop
        tcp dport 2377 reject with icmpx port-unreachable
        tcp dport 4646 reject with icmpx admin-prohibited
        tcp dport 4647 reject with tcp reset
        udp dport 8472 drop
        udp dport 4789 reject with icmpx admin-prohibited
    }
}
END
    budget=20s measure net.ports --peer 10.97.2.1
    [ "$(fact net.ports.open)" = "6443 2380" ]
    [ "$(fact net.ports.blocked)" = "2379 10250 2377 4789/udp 4646" ]
    [ "$(fact net.ports.silent)" = "8472/udp" ]
    [[ " $(fact net.ports.refused) " == *" 7946 7946/udp "*" 4647 "* ]]
    [ "$(figure net.ports.filtered value)" = 5 ]
    # Nothing was sent over a connection, and none was reset.
    ! grep -E 'bytes|reset' "$work/serve"
}

@test "ports: a closed host is silent nowhere, though Linux rations its ICMP" {
    budget=20s measure net.ports --peer 10.97.2.1 --peer fd97:2::1
    [ "$(fact net.ports.blocked)$(fact net.ports.silent)$(fact net.ports.open)" = "" ]
    jq -e '[.measurements[].status] == ["measured", "measured"]' "$work/doc.json"
}

@test "ports: a host that says nothing at all is no proof of a filter" {
    rules "$there" <<'END'
table inet shut { chain in { type filter hook input priority 0; policy drop; }; }
END
    budget=20s measure net.ports --peer 10.97.2.1
    jq -e '.measurements[0] | .status == "untrusted"
           and (.reason | test("the node is down, or a firewall drops everything"))' "$work/doc.json"
    [ "$(fact net.ports.blocked)" = null ]
    measure net.ports --peer 10.97.9.9
    jq -e '.measurements[0] | .status == "failed" and (.reason | test("cannot be reached"))' \
        "$work/doc.json"
}

@test "connect: connections are counted, none is reset, refusals and silence are failures" {
    serve 6443
    rules "$there" <<'END'
table inet shut { chain in { type filter hook input priority 0; tcp dport 5000 drop; }; }
END
    measure net.connect --connect 10.97.2.1:6443 --connect 10.97.2.1:5001 \
        --connect 10.97.2.1:5000 --set net.connect.timeout=500ms
    between "$(figure net.connect p50 0)" 1000 100000000
    between "$(figure net.connect.kernel p50 0)" 1000 100000000
    [ "$(figure net.connect.failed value 0)" = 0 ]
    [ "$(figure net.connect.failed value 1) $(figure net.connect.failed value 2)" = "1 1" ]
    noted "0 connections, 0 refused"
    ! grep -E 'bytes|reset' "$work/serve"
}

@test "load: a slow link with a long queue delays, and the grade says how much" {
    reflect
    # 10 Mbit/s and 150 ms of queue.
    ip netns exec "$middle" tc qdisc add dev rb root tbf rate 10mbit burst 10k latency 150ms
    measure net.load --peer 10.97.2.1 --load 20Mbit
    between "$(figure net.load.increase value)" 80000000 200000000
    [ "$(fact net.load.bloat)" = strong ]
    between "$(figure net.load.rate value)" 800000 1300000
    between "$(figure net.load p50)" 80000000 200000000
    between "$(figure net.load.idle p50)" 1000 20000000
}

@test "load: below the link's rate nothing grows, and the bound in bytes is kept" {
    reflect
    ip netns exec "$middle" tc qdisc add dev rb root tbf rate 50mbit burst 20k latency 150ms
    measure net.load --peer 10.97.2.1 --load 8Mbit --set net.load.most=600000
    [ "$(fact net.load.bloat)" = none ]
    noted "The stream: 500 packets of 1200 octets"
}

@test "load: a policer is no queue" {
    reflect
    rules "$middle" <<'END'
table inet policer {
    chain forward {
        type filter hook forward priority 0
        ip protocol udp limit rate over 500 kbytes/second burst 20 kbytes drop
    }
}
END
    measure net.load --peer 10.97.2.1 --load 20Mbit
    [ "$(fact net.load.bloat)" = none ]
    noted "a limiter on the way"
}
