#include "config/control/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/protocol.h"

static void done(struct client *c, int err, const json_t *answer)
{
    if (c->done)
        return;
    c->done = true;
    c->handler->on_done(c->arg, err, answer);
}

static void on_line(void *arg, const char *line, size_t len)
{
    struct client *c = arg;
    json_t *message = json_loadb(line, len, 0, NULL);

    if (c->done) {
        json_decref(message);
        return;
    }
    if (json_is_object(message) && json_object_get(message, "event")) {
        c->handler->on_event(c->arg, message);
    } else if (json_is_object(message)) {
        channel_hold(&c->channel, true);
        done(c, 0, message);
    } else {
        done(c, -EBADMSG, NULL);
    }
    json_decref(message);
}

static void on_gone(void *arg, int err)
{
    done(arg, err < 0 ? err : -ECONNRESET, NULL);
}

static const struct channel_handler CHANNEL_HANDLER = {.on_line = on_line, .on_gone = on_gone};

static void on_connect(void *arg, int err)
{
    struct client *c = arg;
    struct sock *sock = c->connecting;

    c->connecting = NULL;
    if (err < 0) {
        sock_close(c->env, sock);
        done(c, err, NULL);
        return;
    }
    channel_init(&c->channel, c->env, sock, CHANNEL_ANSWER_MAX, &CHANNEL_HANDLER, c);
    channel_send(&c->channel, c->line, c->len);
}

static void on_ready(void *arg)
{
    (void)arg; /* not before on_connect, which hands the socket on */
}

static const struct sock_handler CONNECT_HANDLER = {on_connect, on_ready};

int client_start(struct client *c, struct env *env, const char *home, const json_t *request,
                 const struct client_handler *handler, void *arg)
{
    size_t room = strlen(home) + sizeof("/" CONTROL_SOCKET);
    auto_free char *path = malloc(room);

    *c = (struct client){.env = env, .handler = handler, .arg = arg};
    c->line = protocol_line(request, &c->len);
    if (!path || !c->line) {
        client_stop(c);
        return -ENOMEM;
    }
    (void)snprintf(path, room, "%s/%s", home, CONTROL_SOCKET);
    int err = sock_connect_unix(env, &c->connecting, path, &CONNECT_HANDLER, c);
    if (err < 0) {
        c->connecting = NULL;
        client_stop(c);
    }
    return err;
}

void client_stop(struct client *c)
{
    if (c->connecting)
        sock_close(c->env, c->connecting);
    channel_close(&c->channel);
    free(c->line);
    c->connecting = NULL;
    c->line = NULL;
    c->done = true;
}

struct sock *client_take(struct client *c, uint8_t **early, size_t *len)
{
    *early = NULL;
    *len = 0;
    return channel_is_open(&c->channel) ? channel_take(&c->channel, early, len) : NULL;
}
