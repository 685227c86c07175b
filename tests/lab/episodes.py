#!/usr/bin/env python3
"""Episodes of known thieves (thief.c) beside the events of a document.
    episodes.py compare LOG DOCUMENT PROBE RIGHT[,RIGHT] LABEL   a line of JSON
    episodes.py table FILE...                                    those lines as a table, and their sum
An episode is found when an event of the probe overlaps it by half of its length or more; of several the
one that overlaps most is its own. RIGHT are the causes that are right; "unknown" accuses nobody; any
other is wrong, and a hypervisor's is a false accusation. The error of the length is the event's less
the episode's."""
import json
import sys

HYPERVISOR = ("hypervisor", "unreported")


def episodes(path):
    with open(path, encoding="ascii") as log:
        rows = [line.split() for line in log]
    return [(int(begin), int(end)) for _, begin, end, _ in rows]


def events(document, probe):
    with open(document, encoding="utf-8") as f:
        d = json.load(f)
    zero = d["run"]["uptime_ns"]
    owner = [m for m in d["measurements"] + [d["witness"]] if m and m["probe"] == probe]
    rows = [e for m in owner for e in m["events"] if e["duration_ns"] > 0]
    windows = [(zero + m["started_ns"], zero + m["started_ns"] + m["duration_ns"]) for m in owner]
    return [(zero + e["at_ns"], zero + e["at_ns"] + e["duration_ns"], e.get("cause", "")) for e in rows], windows


def overlap(a, b):
    return min(a[1], b[1]) - max(a[0], b[0])


def compare(log, document, probe, right, label):
    found, windows = events(document, probe)
    # Set-up and the end of a probe are not watched; 300 ms are more than both.
    margin = 300 * 10**6
    whole = [e for e in episodes(log)
             if any(w[0] + margin < e[0] and e[1] < w[1] - margin for w in windows)]
    row = {"label": label, "episodes": len(whole), "found": 0, "right": 0, "unknown": 0, "wrong": 0,
           "false": 0, "errors_ns": [], "causes": {}}
    for e in whole:
        best = max(found, key=lambda f: overlap(e, f), default=None)
        if best is None or overlap(e, best) * 2 < e[1] - e[0]:
            continue
        cause = best[2] or "none"
        row["found"] += 1
        row["errors_ns"].append((best[1] - best[0]) - (e[1] - e[0]))
        row["causes"][cause] = row["causes"].get(cause, 0) + 1
        if cause in right.split(","):
            row["right"] += 1
        elif cause in ("unknown", "none"):
            row["unknown"] += 1
        else:
            row["wrong"] += 1
            row["false"] += cause in HYPERVISOR
    print(json.dumps(row))


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


def table(paths):
    total = {"label": "all", "episodes": 0, "found": 0, "right": 0, "unknown": 0, "wrong": 0, "false": 0}
    print(f"{'thief, and who looked':44} {'episodes':>8} {'found':>6} {'right':>6} {'unknown':>8} "
          f"{'wrong':>6} {'hypervisor':>10} {'length error p50, p90, max (ms)':>34}")
    for path in paths:
        with open(path, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f if line.strip()]
        for r in rows:
            sizes = [abs(x) / 1e6 for x in r["errors_ns"]]
            spread = f"{quantile(sizes, .5):.3f}, {quantile(sizes, .9):.3f}, {max(sizes, default=0):.3f}"
            for k in total:
                if k != "label":
                    total[k] += r[k]
            line(r, spread)
    line(total, "")


def line(r, spread):
    print(f"{r['label']:44} {r['episodes']:8} {r['found']:6} {r['right']:6} {r['unknown']:8} "
          f"{r['wrong']:6} {r['false']:10} {spread:>34}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["compare"] and len(sys.argv) == 7:
        compare(*sys.argv[2:])
    elif sys.argv[1:2] == ["table"] and len(sys.argv) > 2:
        table(sys.argv[2:])
    else:
        sys.exit(__doc__)
