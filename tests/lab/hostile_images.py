#!/usr/bin/env python3
"""Makes an OCI image layout whose last layer means ill: hostile_images.py CASE DIRECTORY [SECRET].

SECRET is a directory beside the one that is unpacked into, which nothing may reach. "sound" and
"odd" mean well.
"""
import gzip
import hashlib
import json
import os
import random
import struct
import sys
import zlib

BLOCK = 512
MIB = 1 << 20
END = bytes(2 * BLOCK)


def octal(value, width):
    return b"%0*o\0" % (width - 1, value)


def header(name, kind=b"0", size=0, mode=0o644, link=b"", uid=0, gid=0, device=(0, 0)):
    """One ustar header. SOURCE: POSIX.1-2017, pax, "ustar Interchange Format"."""
    h = (name[:100].ljust(100, b"\0") + octal(mode, 8) + octal(uid, 8) + octal(gid, 8)
         + octal(size, 12) + octal(1600000000, 12) + b" " * 8 + kind
         + link[:100].ljust(100, b"\0") + b"ustar\00000" + b"root".ljust(32, b"\0") + b"root".ljust(32, b"\0")
         + octal(device[0], 8) + octal(device[1], 8))
    h = h.ljust(BLOCK, b"\0")
    return h[:148] + b"%06o\0 " % sum(h) + h[156:]


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def pax(**records):
    """An extended header for the next entry; keys with dots are given with two underlines."""
    body = b""
    for key, value in records.items():
        tail = b" " + key.replace("__", ".").encode() + b"=" + value + b"\n"
        size = len(tail)
        while len(str(size)) + len(tail) != size:
            size = len(str(size)) + len(tail)
        body += str(size).encode() + tail
    return header(b"./PaxHeaders/x", b"x", len(body)) + padded(body)


def file(name, data=b"data\n", **more):
    return header(name, b"0", len(data), **more) + padded(data)


def directory(name, mode=0o755, **more):
    return header(name, b"5", mode=mode, **more)


def symlink(name, target, **more):
    return header(name, b"2", link=target, mode=0o777, **more)


def hard(name, target, mode=0o644):
    return header(name, b"1", link=target, mode=mode)


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def few(seed=1):
    return directory(b"etc/") + file(b"etc/noise", noise(300000, seed)) + file(b"etc/last")


def odd():
    """Legal, and seldom: every sort of entry and of name."""
    # vfs_ns_cap_data of revision 2: cap_net_raw. SOURCE: linux/capability.h
    raw = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
    long_name = b"long/" + b"/".join(b"d%02d" % i + b"x" * 90 for i in range(5)) + b"/" + b"f" * 200
    return b"".join((
        directory(b"bin/"), file(b"bin/su", b"su", mode=0o4755), file(b"bin/wall", b"w", mode=0o2755),
        directory(b"tmp/", mode=0o1777), file(b"tmp/mine", b"", mode=0o600, uid=1234, gid=4321),
        header(b"tmp/pipe", b"6", mode=0o620), header(b"tmp/null", b"3", mode=0o666, device=(1, 3)),
        header(b"tmp/loop", b"4", mode=0o660, device=(7, 99)),
        pax(uname=b"", gname=b"") + file(b"tmp/nobody"),
        pax(path=long_name) + file(b"long"),
        pax(SCHILY__xattr__security__capability=raw) + file(b"bin/ping", b"ping", mode=0o755),
        pax(SCHILY__xattr__user__note=b"a\0b\n") + file(b"bin/noted"),
        pax(mtime=b"1600000001.987654321") + file(b"bin/late"),
        symlink(b"bin/sh", b"/bin/su"), hard(b"bin/sh2", b"bin/sh", 0o777), hard(b"bin/su2", b"bin/su", 0o4755),
        symlink(b"bin/out", b"../../../../../../etc"), symlink(b"bin/self", b"self"),
        directory(b"shut/", mode=0), file(b"shut/in", mode=0), directory(b"shut/in2/", mode=0o500),
        file(b"shut/in2/deep"),
        directory(b"opaque/"), file(b"opaque/.wh..wh..opq", b""), file(b"opaque/new"),
        file(b".wh.gone", b""), file(b"bin/.wh.deleted", b""),
        file(b"twice", b"first"), file(b"twice", b"second, longer"),
        directory(b"turn/"), file(b"turn/a"), symlink(b"turn2", b"turn"), file(b"turn2", b"no link"),
        file(b"no/parent/here"), file("bin/\u00e9\u4e2d".encode()), file(b"bin/new\nline"),
        file(b"bin/\xff\xfe"), file(b"bin/-rf"), file(b"bin/ "), file(b"bin/..."), file(b"./bin/./dot"),
        END))


SECRET = (sys.argv[3] if len(sys.argv) > 3 else "/nonexistent").encode()
UP = b"../" * 12
SPARSE = 1 << 40

TARS = {
    "sound": lambda: few() + END,
    "odd": odd,
    "dotdot": lambda: few() + file(b"../" * 6 + b"escaped") + END,
    "dotdot-within": lambda: few() + file(b"etc/" + UP + SECRET.lstrip(b"/") + b"/planted") + END,
    "absolute": lambda: few() + file(SECRET + b"/planted") + END,
    "symlink-file": lambda: few() + symlink(b"way", SECRET) + file(b"way/planted") + END,
    "symlink-up": lambda: few() + symlink(b"way", UP + SECRET.lstrip(b"/")) + file(b"way/planted") + END,
    "symlink-over": lambda: few() + symlink(b"way", SECRET + b"/known") + file(b"way", b"overwritten") + END,
    "symlink-dir": lambda: few() + symlink(b"way", SECRET) + directory(b"way/", 0o777) + directory(b"way/sub/") + END,
    "symlink-chain": lambda: few() + symlink(b"a", b"/") + symlink(b"a/" + SECRET.lstrip(b"/") + b"/b", b"c") + END,
    "symlink-whiteout": lambda: few() + symlink(b"way", SECRET) + file(b"way/.wh.known", b"") + END,
    "hard-absolute": lambda: few() + hard(b"etc/stolen", SECRET + b"/known") + END,
    "hard-dotdot": lambda: few() + hard(b"etc/stolen", UP + SECRET.lstrip(b"/") + b"/known") + END,
    "hard-symlink": lambda: few() + symlink(b"way", SECRET) + hard(b"etc/stolen", b"way/known") + END,
    "hard-write": lambda: few() + hard(b"etc/stolen", SECRET + b"/known") + file(b"etc/stolen", b"overwritten") + END,
    "whiteout-dotdot": lambda: few() + file(b"etc/.wh...", b"") + END,
    "whiteout-root": lambda: few() + file(b".wh..", b"") + END,
    "whiteout-empty": lambda: few() + file(b"etc/.wh.", b"") + END,
    "long-name": lambda: few() + pax(path=b"n" * 5000) + file(b"n") + END,
    "long-path": lambda: few() + pax(path=b"n/" * 2500 + b"n") + file(b"n") + END,
    "devices": lambda: few() + header(b"etc/sda", b"4", device=(8, 0)) + header(b"etc/mem", b"3", device=(1, 1)) + END,
    "truncated-tar": lambda: few() + header(b"etc/half", b"0", 10 * MIB) + noise(MIB, 3),
    "large-claim": lambda: few() + header(b"etc/huge", b"0", (1 << 33) - 1) + noise(MIB, 3),
    "sparse": lambda: few() + pax(GNU__sparse__major=b"1", GNU__sparse__minor=b"0",
                                  GNU__sparse__name=b"etc/sparse", GNU__sparse__realsize=b"%d" % SPARSE)
        + file(b"etc/GNUSparseFile.1/sparse", padded(b"2\n0\n512\n%d\n0\n" % SPARSE) + b"d" * 512) + END,
    "no-tar": lambda: noise(100000),
    "crowd": lambda: b"".join(file(b"crowd/%d" % i) for i in range(500)) + END,
}


def packed(tar, level=1):
    return gzip.compress(tar, level, mtime=0)


def many():
    """10 million directories in 15 MB: members of a gzip that says the same over and over."""
    return packed(directory(b"d/") * 10000, 6) * 1000


def bomb():
    """A file of 1 GiB of zeros, in 1 MiB."""
    head = packed(few() + header(b"etc/zeros", b"0", 1 << 30))
    return head + packed(bytes(16 * MIB), 9) * 64 + packed(END)


def restamped(blob):
    """The same gzip, of another time."""
    return blob[:4] + b"1234" + blob[8:]


BLOBS = {
    "many": many,
    "bomb": bomb,
    "truncated-gzip": lambda: packed(TARS["sound"]())[:-5000],
    "garbage": lambda: packed(TARS["sound"]()) + b"garbage" * 1000,
}
# What is stored in place of what the manifest claims.
STORED = {"wrong-digest": restamped, "wrong-size": lambda blob: blob + b"\0"}


def put(root, data):
    digest = hashlib.sha256(data).hexdigest()
    path = os.path.join(root, "blobs", "sha256", digest)
    with open(path, "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def unpacked_digest(blob, case):
    d = zlib.decompressobj(31)
    digest = hashlib.sha256()
    while blob and case not in ("many", "bomb"):
        try:
            digest.update(d.decompress(blob))
        except zlib.error:
            break
        blob = d.unused_data if d.eof else b""
        d = zlib.decompressobj(31)
    return "0" * 64 if case == "wrong-diff-id" else digest.hexdigest()


def make(case, root):
    kind = "application/vnd.oci.image."
    tar = TARS.get(case, TARS["sound"])
    blob = BLOBS.get(case, lambda: packed(tar()))()
    os.makedirs(os.path.join(root, "blobs", "sha256"))
    # Deletions are only marked where there is a layer below.
    below = [packed(few() + END)] if case == "odd" else []
    layers = [put(root, b) for b in [*below, blob]]
    with open(os.path.join(root, "blobs", layers[-1]["digest"].replace(":", "/")), "wb") as f:
        f.write(STORED.get(case, bytes)(blob))
    for layer in layers:
        layer["mediaType"] = kind + "layer.v1.tar+gzip"
    diff_ids = ["sha256:" + unpacked_digest(b, case) for b in [*below, blob]]
    config = {"architecture": "unknown", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
                "config": {"mediaType": kind + "config.v1+json", **put(root, json.dumps(config).encode())},
                "layers": layers}
    entry = {"mediaType": kind + "manifest.v1+json", **put(root, json.dumps(manifest).encode())}
    with open(os.path.join(root, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, f)
    with open(os.path.join(root, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


if __name__ == "__main__":
    known = sorted({*TARS, *BLOBS, *STORED, "wrong-diff-id"})
    if sys.argv[1] not in known:
        sys.exit("cases: " + " ".join(known))
    make(sys.argv[1], sys.argv[2])
