#include "gateway/nat/map_natpmp.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

enum { VERSION = 0, OP_ADDRESS = 0, OP_MAP_UDP = 1, OP_ANSWER = 128, REQUEST_LEN = 12 };

static void settle(struct map_natpmp *m, enum mapping_state state)
{
    m->mapping.state = state;
    m->due = m->probe.due = INSTANT_NEVER;
}

void map_natpmp_init(struct map_natpmp *m, uint16_t port)
{
    *m = (struct map_natpmp){.port = port, .due = INSTANT_NEVER, .probe.due = INSTANT_NEVER};
}

void map_natpmp_ask(struct map_natpmp *m, instant now, uint32_t lifetime_s)
{
    m->mapping.state = MAPPING_ASKING;
    m->lifetime_s = lifetime_s;
    m->sent = 0;
    m->due = now;
    natpmp_probe_init(&m->probe, now);
    if (lifetime_s > 0)
        m->due = INSTANT_NEVER; /* when the address is known */
    else
        m->probe.due = INSTANT_NEVER;
}

/* RFC 6886 §3.3 and §3.4: a mapping that goes has no port outside. */
static size_t write_request(const struct map_natpmp *m, uint8_t *out)
{
    struct writer w = writer_over(out, REQUEST_LEN);
    uint16_t wanted =
        addr_is_none(&m->mapping.external) ? m->port : addr_port(&m->mapping.external);

    write_u8(&w, VERSION);
    write_u8(&w, OP_MAP_UDP);
    write_be16(&w, 0);
    write_be16(&w, m->port);
    write_be16(&w, m->lifetime_s > 0 ? wanted : 0);
    write_be32(&w, m->lifetime_s);
    return writer_len(&w, out);
}

static size_t output(void *self, instant now, uint8_t out[static EXCHANGE_MAX_DATAGRAM])
{
    struct map_natpmp *m = self;

    if (m->mapping.state != MAPPING_ASKING)
        return 0;
    if (now >= m->probe.due) {
        size_t len = natpmp_probe_ops.output(&m->probe, now, out);
        if (m->probe.state == NATPMP_SILENT)
            settle(m, MAPPING_SILENT);
        return len;
    }
    if (now < m->due)
        return 0;
    if (m->sent == MAPPING_MAX_REQUESTS) {
        settle(m, MAPPING_SILENT);
        return 0;
    }
    m->due = now + (MAPPING_FIRST_WAIT << m->sent++);
    return write_request(m, out);
}

static int refuse(struct map_natpmp *m, unsigned code)
{
    m->mapping.code = code;
    settle(m, MAPPING_REFUSED);
    return 0;
}

/* The answer to the first question, which natpmp_probe.c reads but for the router's uptime. */
static int take_address(struct map_natpmp *m, instant now, const uint8_t *pkt, size_t len)
{
    struct reader r = reader_over(pkt, len);

    int err = natpmp_probe_ops.input(&m->probe, now, pkt, len);
    if (err < 0)
        return err;
    (void)read_be32(&r);
    /* A router that has forgotten the mapping is asked for it in a moment. */
    (void)map_epoch_take(&m->epoch, MAP_EPOCH_NATPMP, read_be32(&r), now);
    if (m->probe.state == NATPMP_REFUSED)
        return refuse(m, m->probe.result);
    m->due = now;
    return 0;
}

static int take_port(struct map_natpmp *m, instant now, const uint8_t *pkt, size_t len)
{
    struct reader r = reader_over(pkt, len);

    uint8_t version = read_u8(&r);
    uint8_t opcode = read_u8(&r);
    uint16_t result = read_be16(&r);
    uint32_t epoch_s = read_be32(&r);
    if (r.failed || version != VERSION || opcode != (OP_ANSWER | OP_MAP_UDP))
        return -EBADMSG;
    if (result != 0) /* may end here: RFC 6886 §3.5 */
        return refuse(m, result);
    uint16_t internal = read_be16(&r);
    uint16_t external = read_be16(&r);
    uint32_t lifetime_s = read_be32(&r);
    if (r.failed || internal != m->port)
        return -EBADMSG;
    (void)map_epoch_take(&m->epoch, MAP_EPOCH_NATPMP, epoch_s, now);
    if (m->lifetime_s == 0) {
        settle(m, MAPPING_DELETED);
        return 0;
    }
    struct addr a = addr_v4(m->probe.public_ip, external);
    if (!mapping_external_ok(&a) || lifetime_s < MAPPING_LIFETIME_MIN_S)
        return refuse(m, 0);
    m->mapping.external = a;
    m->mapping.lifetime_s = mapping_lifetime(lifetime_s);
    settle(m, MAPPING_GRANTED);
    return 0;
}

static int input(void *self, instant now, const uint8_t *pkt, size_t len)
{
    struct map_natpmp *m = self;

    if (m->mapping.state != MAPPING_ASKING)
        return -EBADMSG;
    if (m->probe.due != INSTANT_NEVER)
        return take_address(m, now, pkt, len);
    return take_port(m, now, pkt, len);
}

static instant deadline(const void *self)
{
    const struct map_natpmp *m = self;
    return m->due < m->probe.due ? m->due : m->probe.due;
}

const struct exchange_ops map_natpmp_ops = {output, input, deadline};

bool map_natpmp_announced(struct map_natpmp *m, instant now, const uint8_t *pkt, size_t len)
{
    struct reader r = reader_over(pkt, len);

    uint8_t version = read_u8(&r);
    uint8_t opcode = read_u8(&r);
    uint16_t result = read_be16(&r);
    uint32_t epoch_s = read_be32(&r);
    const uint8_t *ip = read_bytes(&r, 4);
    if (!ip || version != VERSION || opcode != (OP_ANSWER | OP_ADDRESS) || result != 0)
        return false;
    const struct addr now_at = addr_v4(ip, 0);
    bool moved =
        m->mapping.state == MAPPING_GRANTED && !addr_same_ip(&now_at, &m->mapping.external);
    return map_epoch_take(&m->epoch, MAP_EPOCH_NATPMP, epoch_s, now) || moved;
}
