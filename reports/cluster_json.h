/*
 * cluster_json: a report on a cluster as JSON, for programs.
 *
 * {"schema": "plimsoll-cluster/1",
 *  "nodes": [{"name","member","run" (its document's id),"started"}],
 *  "pairs": [{"from","to","status" (null: not measured),"reason","figures_from" (which side; null:
 *             neither),"rtt_p50_ns","rtt_p99_ns","loss_ratio","gap_ns","offset_ns"}],
 *  "worst": {"rtt_p99_ns": {"from","to","value"} | null, ...},
 *  "quorum": {"needed", "best_leader" | null,
 *             "leaders":
 * [{"leader","reached","completed_by","rtt_p50_ns","rtt_p99_ns","loss_ratio", "gap_ns"}]}, "roles":
 * [{"role","grade","score","node","peer","criterion","value","decided_by"}]} Figures are null where
 * they are not known. "figures_from" tells whether a pair's figures are this direction's own
 * ("from") or the other side's ("to").
 */
#ifndef REPORTS_CLUSTER_JSON_H
#define REPORTS_CLUSTER_JSON_H

#include "reports/cluster_page.h"

#define CLUSTER_JSON_SCHEMA "plimsoll-cluster/1"

int cluster_json(const struct cluster_page *r, struct buf *out, struct err *e);

#endif
