#!/bin/bash
# The disk engines and the log beside fio's, on the same file and in the same directory, in
# alternating runs; and what one I/O costs us with the disk left out. Prints medians and ratios, and
# a Markdown table of the ratios.
# Usage: tests/versus/disk.sh [BUILD]
#   VERSUS_DIR      where (default /var/tmp; a disk, not a tmpfs)
#   VERSUS_PAIRS    pairs of runs (default 15: many short ones, since a virtual disk has spells)
#   VERSUS_SECONDS  of each run, whole ones (default 2)
#   VERSUS_MIB      size of the file (default 1024)
# shellcheck disable=SC2317 # functions are called through the arguments of compare
set -u
build=${1:-build/release}
pairs=${VERSUS_PAIRS:-15}
seconds=${VERSUS_SECONDS:-2}
mib=${VERSUS_MIB:-1024}
ours=$build/tests/versus/disk_ours

"$build/tests/versus/null_engine"

if ! command -v fio >/dev/null || ! command -v python3 >/dev/null; then
    echo "fio and python3 are needed for the rest; not compared"
    exit 0
fi
dir=$(mktemp -d "${VERSUS_DIR:-/var/tmp}/versus.XXXXXX") || exit 3
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
file=$dir/file
dd if=/dev/urandom of="$file" bs=1M count="$mib" oflag=direct status=none || exit 3
sync

# "IOPS P50_NS P99_NS COUNT CPU_PERCENT" of a fio run: side (read or write), and whether the I/O or its sync is meant.
# Its lat (slat and clat), which counts from before the I/O is prepared, as ours does; clat would
# leave out what handing it over takes. One I/O a system call on both sides, fio's default and ours.
fio_figures() {
    python3 -c '
import json, sys
job = json.load(sys.stdin)["jobs"][0]
side = job[sys.argv[1]]
p = (job["sync"] if sys.argv[2] == "sync" else side)["lat_ns"]["percentile"]
print(round(side["iops"]), p["50.000000"], p["99.000000"], side["total_ios"],
      round(job["usr_cpu"] + job["sys_cpu"]))' "$1" "$2"
}

# Side (read or write) and depth.
fio_random() {
    fio --name=x --filename="$file" --size="${mib}m" --time_based --runtime="$seconds" \
        --randrepeat=0 --norandommap --direct=1 --ioengine=io_uring --fixedbufs --registerfiles \
        --rw="rand$1" --bs=4k --iodepth="$2" --lat_percentiles=1 --clat_percentiles=0 \
        --output-format=json | fio_figures "$1" io
}

# etcd's recipe as its documentation gives it, but for the size: a whole segment.
fio_wal() {
    fio --name=x --filename="$dir/log" --size=64m --fallocate=posix --time_based \
        --runtime="$seconds" --ioengine=sync --rw=write --bs=2300 --fdatasync=1 \
        --output-format=json | fio_figures write sync
    rm -f "$dir/log"
}

# One comparison: pairs of runs, who goes first takes turns.
compare() {
    name=$1 peer=$2 mine=$3
    for i in $(seq "$pairs"); do
        if [ $((i % 2)) = 0 ]; then
            printf 'fio %s %s\n' "$i" "$($peer)"
            printf 'ours %s %s\n' "$i" "$($mine)"
        else
            printf 'ours %s %s\n' "$i" "$($mine)"
            printf 'fio %s %s\n' "$i" "$($peer)"
        fi
    done | python3 -c '
import statistics, sys
name, table, seen = sys.argv[1], sys.argv[2], {"fio": {}, "ours": {}}
row = []
for line in sys.stdin:
    who, turn, *figures = line.split()
    if len(figures) == 5:
        seen[who][turn] = [float(f) for f in figures]
both = [turn for turn in seen["fio"] if turn in seen["ours"]]
if not both:
    sys.exit(name + ": no pair of runs worked")
for at, (what, unit, scale) in enumerate((("IOPS", "", 1), ("p50", "us", 1e3), ("p99", "us", 1e3))):
    fio, ours = ([seen[who][turn][at] / scale for turn in both] for who in ("fio", "ours"))
    ratios = [b / a for a, b in zip(fio, ours)]
    print("%-10s %-4s fio %10.1f %-2s  ours %10.1f %-2s  ratio of medians %.3f"
          "  ratios of pairs %.3f [%.3f..%.3f]"
          % (name, what, statistics.median(fio), unit, statistics.median(ours), unit,
             statistics.median(ours) / statistics.median(fio),
             statistics.median(ratios), min(ratios), max(ratios)))
    row.append("%.3f" % statistics.median(ratios))
cpu = ["%.0f %%" % statistics.median(seen[who][turn][4] for turn in both) for who in ("fio", "ours")]
print("%-10s CPU  fio %s, ours %s of one core" % (name, *cpu))
row += cpu
with open(table, "a") as out:
    out.write("| %s | %s |\n" % (name, " | ".join(row)))' "$name" "$dir/table"
}

fio_read_1() { fio_random read 1; }
fio_read_32() { fio_random read 32; }
fio_write_1() { fio_random write 1; }
fio_write_32() { fio_random write 32; }
ours_read_1() { "$ours" read "$file" 1 "$seconds" uring; }
ours_read_32() { "$ours" read "$file" 32 "$seconds" uring; }
ours_write_1() { "$ours" write "$file" 1 "$seconds" uring; }
ours_write_32() { "$ours" write "$file" 32 "$seconds" uring; }
ours_wal() { "$ours" wal "$dir" "$seconds"; }

echo "$pairs pairs of $seconds s; ratio: ours by fio's; $(fio --version)"
compare "read qd1" fio_read_1 ours_read_1
compare "read qd32" fio_read_32 ours_read_32
compare "write qd1" fio_write_1 ours_write_1
compare "write qd32" fio_write_32 ours_write_32
compare "wal sync" fio_wal ours_wal
echo
echo "Ratios to fio, medians over $pairs pairs of runs of $seconds s each:"
echo
echo "| workload | IOPS | p50 | p99 | CPU of fio | of ours |"
echo "| --- | ---: | ---: | ---: | ---: | ---: |"
cat "$dir/table"
exit 0
