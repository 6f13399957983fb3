#include "config/control/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/crypto/hash.h"
#include "gateway/identity/words.h"

#define HINT_MAX   128
#define HINT_KNOWN "overlay status lists the peers; overlay peer add PEER_ID --alias NAME adds one"

json_t *lookup_peer(struct command_context *c, const char *text, struct peer_id *out)
{
    int err = registry_find_peer(c->registry, text, out);

    if (err == -ENOTUNIQ)
        return protocol_error(CLI_UNKNOWN, "overlay status",
                              "'%s' is the beginning of more than one peer's name", text);
    if (err < 0)
        return protocol_error(CLI_UNKNOWN, HINT_KNOWN, "unknown peer '%s'", text);
    if (peer_id_equal(out, c->id))
        return protocol_error(CLI_USAGE, NULL, "'%s' is this gateway itself", text);
    return NULL;
}

const char *peer_label(struct command_context *c, const struct peer_id *id,
                       char out[static PEER_LABEL_MAX])
{
    const struct known_peer *known = registry_peer(c->registry, id);

    if (known && *known->alias)
        (void)snprintf(out, PEER_LABEL_MAX, "%s", known->alias);
    else
        (void)peer_id_print(id, out);
    return out;
}

/** Takes ".suffix" (and ".localhost", and the root's dot) off the end of a name. */
static void strip_suffix(const char *suffix, char *text)
{
    static const char LOCALHOST[] = ".localhost";
    size_t len = strlen(text), n = strlen(LOCALHOST);

    if (len > 1 && text[len - 1] == '.')
        text[--len] = '\0';
    if (len > n && strcmp(text + len - n, LOCALHOST) == 0)
        text[len -= n] = '\0';
    n = strlen(suffix);
    if (len > n + 1 && text[len - n - 1] == '.' && strcmp(text + len - n, suffix) == 0)
        text[len - n - 1] = '\0';
}

/** 7-cobalt-lemon, overlay:...: `open` alone takes these. */
static bool looks_like_invite(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    if (strncmp(text, "overlay:", 8) == 0)
        return true;
    return digits > 0 && digits <= 4 && text[digits] == '-' && strchr(text + digits + 1, '-') &&
           !strpbrk(text, ".:");
}

json_t *lookup_place(struct command_context *c, const char *text, struct lookup_place *out)
{
    char copy[PROTOCOL_STRING_MAX + 1], *split;
    const char *peer = copy;

    memset(out, 0, sizeof(*out));
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *at = copy; *at; at++) /* names are DNS names */
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
    if (registry_find_peer(c->registry, text, &out->peer) == -ENOENT && looks_like_invite(text))
        return protocol_error(CLI_USAGE, "overlay open CODE makes its host a peer",
                              "'%.100s' is no PEER, SERVICE.PEER or PEER:PORT", text);
    if ((split = strchr(copy, ':'))) {
        *split = '\0';
        if (text_parse_u16(&out->port, split + 1, strlen(split + 1)) < 0 || out->port == 0)
            return protocol_error(CLI_USAGE, "overlay help open",
                                  "'%s' is no PEER:PORT: '%s' is not a port", text, split + 1);
    } else {
        strip_suffix(c->suffix, copy);
        if ((split = strchr(copy, '.'))) {
            *split = '\0';
            if (!preamble_name_ok(copy))
                return protocol_error(CLI_USAGE, "overlay open PEER lists its services",
                                      "'%s' is no SERVICE.PEER: '%s' is not a name of a service",
                                      text, copy);
            memcpy(out->service, copy, strlen(copy) + 1);
            peer = split + 1;
        }
    }
    return lookup_peer(c, peer, &out->peer);
}

const char *place_id(struct command_context *c, const struct peer_id *peer, const char *service,
                     char out[static PLACE_ID_MAX])
{
    char label[PEER_LABEL_MAX];
    (void)snprintf(out, PLACE_ID_MAX, "%.32s.%s", service, peer_label(c, peer, label));
    return out;
}

json_t *save_changes(struct command_context *c)
{
    char why[256] = "";
    int err = registry_save(c->registry);

    if (err < 0) {
        const char *reason = strerror(-err);
        if (registry_reload(c->registry, why, sizeof(why)) < 0)
            return protocol_error(CLI_FAILED, "overlay stop, then look at the home's disk",
                                  "cannot save %s: %s; nor read it again: %s", REGISTRY_FILE,
                                  reason, why);
        return protocol_error(CLI_FAILED,
                              err == -ENOSPC || err == -EDQUOT ? "make room on the home's disk"
                                                               : "look at the home's disk",
                              "cannot save %s: %s; nothing was changed", REGISTRY_FILE, reason);
    }
    if (c->node)
        node_registry_changed(c->node);
    return NULL;
}

/** What the other side's owner would have to do. */
static const char *hint_denied(struct command_context *c, char out[static HINT_MAX])
{
    char id[PEER_ID_TEXT_MAX];

    (void)snprintf(out, HINT_MAX, "its owner can let you in: overlay allow %s SERVICE",
                   peer_id_print(c->id, id));
    return out;
}

static json_t *not_let_in(struct command_context *c, const char *peer, const char *why)
{
    char hint[HINT_MAX];

    if (strstr(why, "peer id mismatch"))
        return protocol_error(CLI_DENIED, "overlay peer add PEER_ID --address IP:PORT", "%s: %s",
                              peer, why);
    if (strstr(why, "blocked here"))
        return protocol_error(CLI_DENIED, "overlay unblock PEER", "%s: %s", peer, why);
    return protocol_error(CLI_DENIED, hint_denied(c, hint), "%s: %s", peer, why);
}

/* Whom a message waits for is reached a little later, or not: there is nothing to be set up. */
static const char *hint_unreachable(const char *why)
{
    return strstr(why, "try again in ")
               ? "the same command again; overlay log -f shows what comes of the call"
               : "overlay peer add PEER_ID --address IP:PORT, or --relay PEER_ID@HOST:PORT";
}

json_t *connect_error(struct command_context *c, const char *peer, int err, const char *why)
{
    const char *detail = why && *why ? why : strerror(-err);

    if (err == -EACCES)
        return not_let_in(c, peer, detail);
    if (err == -ECANCELED)
        return protocol_error(CLI_FAILED, NULL, "%s: the gateway is stopping", peer);
    if (err == -EHOSTUNREACH || err == -ETIMEDOUT || err == -ENOTCONN)
        return protocol_error(CLI_UNREACHABLE, hint_unreachable(detail), "%s cannot be reached: %s",
                              peer, detail);
    return protocol_error(CLI_FAILED, NULL, "%s: %s", peer, detail);
}

json_t *answer_error(struct command_context *c, const char *place,
                     const struct preamble_answer *answer)
{
    char hint[HINT_MAX];
    const char *text = *answer->reason ? answer->reason : preamble_status_text(answer->status);

    switch (answer->status) {
    case PREAMBLE_DENIED:
        return protocol_error(CLI_DENIED, hint_denied(c, hint), "%s: %s", place, text);
    case PREAMBLE_NO_SERVICE:
    case PREAMBLE_WRONG_PROTO:
        return protocol_error(CLI_UNKNOWN, "overlay open PEER lists its services", "%s: %s", place,
                              text);
    case PREAMBLE_REFUSED:
    case PREAMBLE_TIMED_OUT:
        return protocol_error(CLI_UNREACHABLE, "is the service running there?", "%s: %s", place,
                              text);
    case PREAMBLE_OK:
    case PREAMBLE_BUSY:
    case PREAMBLE_MALFORMED:
        break;
    }
    return protocol_error(CLI_FAILED, NULL, "%s: %s", place, text);
}

const char *proto_name(enum service_proto proto)
{
    switch (proto) {
    case SERVICE_TCP:
        return "tcp";
    case SERVICE_UDP:
        return "udp";
    case SERVICE_BOTH:
        return "both";
    }
    return "?";
}

json_t *id_json(const struct peer_id *id)
{
    char text[PEER_ID_TEXT_MAX];
    return json_string(peer_id_print(id, text));
}

json_t *ids_json(const struct peer_id *ids, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, id_json(&ids[i]));
    return list;
}

json_t *expires_json(struct command_context *c, const struct service *s)
{
    if (s->expires_us == 0)
        return json_null();
    return json_integer((s->expires_us - env_wall_us(c->env)) / 1000000);
}

json_t *addr_json(const struct addr *a)
{
    char text[ADDR_TEXT_MAX];
    return addr_is_none(a) ? json_null() : json_string(addr_print(a, text));
}

json_t *fingerprint_json(const struct peer_id *id)
{
    uint8_t hash[HASH_BLAKE2B_MIN];
    char words[WORDS_TEXT_MAX];

    hash_blake2b(hash, sizeof(hash), NULL, 0, id->key, sizeof(id->key));
    return json_string(words_of(words, hash));
}
