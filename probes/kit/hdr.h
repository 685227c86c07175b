/*
 * hdr: histograms as text, "HISTFAAA...": HdrHistogram V2 compressed (zlib), then base64.
 * SOURCE: HdrHistogram V2 encoding: cookie 0x1c849303 | 0x10, payload length, normalising index
 * offset, significant digits, lowest and highest trackable value, integer-to-double ratio, then
 * ZigZag LEB128 counts in which a negative number is a run of empty counts; the compressed form
 * has cookie 0x1c849304 | 0x10 and a length before the zlib stream. All integers big-endian.
 *
 * V2 carries counts only, so min, max and sum come back at bucket resolution (max: highest value of
 * the bucket). Documents carry the exact max beside it.
 */
#ifndef PROBES_KIT_HDR_H
#define PROBES_KIT_HDR_H

#include "probes/kit/buf.h"
#include "probes/kit/err.h"
#include "probes/kit/hist.h"

int hdr_encode(const struct hist *h, struct buf *text, struct err *e);
/* Opens *h. Hostile text is bounded by the histogram's own size and refused with ERR_DATA. */
int hdr_decode(const char *text, struct hist *h, struct err *e);

#endif
