#!/usr/bin/env python3
"""What a delay line did (its log, see delayline.c), by definitions of its own, beside what a document says.
    delaylog.py truth LOG           the truth, as JSON
    delaylog.py table LOG DOCUMENT  a line a figure: name, truth, ours, difference; times in us
    delaylog.py errors LOG DOCUMENT the same as JSON: {name: {truth, ours, error}}
The truth is by the kernel's stamps at both ends of the line: a packet is on its way from the tap out of
one end to the tap into the other. RTT is RFC 2681's less the time at the reflector's host; IPDV RFC 3393's
between neighbours, without sign; PDV RFC 5481's from the least delay; loss RFC 7680's with 3 s; reordering
RFC 4737's. AUTHENTICATED=1 reads packets of that mode."""
import base64
import json
import math
import os
import struct
import sys
import zlib

TMAX_NS = 3 * 10**9
# Where a packet has its session, the sender's number and time, as request and as answer: RFC 8762 4.2, 4.3.
PLAIN = {"ssid": 14, "stamp": 4, "echo": 24, "echo_stamp": 28}
SEALED = {"ssid": 26, "stamp": 16, "echo": 48, "echo_stamp": None}
FORM = SEALED if os.environ.get("AUTHENTICATED") else PLAIN


def numbers(payload, answer):
    """(session, sender's number, sender's time) of a packet; None when it is none."""
    if len(payload) < 44:
        return None
    ssid = struct.unpack_from(">H", payload, FORM["ssid"])[0]
    seq = struct.unpack_from(">I", payload, FORM["echo"] if answer else 0)[0]
    at = FORM["echo_stamp"] if answer else FORM["stamp"]
    return ssid, seq, payload[at:at + 8] if at and FORM is PLAIN else b""


def unix_ns(payload, at, near_ns):
    """A time in NTP format (RFC 5905 6), in the turn of 2^32 s of near_ns."""
    seconds, part = struct.unpack_from(">II", payload, at)
    seconds -= 2208988800
    seconds += round((near_ns / 1e9 - seconds) / 2**32) * 2**32
    return seconds * 10**9 + (part * 10**9 >> 32)


class Exchange:
    """One request and all that came of it; times in ns."""

    def __init__(self):
        self.out_a, self.in_b, self.out_b, self.in_a = [], [], [], []

    def answered(self):
        return bool(self.out_a and self.in_a) and self.in_a[0][0] - self.out_a[0][0] <= TMAX_NS

    def arrived(self):
        return bool(self.in_b)

    def turn(self):
        """The copy at the reflector that the first answer belongs to."""
        for i, (_, payload) in enumerate(self.out_b):
            if payload == self.in_a[0][1] and i < len(self.in_b):
                return i
        return 0

    def forward(self):
        return self.in_b[self.turn()][0] - self.out_a[0][0]

    def backward(self):
        return self.in_a[0][0] - self.out_b[self.turn()][0]

    def stacks(self):
        """From the time that each host wrote into its packet to the wire: what is its own doing."""
        turn, at = self.turn(), FORM["stamp"]
        return (self.out_a[0][0] - unix_ns(self.out_a[0][1], at, self.out_a[0][0]),
                self.out_b[turn][0] - unix_ns(self.out_b[turn][1], at, self.out_b[turn][0]))

    def rtt(self):
        return self.forward() + self.backward()


def read_log(path):
    """The exchanges of the longest session, by the sender's numbers; how late the line was, ns."""
    sessions, late, fates = {}, [], {}
    with open(path, encoding="ascii") as log:
        for line in log:
            word = line.split()
            if word[0] == "full":
                sys.exit("the log has no room: a shorter run is needed")
            if word[0] == "packet":
                if word[5] != "0":
                    late.append(int(word[5]) - int(word[4]))
                key = word[1] + "." + word[6]
                fates[key] = fates.get(key, 0) + 1
                continue
            end, inward, at = word[1], word[2] == "in", int(word[4])
            payload = bytes.fromhex(word[5]) if word[5] != "-" else b""
            # Answers leave the end b and reach the end a.
            key = numbers(payload, (end == "b") != inward)
            if key is None:
                continue
            exchange = sessions.setdefault(key[0], {}).setdefault(key[1:], Exchange())
            getattr(exchange, ("in_" if inward else "out_") + end).append((at, payload))
    if not sessions:
        sys.exit("no STAMP packet passed")
    longest = max(sessions.values(), key=len)
    # Numbers from the socket's other uses (an answer without its request) are no exchanges.
    return [longest[k] for k in sorted(longest) if longest[k].out_a], late, fates


def quantiles(values):
    """Nearest rank, as the documents have it."""
    if not values:
        return {}
    v = sorted(values)
    rank = lambda q: v[max(math.ceil(q * len(v)), 1) - 1]
    return {"p50": rank(.5), "p90": rank(.9), "p99": rank(.99), "p99.9": rank(.999), "max": v[-1],
            "mean": sum(v) / len(v), "n": len(v)}


def reordered(arrivals):
    """How many came after one with a greater number; (time, number) each."""
    expected = count = 0
    for _, number in sorted(arrivals):
        count += number < expected
        expected = max(expected, number + 1)
    return count


def extent(numbers):
    """By how many arrivals the latest one came too late: RFC 4737 4.2.1."""
    late = 0
    for i, number in enumerate(numbers):
        first = next((j for j in range(max(i - 256, 0), i) if numbers[j] > number), i)
        late = max(late, i - first)
    return late


def longest_run(flags):
    longest = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return longest


def neighbours(exchanges, delay):
    """Changes of the delay between neighbours that were both answered, without sign."""
    return [abs(delay(b) - delay(a)) for a, b in zip(exchanges, exchanges[1:])
            if a.answered() and b.answered()]


def variation(exchanges, delay):
    delays = [delay(x) for x in exchanges if x.answered()]
    return [d - min(delays) for d in delays]


def longest_gap(exchanges, pauses_count=False):
    """Without an answer; what the sender paused beyond its interval is left out or counts too."""
    sent = [x.out_a[0][0] for x in exchanges]
    steps = sorted(b - a for a, b in zip(sent, sent[1:]))
    interval = steps[len(steps) // 2]
    pauses = [(a + interval, b) for a, b in zip(sent, sent[1:]) if b - a > interval and not pauses_count]
    times = [sent[0]] + sorted(x.in_a[0][0] for x in exchanges if x.answered())
    longest = 0
    for a, b in zip(times, times[1:]):
        if b - a > longest:
            paused = sum(max(min(b, until) - max(a, since), 0) for since, until in pauses)
            longest = max(longest, b - a - paused)
    return longest


def truth_of(path):
    x, late, fates = read_log(path)
    answered = [e for e in x if e.answered()]
    up, down = neighbours(x, Exchange.forward), neighbours(x, Exchange.backward)
    arrived = [e for e in x if e.arrived()]
    came = [i for _, i in sorted((e.in_a[0][0], i) for i, e in enumerate(x) if e.answered())]
    # Which of the answers that left the reflector this is, for the way back.
    order = {id(e): i for i, e in enumerate(sorted(arrived, key=lambda e: e.in_b[0][0]))}
    return {
        "counts": {
            "sent": len(x),
            "answered": len(answered),
            "lost": len(x) - len(answered),
            "lost.up": len(x) - len(arrived),
            "lost.down": len(arrived) - len(answered),
            "duplicates": sum(len(e.in_a) - 1 for e in x if e.in_a),
            "reordered": reordered((e.in_a[0][0], i) for i, e in enumerate(x) if e.answered()),
            "reordered.up": reordered((e.in_b[0][0], i) for i, e in enumerate(x) if e.arrived()),
            "reordered.down": reordered((e.in_a[0][0], order[id(e)]) for e in answered),
            "extent": extent(came),
            "loss.run": longest_run(not e.answered() for e in x),
        },
        "ratios": {
            "net.loss": 1 - len(answered) / len(x),
            "net.duplicates": sum(len(e.in_a) - 1 for e in answered) / max(len(answered), 1),
            "net.reordered": reordered((e.in_a[0][0], i) for i, e in enumerate(x) if e.answered()) /
                             max(len(answered), 1),
            "net.loss.up": 1 - len(arrived) / len(x),
            "net.loss.down": 1 - len(answered) / max(len(arrived), 1),
        },
        "gap": longest_gap(x),
        "gap.paused": longest_gap(x, True),
        "times": {
            "net.rtt": quantiles([e.rtt() for e in answered]),
            "net.ipdv": quantiles(up + down),
            "net.ipdv.up": quantiles(up),
            "net.ipdv.down": quantiles(down),
            "net.pdv.up": quantiles(variation(x, Exchange.forward)),
            "net.pdv.down": quantiles(variation(x, Exchange.backward)),
        },
        "stacks": dict(zip(("sender", "reflector"),
                           (quantiles(s) for s in zip(*(e.stacks() for e in answered))))),
        "line": {"late": quantiles(late), "fates": fates},
    }


def cells(text):
    """(value, count) of an HdrHistogram, V2, compressed, three digits; the value is its cell's middle."""
    payload = zlib.decompress(base64.b64decode(text)[8:])
    at, index = 40, 0
    while at < len(payload):
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        value = (value >> 1) ^ -(value & 1)
        if value > 0:
            width = max((index >> 10) - 1, 0)
            yield ((index - (width << 10)) << width) + ((1 << width) >> 1), value
        index += 1 if value > 0 else -value


def ours_of(metric):
    """Quantiles of the whole distribution where the document has it, and its statistics."""
    said = {s["name"]: s["value"] for s in metric["statistics"]}
    if metric.get("histogram"):
        c = list(cells(metric["histogram"]))
        n = sum(count for _, count in c)
        said["n"], said["mean"] = n, sum(v * count for v, count in c) / n
        for name, q in (("p50", .5), ("p90", .9), ("p99", .99), ("p99.9", .999), ("max", 1)):
            left = max(math.ceil(q * n), 1)
            for value, count in c:
                left -= count
                if left <= 0:
                    said[name] = value
                    break
    return said


def errors_of(truth, document):
    with open(document, encoding="utf-8") as f:
        measurement = json.load(f)["measurements"][0]
    counts = {"net.loss.run": "loss.run", "net.reordered.extent": "extent"}
    out = {}

    def put(name, true, ours):
        out[name] = {"truth": true, "ours": ours, "error": ours - true}

    for metric in measurement.get("metrics", []):
        ours, name = ours_of(metric), metric["id"]
        for statistic, true in truth["times"].get(name, {}).items():
            if statistic in ours:
                put(name + " " + statistic, true, ours[statistic])
        if name in truth["ratios"] and "value" in ours:
            put(name, truth["ratios"][name], ours["value"])
        if name in counts and "value" in ours:
            put(name, truth["counts"][counts[name]], ours["value"])
        if name == "net.gap":
            put(name, truth["gap"], ours["value"])
    return out


def table(errors):
    for name, row in errors.items():
        ratio = name.startswith(("net.loss", "net.reordered", "net.duplicates")) or name.endswith(" n")
        scale = 1 if ratio else 1e3
        print("%-20s %12.*f %12.*f %+10.*f" % (name, *(x for key in ("truth", "ours", "error")
                                                for x in (4 if ratio else 1, row[key] / scale))))


def main():
    verb, log, *document = sys.argv[1:]
    truth = truth_of(log)
    if verb == "truth":
        json.dump(truth, sys.stdout)
        return
    errors = errors_of(truth, document[0])
    if verb == "table":
        print("%-20s %12s %12s %10s" % ("", "log", "document", "difference"))
        table(errors)
    else:
        json.dump(errors, sys.stdout)


main()
