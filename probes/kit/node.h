/*
 * node: strict typed getters over jansson that name the place of what is wrong.
 *
 * A `struct node` is a JSON value and where it stands ("measurements[2].metrics[0].value").
 * Getters return -1 and fill e with ERR_DATA: "measurements[2].status: expected a string, found 7".
 */
#ifndef PROBES_KIT_NODE_H
#define PROBES_KIT_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

struct node {
    json_t *value;   /* borrowed; NULL where there is none */
    char where[160]; /* path from the root, cut when longer */
};

/*
 * Parses at most LIMITS_DOCUMENT_BYTES of strict JSON: no duplicate keys, depth <=
 * LIMITS_JSON_DEPTH, at most LIMITS_JSON_VALUES values, and no control character in any string, so
 * that nothing read can play with a terminal. `name` is for messages. The caller owns the result
 * (json_decref). NULL on failure.
 */
json_t *node_parse(const char *text, size_t size, const char *name, struct err *e);
/*
 * As node_parse, for documents of other programs, whose strings may hold line ends and tabs (the
 * commands in an image's history do): who shows a string of one makes it fit to be shown.
 */
json_t *node_parse_foreign(const char *text, size_t size, const char *name, struct err *e);

struct node node_root(json_t *root);
/* The member, with value NULL when missing. */
struct node node_member(const struct node *at, const char *key);
/* Walks an object: for (key = node_first_key(at); key; key = node_next_key(at, key)). */
const char *node_first_key(const struct node *object);
const char *node_next_key(const struct node *object, const char *key);
/* Fails with "WHERE: expected WANTED, found ..."; always returns -1. */
int node_refuse(const struct node *at, const char *wanted, struct err *e);
/* Members. node_object/node_array fail when missing; node_has tells. */
bool node_has(const struct node *at, const char *key); /* present and not null */
int node_object(const struct node *at, const char *key, struct node *out, struct err *e);
int node_array(const struct node *at, const char *key, struct node *out, struct err *e);
size_t node_count(const struct node *array);
struct node node_item(const struct node *array, size_t index);
/* Text is copied; longer than size - 1 is an error, not a cut. */
int node_text(const struct node *at, const char *key, char *out, size_t size, struct err *e);
int node_copy(const struct node *at, char *out, size_t size, struct err *e); /* the node itself */
/* As node_text, but a missing or null member gives "". */
int node_text_or_empty(const struct node *at, const char *key, char *out, size_t size,
                       struct err *e);
/* The string inside the document (borrowed), for long texts; NULL with e set when missing. */
const char *node_text_ref(const struct node *at, const char *key, struct err *e);
int node_u64(const struct node *at, const char *key, uint64_t *out, struct err *e);
/* null or missing is NAN; no NaN or infinity can be in JSON. */
int node_number_or_nan(const struct node *at, const char *key, double *out, struct err *e);
int node_bool(const struct node *at, const char *key, bool *out, struct err *e);

/*
 * Writers; new reference, NULL when out of memory. A number that is NAN or infinite becomes null;
 * whole ones below 2^53 are written as integers, others with 15 significant digits.
 */
json_t *node_new_number(double value);
json_t *node_new_u64(uint64_t value);    /* capped at INT64_MAX */
json_t *node_new_text(const char *text); /* not UTF-8, control: '?' */
json_t *node_new_text_or_null(const char *text);
/* Indented by two, keys in insertion order, newline at the end. */
int node_write(const json_t *root, struct buf *out, struct err *e);

#endif
