/* The address book: names that peers propose, and taking the whole book elsewhere. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"
#include "gateway/node/node_dht.h"

/* ---- name --accept ---- */

/** The name that a peer proposes over its session, or else in its record. False: none. */
static bool proposed(struct command_context *c, const struct peer_id *id,
                     char out[static ALIAS_MAX + 1])
{
    const struct record_found *found = c->node ? node_record(c->node, id) : NULL;
    struct peer_view view;

    out[0] = '\0';
    if (c->node && node_peer(c->node, id, &view) && view.nickname)
        (void)snprintf(out, ALIAS_MAX + 1, "%s", view.nickname);
    else if (found && registry_alias_ok(found->record.nick))
        (void)snprintf(out, ALIAS_MAX + 1, "%s", found->record.nick);
    return *out != '\0';
}

json_t *command_accept(struct command_context *c, const json_t *request)
{
    const char *text = protocol_string(request, "peer");
    char name[ALIAS_MAX + 1];
    struct peer_id id;

    json_t *refusal = lookup_peer(c, text, &id);
    if (refusal)
        return refusal;
    if (!proposed(c, &id, name))
        return protocol_error(CLI_FAILED, "overlay ping PEER, or overlay resolve PEER, and again",
                              "%s has not proposed a name that could be one", text);
    int err = registry_set_alias(c->registry, &id, name);
    if (err < 0)
        return alias_error(c, name, err);
    refusal = save_changes(c);
    if (refusal)
        return refusal;
    return protocol_ok(json_pack("{s:o, s:o, s:o}", "alias", protocol_text(name), "id",
                                 id_json(&id), "fingerprint", fingerprint_json(&id)));
}

/* ---- name --export: ALIAS PEER_ID [address=IP:PORT].. [relay=PEER_ID@HOST:PORT].. ---- */

static void print_relays(FILE *out, const struct known_peer *p)
{
    for (size_t i = 0; i < PEER_RELAYS_MAX; i++)
        if (*p->relay[i])
            (void)fprintf(out, " relay=%s", p->relay[i]);
    for (size_t i = 0; !*p->relay[0] && i < PEER_RELAYS_MAX; i++)
        if (*p->its_relay[i])
            (void)fprintf(out, " relay=%s", p->its_relay[i]);
}

static json_t *book_line(const struct known_peer *p)
{
    char id[PEER_ID_TEXT_MAX], at[ADDR_TEXT_MAX];
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return json_null();
    (void)fprintf(out, "%s %s", p->alias, peer_id_print(&p->id, id));
    for (size_t i = 0; i < PEER_ADDRESSES_MAX && !addr_is_none(&p->address[i]); i++)
        (void)fprintf(out, " address=%s", addr_print(&p->address[i], at));
    print_relays(out, p);
    json_t *line = fclose(out) == 0 ? protocol_text(text) : json_null();
    free(text);
    return line;
}

json_t *command_book(struct command_context *c, const json_t *request)
{
    json_t *list = json_array();
    (void)request;

    for (size_t i = 0; i < registry_peer_count(c->registry); i++) {
        const struct known_peer *p = registry_peer_at(c->registry, i);
        if (*p->alias)
            (void)json_array_append_new(list, book_line(p));
    }
    return protocol_ok(list);
}

/* ---- name --import ---- */

struct import {
    struct command_context *context;
    json_t *added, *conflicts;
    int same;
};

static void conflict(struct import *in, const char *alias, const char *id, const char *why)
{
    (void)json_array_append_new(in->conflicts,
                                json_pack("{s:o, s:o, s:o}", "alias", protocol_text(alias), "id",
                                          protocol_text(id), "why", protocol_text(why)));
}

/** The places of a line: those that are none are left out. */
static void take_places(struct known_peer *peer, char *rest)
{
    char *save = NULL;
    size_t addresses = 0, relays = 0;

    for (char *word = strtok_r(rest, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
        struct addr a;
        if (strncmp(word, "address=", 8) == 0 && addresses < PEER_ADDRESSES_MAX &&
            addr_parse(&a, word + 8) == 0 && addr_port(&a) != 0 && !addr_is_unspecified(&a))
            peer->address[addresses++] = a;
        else if (strncmp(word, "relay=", 6) == 0 && relays < PEER_RELAYS_MAX &&
                 registry_relay_ok(word + 6))
            (void)snprintf(peer->relay[relays++], sizeof(peer->relay[0]), "%s", word + 6);
    }
}

/** Nothing that is here is changed: not a name, and not the places of a peer that has one. */
static void import_entry(struct import *in, const char *alias, const char *text,
                         const struct peer_id *id, char *rest)
{
    struct registry *r = in->context->registry;
    const struct known_peer *known = registry_peer(r, id);
    const struct known_peer *other = registry_peer_by_alias(r, alias);
    char why[96];
    bool is_new = known == NULL;

    if (known && known == other) {
        in->same++;
        return;
    }
    if (known && *known->alias) {
        (void)snprintf(why, sizeof(why), "it is called %s here", known->alias);
        conflict(in, alias, text, why);
        return;
    }
    int err = other ? -EEXIST : registry_set_alias(r, id, alias);
    if (err < 0) {
        conflict(in, alias, text,
                 err == -EEXIST   ? "somebody else is called so here"
                 : err == -EINVAL ? "this cannot be an alias"
                                  : strerror(-err));
        return;
    }
    struct known_peer *added = registry_peer(r, id);
    if (is_new && added)
        take_places(added, rest);
    (void)json_array_append_new(in->added, protocol_text(alias));
}

static void import_line(struct import *in, const char *line)
{
    char copy[PROTOCOL_STRING_MAX + 1];
    char *save = NULL;
    struct peer_id id;

    (void)snprintf(copy, sizeof(copy), "%s", line);
    char *alias = strtok_r(copy, " \t", &save);
    char *text = alias ? strtok_r(NULL, " \t", &save) : NULL;
    if (!alias || *alias == '#')
        return;
    if (!text || peer_id_parse(&id, text, strlen(text)) < 0)
        conflict(in, alias, text ? text : "", "this is no ALIAS PEER_ID");
    else if (peer_id_equal(&id, in->context->id))
        in->same++; /* our own id needs no name */
    else
        import_entry(in, alias, text, &id, save);
}

json_t *command_import(struct command_context *c, const json_t *request)
{
    struct import in = {.context = c, .added = json_array(), .conflicts = json_array()};
    size_t i;
    json_t *line;

    json_array_foreach(json_object_get(request, "lines"), i, line)
    {
        import_line(&in, json_string_value(line));
    }
    json_t *refusal = save_changes(c);
    json_t *out =
        json_pack("{s:o, s:i, s:o}", "added", in.added, "same", in.same, "conflicts", in.conflicts);
    if (!refusal)
        return protocol_ok(out);
    json_decref(out);
    return refusal;
}
