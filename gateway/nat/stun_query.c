#include "gateway/nat/stun_query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct stun_schedule STUN_GATHER = {MSEC(100), MSEC(1500), 5};
const struct stun_schedule STUN_STANDARD = {MSEC(500), SEC(8), 7};
const struct stun_schedule STUN_STREAM = {MSEC(39500), MSEC(39500), 1};

/* Blanks as SOFTWARE: says nothing about us, and makes the request no shorter than the answer, so
 * that a server which never answers with more than it got can answer. */
#define BLANK_SOFTWARE "                    "

static void settle(struct stun_query *q, enum stun_query_state state)
{
    q->state = state;
    q->due = INSTANT_NEVER;
}

void stun_query_init(struct stun_query *q, const struct addr *server,
                     const struct stun_schedule *schedule, const uint8_t id[static STUN_ID_LEN],
                     instant now)
{
    memset(q, 0, sizeof(*q));
    q->state = STUN_ASKING;
    q->schedule = *schedule;
    q->server = q->origin = *server;
    q->due = now;
    memcpy(q->id, id, STUN_ID_LEN);
}

size_t stun_query_output(struct stun_query *q, instant now,
                         uint8_t out[static EXCHANGE_MAX_DATAGRAM])
{
    struct stun_writer w;

    if (now < q->due || q->state != STUN_ASKING)
        return 0;
    if (q->sent == q->schedule.requests) {
        settle(q, STUN_SILENT);
        return 0;
    }
    /* Counted from now, not from `due`: after a sleep the rest does not leave in one burst. */
    q->asked_at = now;
    q->sent++;
    q->due = now + (q->sent == q->schedule.requests ? q->schedule.last
                                                    : q->schedule.first << (q->sent - 1));
    stun_begin(&w, out, EXCHANGE_MAX_DATAGRAM, STUN_REQUEST, STUN_BINDING, q->id);
    if (q->change)
        stun_put_u32(&w, STUN_CHANGE_REQUEST, q->change);
    stun_put_text(&w, STUN_SOFTWARE, BLANK_SOFTWARE);
    stun_put_fingerprint(&w);
    return stun_end(&w);
}

static int take_success(struct stun_query *q, instant now, const struct stun_message *m)
{
    struct addr mapped;
    uint16_t unknown;

    if (stun_unknown(m, NULL, &unknown, 1) > 0) { /* RFC 8489 §6.3.3 */
        q->code = 420;
        (void)snprintf(q->reason, sizeof(q->reason), "an answer with unknown attribute 0x%04x",
                       unknown);
        settle(q, STUN_REFUSED);
        return 0;
    }
    int err = stun_get_address(m, STUN_XOR_MAPPED_ADDRESS, &mapped);
    if (err == -ENOENT) /* a server of RFC 3489's time */
        err = stun_get_address(m, STUN_MAPPED_ADDRESS, &mapped);
    if (err < 0 || addr_port(&mapped) == 0)
        return -EBADMSG;
    if (stun_get_address(m, STUN_OTHER_ADDRESS, &q->other) < 0)
        q->other = (struct addr){0};
    q->mapped = addr_unmapped(mapped);
    q->rtt = now - q->asked_at;
    settle(q, STUN_ANSWERED);
    return 0;
}

static int take_error(struct stun_query *q, const struct stun_message *m)
{
    unsigned code;
    char reason[sizeof(q->reason)];

    if (stun_get_error(m, &code, reason, sizeof(reason)) < 0)
        return -EBADMSG;
    q->code = code;
    memcpy(q->reason, reason, sizeof(reason));
    if (stun_get_address(m, STUN_ALTERNATE_SERVER, &q->alternate) < 0)
        q->alternate = (struct addr){0};
    settle(q, STUN_REFUSED);
    return 0;
}

int stun_query_input(struct stun_query *q, instant now, const struct addr *from, const uint8_t *pkt,
                     size_t len)
{
    struct stun_message m;

    if (q->state != STUN_ASKING || q->sent == 0 || !addr_equal(from, &q->origin))
        return -EBADMSG;
    if (stun_read(&m, pkt, len) < 0 || m.method != STUN_BINDING ||
        memcmp(m.id, q->id, STUN_ID_LEN) != 0)
        return -EBADMSG;
    if (m.class == STUN_SUCCESS)
        return take_success(q, now, &m);
    return m.class == STUN_ERROR ? take_error(q, &m) : -EBADMSG;
}

static size_t output(void *self, instant now, uint8_t out[static EXCHANGE_MAX_DATAGRAM])
{
    return stun_query_output(self, now, out);
}

static int input(void *self, instant now, const uint8_t *pkt, size_t len)
{
    struct stun_query *q = self;
    struct addr from = q->origin;
    return stun_query_input(q, now, &from, pkt, len);
}

static instant deadline(const void *self)
{
    const struct stun_query *q = self;
    return q->due;
}

const struct exchange_ops stun_query_ops = {output, input, deadline};
