/**
 * One question to a DNS server and what is read of its answer (RFC 1035 §4): enough for doctor to
 * see who answers what.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define DNS_QUESTION_MAX 300
#define DNS_REPLY_MAX    1232
#define DNS_TYPE_A       1
#define DNS_TYPE_SOA     6
#define DNS_SERVFAIL     2

struct dns_reply {
    unsigned rcode, answers;
    bool has_address; /* an A record is among them: the first */
    uint8_t address[4];
};

/** Writes a question, recursion desired. Returns its length; 0: that is no name. */
size_t dns_question_write(uint8_t out[static DNS_QUESTION_MAX], uint16_t id, const char *name,
                          uint16_t type);
/** Reads the answer to the question of that id. 0 or -EBADMSG. */
MUST_USE int dns_reply_read(struct dns_reply *out, const uint8_t *data, size_t len, uint16_t id);
