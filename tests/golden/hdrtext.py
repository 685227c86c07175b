"""HdrHistogram V2 as text, three digits, from 1 to 2^40: a second implementation of probes/kit/hdr,
written from the format, so that the two check each other."""
import base64
import struct
import zlib

VALUE_MAX = 1 << 40
HALF_BITS = 10


def index_of(value):
    """Log-linear: 2048 cells of one, then 1024 for each doubling."""
    value = min(value, VALUE_MAX)
    shift = max(value.bit_length() - 1 - HALF_BITS, 0)
    return (shift << HALF_BITS) + (value >> shift)


def highest(index):
    shift = max((index >> HALF_BITS) - 1, 0)
    return ((index - (shift << HALF_BITS) + 1) << shift) - 1


def leb(value):
    """ZigZag, then seven bits a byte."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(counts):
    """counts: {index: count}. A negative number is a run of empty cells."""
    body = b""
    at = 0
    for index in sorted(counts):
        if index > at:
            body += leb(at - index)
        body += leb(counts[index])
        at = index + 1
    plain = struct.pack(">IIIIQQQ", 0x1C849313, len(body), 0, 3, 1, VALUE_MAX, 0x3FF0000000000000)
    packed = zlib.compress(plain + body, 9)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed).decode()
