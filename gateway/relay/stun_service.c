#include "gateway/relay/stun_service.h"

#include <string.h>

#include "gateway/wire/stun.h"

#define UNKNOWN_MAX 8 /* that an error lists */

void stun_service_init(struct stun_service *s, const uint8_t secret[static MAP_SECRET_LEN],
                       bool never_larger)
{
    memset(s, 0, sizeof(*s));
    memcpy(s->secret, secret, sizeof(s->secret));
    s->never_larger = never_larger;
    s->total = bucket_of(STUN_SERVICE_TOTAL, STUN_SERVICE_TOTAL);
    for (unsigned i = 0; i < STUN_SERVICE_NETWORKS; i++)
        s->network[i] = bucket_of(STUN_SERVICE_RATE, STUN_SERVICE_BURST);
}

static struct bucket *network_of(struct stun_service *s, const struct addr *from)
{
    size_t len;
    struct addr a = addr_unmapped(*from);
    const uint8_t *ip = addr_ip(&a, &len);
    return &s->network[map_hash(s->secret, ip, len == 4 ? 3 : 6) % STUN_SERVICE_NETWORKS];
}

/* What a server needs to understand; of credentials none are wanted. */
static bool is_known(uint16_t type)
{
    switch (type) {
    case STUN_USERNAME:
    case STUN_MESSAGE_INTEGRITY:
    case STUN_MESSAGE_INTEGRITY_SHA256:
    case STUN_REALM:
    case STUN_NONCE:
        return true;
    default:
        return false;
    }
}

static size_t write_answer(const struct stun_message *m, const struct addr *from,
                           const uint16_t *unknown, size_t count,
                           uint8_t out[static STUN_ANSWER_MAX])
{
    struct stun_writer w;
    struct addr mapped = addr_unmapped(*from);

    stun_begin(&w, out, STUN_ANSWER_MAX, count > 0 ? STUN_ERROR : STUN_SUCCESS, STUN_BINDING,
               m->id);
    if (count > 0) {
        stun_put_error(&w, 420, "");
        stun_put_unknown(&w, unknown, count);
    } else {
        stun_put_address(&w, STUN_XOR_MAPPED_ADDRESS, &mapped);
    }
    if (m->fingerprint)
        stun_put_fingerprint(&w);
    return stun_end(&w);
}

size_t stun_service_answer(struct stun_service *s, instant now, const struct addr *from,
                           const uint8_t *pkt, size_t len, uint8_t out[static STUN_ANSWER_MAX])
{
    struct stun_message m;
    uint16_t unknown[UNKNOWN_MAX];

    if (addr_is_none(from) || addr_port(from) == 0 || stun_read(&m, pkt, len) < 0 ||
        m.class != STUN_REQUEST || m.method != STUN_BINDING) {
        s->ignored++;
        return 0;
    }
    size_t count = stun_unknown(&m, is_known, unknown, UNKNOWN_MAX);
    size_t answer = write_answer(&m, from, unknown, count, out);
    if (s->never_larger && answer > len) {
        s->ignored++;
        return 0;
    }
    /* The network's share first: one that has used up its own must not use up everybody's. */
    if (!bucket_take(network_of(s, from), now, 1) || !bucket_take(&s->total, now, 1)) {
        s->limited++;
        return 0;
    }
    if (count > 0)
        s->refused++;
    else
        s->answered++;
    return answer;
}
