#!/bin/bash
# How many packets a second the reflector answers on one core: it on the last CPU, a flood on the
# first, over the loopback, where its CPU also carries what a NIC's would not: the delivery of each
# answer. Prints answers a second, and a second of its CPU time, for some settings.
# Usage: tests/versus/reflect.sh [BUILD [OTHER_PLIMSOLL]]: with another program, that one beside it
#   VERSUS_ROUNDS  of each (default 3)
#   VERSUS_SECONDS of each (default 3)
set -u
build=${1:-build/release}
other=${2:-}
port=18620
last=$(($(nproc) - 1))

# NAME SOURCES PROGRAM [OPTION]...
flood() {
    local name=$1 sources=$2 program=$3 pid
    shift 3
    taskset -c "$last" "$program" reflect "127.0.0.1:$port" -q "$@" &
    pid=$!
    sleep 0.5
    printf '%-22s ' "$name"
    taskset -c 0 "$build/tests/versus/reflect_flood" 127.0.0.1 "$port" "${VERSUS_SECONDS:-3}" 44 "$sources" "$pid"
    kill "$pid"
    wait "$pid"
}

for _ in $(seq "${VERSUS_ROUNDS:-3}"); do
    [ -z "$other" ] || flood "the other, no options" 1 "$other"
    flood "no limit" 1 "$build/plimsoll" --rate 0
    flood "--rate, 64 sources" 64 "$build/plimsoll"
    flood "--stateful --allow" 64 "$build/plimsoll" --stateful --allow 10.0.0.0/8 --allow 127.0.0.0/8
done
