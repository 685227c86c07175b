#!/bin/sh
# Runs in the lab machine (vm.sh): the program measures round trips through netem, one kind after the
# other; its documents go to the console between "begin NAME" and "end NAME", and what the kernel dropped
# as "dropped NAME UP DOWN".

# busybox's shell takes its own tools first.
ip() { /real/ip "$@"; }
tc() { /real/tc "$@"; }

mkdir -p /run /var/run /tmp/disk
ip link set lo up

# Two hosts; there, a reflector.
hosts() {
    ip netns add here
    ip netns add there
    ip link add va netns here type veth peer name vb netns there
    ip -n here addr add 10.97.0.1/24 dev va
    ip -n there addr add 10.97.0.2/24 dev vb
    for device in va lo; do ip -n here link set "$device" up; done
    for device in vb lo; do ip -n there link set "$device" up; done
    ip netns exec there plimsoll reflect -q &
    sleep 1
}

dropped() {
    tc -s -n "$1" qdisc show dev "$2" | sed -n 's/.*(dropped \([0-9]*\),.*/\1/p' | head -n 1
}

# NAME UP-RULES DOWN-RULES
measure() {
    # shellcheck disable=SC2086 # lists of words
    {
        tc -n here qdisc replace dev va root netem $2
        tc -n there qdisc replace dev vb root netem $3
    }
    status=0
    ip netns exec here plimsoll measure -q net.rtt --set net.rtt.interval=40ms \
        --budget 9s --dir /tmp/disk --peer 10.97.0.2 >/tmp/doc.json || status=$?
    echo "begin $1 $status"
    cat /tmp/doc.json
    echo "end $1"
    echo "dropped $1 $(dropped here va) $(dropped there vb)"
    tc -n here qdisc del dev va root
    tc -n there qdisc del dev vb root
}

hosts
measure plain "limit 9999" "limit 9999"
measure delay "delay 5ms limit 9999" "delay 7ms limit 9999"
measure jitter "delay 5ms 2ms limit 9999" "delay 5ms limit 9999"
measure loss "loss 8% limit 9999" "loss 3% limit 9999"
measure reorder "delay 100ms reorder 20% limit 9999" "limit 9999"
measure duplicate "duplicate 10% limit 9999" "limit 9999"
(
    sleep 5
    date -s "@$(($(date +%s) + 3600))" >/dev/null
    sleep 2
    date -s "@$(($(date +%s) - 7200))" >/dev/null
) &
measure step "delay 30ms limit 9999" "delay 30ms limit 9999"
wait $!
