#include "gateway/discovery/lan_ears.h"

#include <string.h>

#include "gateway/discovery/lan_types.h"

#define ALL_PER_SECOND 20
#define ALL_BURST      60

/* A bucket counts whole tokens a second, and a source gets fewer datagrams: so 60 tokens for one.
 * A burst and a minute's worth are LAN_SOURCE_PER_MINUTE together. */
#define DATAGRAM_TOKENS 60
#define SOURCE_BURST    12

static struct bucket source_bucket(instant now)
{
    struct bucket b =
        bucket_of(LAN_SOURCE_PER_MINUTE - SOURCE_BURST, SOURCE_BURST * DATAGRAM_TOKENS);
    b.last = now;
    return b;
}

void lan_ears_init(struct lan_ears *e)
{
    memset(e, 0, sizeof(*e));
    e->near = bucket_of(ALL_PER_SECOND, ALL_BURST);
    e->far = bucket_of(ALL_PER_SECOND, ALL_BURST);
}

void lan_ears_note(struct lan_ears *e, const uint8_t *data, size_t len)
{
    if (len < LAN_EARS_MARK)
        return;
    memcpy(e->seen[e->next], data + len - LAN_EARS_MARK, LAN_EARS_MARK);
    e->next = (e->next + 1) % LAN_EARS_SEEN;
}

static bool was_seen(const struct lan_ears *e, const uint8_t *data, size_t len)
{
    for (unsigned i = 0; i < LAN_EARS_SEEN; i++)
        if (memcmp(e->seen[i], data + len - LAN_EARS_MARK, LAN_EARS_MARK) == 0)
            return true;
    return false;
}

/* The source's place, or the one that was silent longest, made anew. */
static struct lan_source *source_of(struct lan_ears *e, instant now, const struct addr *from)
{
    struct lan_source *oldest = &e->source[0];

    for (unsigned i = 0; i < LAN_EARS_SOURCES; i++) {
        struct lan_source *s = &e->source[i];
        if (addr_equal(&s->addr, from))
            return s;
        if (s->heard < oldest->heard)
            oldest = s;
    }
    *oldest = (struct lan_source){.addr = *from, .bucket = source_bucket(now)};
    return oldest;
}

bool lan_ears_admit(struct lan_ears *e, instant now, const struct addr *from, bool near,
                    const uint8_t *data, size_t len)
{
    if (len < LAN_EARS_MARK || addr_is_none(from) || was_seen(e, data, len))
        return false;
    struct lan_source *s = source_of(e, now, from);
    s->heard = now;
    if (!bucket_take(&s->bucket, now, DATAGRAM_TOKENS) ||
        !bucket_take(near ? &e->near : &e->far, now, 1))
        return false;
    lan_ears_note(e, data, len);
    return true;
}
