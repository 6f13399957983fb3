/* ls, close, reload, stop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/invitation.h"
#include "config/control/lookup.h"
#include "config/control/ports.h"

/* ---- ls ---- */

static json_t *labels_json(struct command_context *c, const struct peer_id *ids, size_t count)
{
    json_t *list = json_array();
    char label[PEER_LABEL_MAX];

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, protocol_text(peer_label(c, &ids[i], label)));
    return list;
}

static json_t *list_services(struct command_context *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < registry_service_count(c->registry); i++) {
        const struct service *s = registry_service_at(c->registry, i);
        json_t *allow = labels_json(c, s->allow, s->allow_count);
        json_t *deny = labels_json(c, s->deny, s->deny_count);
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:i, s:o, s:b, s:o, s:o, s:b, s:o}", "id", s->name,
                            "service", s->name, "proto", proto_name(s->proto), "port", (int)s->port,
                            "target", protocol_text(s->target), "public", s->public, "allow", allow,
                            "deny", deny, "from_config", s->from_config, "expires_s",
                            expires_json(c, s)));
    }
    return list;
}

static json_t *list_invites(struct command_context *c)
{
    json_t *list = json_array();
    struct node_invite *invites = calloc(NODE_INVITES_MAX, sizeof(*invites));
    size_t count = invites ? node_invites(c->node, invites, NODE_INVITES_MAX) : 0;

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, invitation_json(&invites[i]));
    free(invites);
    return list;
}

json_t *command_ls(struct command_context *c, const json_t *request)
{
    (void)request;
    struct port_list ports = ports_of(c, NULL);
    json_t *open = json_array();

    for (size_t i = 0; i < ports.count; i++)
        (void)json_array_append_new(open, port_json(c, &ports.at[i]));
    free(ports.at);
    return protocol_ok(json_pack("{s:o, s:o, s:o}", "services", list_services(c), "open", open,
                                 "invites", list_invites(c)));
}

/* ---- close ---- */

static json_t *close_service(struct command_context *c, const char *name)
{
    int err = registry_service_remove(c->registry, name);

    if (err == -EPERM)
        return protocol_error(CLI_FAILED, "take it out of overlay.conf, then overlay config reload",
                              "'%s' is a service of the configuration file", name);
    if (err < 0)
        return protocol_error(CLI_FAILED, NULL, "%s: %s", name, strerror(-err));
    json_t *refusal = save_changes(c);
    return refusal ? refusal : protocol_ok(json_pack("{s:s}", "id", name));
}

json_t *command_close(struct command_context *c, const json_t *request)
{
    const char *id = protocol_string(request, "id");
    char name[PREAMBLE_NAME_MAX + 1];
    struct lookup_place place;

    if (registry_service(c->registry, id))
        return close_service(c, id);
    json_t *refusal = lookup_place(c, id, &place);
    if (refusal || (!*place.service && !place.port)) {
        json_decref(refusal);
        return protocol_error(CLI_UNKNOWN, "overlay ls", "nothing is called '%s'", id);
    }
    if (place.port)
        (void)snprintf(name, sizeof(name), "p%u", place.port);
    else
        (void)snprintf(name, sizeof(name), "%s", place.service);
    int err = c->services->close_port(c->services->arg, &place.peer, name);
    if (err == -ENOENT)
        return protocol_error(CLI_UNKNOWN, "overlay ls", "'%s' is not open", id);
    if (err < 0)
        return protocol_error(CLI_FAILED, NULL, "%s: %s", id, strerror(-err));
    return protocol_ok(json_pack("{s:o}", "id", protocol_text(id)));
}

/* ---- reload, stop ---- */

json_t *command_reload(struct command_context *c, const json_t *request)
{
    char why[512] = "";
    (void)request;

    int err = c->services->reload(c->services->arg, why, sizeof(why));
    if (err < 0)
        return protocol_error(CLI_FAILED, "overlay config check", "%s",
                              *why ? why : strerror(-err));
    return protocol_ok(json_pack("{s:o}", "note", protocol_text(*why ? why : NULL)));
}

json_t *command_stop(struct command_context *c, const json_t *request)
{
    (void)request;
    c->services->stop(c->services->arg);
    return protocol_ok(json_pack("{s:i}", "pid", c->pid));
}
