# Two hosts joined by a delay line (delayline.c): namespaces $here and $there, its ends ta (10.98.0.1,
# fd98::1) and tb (10.98.0.2, fd98::2). For bats files that load it.
LAB=${LAB:-build/release/tests/lab}
SEED=${PLIMSOLL_LAB_SEED:-7}

hosts_begin() {
    [ "$(id -u)" -eq 0 ] || skip "root is missing"
    for t in ip jq python3; do
        command -v "$t" >/dev/null || skip "$t is missing"
    done
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-lab-XXXXXX")
    disk=$work/disk
    mkdir "$disk"
    here=plL-$$-a
    there=plL-$$-b
    started=()
    ip netns add "$here"
    ip netns add "$there"
    ip -n "$here" link set lo up
    ip -n "$there" link set lo up
}

hosts_end() {
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    for n in "$here" "$there"; do
        if ip netns list | grep -q "^$n\b"; then ip netns del "$n"; fi
    done
    rm -rf "$work"
}

# FILE TEXT: until the file has it.
await() {
    for _ in $(seq 200); do
        if grep -q "$2" "$1" 2>/dev/null; then return; fi
        sleep 0.05
    done
    cat "$1"
    false
}

# The line with those rules (up RULE... down RULE...), until line_log.
line() {
    [ -e /dev/net/tun ] || skip "/dev/net/tun is missing"
    echo "seed $SEED (PLIMSOLL_LAB_SEED)"
    "$LAB/delayline" "$SEED" "$work/log" "$here" ta "$there" tb "$@" 2>"$work/line" &
    line=$!
    started+=("$line")
    await "$work/line" ready
    ip -n "$here" addr add 10.98.0.1/24 dev ta
    ip -n "$there" addr add 10.98.0.2/24 dev tb
    ip -n "$here" addr add fd98::1/64 dev ta nodad
    ip -n "$there" addr add fd98::2/64 dev tb nodad
    ip -n "$here" link set ta up
    ip -n "$there" link set tb up
}

# Ends the line, which then writes its log.
line_log() {
    kill "$line"
    wait "$line"
}

# Or a plain pair of devices with the same addresses.
wire() {
    ip link add ta netns "$here" type veth peer name tb netns "$there"
    ip -n "$here" addr add 10.98.0.1/24 dev ta
    ip -n "$there" addr add 10.98.0.2/24 dev tb
    ip -n "$here" addr add fd98::1/64 dev ta nodad
    ip -n "$there" addr add fd98::2/64 dev tb nodad
    ip -n "$here" link set ta up
    ip -n "$there" link set tb up
}

# A reflector on the other host, until the test ends; its process is $reflector.
reflect() {
    ip netns exec "$there" "$PLIMSOLL" reflect "$@" 2>"$work/reflect" &
    reflector=$!
    started+=("$reflector")
    await "$work/reflect" listening
}

# A script of python on the other host, which says "ready" when it is.
act() {
    ip netns exec "$there" python3 "$@" >"$work/actor" 2>&1 &
    actor=$!
    started+=("$actor")
    await "$work/actor" ready
}

# Measures towards that address; the document is in $doc, the measurement in $m.
measure() {
    doc=$work/doc.json
    ip netns exec "$here" "$PLIMSOLL" measure -q net.rtt --budget "${budget:-6s}" --dir "$disk" \
        --peer "$@" >"$doc" || true
    m=$(jq '.measurements[0]' "$doc")
    echo "$m" | jq '{status, reason, notes}'
}

status_is() {
    [ "$(jq -r .status <<<"$m")" = "$1" ]
}

# Load may make our own pauses what is untrusted; the counts stand.
is_measured() {
    case $(jq -r .status <<<"$m") in measured | untrusted) ;; *) false ;; esac
}

# What the notes count: sent, answered, lost, duplicates, reordered, ...
counted() {
    jq -r '.notes[]' <<<"$m" | sed -n "s/^\(.*[ :(]\)\{0,1\}\([0-9][0-9]*\) $1\b.*/\2/p" | head -n 1
}

# A statistic in the base unit: METRIC NAME.
figure() {
    jq -r --arg id "$1" --arg name "$2" \
        '.metrics[] | select(.id == $id) | .statistics[] | select(.name == $name) | .value' <<<"$m"
}

has_metric() {
    jq -e --arg id "$1" '.metrics | map(.id == $id) | any' <<<"$m" >/dev/null
}

# The truth of the log, and the errors of the document, into $truth and $errors; the table is printed.
compare() {
    line_log
    truth=$(tests/lab/delaylog.py truth "$work/log")
    errors=$(tests/lab/delaylog.py errors "$work/log" "$doc")
    jq -c '.counts, .line' <<<"$truth"
    {
        echo "$1"
        tests/lab/delaylog.py table "$work/log" "$doc"
        jq -r '.counts | to_entries | map("\(.key) \(.value)") | "log: " + join(", ")' <<<"$truth"
        jq -r '.stacks | "from the time in the packet to the wire: sender \(.sender.p50 / 1000 | round) us, reflector \(.reflector.p50 / 1000 | round) us (p50)"' \
            <<<"$truth"
        jq -r '.line | "the line was late by \(.late.p50 / 1000 | round) us (p50), \(.late.max / 1000 | round) us (max)"' \
            <<<"$truth"
    } >"$work/table"
    cat "$work/table"
    sed 's/^/# /' "$work/table" >&3
}

# What the log counted: NAME.
true_count() {
    jq -r --arg name "$1" '.counts[$name]' <<<"$truth"
}

# The notes count as many as the log: WORD [NAME-IN-LOG].
counts_agree() {
    echo "$1: ours $(counted "$1"), log $(true_count "${2:-$1}")"
    [ "$(counted "$1")" -eq "$(true_count "${2:-$1}")" ]
}

# What passed between the time that a host wrote into its packet and the wire: sender or reflector, STATISTIC.
stack_ns() {
    jq --arg who "$1" --arg name "$2" '.stacks[$who][$name] | round' <<<"$truth"
}

# The error of a figure is within NS and a cell of the histogram (1/1024): NAME NS.
within() {
    jq -e --arg name "$1" --argjson ns "$2" '.[$name] // {absent: true} |
        if .absent then "\($name) is absent" | halt_error else . end |
        ($ns + if $ns > 0 then .truth / 1024 else 0 end) as $may | "\($name): off by \(.error) ns, allowed \($may)", .error <= $may and .error >= -$may' \
        <<<"$errors" | tee /dev/stderr | tail -n 1 | grep -q true
}

between() {
    echo "$2 <= $1 <= $3"
    jq -ne "$2 <= $1 and $1 <= $3" >/dev/null
}
