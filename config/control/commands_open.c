/* open: services of a peer become local ports. Connects first; on failure nothing stays bound. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/inquiry.h"
#include "config/control/invitation.h"
#include "config/control/lookup.h"
#include "config/control/ports.h"
#include "gateway/base/text.h"

/* Services of one peer that are opened by one word: a peer may list hundreds, and each would take a
 * local port for ever, descriptors and a line of the answer. */
#define OPEN_AT_ONCE_MAX 64

struct wanted_service {
    char name[PREAMBLE_NAME_MAX + 1];
    uint16_t remote_port;
    enum service_proto proto;
    bool raw;
};

struct opening {
    struct call *call;
    struct joining joining;
    struct node_wait wait;
    struct inquiry inquiry;
    struct lookup_place place;
    char text[PROTOCOL_STRING_MAX + 1]; /* of the place, as written */
    bool udp, hold, connecting;
    struct addr at; /* none: not wanted */
    struct wanted_service *wanted;
    size_t wanted_count;
    struct port_list before;     /* what was open already */
    struct control_port *opened; /* one for each wanted */
    size_t opened_count;
};

static void opening_free(struct opening *o)
{
    if (o->connecting)
        node_connect_cancel(&o->wait);
    joining_stop(&o->joining);
    inquiry_stop(&o->inquiry);
    o->call->state = NULL;
    free(o->wanted);
    free(o->opened);
    free(o->before.at);
    free(o);
}

static void finish(struct opening *o, json_t *answer)
{
    struct call *call = o->call;

    opening_free(o);
    call->finish(call, answer);
}

/* ---- which services ---- */

static bool is_wanted(const struct opening *o, const struct remote_service *s)
{
    if (o->udp && !(s->proto & SERVICE_UDP))
        return false;
    if (*o->place.service)
        return strcmp(s->name, o->place.service) == 0;
    if (o->place.port)
        return s->port == o->place.port && (o->udp || (s->proto & SERVICE_TCP));
    return true;
}

static void want(struct opening *o, const char *name, uint16_t remote_port,
                 enum service_proto proto, bool raw)
{
    struct wanted_service *w = &o->wanted[o->wanted_count++];

    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    w->remote_port = remote_port;
    w->proto = o->udp ? SERVICE_UDP : proto;
    w->raw = raw;
}

/** A service that is in no list (the peer is no gateway of ours): take the word of who asks. */
static void want_unseen(struct opening *o)
{
    char name[PREAMBLE_NAME_MAX + 1];

    (void)snprintf(name, sizeof(name), "p%u", o->place.port);
    if (*o->place.service)
        want(o, o->place.service, 0, SERVICE_TCP, false);
    else if (o->place.port)
        want(o, name, o->place.port, SERVICE_TCP, false);
}

static json_t *nothing_there(struct opening *o)
{
    char label[PEER_LABEL_MAX];

    (void)peer_label(o->call->context, &o->place.peer, label);
    return protocol_error(CLI_UNKNOWN, "ask its owner: overlay share, overlay allow",
                          "%s shares nothing with us%s", label, o->udp ? " for UDP" : "");
}

/** Asked for by its port, for TCP. */
static bool is_for_udp(const struct opening *o, const struct peer_view *view)
{
    for (size_t i = 0; i < view->service_count; i++)
        if (!o->udp && o->place.port && view->services[i].port == o->place.port)
            return true;
    return false;
}

/** True if the peer has to be asked about what is wanted. */
static bool is_unlisted(const struct opening *o)
{
    return o->wanted_count == 0 && (*o->place.service || o->place.port);
}

static json_t *choose(struct opening *o)
{
    struct peer_view view = {.services_known = false};

    (void)node_peer(o->call->context->node, &o->place.peer, &view);
    o->wanted = calloc(view.service_count + 1, sizeof(*o->wanted));
    o->opened = calloc(view.service_count + 1, sizeof(*o->opened));
    if (!o->wanted || !o->opened)
        return protocol_error(CLI_FAILED, NULL, "out of memory");
    for (size_t i = 0; view.services_known && i < view.service_count; i++)
        if (is_wanted(o, &view.services[i]))
            want(o, view.services[i].name, 0, view.services[i].proto, view.services[i].raw);
    if (!view.services_known)
        want_unseen(o);
    if (is_unlisted(o) && is_for_udp(o, &view))
        return protocol_error(CLI_UNKNOWN, "add --udp", "%s is a UDP service", o->text);
    if (o->wanted_count == 0 && !is_unlisted(o))
        return nothing_there(o);
    if (o->wanted_count > OPEN_AT_ONCE_MAX)
        return protocol_error(CLI_FAILED, "overlay open SERVICE.PEER opens one of them",
                              "%s has %zu services, and at most %d are opened at once", o->text,
                              o->wanted_count, OPEN_AT_ONCE_MAX);
    if (o->wanted_count > 1 && !addr_is_none(&o->at))
        return protocol_error(CLI_USAGE, "overlay open SERVICE.PEER --at PORT",
                              "--at is for one service, and %s has %zu", o->text, o->wanted_count);
    return NULL;
}

/* ---- opening them ---- */

static bool was_open(const struct opening *o, const char *service)
{
    for (size_t i = 0; i < o->before.count; i++)
        if (strcmp(o->before.at[i].service, service) == 0)
            return true;
    return false;
}

/** Closes what this call has opened. */
static void close_opened(struct opening *o)
{
    const struct control_services *services = o->call->context->services;

    while (o->opened_count > 0) {
        const struct control_port *p = &o->opened[--o->opened_count];
        if (!was_open(o, p->service))
            (void)services->close_port(services->arg, &p->peer, p->service);
    }
}

static json_t *open_one(struct opening *o, const struct wanted_service *w)
{
    const struct control_services *services = o->call->context->services;
    const struct control_open what = {.peer = o->place.peer,
                                      .service = w->name,
                                      .remote_port = w->remote_port,
                                      .proto = w->proto,
                                      .raw = w->raw,
                                      .at = addr_is_none(&o->at) ? NULL : &o->at};
    char why[256] = "";
    int err =
        services->open_port(services->arg, &what, &o->opened[o->opened_count], why, sizeof(why));

    if (err == 0) {
        o->opened_count++;
        return NULL;
    }
    return protocol_error(err == -EPERM ? CLI_USAGE : CLI_FAILED,
                          err == -EADDRINUSE ? "choose another port by --at" : NULL, "%s: %s",
                          w->name, *why ? why : strerror(-err));
}

static void end_held(struct call *call)
{
    struct opening *o = call->state;

    close_opened(o);
    opening_free(o);
}

static void tell(struct opening *o)
{
    struct call *call = o->call;
    json_t *list = json_array();

    for (size_t i = 0; i < o->opened_count; i++)
        (void)json_array_append_new(list, port_json(call->context, &o->opened[i]));
    if (!o->hold) {
        finish(o, protocol_ok(list));
        return;
    }
    call->cancel = end_held;
    call->emit(call, json_pack("{s:s, s:o}", "event", "opened", "result", list));
}

static json_t *progress(struct opening *o)
{
    struct peer_view view;

    if (!node_peer(o->call->context->node, &o->place.peer, &view))
        return NULL;
    return json_pack("{s:s, s:s, s:o}", "event", "connected", "path",
                     view.state == PEER_RELAYED ? "relay" : "direct", "rtt_ms",
                     view.path.rtt ? json_real((double)view.path.rtt / 1e6) : json_null());
}

/** Opens what is wanted, or nothing if `refusal` or one of them says so. */
static void open_wanted(struct opening *o, json_t *refusal)
{
    o->before = ports_of(o->call->context, &o->place.peer);
    for (size_t i = 0; !refusal && i < o->wanted_count; i++)
        refusal = open_one(o, &o->wanted[i]);
    if (refusal) {
        close_opened(o);
        finish(o, refusal);
        return;
    }
    tell(o);
}

static void inquired(struct inquiry *q, int err, const struct preamble_answer *answer)
{
    struct opening *o = container_of(q, struct opening, inquiry);
    json_t *refusal = NULL;

    if (err < 0)
        refusal = connect_error(o->call->context, o->text, err == -ECONNRESET ? -ENOTCONN : err,
                                "no answer");
    else if (answer->status != PREAMBLE_OK)
        refusal = answer_error(o->call->context, o->text, answer);
    else
        want_unseen(o); /* it was allowed a moment ago */
    open_wanted(o, refusal);
}

static void inquire(struct opening *o)
{
    struct preamble what = {.kind = o->udp ? PREAMBLE_UDP : PREAMBLE_TCP, .port = o->place.port};

    memcpy(what.name, o->place.service, sizeof(what.name));
    int err = inquiry_start(&o->inquiry, o->call->context, &o->place.peer, &what, inquired);
    if (err < 0)
        finish(o, connect_error(o->call->context, o->text, err, NULL));
}

static void connected(struct node_wait *w, int err, const char *why)
{
    struct opening *o = container_of(w, struct opening, wait);
    json_t *refusal = NULL;

    o->connecting = false;
    if (err < 0) {
        finish(o, connect_error(o->call->context, o->text, err, why));
        return;
    }
    json_t *event = progress(o);
    if (event)
        o->call->emit(o->call, event);
    refusal = choose(o);
    if (!refusal && is_unlisted(o))
        inquire(o);
    else
        open_wanted(o, refusal);
}

/* ---- the request ---- */

static json_t *read_at(const char *text, struct addr *at)
{
    uint16_t port;

    if (!text)
        return NULL;
    if (text_parse_u16(&port, text, strlen(text)) == 0 && port > 0)
        *at = addr_loopback(false, port);
    else if (addr_parse(at, text) < 0 || addr_port(at) == 0)
        return protocol_error(CLI_USAGE, NULL, "'%s' is not [ADDR:]PORT", text);
    if (!addr_is_loopback(at))
        return protocol_error(CLI_USAGE, NULL, "--at: %s is not a loopback address", text);
    return NULL;
}

static void cancel(struct call *call)
{
    opening_free(call->state);
}

static void find(struct opening *o)
{
    struct call *call = o->call;

    o->connecting = true;
    o->wait.done = connected;
    call->emit(call, json_pack("{s:s, s:o}", "event", "finding", "peer", protocol_text(o->text)));
    node_connect(call->context->node, &o->place.peer, &o->wait);
}

/* ---- by an invite ---- */

static void joined(struct joining *j, json_t *refusal, const struct node_joined *whom)
{
    struct opening *o = container_of(j, struct opening, joining);
    struct call *call = o->call;

    if (refusal) {
        finish(o, refusal);
        return;
    }
    call->emit(call, json_pack("{s:s, s:o, s:o, s:s}", "event", "joined", "peer",
                               protocol_text(whom->alias), "id", id_json(&whom->peer),
                               "fingerprint", whom->fingerprint));
    if (!whom->service[0]) {
        finish(o, protocol_ok(json_array()));
        return;
    }
    o->place = (struct lookup_place){.peer = whom->peer};
    memcpy(o->place.service, whom->service, sizeof(o->place.service));
    (void)place_id(call->context, &whom->peer, whom->service, o->text);
    find(o);
}

static json_t *join(struct opening *o, const char *text)
{
    struct call *call = o->call;

    o->joining.done = joined;
    json_t *refusal = joining_start(&o->joining, call->context, text);
    if (!refusal)
        call->emit(call, json_pack("{s:s}", "event", "joining"));
    return refusal;
}

/* ---- the request ---- */

void command_open(struct call *call, const json_t *request)
{
    struct opening *o = calloc(1, sizeof(*o));
    const char *text = protocol_string(request, "place");

    if (!o) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    o->call = call;
    o->udp = protocol_bool(request, "udp");
    o->hold = protocol_bool(request, "hold");
    (void)snprintf(o->text, sizeof(o->text), "%s", text);
    bool by_invite = joining_reads(call->context, text);
    json_t *refusal = read_at(protocol_string(request, "at"), &o->at);
    if (!refusal)
        refusal = by_invite ? join(o, text) : lookup_place(call->context, text, &o->place);
    if (refusal) {
        finish(o, refusal);
        return;
    }
    call->state = o;
    call->cancel = cancel;
    if (!by_invite)
        find(o);
}
