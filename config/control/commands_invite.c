/* invite, revoke: somebody unknown is let in, and that is taken back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/invitation.h"
#include "config/control/lookup.h"
#include "config/settings/option.h"

enum { LONGEST_S = 86400 };

/* ---- what is wanted ---- */

/** Several are shared: which is it? */
static json_t *ask_which(struct command_context *c)
{
    char names[256] = "";
    size_t len = 0;

    for (size_t i = 0; i < registry_service_count(c->registry); i++) {
        const char *name = registry_service_at(c->registry, i)->name;
        size_t n = strlen(name);
        if (len + n + 3 > sizeof(names))
            break;
        memcpy(names + len, i > 0 ? ", " : "", i > 0 ? 2 : 0);
        len += i > 0 ? 2 : 0;
        memcpy(names + len, name, n + 1);
        len += n;
    }
    return protocol_error(CLI_USAGE, "overlay invite SERVICE", "to which service? %s", names);
}

static json_t *choose_service(struct command_context *c, const json_t *request, const char **name)
{
    size_t count = registry_service_count(c->registry);

    *name = protocol_string(request, "service");
    if (*name && !registry_service(c->registry, *name))
        return protocol_error(CLI_UNKNOWN, "overlay share TARGET --as NAME", "unknown service '%s'",
                              *name);
    if (!*name && count > 1)
        return ask_which(c);
    if (!*name)
        *name = count == 1 ? registry_service_at(c->registry, 0)->name : "";
    return NULL;
}

static json_t *read_limits(const json_t *request, int64_t *uses, uint64_t *seconds)
{
    const char *text = protocol_string(request, "for");

    *uses = protocol_number(request, "uses", 1);
    *seconds = INVITE_LIFETIME / SEC(1);
    if (*uses < 1 || *uses > NODE_USES_MAX)
        return protocol_error(CLI_USAGE, NULL, "--uses is a number from 1 to %d", NODE_USES_MAX);
    if (text && (duration_parse(seconds, text) < 0 || *seconds < 1 || *seconds > LONGEST_S))
        return protocol_error(CLI_USAGE, NULL, "'%s' is not a time up to 24h: 90s, 15m, 2h", text);
    return NULL;
}

static json_t *invite(struct command_context *c, const json_t *request, struct node_invite *out)
{
    const char *service;
    int64_t uses;
    uint64_t seconds;
    json_t *refusal = choose_service(c, request, &service);

    if (!refusal)
        refusal = read_limits(request, &uses, &seconds);
    if (refusal)
        return refusal;
    int err = node_invite(c->node, service, (unsigned)uses, SEC(seconds), out);
    if (err == -ENOSPC)
        return protocol_error(CLI_FAILED, "overlay revoke NUMBER ends one; overlay ls lists them",
                              "%d invites are open already", NODE_INVITES_MAX);
    if (err < 0)
        return protocol_error(CLI_FAILED, NULL, "cannot invite: %s", strerror(-err));
    return NULL;
}

/* ---- waiting for guests ---- */

struct host_wait {
    struct call *call;
    struct node_invite_watch watch;
    unsigned number;
};

static void stop_waiting(struct call *call)
{
    struct host_wait *w = call->state;

    node_unwatch_invites(&w->watch);
    call->state = NULL;
    free(w);
}

static void on_event(struct node_invite_watch *watch, const struct node_invite_event *e)
{
    struct host_wait *w = container_of(watch, struct host_wait, watch);
    struct call *call = w->call;

    if (e->number != w->number)
        return;
    if (e->what == NODE_INVITE_JOINED) {
        call->emit(call, json_pack("{s:s, s:o, s:o, s:s, s:i}", "event", "guest", "peer",
                                   protocol_text(e->alias), "id", id_json(&e->peer), "fingerprint",
                                   e->fingerprint, "uses", (int)e->uses));
    } else if (e->what == NODE_INVITE_WRONG) {
        call->emit(call, json_pack("{s:s, s:i}", "event", "wrong_words", "tries", (int)e->tries));
    } else {
        stop_waiting(call);
        call->finish(call,
                     protocol_ok(json_pack("{s:i, s:b}", "number", (int)e->number, "ended", true)));
    }
}

static void wait_for_guests(struct call *call, const struct node_invite *made)
{
    struct host_wait *w = calloc(1, sizeof(*w));

    if (!w) {
        call->finish(call, protocol_ok(invitation_json(made)));
        return;
    }
    w->call = call;
    w->number = made->number;
    w->watch.event = on_event;
    call->state = w;
    call->cancel = stop_waiting;
    node_watch_invites(call->context->node, &w->watch);
    call->emit(call, json_pack("{s:s, s:o}", "event", "invited", "result", invitation_json(made)));
}

void command_invite(struct call *call, const json_t *request)
{
    struct node_invite made;
    json_t *refusal = invite(call->context, request, &made);

    if (refusal)
        call->finish(call, refusal);
    else if (protocol_bool(request, "wait"))
        wait_for_guests(call, &made);
    else
        call->finish(call, protocol_ok(invitation_json(&made)));
}

/* ---- revoke ---- */

/** "7" or "7-cobalt-lemon", if that is open. */
static json_t *revoke_invite(struct command_context *c, const char *what)
{
    size_t digits = strspn(what, "0123456789");
    uint64_t number = 0;
    char text[8];

    if (!c->node || digits == 0 || digits > 4 || (what[digits] && what[digits] != '-'))
        return NULL;
    memcpy(text, what, digits);
    text[digits] = '\0';
    if (number_parse(&number, text, 1, INVITE_NUMBER_MAX) < 0 ||
        node_invite_end(c->node, (unsigned)number) < 0)
        return NULL;
    return protocol_ok(json_pack("{s:i}", "number", (int)number));
}

json_t *command_revoke(struct command_context *c, const json_t *request)
{
    const char *what = protocol_string(request, "what");
    json_t *answer = revoke_invite(c, what);
    char label[PEER_LABEL_MAX];
    struct peer_id id;

    if (!answer)
        answer = lookup_peer(c, what, &id);
    if (answer)
        return answer;
    (void)peer_label(c, &id, label);
    int count = registry_revoke(c->registry, &id);
    if (count == -ENOENT)
        return protocol_error(CLI_UNKNOWN, "overlay deny PEER SERVICE, or overlay block PEER",
                              "%s has nothing from an invite", label);
    if (count < 0)
        return protocol_error(CLI_FAILED, NULL, "cannot revoke: %s", strerror(-count));
    json_t *refusal = save_changes(c);
    if (refusal)
        return refusal;
    return protocol_ok(json_pack("{s:o, s:o, s:i}", "id", id_json(&id), "peer",
                                 protocol_text(label), "services", count));
}
