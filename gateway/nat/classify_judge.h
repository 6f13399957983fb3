/**
 * Turns what STUN servers said they saw into a judgement about the NAT, all evidence at hand: the
 * part of gateway/nat/classify.h without time and datagrams.
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/nat_report.h"

#define JUDGE_SAMPLES_MAX 20

/** One answer: the mapping that a packet from one of our sockets to one server got. */
struct nat_sample {
    struct addr local; /* our socket; its IP may be unspecified */
    struct addr to;
    struct addr mapped;
    unsigned order; /* of the packets that made the mappings: the lower the earlier */
    unsigned batch; /* mappings of one batch were made within a moment */
    bool main;      /* from socket 0 */
    int server;     /* index, -1 for a server that was not given but named by one */
};

/** Reads `report->filtering` (what was found, or unknown) and sets class, mapping, preserving,
 *  delta, span, ports, last port, public and disagreeing. */
void nat_judge(struct nat_report *report, const struct nat_sample *samples, unsigned count);
/** The class when filtering was learnt, or changed, after the judgement. */
enum nat_class nat_class_filtered(const struct nat_report *report);
