/*
 * tlv: what may follow the base packet of STAMP: items of flags, type, length and value. Pure
 * octets: no socket, no clock, no memory of earlier packets.
 *
 * An item is flags 1 octet, type 1, length 2 (of the value), value. A sender sets the U flag of
 * each; a reflector clears what it understood and leaves the rest (RFC 8972 4). Understood are
 * Extra Padding (1), Class of Service (4) and HMAC (8). Others come back with U.
 *
 *   U  not understood: its value is as it was sent
 *   M  malformed: its length cannot be; what follows it was copied and not looked at
 *   I  the HMAC was wrong, missing or misplaced: no item may be used
 *
 * The HMAC item covers the sequence number and the items before it; only padding may follow. In
 * authenticated mode it must be there, unless all the items are padding. Without a key it cannot
 * be checked, which is taken as wrong, for what it covers must not be used unchecked.
 * What begins with flags and type zero, a reserved type, is the padding of a TWAMP sender.
 * SOURCE: RFC 8972 4 (flags, order, errors), 4.1 (padding), 4.4 (Class of Service), 4.8 (HMAC).
 */
#ifndef PROBES_NET_TLV_H
#define PROBES_NET_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/net/auth.h"

enum {
    TLV_HEADER_BYTES = 4,
    TLV_CLASS_BYTES = 4, /* value of Class of Service */
    TLV_DSCP_MAX = 63,
};

enum tlv_type {
    TLV_PADDING = 1,
    TLV_CLASS = 4,
    TLV_HMAC = 8,
};

enum tlv_flag {
    TLV_UNRECOGNISED = 0x80, /* U */
    TLV_MALFORMED = 0x40,    /* M */
    TLV_UNTRUE = 0x20,       /* I */
};

struct tlv {
    size_t at; /* of its header in the packet */
    uint8_t flags, type;
    size_t length; /* of its value, which begins TLV_HEADER_BYTES after at */
};

enum tlv_step {
    TLV_ITEM,
    TLV_END,
    TLV_CUT, /* the header or the value goes beyond the packet; t->at is there, and its flags */
};

/* Steps over the item at *at, which begins as the size of the base packet. */
enum tlv_step tlv_next(const uint8_t *packet, size_t size, size_t *at, struct tlv *t);

/* The reflector's side. */

struct tlv_arrival {
    uint32_t sequence; /* of the answer; the HMAC item covers it */
    bool tos_known;
    uint8_t tos;           /* as it arrived: DSCP in bits 7 to 2, ECN in 1 and 0 */
    uint64_t dscp_allowed; /* bit n: DSCP n may be asked for */
};

/*
 * Turns the items of a request, whose base packet is still as it came, into those of its answer,
 * in place. Returns the TOS to answer with: the DSCP that was asked for, where allowed, else the
 * one that came; ECN 0.
 */
uint8_t tlv_reflect(uint8_t *packet, size_t size, const struct auth_key *key,
                    const struct tlv_arrival *a);

/* The sender's side. */

struct tlv_wish {
    bool marks;   /* ask for DSCP and ECN as they arrive there */
    uint8_t dscp; /* of the answer, with marks; 0-63 */
    /*
     * Of the whole UDP payload, by padding; 0 or too small: what there must be. 1 to 3 octets more
     * than that cannot be, and are made 4.
     */
    size_t size;
};

/* Size of a whole request; at least the base packet. */
size_t tlv_request_bytes(const struct tlv_wish *w, bool authenticated);
/*
 * Writes the items behind a base packet that has its sequence number already, and returns the whole
 * size, that of tlv_request_bytes. With a key the items are signed too.
 */
size_t tlv_put_request(const struct tlv_wish *w, const struct auth_key *key, uint8_t *packet);

struct tlv_answer {
    bool untrue;      /* the HMAC of the items is wrong, here or there: nothing else is set */
    bool malformed;   /* the reflector found, or we find, an item whose length cannot be */
    unsigned unknown; /* items that the reflector did not understand */
    bool marks_known;
    uint8_t dscp, ecn; /* of our packet as it arrived there */
    bool refused;      /* the reflector's policy did not allow the DSCP asked for its answer */
};

/* Reads the items of an answer of any size and content. */
void tlv_get_answer(const uint8_t *packet, size_t size, const struct auth_key *key,
                    struct tlv_answer *a);

#endif
