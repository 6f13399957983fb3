/* Commands about what the gateway remembers; they work without a running one too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"

json_t *command_id(struct command_context *c, const json_t *request)
{
    (void)request;
    return protocol_ok(
        json_pack("{s:o, s:o}", "id", id_json(c->id), "fingerprint", fingerprint_json(c->id)));
}

/* ---- peer add, name, unname ---- */

static json_t *read_id(struct command_context *c, const char *text, struct peer_id *id)
{
    if (peer_id_parse(id, text, strlen(text)) < 0)
        return protocol_error(CLI_USAGE, "overlay id prints it, at the peer's",
                              "'%s' is not a peer id (52 characters)", text);
    if (peer_id_equal(id, c->id))
        return protocol_error(CLI_USAGE, NULL, "this is our own id");
    return NULL;
}

json_t *alias_error(struct command_context *c, const char *alias, int err)
{
    char label[PEER_LABEL_MAX];
    const struct known_peer *other = registry_peer_by_alias(c->registry, alias);

    if (err == -EINVAL && strcmp(alias, REGISTRY_RESERVED_ALIAS) == 0)
        return protocol_error(CLI_USAGE, "overlay doctor tells what it is for",
                              "'%s' is the name of a page of the gateway's own", alias);
    if (err == -EINVAL)
        return protocol_error(CLI_USAGE, NULL,
                              "'%s' is not an alias: a-z, 0-9 and '-', at most %d, no peer id",
                              alias, ALIAS_MAX);
    if (err == -EEXIST)
        return protocol_error(CLI_FAILED, "overlay unname ALIAS takes a name away",
                              "'%s' is the alias of %s already", alias,
                              other ? peer_id_print(&other->id, label) : "another peer");
    if (err == -EPERM)
        return protocol_error(CLI_FAILED, "change it in overlay.conf",
                              "the alias is given by the configuration file");
    return protocol_error(CLI_FAILED, NULL, "cannot keep '%s': %s", alias, strerror(-err));
}

static json_t *add_address(struct known_peer *peer, const char *text)
{
    struct addr addr;
    size_t i = 0;

    if (addr_parse(&addr, text) < 0 || addr_port(&addr) == 0 || addr_is_unspecified(&addr))
        return protocol_error(CLI_USAGE, NULL, "'%s' is not IP:PORT", text);
    while (i < PEER_ADDRESSES_MAX && !addr_is_none(&peer->address[i]) &&
           !addr_equal(&peer->address[i], &addr))
        i++;
    if (i == PEER_ADDRESSES_MAX) {
        /* The oldest goes: what a person says now counts most. */
        memmove(&peer->address[0], &peer->address[1], sizeof(peer->address[0]) * --i);
    }
    peer->address[i] = addr;
    return NULL;
}

static json_t *add_relay(struct known_peer *peer, const char *text)
{
    if (!registry_relay_ok(text))
        return protocol_error(CLI_USAGE, NULL, "'%s' is not PEER_ID@HOST:PORT", text);
    for (size_t i = 0; i < PEER_RELAYS_MAX; i++) {
        if (*peer->relay[i] && strcmp(peer->relay[i], text) != 0)
            continue;
        (void)snprintf(peer->relay[i], sizeof(peer->relay[i]), "%s", text);
        return NULL;
    }
    return protocol_error(CLI_USAGE, NULL, "more than %d relays", PEER_RELAYS_MAX);
}

static json_t *add_places(struct known_peer *peer, const json_t *request)
{
    const json_t *addresses = json_object_get(request, "addresses");
    const json_t *relays = json_object_get(request, "relays");
    json_t *refusal = NULL;

    for (size_t i = 0; !refusal && i < json_array_size(addresses); i++)
        refusal = add_address(peer, json_string_value(json_array_get(addresses, i)));
    for (size_t i = 0; !refusal && i < json_array_size(relays); i++)
        refusal = add_relay(peer, json_string_value(json_array_get(relays, i)));
    const char *mail = protocol_string(request, "mail");
    if (refusal || !mail)
        return refusal;
    if (!registry_mail_ok(mail))
        return protocol_error(CLI_USAGE, NULL, "'%s' is not a mail address", mail);
    memcpy(peer->mail, mail, strlen(mail) + 1);
    return NULL;
}

static json_t *peer_result(struct command_context *c, const struct peer_id *id)
{
    const struct known_peer *peer = registry_peer(c->registry, id);
    json_t *addresses = json_array();

    for (size_t i = 0; peer && i < PEER_ADDRESSES_MAX && !addr_is_none(&peer->address[i]); i++)
        (void)json_array_append_new(addresses, addr_json(&peer->address[i]));
    return protocol_ok(json_pack("{s:o, s:o, s:o}", "id", id_json(id), "alias",
                                 protocol_text(peer && *peer->alias ? peer->alias : NULL),
                                 "addresses", addresses));
}

/** Undoes what was changed in memory and passes the refusal on. */
static json_t *undone(struct command_context *c, json_t *refusal)
{
    char why[256];

    if (registry_reload(c->registry, why, sizeof(why)) < 0) {
        json_decref(refusal);
        return protocol_error(CLI_FAILED, NULL, "%s", why);
    }
    return refusal;
}

json_t *command_peer(struct command_context *c, const json_t *request)
{
    const char *alias = protocol_string(request, "alias");
    struct peer_id id;
    int err = 0;

    json_t *refusal = read_id(c, protocol_string(request, "id"), &id);
    if (refusal)
        return refusal;
    struct known_peer *peer = registry_peer_add(c->registry, &id, &err);
    if (!peer)
        return protocol_error(CLI_FAILED, NULL, "cannot add a peer: %s", strerror(-err));
    if (peer->from_config)
        return protocol_error(CLI_FAILED, "change it in overlay.conf",
                              "this peer is described by the configuration file");
    refusal = add_places(peer, request);
    if (!refusal && alias) {
        err = registry_set_alias(c->registry, &id, alias);
        if (err < 0)
            refusal = alias_error(c, alias, err);
    }
    if (refusal)
        return undone(c, refusal);
    peer->guest = false; /* a person wants it to be known */
    refusal = save_changes(c);
    return refusal ? refusal : peer_result(c, &id);
}

json_t *command_name(struct command_context *c, const json_t *request)
{
    const char *alias = protocol_string(request, "alias");
    struct peer_id id;

    json_t *refusal = read_id(c, protocol_string(request, "id"), &id);
    if (refusal)
        return refusal;
    int err = registry_set_alias(c->registry, &id, alias);
    if (err < 0)
        return alias_error(c, alias, err);
    registry_peer(c->registry, &id)->guest = false;
    refusal = save_changes(c);
    return refusal ? refusal : peer_result(c, &id);
}

json_t *command_unname(struct command_context *c, const json_t *request)
{
    const char *alias = protocol_string(request, "alias");
    int err = registry_unname(c->registry, alias);

    if (err == -ENOENT)
        return protocol_error(CLI_UNKNOWN, "overlay status lists the peers",
                              "nobody has the alias '%s'", alias);
    if (err < 0)
        return alias_error(c, alias, err);
    json_t *refusal = save_changes(c);
    return refusal ? refusal : protocol_ok(json_pack("{s:o}", "alias", protocol_text(alias)));
}

/* ---- allow, deny, block, unblock ---- */

static json_t *grant(struct command_context *c, const json_t *request,
                     int (*change)(struct registry *, const char *, const struct peer_id *))
{
    const char *service = protocol_string(request, "service");
    char label[PEER_LABEL_MAX];
    struct peer_id id;

    json_t *refusal = lookup_peer(c, protocol_string(request, "peer"), &id);
    if (refusal)
        return refusal;
    int err = change(c->registry, service, &id);
    if (err == -ENOENT)
        return protocol_error(CLI_UNKNOWN, "overlay share TARGET --as NAME", "unknown service '%s'",
                              service);
    if (err < 0)
        return protocol_error(CLI_FAILED, NULL, "%s: %s", service, strerror(-err));
    refusal = save_changes(c);
    if (refusal)
        return refusal;
    return protocol_ok(json_pack("{s:o, s:o, s:o}", "service", protocol_text(service), "id",
                                 id_json(&id), "peer", protocol_text(peer_label(c, &id, label))));
}

json_t *command_allow(struct command_context *c, const json_t *request)
{
    return grant(c, request, registry_allow);
}

json_t *command_deny(struct command_context *c, const json_t *request)
{
    return grant(c, request, registry_deny);
}

static json_t *set_blocked_addresses(struct command_context *c, const struct addr_prefix *which,
                                     bool blocked)
{
    char text[ADDR_PREFIX_TEXT_MAX];
    int err = addr_prefix_is_exact(which) ? registry_block_addresses(c->registry, which, blocked)
                                          : -EINVAL;

    (void)addr_prefix_print(which, text);
    if (err == -EINVAL)
        return protocol_error(CLI_USAGE, NULL, "%s has bits set behind its first %u", text,
                              which->bits);
    if (err == -ENOENT)
        return protocol_error(CLI_UNKNOWN, "[gateway] block_from in overlay.conf has others",
                              "%s is not blocked by a command", text);
    if (err < 0)
        return protocol_error(CLI_FAILED, "put them into [gateway] block_from",
                              "more than %d blocked addresses", REGISTRY_BLOCKED_MAX);
    json_t *refusal = save_changes(c);
    if (refusal)
        return refusal;
    return protocol_ok(
        json_pack("{s:s, s:s, s:b}", "addresses", text, "peer", text, "blocked", blocked));
}

static json_t *set_blocked(struct command_context *c, const json_t *request, bool blocked)
{
    struct addr_prefix which;
    char label[PEER_LABEL_MAX];
    struct peer_id id;

    if (addr_prefix_parse(&which, protocol_string(request, "peer")) == 0)
        return set_blocked_addresses(c, &which, blocked);
    json_t *refusal = lookup_peer(c, protocol_string(request, "peer"), &id);
    if (refusal)
        return refusal;
    int err = registry_block(c->registry, &id, blocked);
    if (err < 0 && err != -ENOENT)
        return protocol_error(CLI_FAILED, NULL, "cannot %s: %s", blocked ? "block" : "unblock",
                              strerror(-err));
    refusal = save_changes(c);
    if (refusal)
        return refusal;
    return protocol_ok(json_pack("{s:o, s:o, s:b}", "id", id_json(&id), "peer",
                                 protocol_text(peer_label(c, &id, label)), "blocked", blocked));
}

json_t *command_block(struct command_context *c, const json_t *request)
{
    return set_blocked(c, request, true);
}

json_t *command_unblock(struct command_context *c, const json_t *request)
{
    return set_blocked(c, request, false);
}

/* ---- complete ---- */

static void add_word(json_t *words, const char *word)
{
    if (*word)
        (void)json_array_append_new(words, protocol_text(word));
}

static void add_peers(struct command_context *c, json_t *words)
{
    for (size_t i = 0; i < registry_peer_count(c->registry); i++)
        add_word(words, registry_peer_at(c->registry, i)->alias);
}

/** What connected peers offer. */
static void add_offers(struct command_context *c, json_t *words)
{
    char id[PLACE_ID_MAX];
    struct peer_view view;

    for (size_t i = 0; c->node && i < registry_peer_count(c->registry); i++) {
        const struct known_peer *peer = registry_peer_at(c->registry, i);
        if (!*peer->alias || !node_peer(c->node, &peer->id, &view) || !view.services_known)
            continue;
        for (size_t k = 0; k < view.service_count; k++)
            add_word(words, place_id(c, &peer->id, view.services[k].name, id));
    }
}

static void add_own(struct command_context *c, json_t *words, bool closable)
{
    for (size_t i = 0; i < registry_service_count(c->registry); i++) {
        const struct service *s = registry_service_at(c->registry, i);
        if (!closable || !s->from_config)
            add_word(words, s->name);
    }
}

static void add_opened(struct command_context *c, json_t *words)
{
    char id[PLACE_ID_MAX];

    for (size_t i = 0; i < registry_port_count(c->registry); i++) {
        const struct port_assignment *p = registry_port_at(c->registry, i);
        if (p->open)
            add_word(words, place_id(c, &p->peer, p->service, id));
    }
}

json_t *command_complete(struct command_context *c, const json_t *request)
{
    const char *what = protocol_string(request, "what");
    json_t *words = json_array();

    if (strcmp(what, "peers") == 0 || strcmp(what, "places") == 0)
        add_peers(c, words);
    if (strcmp(what, "places") == 0)
        add_offers(c, words);
    if (strcmp(what, "own") == 0)
        add_own(c, words, false);
    if (strcmp(what, "services") == 0) {
        add_own(c, words, true);
        add_opened(c, words);
    }
    return protocol_ok(words);
}
