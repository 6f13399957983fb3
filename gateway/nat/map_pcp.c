#include "gateway/nat/map_pcp.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

enum {
    VERSION = 2,
    NATPMP_VERSION = 0,
    OP_ANNOUNCE = 0,
    OP_MAP = 1,
    OP_ANSWER = 0x80,
    PROTOCOL_UDP = 17,
    IP_LEN = 16,
    REQUEST_LEN = 60,
};

static void settle(struct map_pcp *p, enum mapping_state state)
{
    p->mapping.state = state;
    p->due = INSTANT_NEVER;
}

void map_pcp_init(struct map_pcp *p, const struct addr *local,
                  const uint8_t nonce[static MAP_PCP_NONCE_LEN])
{
    *p = (struct map_pcp){.local = *local, .due = INSTANT_NEVER};
    memcpy(p->nonce, nonce, sizeof(p->nonce));
}

void map_pcp_ask(struct map_pcp *p, instant now, uint32_t lifetime_s)
{
    p->mapping.state = MAPPING_ASKING;
    p->lifetime_s = lifetime_s;
    p->sent = 0;
    p->due = now;
}

/* RFC 6887 §5: IPv4 addresses are written as IPv4-mapped ones. */
static void write_ip(struct writer *w, const struct addr *a)
{
    static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);

    if (len == 4)
        write_bytes(w, MAPPED, sizeof(MAPPED));
    write_bytes(w, ip, len);
}

static struct addr no_address(bool v6)
{
    static const uint8_t ZERO[IP_LEN];
    return v6 ? addr_v6(ZERO, 0, 0) : addr_v4(ZERO, 0);
}

/* What we would like: what we had; else our own port. Nothing for a mapping that shall go (§15). */
static struct addr suggestion(const struct map_pcp *p)
{
    struct addr wanted = no_address(addr_is_v6(&p->local));

    if (p->lifetime_s == 0)
        return wanted;
    if (!addr_is_none(&p->mapping.external))
        return p->mapping.external;
    addr_set_port(&wanted, addr_port(&p->local));
    return wanted;
}

/* RFC 6887 §7.1 and §11.1. */
static size_t write_request(const struct map_pcp *p, uint8_t *out)
{
    static const uint8_t RESERVED[3];
    const struct addr wanted = suggestion(p);
    struct writer w = writer_over(out, REQUEST_LEN);

    write_u8(&w, VERSION);
    write_u8(&w, OP_MAP);
    write_be16(&w, 0);
    write_be32(&w, p->lifetime_s);
    write_ip(&w, &p->local);
    write_bytes(&w, p->nonce, sizeof(p->nonce));
    write_u8(&w, PROTOCOL_UDP);
    write_bytes(&w, RESERVED, sizeof(RESERVED));
    write_be16(&w, addr_port(&p->local));
    write_be16(&w, addr_port(&wanted));
    write_ip(&w, &wanted);
    return writer_len(&w, out);
}

static size_t output(void *self, instant now, uint8_t out[static EXCHANGE_MAX_DATAGRAM])
{
    struct map_pcp *p = self;

    if (p->mapping.state != MAPPING_ASKING || now < p->due)
        return 0;
    if (p->sent == MAPPING_MAX_REQUESTS) {
        settle(p, MAPPING_SILENT);
        return 0;
    }
    /* Counted from now, not from `due`: a laptop that slept asks once. */
    p->due = now + (MAPPING_FIRST_WAIT << p->sent++);
    return write_request(p, out);
}

/* ---- answers ---- */

struct answer {
    uint8_t version, opcode, result;
    uint32_t lifetime_s, epoch_s;
    uint8_t nonce[MAP_PCP_NONCE_LEN];
    uint8_t protocol;
    uint16_t internal_port, external_port;
    uint8_t external_ip[IP_LEN];
};

static bool read_head(struct reader *r, struct answer *a)
{
    a->version = read_u8(r);
    a->opcode = read_u8(r);
    (void)read_u8(r);
    a->result = read_u8(r);
    a->lifetime_s = read_be32(r);
    a->epoch_s = read_be32(r);
    (void)read_bytes(r, 12);
    return !r->failed;
}

static bool read_mapping(struct reader *r, struct answer *a)
{
    read_copy(r, a->nonce, sizeof(a->nonce));
    a->protocol = read_u8(r);
    (void)read_bytes(r, 3);
    a->internal_port = read_be16(r);
    a->external_port = read_be16(r);
    read_copy(r, a->external_ip, sizeof(a->external_ip));
    return !r->failed;
}

/* A router that has NAT-PMP alone says so in NAT-PMP (RFC 6886 §3.5), as does one with a newer PCP
 * in its own words: neither repeats our nonce. */
static bool is_other_version(const struct answer *a, const uint8_t *pkt, size_t len)
{
    if (len >= 4 && pkt[0] == NATPMP_VERSION && pkt[1] >= OP_ANSWER)
        return pkt[2] == 0 && pkt[3] == MAP_PCP_UNSUPPORTED_VERSION;
    return len >= 24 && a->version >= VERSION && a->opcode >= OP_ANSWER &&
           a->result == MAP_PCP_UNSUPPORTED_VERSION;
}

static bool is_ours(const struct map_pcp *p, const struct answer *a)
{
    return a->version == VERSION && a->opcode == (OP_ANSWER | OP_MAP) &&
           memcmp(a->nonce, p->nonce, sizeof(p->nonce)) == 0 && a->protocol == PROTOCOL_UDP &&
           a->internal_port == addr_port(&p->local);
}

static int refuse(struct map_pcp *p, unsigned code)
{
    p->mapping.code = code;
    settle(p, MAPPING_REFUSED);
    return 0;
}

static int grant(struct map_pcp *p, const struct answer *a)
{
    struct addr external = addr_unmapped(addr_v6(a->external_ip, a->external_port, 0));

    if (p->lifetime_s == 0) {
        settle(p, MAPPING_DELETED);
        return 0;
    }
    if (addr_is_v6(&external) != addr_is_v6(&p->local) || !mapping_external_ok(&external) ||
        a->lifetime_s < MAPPING_LIFETIME_MIN_S)
        return refuse(p, 0);
    p->mapping.external = external;
    p->mapping.lifetime_s = mapping_lifetime(a->lifetime_s);
    settle(p, MAPPING_GRANTED);
    return 0;
}

static int input(void *self, instant now, const uint8_t *pkt, size_t len)
{
    struct map_pcp *p = self;
    struct answer a = {0};
    struct reader r = reader_over(pkt, len);
    bool head = read_head(&r, &a);

    if (p->mapping.state != MAPPING_ASKING) /* a second answer, to a repeated request */
        return -EBADMSG;
    if (is_other_version(&a, pkt, len))
        return refuse(p, MAP_PCP_UNSUPPORTED_VERSION);
    if (!head || !read_mapping(&r, &a) || !is_ours(p, &a))
        return -EBADMSG;
    /* A router that has forgotten the mapping makes it anew with this very answer. */
    (void)map_epoch_take(&p->epoch, MAP_EPOCH_PCP, a.epoch_s, now);
    return a.result != 0 ? refuse(p, a.result) : grant(p, &a);
}

static instant deadline(const void *self)
{
    const struct map_pcp *p = self;
    return p->due;
}

const struct exchange_ops map_pcp_ops = {output, input, deadline};

bool map_pcp_announced(struct map_pcp *p, instant now, const uint8_t *pkt, size_t len)
{
    struct answer a = {0};
    struct reader r = reader_over(pkt, len);

    if (!read_head(&r, &a) || a.version != VERSION || a.opcode != (OP_ANSWER | OP_ANNOUNCE) ||
        a.result != 0)
        return false;
    return map_epoch_take(&p->epoch, MAP_EPOCH_PCP, a.epoch_s, now);
}
