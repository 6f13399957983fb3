/* registry.json's text: an object of arrays, one entry a line, so that a person can read it and an
 * error can name a line. What is at its default is left out. */
#include "gateway/node/registry_state.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

struct output {
    FILE *file;
    const char *separator;
    bool failed;
};

static void set(struct output *o, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        o->failed = true;
}

/* An empty text is left out. */
static void set_text(struct output *o, json_t *object, const char *key, const char *text)
{
    if (text[0])
        set(o, object, key, json_string(text));
}

static void set_true(struct output *o, json_t *object, const char *key, bool value)
{
    if (value)
        set(o, object, key, json_true());
}

static void set_number(struct output *o, json_t *object, const char *key, int64_t value)
{
    if (value != 0)
        set(o, object, key, json_integer(value));
}

static void set_id(struct output *o, json_t *object, const char *key, const struct peer_id *id)
{
    char text[PEER_ID_TEXT_MAX];
    set_text(o, object, key, peer_id_print(id, text));
}

static void append(struct output *o, json_t *array, const char *text)
{
    if (json_array_append_new(array, json_string(text)) < 0)
        o->failed = true;
}

/* Takes the array; an empty one is left out. */
static void set_array(struct output *o, json_t *object, const char *key, json_t *array)
{
    if (json_array_size(array) > 0)
        set(o, object, key, array);
    else
        json_decref(array);
}

static void set_addresses(struct output *o, json_t *object, const char *key,
                          const struct addr list[static PEER_ADDRESSES_MAX])
{
    char text[ADDR_TEXT_MAX];
    json_t *array = json_array();
    for (size_t i = 0; i < PEER_ADDRESSES_MAX && !addr_is_none(&list[i]); i++)
        append(o, array, addr_print(&list[i], text));
    set_array(o, object, key, array);
}

static void set_ids(struct output *o, json_t *object, const char *key, const struct peer_id *id,
                    size_t count)
{
    char text[PEER_ID_TEXT_MAX];
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        append(o, array, peer_id_print(&id[i], text));
    set_array(o, object, key, array);
}

/* Writes one entry on a line of its own, and takes it. */
static void put(struct output *o, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (!text || fprintf(o->file, "%s%s", o->separator, text) < 0)
        o->failed = true;
    o->separator = ",\n";
    free(text);
    json_decref(object);
}

static void begin(struct output *o, const char *name)
{
    if (fprintf(o->file, ",\n\"%s\": [", name) < 0)
        o->failed = true;
    o->separator = "\n";
}

static void end(struct output *o)
{
    if (fputs("]", o->file) < 0)
        o->failed = true;
}

static const char *proto_name(uint8_t proto)
{
    return proto == SERVICE_UDP ? "udp" : proto == SERVICE_BOTH ? "both" : "tcp";
}

static void set_relays(struct output *o, json_t *object, const char *key,
                       const char relay[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1])
{
    json_t *list = json_array();

    for (size_t i = 0; i < PEER_RELAYS_MAX && relay[i][0]; i++)
        append(o, list, relay[i]);
    set_array(o, object, key, list);
}

static void write_peers(struct output *o, const struct registry *r)
{
    begin(o, "peers");
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct peer_entry *e = r->peers[i];
        const struct known_peer *said = e->peer.from_config ? &e->hidden : &e->peer;
        if (!e->stored)
            continue;
        json_t *object = json_object();
        set_id(o, object, "id", &e->peer.id);
        set_text(o, object, "alias", said->alias);
        set_true(o, object, "blocked", e->peer.blocked);
        set_text(o, object, "blocked_why", e->peer.blocked_why);
        set_true(o, object, "guest", e->peer.guest);
        set_addresses(o, object, "addresses", said->address);
        set_relays(o, object, "relays", said->relay);
        set_relays(o, object, "its_relays", e->peer.its_relay);
        set_addresses(o, object, "last_good", e->peer.last_good);
        set_number(o, object, "record_seq", e->peer.record_seq);
        set_text(o, object, "mail", said->mail);
        put(o, object);
    }
    end(o);
}

static void write_services(struct output *o, const struct registry *r)
{
    begin(o, "services");
    for (size_t i = 0; i < r->service_count; i++) {
        const struct service *s = &r->services[i]->service;
        if (s->from_config || s->transient)
            continue;
        json_t *object = json_object();
        set_text(o, object, "name", s->name);
        set_text(o, object, "proto", proto_name((uint8_t)s->proto));
        set_number(o, object, "port", s->port);
        set_text(o, object, "target", s->target);
        set_true(o, object, "public", s->public);
        set_true(o, object, "raw", s->raw);
        set_true(o, object, "proxy_protocol", s->proxy_protocol);
        set_true(o, object, "peer_header", s->peer_header);
        set_true(o, object, "off_host", s->off_host);
        set_number(o, object, "expires_us", s->expires_us);
        set_ids(o, object, "allow", s->allow, s->allow_count);
        set_ids(o, object, "deny", s->deny, s->deny_count);
        set_ids(o, object, "guests", r->services[i]->guests.id, r->services[i]->guests.count);
        put(o, object);
    }
    end(o);
}

static void write_grants(struct output *o, const struct registry *r)
{
    begin(o, "grants");
    for (size_t i = 0; i < r->grant_count; i++) {
        json_t *object = json_object();
        set_text(o, object, "service", r->grants[i].service);
        set_id(o, object, "peer", &r->grants[i].peer);
        set_true(o, object, "deny", r->grants[i].deny);
        set_true(o, object, "guest", r->grants[i].guest);
        put(o, object);
    }
    end(o);
}

static void write_ports(struct output *o, const struct registry *r)
{
    char text[ADDR_TEXT_MAX];
    begin(o, "ports");
    for (size_t i = 0; i < r->port_count; i++) {
        const struct port_assignment *p = &r->ports[i];
        json_t *object = json_object();
        set_id(o, object, "peer", &p->peer);
        set_text(o, object, "service", p->service);
        set_text(o, object, "proto", proto_name(p->proto));
        set_number(o, object, "port", p->port);
        set_number(o, object, "remote_port", p->remote_port);
        set_true(o, object, "open", p->open);
        if (!addr_is_none(&p->at))
            set_text(o, object, "at", addr_print(&p->at, text));
        put(o, object);
    }
    end(o);
}

static void put_remembered(struct output *o, const struct peer_id *id, const struct addr *last_good)
{
    json_t *object = json_object();
    set_id(o, object, "id", id);
    set_addresses(o, object, "last_good", last_good);
    put(o, object);
}

static void write_remembered(struct output *o, const struct registry *r)
{
    begin(o, "remembered");
    for (size_t i = 0; i < r->remembered_count; i++)
        put_remembered(o, &r->remembered[i].id, r->remembered[i].last_good);
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct peer_entry *e = r->peers[i];
        if (!e->stored && !addr_is_none(&e->peer.last_good[0]))
            put_remembered(o, &e->peer.id, e->peer.last_good);
    }
    end(o);
}

/* A version of before there was such a section reads the file as long as there is none. */
static void write_blocked(struct output *o, const struct registry *r)
{
    char text[ADDR_PREFIX_TEXT_MAX];

    if (r->blocked_count == 0)
        return;
    begin(o, "blocked");
    for (size_t i = 0; i < r->blocked_count; i++) {
        json_t *object = json_object();
        set_text(o, object, "addresses", addr_prefix_print(&r->blocked[i], text));
        put(o, object);
    }
    end(o);
}

char *registry_write(const struct registry *r, size_t *len)
{
    char *text = NULL;
    struct output o = {.file = open_memstream(&text, len)};
    if (!o.file)
        return NULL;
    o.failed = fprintf(o.file, "{\"version\": %d", REGISTRY_VERSION) < 0;
    write_peers(&o, r);
    write_services(&o, r);
    write_grants(&o, r);
    write_ports(&o, r);
    write_remembered(&o, r);
    write_blocked(&o, r);
    o.failed |= fputs("\n}\n", o.file) < 0;
    o.failed |= fclose(o.file) != 0;
    if (!o.failed)
        return text;
    free(text);
    return NULL;
}
