/* pipe: the caller's own connection becomes a stream to a service of a peer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"

/* Numbers that JSON keeps exactly. */
#define PIPE_ID_MASK ((UINT64_C(1) << 52) - 1)

struct piping {
    struct call *call;
    struct command_context *context;
    struct lookup_place place;
    char text[PROTOCOL_STRING_MAX + 1];
    struct node_wait wait;
    bool connecting;
    uint64_t id; /* for pipe_end */
    struct pipe *pipe;
    bool broken; /* the pipe was reset after its answer */
};

static void piping_free(struct piping *p)
{
    if (p->connecting)
        node_connect_cancel(&p->wait);
    if (p->pipe)
        p->pipe->ops->reset(p->pipe, PIPE_RESET_ABORTED);
    if (p->call)
        p->call->state = NULL;
    free(p);
}

static void finish(struct piping *p, json_t *answer)
{
    struct call *call = p->call;

    piping_free(p);
    call->finish(call, answer);
}

static void given(void *arg, struct sock *sock, uint8_t *early, size_t len)
{
    struct piping *p = arg;
    const struct control_services *services = p->context->services;
    struct pipe *pipe = p->pipe;

    if (sock && p->broken) {
        sock_reset(p->context->env, sock);
    } else if (sock) {
        p->pipe = NULL;
        (void)services->join(services->arg, sock, early, len, pipe, p->id);
    }
    free(early);
    piping_free(p);
}

static void on_readable(void *arg)
{
    struct piping *p = arg;
    struct call *call = p->call;
    struct preamble_answer answer;

    if (!call) /* answered: bytes of the service, for the pump to find */
        return;
    int err = node_take_answer(p->pipe, &answer);
    if (err == -EAGAIN)
        return;
    if (err < 0) {
        finish(p, protocol_error(CLI_FAILED, NULL, "%s: malformed answer", p->text));
        return;
    }
    if (answer.status != PREAMBLE_OK) {
        finish(p, answer_error(p->context, p->text, &answer));
        return;
    }
    p->call = NULL;
    call->state = NULL;
    call->finish_raw(call, protocol_ok(json_pack("{s:I}", "pipe", (json_int_t)p->id)), given, p);
}

static void on_writable(void *arg)
{
    (void)arg;
}

static void on_reset(void *arg, enum pipe_reset why)
{
    struct piping *p = arg;

    p->broken = true;
    if (p->call)
        finish(p, protocol_error(CLI_UNREACHABLE, NULL, "%s: %s", p->text,
                                 why == PIPE_RESET_SESSION_LOST ? "the session was lost"
                                                                : "the other side closed it"));
}

static const struct pipe_handler PIPE_HANDLER = {on_readable, on_writable, on_reset};

static void connected(struct node_wait *w, int err, const char *why)
{
    struct piping *p = container_of(w, struct piping, wait);
    struct preamble what = {.kind = PREAMBLE_TCP, .port = p->place.port};

    p->connecting = false;
    if (err != 0) {
        finish(p, connect_error(p->context, p->text, err, why));
        return;
    }
    memcpy(what.name, p->place.service, sizeof(what.name));
    err = node_open_stream(p->context->node, &p->place.peer, &what, &p->pipe);
    if (err != 0) {
        p->pipe = NULL;
        finish(p, connect_error(p->context, p->text, err, NULL));
        return;
    }
    pipe_attach(p->pipe, &PIPE_HANDLER, p);
}

static void cancel(struct call *call)
{
    piping_free(call->state);
}

void command_pipe(struct call *call, const json_t *request)
{
    const char *text = protocol_string(request, "place");
    struct piping *p = calloc(1, sizeof(*p));

    if (!p) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    p->call = call;
    p->context = call->context;
    env_random(call->context->env, &p->id, sizeof(p->id));
    p->id = (p->id & PIPE_ID_MASK) + 1;
    (void)snprintf(p->text, sizeof(p->text), "%s", text);
    json_t *refusal = lookup_place(call->context, text, &p->place);
    if (!refusal && !*p->place.service && !p->place.port)
        refusal = protocol_error(CLI_USAGE, "overlay pipe PEER:22", "which service of %s?", text);
    if (refusal) {
        finish(p, refusal);
        return;
    }
    call->state = p;
    call->cancel = cancel;
    p->connecting = true;
    p->wait.done = connected;
    node_connect(call->context->node, &p->place.peer, &p->wait);
}

json_t *command_pipe_end(struct command_context *c, const json_t *request)
{
    uint64_t id = (uint64_t)protocol_number(request, "pipe", 0);

    return protocol_ok(
        json_pack("{s:b}", "whole", !c->services->join_broke_off(c->services->arg, id)));
}
