/* punch: a hole for a program, and punch_accept: holes that peers ask for. Each comes over the
 * caller's own connection, as one line of JSON with the socket beside it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"
#include "gateway/base/text.h"
#include "gateway/crypto/secret.h"
#include "gateway/node/node_hole.h"

#define GO_WITHIN   SEC(10)
#define HINT_ACCEPT "run there: overlay punch --accept --exec CMD"

/* What is handed over may outlive the server that was asked for it. */
struct own {
    struct command_context context;
    struct peer_id id;
};

static struct command_context *keep(struct own *own, const struct command_context *c)
{
    own->context = *c;
    own->id = *c->id;
    own->context.id = &own->id;
    return &own->context;
}

/* ---- handing over ---- */

/* The secret is in here and in the program's environment, and nowhere else. */
static char *write_line(struct command_context *c, const struct node_hole *hole, size_t *len)
{
    char secret[2 * NODE_HOLE_SECRET + 1], label[PEER_LABEL_MAX];

    (void)text_hex(secret, hole->secret, sizeof(hole->secret));
    json_t *line = json_pack(
        "{s:o, s:o, s:o, s:b, s:s, s:o, s:o, s:o, s:s}", "peer", id_json(&hole->peer), "name",
        protocol_text(peer_label(c, &hole->peer, label)), "host", id_json(c->id), "asked",
        hole->asked, "proto", hole->tcp ? "tcp" : "udp", "inner", addr_json(&hole->inner), "outer",
        addr_json(&hole->outer), "remote", addr_json(&hole->remote), "secret", secret);
    char *text = line ? protocol_line(line, len) : NULL;
    json_decref(line);
    secret_wipe(secret, sizeof(secret));
    return text;
}

/* Takes the hole. Returns 0 or an errno. */
static int give(struct command_context *c, struct sock *to, struct node_hole *hole)
{
    struct udp_socket *udp = hole->udp;
    struct sock *tcp = hole->tcp;
    size_t len = 0;
    char *text = write_line(c, hole, &len);
    int err = -ENOMEM;

    if (text) {
        hole->udp = NULL;
        hole->tcp = NULL;
        err = udp ? udp_give(c->env, to, udp, text, len) : sock_give(c->env, to, tcp, text, len);
        secret_wipe(text, len);
    }
    free(text);
    node_hole_drop(c->env, hole);
    return err;
}

/* ---- punch ---- */

struct punching {
    struct call *call; /* NULL: answered */
    struct own own;
    struct command_context *context; /* own's */
    struct peer_id peer;
    char label[PEER_LABEL_MAX];
    bool tcp, again;
    struct node_wait wait;
    bool connecting, asking;
    struct node_hole_wait hole_wait;
    struct node_hole hole;
    struct sock *to; /* after the answer, */
    struct timer patience;
};

static void punching_free(struct punching *p)
{
    struct command_context *c = p->context;

    if (p->connecting)
        node_connect_cancel(&p->wait);
    if (p->asking)
        node_hole_cancel(c->node, &p->hole_wait);
    timer_stop(c->env, &p->patience);
    node_hole_drop(c->env, &p->hole);
    if (p->to)
        sock_close(c->env, p->to);
    if (p->call)
        p->call->state = NULL;
    free(p);
}

static void finish(struct punching *p, json_t *answer)
{
    struct call *call = p->call;

    punching_free(p);
    call->finish(call, answer);
}

static void refuse(struct punching *p, int err, const char *why)
{
    const char *peer = p->label;

    if (err == -ENOENT)
        finish(p, protocol_error(CLI_UNKNOWN, HINT_ACCEPT, "%s: %s", peer, why));
    else if (err == -EACCES)
        finish(p, protocol_error(CLI_DENIED, "its owner has to know you: overlay peer add there",
                                 "%s: %s", peer, why));
    else if (err == -EHOSTUNREACH || err == -ETIMEDOUT || err == -EBUSY || err == -ECONNRESET)
        finish(p, protocol_error(CLI_UNREACHABLE, "overlay doctor", "%s: no hole: %s", peer, why));
    else
        finish(p, protocol_error(CLI_FAILED, NULL, "%s: no hole: %s", peer, why));
}

/* The caller reads what was written to it in pieces as it likes: it says by a byte when it waits
 * for a descriptor. */
static void on_go(void *arg)
{
    struct punching *p = arg;
    uint8_t byte;
    const struct iovec area = {&byte, 1};
    ssize_t n = sock_readv(p->context->env, p->to, &area, 1);

    if (n == -EAGAIN)
        return;
    if (n == 1)
        (void)give(p->context, p->to, &p->hole); /* who left has no more use for it */
    punching_free(p);
}

static const struct sock_handler GO_HANDLER = {NULL, on_go};

static void on_patience(struct timer *timer)
{
    punching_free(container_of(timer, struct punching, patience));
}

static void given(void *arg, struct sock *sock, uint8_t *early, size_t len)
{
    struct punching *p = arg;

    free(early);
    p->to = sock;
    if (sock && len > 0) /* the byte is here already */
        (void)give(p->context, sock, &p->hole);
    if (!sock || len > 0) {
        punching_free(p);
        return;
    }
    timer_set(p->context->env, &p->patience, env_now(p->context->env) + GO_WITHIN);
    sock_attach(p->context->env, sock, &GO_HANDLER, p);
}

static void connected(struct node_wait *w, int err, const char *why);

static void connect_to(struct punching *p)
{
    p->connecting = true;
    p->wait = (struct node_wait){.done = connected};
    node_connect(p->context->node, &p->peer, &p->wait);
}

static void made(struct node_hole_wait *w, int err, const char *why, struct node_hole *hole)
{
    struct punching *p = container_of(w, struct punching, hole_wait);
    struct call *call = p->call;

    p->asking = false;
    if (err == -ECONNRESET && !p->again) { /* of two sessions the other one was kept */
        p->again = true;
        connect_to(p);
        return;
    }
    if (err < 0) {
        refuse(p, err, why);
        return;
    }
    p->hole = *hole;
    hole->udp = NULL;
    hole->tcp = NULL;
    p->call = NULL;
    call->state = NULL;
    call->finish_raw(call, protocol_ok(NULL), given, p);
}

static void ask(struct punching *p)
{
    struct command_context *c = p->context;

    p->hole_wait = (struct node_hole_wait){.done = made};
    int err = node_hole_ask(c->node, &p->peer, p->tcp, &p->hole_wait);
    p->asking = err == 0;
    if (err == -EOPNOTSUPP)
        finish(p, protocol_error(CLI_FAILED, "set mode = on in [punch]",
                                 "punching is switched off here"));
    else if (err == -EBUSY)
        refuse(p, err, "too many at a time");
    else if (err < 0)
        finish(p, connect_error(c, p->label, err, NULL));
    else
        p->call->emit(
            p->call, json_pack("{s:s, s:o}", "event", "punching", "peer", protocol_text(p->label)));
}

static void connected(struct node_wait *w, int err, const char *why)
{
    struct punching *p = container_of(w, struct punching, wait);

    p->connecting = false;
    if (err < 0)
        finish(p, connect_error(p->context, p->label, err, why));
    else
        ask(p);
}

static void cancel_punching(struct call *call)
{
    struct punching *p = call->state;
    punching_free(p);
}

void command_punch(struct call *call, const json_t *request)
{
    struct punching *p = calloc(1, sizeof(*p));

    if (!p) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    p->call = call;
    p->context = keep(&p->own, call->context);
    p->patience.fire = on_patience;
    p->tcp = protocol_bool(request, "tcp");
    json_t *refusal = lookup_peer(call->context, protocol_string(request, "peer"), &p->peer);
    if (refusal) {
        finish(p, refusal);
        return;
    }
    (void)peer_label(call->context, &p->peer, p->label);
    call->state = p;
    call->cancel = cancel_punching;
    connect_to(p);
}

/* ---- punch_accept ---- */

struct accepting {
    struct own own;
    struct command_context *context; /* own's */
    struct node_hole_taker taker;
    bool waiting;    /* the taker is known to the node */
    struct sock *to; /* once the answer was sent */
};

static void accepting_free(struct accepting *a)
{
    if (a->waiting)
        node_hole_unaccept(a->context->node, &a->taker);
    if (a->to)
        sock_close(a->context->env, a->to);
    free(a);
}

static void on_take(struct node_hole_taker *t, struct node_hole *hole)
{
    struct accepting *a = container_of(t, struct accepting, taker);

    if (give(a->context, a->to, hole) < 0)
        accepting_free(a);
}

static void on_taker_ended(struct node_hole_taker *t)
{
    struct accepting *a = container_of(t, struct accepting, taker);

    a->waiting = false;
    accepting_free(a);
}

/* Bytes say that it listens, the end of them that it does no longer. */
static void on_accepting(void *arg)
{
    struct accepting *a = arg;
    uint8_t bytes[16];
    const struct iovec area = {bytes, sizeof(bytes)};
    ssize_t n = sock_readv(a->context->env, a->to, &area, 1);

    if (n == 0 || (n < 0 && n != -EAGAIN)) {
        accepting_free(a);
        return;
    }
    if (n > 0 && !a->waiting) {
        a->waiting = node_hole_accept(a->context->node, &a->taker) == 0;
        if (!a->waiting)
            accepting_free(a);
    }
}

static const struct sock_handler ACCEPTING_HANDLER = {NULL, on_accepting};

static void accepted(void *arg, struct sock *sock, uint8_t *early, size_t len)
{
    struct accepting *a = arg;

    free(early);
    a->to = sock;
    if (sock && len > 0)
        a->waiting = node_hole_accept(a->context->node, &a->taker) == 0;
    if (!sock || (len > 0 && !a->waiting))
        accepting_free(a);
    else
        sock_attach(a->context->env, sock, &ACCEPTING_HANDLER, a);
}

static json_t *read_peers(struct accepting *a, const json_t *request)
{
    const json_t *peers = json_object_get(request, "peers");
    json_t *refusal = NULL;
    size_t count = json_array_size(peers);

    if (count > NODE_HOLE_PEERS_MAX)
        return protocol_error(CLI_USAGE, NULL, "at most %d peers", NODE_HOLE_PEERS_MAX);
    for (size_t i = 0; i < count && !refusal; i++)
        refusal = lookup_peer(a->context, json_string_value(json_array_get(peers, i)),
                              &a->taker.only[a->taker.only_count++]);
    return refusal;
}

void command_punch_accept(struct call *call, const json_t *request)
{
    struct accepting *a = calloc(1, sizeof(*a));
    json_t *refusal;

    if (!a) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    a->context = keep(&a->own, call->context);
    a->taker.tcp = protocol_bool(request, "tcp");
    a->taker.take = on_take;
    a->taker.ended = on_taker_ended;
    refusal = read_peers(a, request);
    if (refusal) {
        accepting_free(a);
        call->finish(call, refusal);
        return;
    }
    call->finish_raw(call, protocol_ok(NULL), accepted, a);
}
