#!/bin/bash
# What one I/O costs the engine and its loop: 4 KiB random reads at depth 128, handed over and
# reaped in batches of 32, on one core. Ours records every latency; beside it fio as packaged, with
# its per-I/O latency kept, and fio's t/io_uring, which records nothing, where one has been built.
# Prints medians and ratios of CPU time and of IOPS, and a table of them in Markdown.
# Usage: tests/versus/engine.sh [BUILD]
#   VERSUS_DIR         where (default /var/tmp)
#   VERSUS_ROUNDS      of each contender on each target (default 9)
#   VERSUS_SECONDS     of each run, 2 or more (default 4)
#   VERSUS_CPU         the core (default 1)
#   VERSUS_MIB         size of the file (default 512)
#   VERSUS_T_IO_URING  path of a t/io_uring; without it that one is left out
# shellcheck disable=SC2317 # functions are called through names put together
set -u
build=${1:-build/release}
rounds=${VERSUS_ROUNDS:-9}
seconds=${VERSUS_SECONDS:-4}
cpu=${VERSUS_CPU:-1}
mib=${VERSUS_MIB:-512}
peer=${VERSUS_T_IO_URING:-}
ours=$build/tests/versus/disk_ours
depth=128 batch=32

for tool in fio python3 fincore taskset; do
    if ! command -v $tool >/dev/null; then
        echo "$tool is needed; not compared"
        exit 0
    fi
done
dir=$(mktemp -d "${VERSUS_DIR:-/var/tmp}/versus.XXXXXX") || exit 3
loop=

tidy() {
    [ -z "$loop" ] || losetup -d "$loop"
    ! mountpoint -q "$dir/memory" || umount "$dir/memory"
    rm -rf "$dir"
}
trap tidy EXIT
trap 'exit 130' INT TERM

# A loop device over a file of our own in a tmpfs of our own; only ever read.
make_loop() {
    mkdir "$dir/memory" &&
        mount -t tmpfs -o size=$((mib + 16))m tmpfs "$dir/memory" &&
        dd if=/dev/urandom of="$dir/memory/image" bs=1M count="$mib" status=none &&
        loop=$(losetup -f --show --read-only "$dir/memory/image") &&
        losetup --direct-io=on "$loop"
}

# All of the file in the page cache; some machines drain it, so right before each run.
warm() {
    cat "$1" >/dev/null
    resident=$(fincore -b -n -o RES "$1")
    if [ "$resident" -lt $((mib * 1048576)) ]; then
        echo "only $((resident / 1048576)) of $mib MiB stay in the page cache" >&2
    fi
}

# Runs a command on the core: "IOPS CPU_NS_PER_IO", the CPU of all its threads and children.
cost() {
    taskset -c "$cpu" python3 -c '
import json, os, re, subprocess, sys
who, seconds, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
text = child.stdout.read()
status, used = os.wait4(child.pid, 0)[1:]
if status:
    sys.exit("%s failed" % who)
if who == "ours":
    fields = text.split()
    iops, count = float(fields[0]), int(fields[3])
elif who == "fio":
    read = json.loads(text)["jobs"][0]["read"]
    iops, count = read["iops"], read["total_ios"]
else:
    scale = {"": 1, "K": 1e3, "M": 1e6}
    seen = [float(n) * scale[s] for n, s in re.findall(r"^IOPS=([0-9.]+)([KM]?),", text, re.M)]
    iops = sum(seen) / len(seen)
    count = iops * seconds
print(round(iops), round((used.ru_utime + used.ru_stime) * 1e9 / count, 1))' "$@"
}

direct() {
    [ -n "$1" ] && echo 0 || echo 1
}

run_ours() {
    cost ours "$seconds" "$ours" read "$1" "$depth" "$seconds" uring "$batch" ${2:+buffered}
}

run_fio() {
    cost fio "$seconds" fio --name=x --filename="$1" --size="${mib}m" --readonly --time_based \
        --runtime="$seconds" --randrepeat=0 --norandommap --invalidate=0 --ioengine=io_uring \
        --fixedbufs --registerfiles --rw=randread --bs=4k --iodepth="$depth" \
        --iodepth_batch_submit="$batch" --iodepth_batch_complete_min="$batch" \
        --iodepth_batch_complete_max="$batch" --direct="$(direct "$2")" \
        --output-format=json
}

# It prints once a second and not at its end.
run_peer() {
    cost peer "$seconds" "$peer" -d"$depth" -s"$batch" -c"$batch" -p0 -B1 -F1 \
        -O"$(direct "$2")" -r"$seconds" "$1"
}

# A target: rounds of all contenders, who goes first takes turns.
compare() {
    name=$1 target=$2 buffered=$3
    contenders=(ours fio)
    [ -z "$peer" ] || contenders+=(peer)
    for round in $(seq "$rounds"); do
        for i in "${!contenders[@]}"; do
            who=${contenders[$(((i + round) % ${#contenders[@]}))]}
            [ -z "$buffered" ] || warm "$target"
            printf '%s %s %s\n' "$who" "$round" "$("run_$who" "$target" "$buffered")"
        done
    done | python3 -c '
import statistics, sys
name, seen = sys.argv[1], {"ours": {}, "fio": {}, "peer": {}}
for line in sys.stdin:
    who, turn, *figures = line.split()
    if len(figures) == 2:
        seen[who][turn] = [float(f) for f in figures]
names = {"ours": "plimsoll", "fio": "fio", "peer": "t/io_uring"}
middle = lambda who, at: statistics.median(run[at] for run in seen[who].values())
for who in [w for w in names if seen[w]]:
    runs = list(seen[who].values())
    print("%-8s %-10s %7.1f ns CPU an I/O [%.0f..%.0f]  %8.0f IOPS  (%d runs)"
          % (name, names[who], middle(who, 1), min(r[1] for r in runs), max(r[1] for r in runs),
             middle(who, 0), len(runs)))
for who in [w for w in ("fio", "peer") if seen[w] and seen["ours"]]:
    pairs = [(run, seen[who][turn]) for turn, run in seen["ours"].items() if turn in seen[who]]
    ratios = [statistics.median(a[at] / b[at] for a, b in pairs) for at in (1, 0)]
    with open(sys.argv[2], "a") as out:
        out.write("| %s | %s | %.3f | %.3f |\n" % (name, names[who], ratios[0], ratios[1]))' \
            "$name" "$dir/table"
}

echo "$rounds rounds of $seconds s on core $cpu, depth $depth, batches of $batch; $(fio --version)"
[ -n "$peer" ] || echo "VERSUS_T_IO_URING names no t/io_uring: not compared with it"
file=$dir/file
dd if=/dev/urandom of="$file" bs=1M count="$mib" status=none || exit 3
sync "$file"
compare cached "$file" buffered
if [ "$(id -u)" != 0 ]; then
    echo "the loop device is left out: it needs root"
elif make_loop; then
    compare loop "$loop" ""
else
    echo "the loop device is left out: it could not be made"
fi
echo
echo "Plimsoll by the other, medians over $rounds rounds of runs of $seconds s each:"
echo
echo "| target | other | CPU an I/O | IOPS |"
echo "| --- | --- | ---: | ---: |"
cat "$dir/table"
exit 0
