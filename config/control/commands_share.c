/* share: a local service becomes one that peers may use. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/invitation.h"
#include "config/control/lookup.h"
#include "config/settings/option.h"
#include "config/settings/target.h"

static json_t *read_target(const json_t *request, struct service *s)
{
    const char *text = protocol_string(request, "target");
    int64_t port = protocol_number(request, "port", 0);
    struct share_target target;

    if (share_target_parse(&target, text) < 0)
        return protocol_error(CLI_USAGE, "overlay help share", "'%s' is not a target: %s", text,
                              SHARE_TARGET_FORMS);
    s->off_host = protocol_bool(request, "off_host");
    if (target.off_host && !s->off_host)
        return protocol_error(CLI_USAGE, "add --off-host if that is meant",
                              "%s is not an address of this machine", target.text);
    if (!registry_target_ok(target.text, s->off_host))
        return protocol_error(CLI_USAGE, NULL, "%s must not be shared", target.text);
    if (port > 65535 || (json_object_get(request, "port") && port == 0))
        return protocol_error(CLI_USAGE, NULL, "--port is a number from 1 to 65535");
    if (port == 0 && target.port == 0)
        return protocol_error(CLI_USAGE, "add --port N", "a unix socket needs a port for peers");
    (void)snprintf(s->target, sizeof(s->target), "%s", target.text);
    s->port = (uint16_t)(port ? port : target.port);
    return NULL;
}

static json_t *check_door(struct command_context *c, const struct service *s)
{
    if (!c->services->is_own_door || !c->services->is_own_door(c->services->arg, s))
        return NULL;
    return protocol_error(CLI_USAGE, NULL, "%s is the gateway's own and must not be shared",
                          s->target);
}

static json_t *read_proto(const json_t *request, struct service *s)
{
    bool udp = protocol_bool(request, "udp"), both = protocol_bool(request, "both");

    if (udp && both)
        return protocol_error(CLI_USAGE, NULL, "--udp and --both contradict each other");
    s->proto = both ? SERVICE_BOTH : udp ? SERVICE_UDP : SERVICE_TCP;
    s->raw = protocol_bool(request, "raw");
    s->proxy_protocol = protocol_bool(request, "proxy_protocol");
    s->peer_header = protocol_bool(request, "peer_header");
    if (s->proto != SERVICE_TCP && strncmp(s->target, "unix:", 5) == 0)
        return protocol_error(CLI_USAGE, NULL, "a unix socket can be shared for TCP only");
    if (s->proto == SERVICE_UDP && (s->raw || s->proxy_protocol || s->peer_header))
        return protocol_error(CLI_USAGE, NULL,
                              "--raw, --proxy-protocol and --peer-header are about TCP");
    if (s->proxy_protocol && s->peer_header)
        return protocol_error(CLI_USAGE, NULL,
                              "--proxy-protocol and --peer-header exclude each other");
    return NULL;
}

static json_t *read_time(struct command_context *c, const json_t *request, struct service *s)
{
    enum { LONGEST_S = 10 * 366 * 86400 };
    const char *text = protocol_string(request, "for");
    uint64_t seconds;

    if (!text)
        return NULL;
    if (duration_parse(&seconds, text) < 0 || seconds < 1 || seconds > LONGEST_S)
        return protocol_error(CLI_USAGE, NULL, "'%s' is not a time: 90s, 15m, 2h, 7d", text);
    s->expires_us = env_wall_us(c->env) + (int64_t)seconds * 1000000;
    return NULL;
}

/* ---- its name ---- */

static bool is_web_port(uint16_t port)
{
    return port == 80 || port == 3000 || port == 8000 || port == 8080;
}

static void default_name(struct command_context *c, const struct service *s, uint16_t target_port,
                         char out[static PREAMBLE_NAME_MAX + 1])
{
    const char *known = NULL;

    if ((is_web_port(s->port) || is_web_port(target_port)) && s->proto != SERVICE_UDP)
        known = "web";
    else if (c->services->port_name)
        known = c->services->port_name(c->services->arg, s->port, s->proto == SERVICE_UDP);
    if (!known || !preamble_name_ok(known))
        (void)snprintf(out, PREAMBLE_NAME_MAX + 1, "p%u", s->port);
    else
        (void)snprintf(out, PREAMBLE_NAME_MAX + 1, "%s", known);
}

static json_t *choose_name(struct command_context *c, const json_t *request, struct service *s)
{
    const char *as = protocol_string(request, "as");
    struct share_target target;

    if (as && !preamble_name_ok(as))
        return protocol_error(CLI_USAGE, NULL,
                              "'%s' is not a name: a-z, 0-9 and '-', at most %d characters", as,
                              PREAMBLE_NAME_MAX);
    if (as)
        (void)snprintf(s->name, sizeof(s->name), "%s", as);
    else if (share_target_parse(&target, s->target) == 0)
        default_name(c, s, target.port, s->name);
    /* A default never takes the place of another service; sharing the same again does. */
    const struct service *other = registry_service(c->registry, s->name);
    if (!as && other && strcmp(other->target, s->target) != 0)
        (void)snprintf(s->name, sizeof(s->name), "p%u", s->port);
    other = registry_service(c->registry, s->name);
    s->transient = protocol_bool(request, "hold");
    if (other && s->transient)
        return protocol_error(CLI_FAILED, "choose another name by --as, or overlay close that one",
                              "'%s' is shared already", s->name);
    return NULL;
}

/** One number means one service, because peers may ask for it by its port. */
static json_t *check_port(struct command_context *c, const struct service *s)
{
    for (int proto = SERVICE_TCP; proto <= SERVICE_UDP; proto++) {
        if (!((int)s->proto & proto))
            continue;
        const struct service *other =
            registry_service_by_port(c->registry, s->port, (enum service_proto)proto);
        if (other && strcmp(other->name, s->name) != 0)
            return protocol_error(CLI_FAILED, "choose another number by --port, or close that one",
                                  "port %u is shared as '%s' already", s->port, other->name);
    }
    return NULL;
}

/* ---- who may use it ---- */

static bool has_peer(const struct peer_id *list, size_t count, const struct peer_id *id)
{
    for (size_t i = 0; i < count; i++)
        if (peer_id_equal(&list[i], id))
            return true;
    return false;
}

/** Those that were allowed before stay allowed; `allow` has room for all. */
static json_t *collect_allow(struct command_context *c, const json_t *to, struct service *s)
{
    const struct service *old = registry_service(c->registry, s->name);

    for (size_t i = 0; old && i < old->allow_count; i++)
        s->allow[s->allow_count++] = old->allow[i];
    for (size_t i = 0; i < json_array_size(to); i++) {
        struct peer_id id;
        json_t *refusal = lookup_peer(c, json_string_value(json_array_get(to, i)), &id);
        if (refusal)
            return refusal;
        if (!has_peer(s->allow, s->allow_count, &id))
            s->allow[s->allow_count++] = id;
    }
    return NULL;
}

/** Who was denied stays denied, but for those named now. */
static void collect_deny(struct command_context *c, struct service *s)
{
    const struct service *old = registry_service(c->registry, s->name);

    for (size_t i = 0; old && i < old->deny_count; i++)
        if (!has_peer(s->allow, s->allow_count, &old->deny[i]))
            s->deny[s->deny_count++] = old->deny[i];
}

static json_t *put(struct command_context *c, const json_t *request, struct service *s)
{
    const json_t *to = json_object_get(request, "to");
    const struct service *old = registry_service(c->registry, s->name);
    auto_free struct peer_id *allow =
        calloc((old ? old->allow_count : 0) + json_array_size(to) + 1, sizeof(*allow));
    auto_free struct peer_id *deny = calloc((old ? old->deny_count : 0) + 1, sizeof(*deny));
    int err = -ENOMEM;

    s->allow = allow;
    s->deny = deny;
    s->public = protocol_bool(request, "public");
    if (allow && deny) {
        json_t *refusal = collect_allow(c, to, s);
        if (refusal)
            return refusal;
        collect_deny(c, s);
        err = registry_service_put(c->registry, s);
    }
    s->allow = s->deny = NULL;
    if (err == -EPERM)
        return protocol_error(CLI_FAILED, "change it in overlay.conf",
                              "'%s' is a service of the configuration file", s->name);
    if (err < 0)
        return protocol_error(CLI_FAILED, NULL, "cannot share '%s': %s", s->name, strerror(-err));
    return save_changes(c);
}

static json_t *share(struct command_context *c, const json_t *request, struct service *s)
{
    json_t *refusal = read_target(request, s);

    if (!refusal)
        refusal = check_door(c, s);
    if (!refusal)
        refusal = read_proto(request, s);
    if (!refusal)
        refusal = read_time(c, request, s);
    if (!refusal)
        refusal = choose_name(c, request, s);
    if (!refusal)
        refusal = check_port(c, s);
    return refusal ? refusal : put(c, request, s);
}

/** One guest within ten minutes. None if too many are open: that is no reason not to share. */
static json_t *invite_to(struct command_context *c, const json_t *request, const char *name)
{
    struct node_invite made;

    if (!protocol_bool(request, "invite") ||
        node_invite(c->node, name, 1, INVITE_LIFETIME, &made) < 0)
        return json_null();
    return invitation_json(&made);
}

static json_t *result_of(struct command_context *c, const json_t *request, const char *name)
{
    const struct service *s = registry_service(c->registry, name);

    if (!s)
        return json_pack("{s:s, s:[]}", "service", name, "allow");
    return json_pack("{s:s, s:s, s:i, s:o, s:b, s:o, s:o, s:o, s:o}", "service", s->name, "proto",
                     proto_name(s->proto), "port", (int)s->port, "target", protocol_text(s->target),
                     "public", s->public, "allow", ids_json(s->allow, s->allow_count), "expires_s",
                     expires_json(c, s), "id", id_json(c->id), "invite",
                     invite_to(c, request, name));
}

/* ---- for the life of the caller ---- */

struct held_share {
    struct command_context *context;
    char name[PREAMBLE_NAME_MAX + 1];
};

static void end_held(struct call *call)
{
    struct held_share *held = call->state;
    json_t *refusal = NULL;

    call->state = NULL;
    const struct service *s = registry_service(held->context->registry, held->name);
    /* Shared again without -f, it stays. */
    if (s && s->transient && registry_service_remove(held->context->registry, held->name) == 0)
        refusal = save_changes(held->context);
    json_decref(refusal);
    free(held);
}

static void hold(struct call *call, const json_t *request, const char *name)
{
    struct held_share *held = calloc(1, sizeof(*held));

    if (!held) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    held->context = call->context;
    (void)snprintf(held->name, sizeof(held->name), "%s", name);
    call->state = held;
    call->cancel = end_held;
    call->emit(call, json_pack("{s:s, s:o}", "event", "shared", "result",
                               result_of(call->context, request, name)));
}

void command_share(struct call *call, const json_t *request)
{
    struct service s = {.proto = SERVICE_TCP};
    json_t *refusal = share(call->context, request, &s);

    if (refusal)
        call->finish(call, refusal);
    else if (protocol_bool(request, "hold"))
        hold(call, request, s.name);
    else
        call->finish(call, protocol_ok(result_of(call->context, request, s.name)));
}
