/* registry.json read strictly: an unknown member, a value out of range or a name given twice is an
 * error with its line, because a registry that was half understood would be written back so. */
#include "gateway/node/registry_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/node/json_line.h"

/* One entry being read. The first thing wrong is kept; everything after it does nothing. */
struct entry {
    const json_t *object;
    size_t used; /* members that were asked for and there */
    char wrong[96];
    int err; /* 0, -EBADMSG or -ENOMEM */
};

static void complain(struct entry *e, const char *key, const char *what)
{
    if (e->err < 0)
        return;
    e->err = -EBADMSG;
    (void)snprintf(e->wrong, sizeof(e->wrong), "%s%s%s", key, key[0] ? ": " : "", what);
}

/* Takes over what adding to the registry said. */
static void check(struct entry *e, int err, const char *key)
{
    if (err == -ENOMEM && e->err == 0)
        e->err = err;
    else if (err == -ENOSPC)
        complain(e, key, "too many");
    else if (err < 0)
        complain(e, key, err == -EEXIST ? "given twice" : "not valid");
}

static const json_t *member(struct entry *e, const char *key)
{
    const json_t *value = json_object_get(e->object, key);
    if (value)
        e->used++;
    return value;
}

/* Copies a string of up to `room` - 1 bytes; none is the empty one. */
static void get_text(struct entry *e, const char *key, char *out, size_t room)
{
    const json_t *value = member(e, key);
    out[0] = '\0';
    if (!value)
        return;
    if (!json_is_string(value) || json_string_length(value) >= room) {
        complain(e, key, json_is_string(value) ? "too long" : "not a string");
        return;
    }
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
}

static bool get_bool(struct entry *e, const char *key)
{
    const json_t *value = member(e, key);
    if (value && !json_is_boolean(value))
        complain(e, key, "not true or false");
    return value && json_is_true(value);
}

static int64_t get_number(struct entry *e, const char *key, int64_t max)
{
    const json_t *value = member(e, key);
    if (!value)
        return 0;
    int64_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= 0 && number <= max)
        return number;
    complain(e, key, "not a number in range");
    return 0;
}

static void read_id(struct entry *e, const char *key, const json_t *value, struct peer_id *out)
{
    if (!json_is_string(value) ||
        peer_id_parse(out, json_string_value(value), json_string_length(value)) < 0)
        complain(e, key, "not a peer id");
}

static void get_id(struct entry *e, const char *key, struct peer_id *out)
{
    read_id(e, key, member(e, key), out);
}

/* An array of at most `max`, or an empty one. */
static const json_t *get_array(struct entry *e, const char *key, size_t max, size_t *count)
{
    const json_t *array = member(e, key);
    *count = 0;
    if (!array)
        return NULL;
    if (!json_is_array(array) || json_array_size(array) > max) {
        complain(e, key, json_is_array(array) ? "too many" : "not an array");
        return NULL;
    }
    *count = json_array_size(array);
    return array;
}

static void read_addr(struct entry *e, const char *key, const json_t *value, struct addr *out)
{
    if (!json_is_string(value) || addr_parse(out, json_string_value(value)) < 0 ||
        addr_port(out) == 0)
        complain(e, key, "not an IP:PORT");
}

static void get_addresses(struct entry *e, const char *key,
                          struct addr out[static PEER_ADDRESSES_MAX])
{
    size_t count;
    const json_t *array = get_array(e, key, PEER_ADDRESSES_MAX, &count);
    for (size_t i = 0; i < count; i++)
        read_addr(e, key, json_array_get(array, i), &out[i]);
}

/* Takes the list to `*out`, which the caller frees. */
static size_t get_ids(struct entry *e, const char *key, struct peer_id **out)
{
    size_t count;
    const json_t *array = get_array(e, key, REGISTRY_GRANTS_MAX, &count);
    if (count == 0 || e->err < 0)
        return 0;
    *out = calloc(count, sizeof(**out));
    if (!*out) {
        e->err = -ENOMEM;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        read_id(e, key, json_array_get(array, i), &(*out)[i]);
    return count;
}

static uint8_t get_proto(struct entry *e)
{
    char text[8];
    get_text(e, "proto", text, sizeof(text));
    if (strcmp(text, "tcp") == 0)
        return SERVICE_TCP;
    if (strcmp(text, "udp") == 0)
        return SERVICE_UDP;
    if (strcmp(text, "both") == 0)
        return SERVICE_BOTH;
    complain(e, "proto", "not tcp, udp or both");
    return 0;
}

static void end(struct entry *e)
{
    if (e->used != json_object_size(e->object))
        complain(e, "", "has a member that is not known here");
}

static void get_relays(struct entry *e, const char *key,
                       char out[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1])
{
    size_t count;
    const json_t *array = get_array(e, key, PEER_RELAYS_MAX, &count);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_string(value) || !registry_relay_ok(json_string_value(value))) {
            complain(e, key, "not a PEER_ID@HOST:PORT");
            return;
        }
        memcpy(out[i], json_string_value(value), json_string_length(value) + 1);
    }
}

static void read_peer(struct registry *r, struct entry *e)
{
    struct known_peer p = {0};
    get_id(e, "id", &p.id);
    get_text(e, "alias", p.alias, sizeof(p.alias));
    p.blocked = get_bool(e, "blocked");
    get_text(e, "blocked_why", p.blocked_why, sizeof(p.blocked_why));
    p.guest = get_bool(e, "guest");
    get_addresses(e, "addresses", p.address);
    get_relays(e, "relays", p.relay);
    get_relays(e, "its_relays", p.its_relay);
    get_addresses(e, "last_good", p.last_good);
    p.record_seq = get_number(e, "record_seq", INT64_MAX);
    get_text(e, "mail", p.mail, sizeof(p.mail));
    if (p.mail[0] && !registry_mail_ok(p.mail))
        complain(e, "mail", "not a mail address");
    end(e);
    if (e->err < 0)
        return;
    if (registry_entry(r, &p.id)) {
        complain(e, "id", "given twice");
        return;
    }
    int err;
    struct known_peer *known = registry_peer_add(r, &p.id, &err);
    check(e, err, "peers");
    if (known && p.alias[0])
        check(e, registry_put_alias(r, &p.id, p.alias), "alias");
    if (known && e->err == 0)
        *known = p;
}

static void read_service(struct registry *r, struct entry *e)
{
    struct service s = {0};
    auto_free struct peer_id *allow = NULL, *deny = NULL, *guests = NULL;
    get_text(e, "name", s.name, sizeof(s.name));
    s.proto = (enum service_proto)get_proto(e);
    s.port = (uint16_t)get_number(e, "port", UINT16_MAX);
    get_text(e, "target", s.target, sizeof(s.target));
    s.public = get_bool(e, "public");
    s.raw = get_bool(e, "raw");
    s.proxy_protocol = get_bool(e, "proxy_protocol");
    s.peer_header = get_bool(e, "peer_header");
    s.off_host = get_bool(e, "off_host");
    s.expires_us = get_number(e, "expires_us", INT64_MAX);
    s.allow_count = get_ids(e, "allow", &allow);
    s.deny_count = get_ids(e, "deny", &deny);
    size_t guest_count = get_ids(e, "guests", &guests);
    end(e);
    s.allow = allow;
    s.deny = deny;
    if (!preamble_name_ok(s.name))
        complain(e, "name", "not a service name");
    if (s.port == 0)
        complain(e, "port", "missing");
    if (!registry_target_ok(s.target, s.off_host))
        complain(e, "target", "not a target");
    if (registry_service(r, s.name))
        complain(e, "name", "given twice");
    if (e->err == 0)
        check(e, registry_service_put(r, &s), "services");
    struct service_entry *entry = registry_service_entry(r, s.name, false);
    for (size_t i = 0; e->err == 0 && entry && i < guest_count; i++)
        check(e, registry_ids_add(&entry->guests, &guests[i]), "guests");
}

static void read_grant(struct registry *r, struct entry *e)
{
    struct grant g = {0};
    get_text(e, "service", g.service, sizeof(g.service));
    get_id(e, "peer", &g.peer);
    g.deny = get_bool(e, "deny");
    g.guest = get_bool(e, "guest");
    end(e);
    if (!preamble_name_ok(g.service))
        complain(e, "service", "not a service name");
    if (e->err == 0)
        check(e, registry_grant_put(r, &g), "grants");
}

static void read_port(struct registry *r, struct entry *e)
{
    struct port_assignment p = {0};
    get_id(e, "peer", &p.peer);
    get_text(e, "service", p.service, sizeof(p.service));
    p.proto = get_proto(e);
    p.port = (uint16_t)get_number(e, "port", UINT16_MAX);
    p.remote_port = (uint16_t)get_number(e, "remote_port", UINT16_MAX);
    p.open = get_bool(e, "open");
    const json_t *at = member(e, "at");
    if (at)
        read_addr(e, "at", at, &p.at);
    end(e);
    if (!preamble_name_ok(p.service))
        complain(e, "service", "not a service name");
    if (p.port == 0)
        complain(e, "port", "missing");
    if (e->err == 0 && registry_port(r, &p.peer, p.service))
        complain(e, "service", "given twice");
    if (e->err == 0)
        check(e, registry_port_put(r, &p), "ports");
}

static void read_remembered(struct registry *r, struct entry *e)
{
    struct remembered m = {0};
    get_id(e, "id", &m.id);
    get_addresses(e, "last_good", m.last_good);
    end(e);
    if (e->err == 0)
        registry_remember(r, &m.id, m.last_good);
}

static void read_blocked(struct registry *r, struct entry *e)
{
    char text[ADDR_PREFIX_TEXT_MAX];
    struct addr_prefix p;

    get_text(e, "addresses", text, sizeof(text));
    end(e);
    if (e->err == 0 && (addr_prefix_parse(&p, text) < 0 || !addr_prefix_is_exact(&p)))
        complain(e, "addresses", "not ADDRESS/BITS");
    if (e->err == 0)
        check(e, registry_block_addresses(r, &p, true), "blocked");
}

static const struct section {
    const char *key;
    void (*read)(struct registry *r, struct entry *e);
    bool optional; /* only there if it has something in it */
} SECTIONS[] = {
    {"peers", read_peer, false},
    {"services", read_service, false},
    {"grants", read_grant, false},
    {"ports", read_port, false},
    {"remembered", read_remembered, false},
    {"blocked", read_blocked, true},
};

#define SECTION_COUNT (sizeof(SECTIONS) / sizeof(SECTIONS[0]))

/* The file being read, and where to complain. */
struct source {
    const char *text;
    size_t len;
    char *why;
    size_t why_len;
};

static int fail(const struct source *f, unsigned line, const char *what)
{
    (void)snprintf(f->why, f->why_len, "%s:%u: %s", REGISTRY_FILE, line, what);
    return -EBADMSG;
}

static int read_section(struct registry *r, const struct source *f, const json_t *root,
                        const struct section *section)
{
    const json_t *array = json_object_get(root, section->key);
    if (!array && section->optional)
        return 0;
    if (!json_is_array(array))
        return fail(f, array ? json_line_of(f->text, f->len, section->key, 0) : 1,
                    array ? "not an array" : "a section is missing");
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct entry e = {.object = json_array_get(array, i)};
        if (json_is_object(e.object))
            section->read(r, &e);
        else
            complain(&e, "", "not an object");
        if (e.err == -EBADMSG)
            return fail(f, json_line_of(f->text, f->len, section->key, i), e.wrong);
        if (e.err < 0) {
            (void)snprintf(f->why, f->why_len, "%s: %s", REGISTRY_FILE, strerror(-e.err));
            return e.err;
        }
    }
    return 0;
}

static int read_root(struct registry *r, const struct source *f, const json_t *root)
{
    const json_t *version = json_object_get(root, "version");
    if (!json_is_object(root) || !json_is_integer(version))
        return fail(f, 1, "not a registry");
    if (json_integer_value(version) != REGISTRY_VERSION)
        return fail(f, json_line_of(f->text, f->len, "version", 0),
                    "of another version of overlay");
    size_t sections = 0;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        sections += json_object_get(root, SECTIONS[i].key) != NULL;
        int err = read_section(r, f, root, &SECTIONS[i]);
        if (err < 0)
            return err;
    }
    if (json_object_size(root) != sections + 1)
        return fail(f, 1, "has a section that is not known here");
    return 0;
}

int registry_read(struct registry *r, const char *text, size_t len, char *why, size_t why_len)
{
    const struct source f = {.text = text, .len = len, .why = why, .why_len = why_len};
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        (void)snprintf(why, why_len, "%s:%d: %s", REGISTRY_FILE, error.line > 0 ? error.line : 1,
                       error.text);
        return -EBADMSG;
    }
    int err = read_root(r, &f, root);
    json_decref(root);
    return err;
}
