#include "gateway/nat/map_igd.h"

#include <string.h>

#include "gateway/base/text.h"

#define TRIES_MAX      6 /* of adding: leases, ports, dialects */
#define FIRST_PORT     20000
#define PORTS          20000
#define STATUS_OK      200
#define STATUS_REFUSED 500 /* with a SOAP fault */

void map_igd_init(struct map_igd *m, const struct addr *router, const struct addr *local,
                  uint16_t random)
{
    *m = (struct map_igd){.local = *local, .random = random};
    ssdp_init(&m->ssdp, router);
}

static void settle(struct map_igd *m, enum mapping_state state, unsigned code)
{
    m->mapping.state = state;
    m->mapping.code = code;
    m->step = MAP_IGD_IDLE;
    m->asked = false;
    m->ssdp.due = INSTANT_NEVER;
}

static void go_on(struct map_igd *m, enum map_igd_step step)
{
    m->step = step;
    m->asked = false;
}

static void search(struct map_igd *m, instant now)
{
    m->known = m->have = false;
    go_on(m, MAP_IGD_SEARCH);
    ssdp_ask(&m->ssdp, now);
}

void map_igd_ask(struct map_igd *m, instant now, uint32_t lifetime_s)
{
    bool permanent = m->mapping.state == MAPPING_GRANTED && m->mapping.lifetime_s == 0;

    m->mapping.state = MAPPING_ASKING;
    m->lifetime_s = lifetime_s;
    m->lease_s = permanent ? MAP_IGD_PERMANENT_S : lifetime_s;
    m->tries = 0;
    m->known = m->have;
    if (!m->have && lifetime_s == 0)
        settle(m, MAPPING_DELETED, 0);
    else if (!m->have)
        search(m, now);
    else
        go_on(m, lifetime_s == 0 ? MAP_IGD_DELETE : MAP_IGD_ADDRESS);
}

void map_igd_found(struct map_igd *m)
{
    if (m->step != MAP_IGD_SEARCH)
        return;
    if (m->ssdp.state == SSDP_FOUND)
        go_on(m, MAP_IGD_DESCRIBE);
    else if (m->ssdp.state == SSDP_SILENT)
        settle(m, MAPPING_SILENT, 0);
}

bool map_igd_request(struct map_igd *m, struct addr *to, char out[static IGD_REQUEST_MAX],
                     size_t *len)
{
    const struct igd_mapping wanted = {
        .external_port = addr_port(&m->external),
        .internal_port = addr_port(&m->local),
        .lease_s = m->lease_s,
        .client = &m->local,
    };
    if (m->asked)
        return false;
    *to = m->service.control.at;
    switch (m->step) {
    case MAP_IGD_IDLE:
    case MAP_IGD_SEARCH:
        return false;
    case MAP_IGD_DESCRIBE:
        *to = m->ssdp.description.at;
        *len = igd_soap_get(out, &m->ssdp.description);
        break;
    case MAP_IGD_ADDRESS:
        *len = igd_soap_external_address(out, &m->service);
        break;
    case MAP_IGD_ADD:
        *len = igd_soap_add(out, &m->service, &wanted, m->any);
        break;
    case MAP_IGD_DELETE:
        *len = igd_soap_delete(out, &m->service, addr_port(&m->mapping.external));
        break;
    }
    m->asked = true;
    return true;
}

/* ---- answers ---- */

static void take_description(struct map_igd *m, unsigned status, const uint8_t *body, size_t len)
{
    if (status != STATUS_OK ||
        igd_document_read(&m->service, body, len, &m->ssdp.description) < 0) {
        settle(m, MAPPING_REFUSED, 0);
        return;
    }
    m->have = true;
    go_on(m, MAP_IGD_ADDRESS);
}

static void take_address(struct map_igd *m, unsigned status, const uint8_t *body, size_t len)
{
    char text[ADDR_TEXT_MAX];
    bool first = addr_is_none(&m->mapping.external);
    uint16_t port = addr_port(first ? &m->local : &m->mapping.external);

    if (status != STATUS_OK ||
        !igd_soap_value(body, len, "NewExternalIPAddress", text, sizeof(text)) ||
        addr_parse_ip(&m->external, text, port) < 0 || addr_is_v6(&m->external) ||
        !mapping_external_ok(&m->external)) {
        settle(m, MAPPING_REFUSED, igd_soap_error(body, len));
        return;
    }
    m->any = m->service.any_port;
    go_on(m, MAP_IGD_ADD);
}

/* Another port than ours: from a range that is free in most places, and never twice the same. */
static uint16_t next_port(struct map_igd *m)
{
    m->random = (uint16_t)(m->random * 25173 + 13849);
    return (uint16_t)(FIRST_PORT + m->random % PORTS);
}

/* Returns true if there is one more way to try it. */
static bool try_otherwise(struct map_igd *m, unsigned code)
{
    if (++m->tries >= TRIES_MAX)
        return false;
    if (code == IGD_SAME_PORTS) {
        addr_set_port(&m->external, addr_port(&m->local));
        return true;
    }
    if (code == IGD_CONFLICT) {
        addr_set_port(&m->external, next_port(m));
        return true;
    }
    /* Routers that know no leases say so in different ways, and some that speak IGD 2 do not know
     * its way of adding. */
    bool unknown = code == IGD_ONLY_PERMANENT || code == IGD_INVALID_ARGS || code == 0 ||
                   code == IGD_ACTION_FAILED || code == IGD_INVALID_ACTION;
    if (!unknown)
        return false;
    if (m->any && code != IGD_ONLY_PERMANENT)
        m->any = false;
    else if (m->lease_s > 0)
        m->lease_s = MAP_IGD_PERMANENT_S;
    else
        return false;
    return true;
}

static void take_added(struct map_igd *m, unsigned status, const uint8_t *body, size_t len)
{
    unsigned code = igd_soap_error(body, len);
    char text[8];
    uint16_t port;

    if (status != STATUS_OK) {
        if (try_otherwise(m, code))
            go_on(m, MAP_IGD_ADD);
        else
            settle(m, MAPPING_REFUSED, code);
        return;
    }
    if (m->any && igd_soap_value(body, len, "NewReservedPort", text, sizeof(text)) &&
        text_parse_u16(&port, text, strlen(text)) == 0 && port != 0)
        addr_set_port(&m->external, port);
    m->mapping.external = m->external;
    m->mapping.lifetime_s = m->lease_s;
    settle(m, MAPPING_GRANTED, 0);
}

void map_igd_answer(struct map_igd *m, instant now, unsigned status, const uint8_t *body,
                    size_t len)
{
    if (!m->asked)
        return;
    m->asked = false;
    /* Where it took orders the last time it does not any more: it has been started anew. */
    if (status != STATUS_OK && status != STATUS_REFUSED && m->known && m->lifetime_s > 0) {
        search(m, now);
        return;
    }
    if (status == 0) {
        settle(m, MAPPING_SILENT, 0);
        return;
    }
    switch (m->step) {
    case MAP_IGD_IDLE:
    case MAP_IGD_SEARCH:
        return;
    case MAP_IGD_DESCRIBE:
        take_description(m, status, body, len);
        return;
    case MAP_IGD_ADDRESS:
        take_address(m, status, body, len);
        return;
    case MAP_IGD_ADD:
        take_added(m, status, body, len);
        return;
    case MAP_IGD_DELETE:
        settle(m, MAPPING_DELETED, 0);
        return;
    }
}
