#include "config/control/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/channel.h"
#include "config/control/command.h"
#include "gateway/base/list.h"
#include "gateway/base/log.h"

enum { CLIENTS_MAX = 32 };

struct control_server {
    struct command_context context;
    struct peer_id id;
    char *home, *version, *suffix;
    struct sock_listener *listener;
    struct list clients, dead;
    size_t client_count;
    struct deferred reaper;
};

struct client {
    struct list link;
    struct control_server *server;
    struct channel channel;
    struct call call;
    bool busy;
    void (*given)(void *arg, struct sock *sock, uint8_t *early, size_t len);
    void *given_arg;
};

/* ---- the end of a client ---- */

static void reap(struct deferred *work)
{
    struct control_server *s = container_of(work, struct control_server, reaper);

    for (struct list *node; (node = list_first(&s->dead));) {
        list_remove(node);
        free(list_entry(node, struct client, link));
    }
}

/** Freed later: its channel may be in the middle of telling it something. */
static void bury(struct client *c)
{
    struct control_server *s = c->server;

    channel_close(&c->channel);
    list_remove(&c->link);
    list_append(&s->dead, &c->link);
    s->client_count--;
    env_defer(s->context.env, &s->reaper);
}

/** The caller is gone: whatever was going on for it ends. */
static void abandon(struct client *c)
{
    void (*given)(void *, struct sock *, uint8_t *, size_t) = c->given;

    c->given = NULL;
    if (given)
        given(c->given_arg, NULL, NULL, 0);
    if (c->call.state)
        c->call.cancel(&c->call);
    bury(c);
}

/* ---- answers ---- */

static void send_json(struct client *c, json_t *message)
{
    size_t len = 0;
    char *line = message ? protocol_line(message, &len) : NULL;

    json_decref(message);
    if (line)
        channel_send(&c->channel, line, len);
    free(line);
}

static void call_emit(struct call *call, json_t *event)
{
    send_json(container_of(call, struct client, call), event);
}

static bool call_is_flushed(const struct call *call)
{
    const struct client *c = container_of(call, const struct client, call);
    return channel_is_flushed(&c->channel);
}

static void call_finish(struct call *call, json_t *answer)
{
    struct client *c = container_of(call, struct client, call);

    send_json(c, answer);
    c->busy = false;
    call->state = NULL;
    call->cancel = NULL;
    channel_hold(&c->channel, false);
}

static void hand_over(struct client *c)
{
    void (*given)(void *, struct sock *, uint8_t *, size_t) = c->given;
    uint8_t *early;
    size_t len;

    c->given = NULL;
    struct sock *sock = channel_take(&c->channel, &early, &len);
    bury(c);
    given(c->given_arg, sock, early, len);
}

static void call_finish_raw(struct call *call, json_t *answer,
                            void (*given)(void *arg, struct sock *sock, uint8_t *early, size_t len),
                            void *arg)
{
    struct client *c = container_of(call, struct client, call);

    send_json(c, answer);
    c->given = given;
    c->given_arg = arg;
    if (channel_is_flushed(&c->channel))
        hand_over(c);
}

/* ---- requests ---- */

static void carry_out(struct client *c, const json_t *request)
{
    const char *name = protocol_command(request);
    const struct command *command = command_find(name);

    log_debug(LOG_CONTROL, "%s", command ? command->name : "unknown command");
    if (!command) {
        send_json(c, protocol_error(CLI_USAGE, NULL, "unknown command '%.40s'", name));
        return;
    }
    if (!command->start) {
        send_json(c, command_run(&c->server->context, request));
        return;
    }
    json_t *refusal = protocol_check(request, command->arguments);
    if (refusal) {
        send_json(c, refusal);
        return;
    }
    c->busy = true;
    channel_hold(&c->channel, true);
    command->start(&c->call, request);
}

static void on_line(void *arg, const char *line, size_t len)
{
    struct client *c = arg;
    json_t *refusal = NULL;
    json_t *request = protocol_read(line, len, &refusal);

    if (request)
        carry_out(c, request);
    else
        send_json(c, refusal);
    json_decref(request);
}

static void on_gone(void *arg, int err)
{
    if (err == -EMSGSIZE)
        log_warn(LOG_CONTROL, "a request of more than %d bytes; its caller was dropped",
                 CHANNEL_REQUEST_MAX);
    abandon(arg);
}

static void on_flushed(void *arg)
{
    struct client *c = arg;

    if (c->given)
        hand_over(c);
}

static const struct channel_handler CHANNEL_HANDLER = {on_line, on_gone, on_flushed};

/* ---- callers ---- */

static void refuse(struct env *env, struct sock *sock)
{
    static char BUSY[] = "{\"error\":\"too many callers\",\"code\":1,\"hint\":null}\n";
    struct iovec area = {BUSY, sizeof(BUSY) - 1};

    (void)sock_writev(env, sock, &area, 1);
    sock_close(env, sock);
}

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct control_server *s = arg;
    (void)from;

    struct client *c = s->client_count < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
    if (!c) {
        refuse(s->context.env, sock);
        return;
    }
    c->server = s;
    c->call = (struct call){.context = &s->context,
                            .emit = call_emit,
                            .is_flushed = call_is_flushed,
                            .finish = call_finish,
                            .finish_raw = call_finish_raw};
    list_append(&s->clients, &c->link);
    s->client_count++;
    channel_init(&c->channel, s->context.env, sock, CHANNEL_REQUEST_MAX, &CHANNEL_HANDLER, c);
}

static const struct listen_handler LISTEN_HANDLER = {.on_accept = on_accept};

/* ---- the server ---- */

static int listen_at_home(struct control_server *s)
{
    size_t room = strlen(s->home) + sizeof("/" CONTROL_SOCKET);
    auto_free char *path = malloc(room);

    if (!path)
        return -ENOMEM;
    (void)snprintf(path, room, "%s/%s", s->home, CONTROL_SOCKET);
    return sock_listen_unix(s->context.env, &s->listener, path, &LISTEN_HANDLER, s);
}

int control_server_new(struct control_server **out, struct node *node,
                       const struct control_services *services,
                       const struct control_options *options)
{
    struct control_server *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    list_init(&s->clients);
    list_init(&s->dead);
    s->reaper.run = reap;
    s->home = strdup(options->home);
    s->version = strdup(options->version);
    s->suffix = strdup(options->suffix);
    s->id = *node_id(node);
    s->context = (struct command_context){.env = node_env(node),
                                          .registry = node_registry(node),
                                          .id = &s->id,
                                          .node = node,
                                          .services = services,
                                          .home = s->home,
                                          .version = s->version,
                                          .suffix = s->suffix,
                                          .pid = options->pid,
                                          .since = env_now(node_env(node))};
    int err = s->home && s->version && s->suffix ? listen_at_home(s) : -ENOMEM;
    if (err < 0) {
        control_server_free(s);
        return err;
    }
    *out = s;
    return 0;
}

struct command_context *control_server_context(struct control_server *s)
{
    return &s->context;
}

void control_server_free(struct control_server *s)
{
    if (!s)
        return;
    if (s->listener)
        listener_close(s->context.env, s->listener);
    for (struct list *node; (node = list_first(&s->clients));)
        abandon(list_entry(node, struct client, link));
    reap(&s->reaper);
    if (s->context.env)
        env_undefer(s->context.env, &s->reaper);
    free(s->home);
    free(s->version);
    free(s->suffix);
    free(s);
}
