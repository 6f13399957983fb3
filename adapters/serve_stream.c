#include "adapters/serve_stream.h"

#include <errno.h>
#include <stdlib.h>

#include "adapters/peer_header.h"
#include "adapters/proxy_header.h"
#include "adapters/pump.h"
#include "gateway/node/linger.h"

struct stream {
    struct serve_use use;
    struct pipe *pipe;
    bool proxy_protocol, peer_header;
    struct serve_dial *dial; /* heap; NULL when the pump runs */
    struct pump pump;
};

static void stop_dialling(struct stream *s)
{
    if (!s->dial)
        return;
    s->use.parts->dials--;
    s->use.party->dials--;
    free(s->dial);
    s->dial = NULL;
}

static void forget(struct stream *s)
{
    serve_use_deinit(&s->use);
    free(s);
}

static void refuse(struct stream *s, int err)
{
    const char *reason;
    struct serve_parts *parts = s->use.parts;
    enum preamble_status status = serve_status(err, &reason);
    serve_log(&s->use, reason);
    linger_refuse(parts->env, &parts->lingering, s->pipe, status, reason);
    forget(s);
}

/* ---- while the target is dialled ---- */

static void on_change(void *arg)
{
    (void)arg; /* bytes wait in the stream until there is a socket */
}

static void on_reset(void *arg, enum pipe_reset why)
{
    struct stream *s = arg;
    (void)why;
    serve_dial_cancel(s->dial);
    stop_dialling(s);
    s->pipe->ops->close(s->pipe);
    forget(s);
}

/* ---- afterwards ---- */

static void on_end(struct pump *p)
{
    forget(container_of(p, struct stream, pump));
}

static void on_moved(struct pump *p, size_t to_far, size_t from_far)
{
    serve_use_count(&container_of(p, struct stream, pump)->use, from_far, to_far);
}

/* The first bytes on a fresh connection: there is room for them, or something is badly wrong. */
static int introduce(struct stream *s, struct sock *sock, const struct addr *remote)
{
    uint8_t header[PROXY_HEADER_LEN];
    struct env *env = s->use.parts->env;
    if (!s->proxy_protocol)
        return 0;
    struct addr local = sock_local(env, sock);
    struct iovec area = {header, proxy_header_write(&s->use.peer, &local, remote, header)};
    return sock_writev(env, sock, &area, 1) == (ssize_t)area.iov_len ? 0 : -ECONNRESET;
}

static void join(struct stream *s, struct sock *sock)
{
    static const struct pump_handler handler = {.on_end = on_end, .on_moved = on_moved};
    struct pump_options options = {
        .env = s->use.parts->env, .sock = sock, .pipe = s->pipe, .handler = &handler};
    node_answer(s->pipe, PREAMBLE_OK, "");
    if (s->peer_header && peer_header_new(&options.pipe, options.env, s->pipe, &s->use.peer) < 0) {
        s->pipe->ops->reset(s->pipe, PIPE_RESET_LIMIT);
        sock_close(options.env, sock);
        forget(s);
        return;
    }
    if (pump_start(&s->pump, &options) < 0)
        forget(s);
}

static void on_dialled(struct serve_dial *d, int err, struct sock *sock, const struct addr *remote)
{
    struct stream *s = d->arg;
    if (err == 0)
        err = introduce(s, sock, remote);
    if (err < 0 && sock)
        sock_close(s->use.parts->env, sock);
    stop_dialling(s);
    if (err < 0)
        refuse(s, err);
    else
        join(s, sock);
}

/* What came with the preamble goes to the target as soon as there is a connection; with a header of
 * ours in it, maybe not before there is more of it. */
static bool speaks(const struct stream *s)
{
    struct iovec area;
    return s->proxy_protocol || (!s->peer_header && s->pipe->ops->peek(s->pipe, &area, 1) > 0);
}

static void dial(struct stream *s, const struct service *service)
{
    static const struct pipe_handler waiting = {on_change, on_change, on_reset};
    struct serve_parts *parts = s->use.parts;
    bool busy = parts->dials >= SERVE_DIALS_MAX || s->use.party->dials >= SERVE_DIALS_OF;
    s->dial = busy ? NULL : calloc(1, sizeof(*s->dial));
    if (!s->dial) {
        refuse(s, -EBUSY);
        return;
    }
    parts->dials++;
    s->use.party->dials++;
    pipe_attach(s->pipe, &waiting, s);
    s->dial->env = parts->env;
    s->dial->resolver = parts->resolver;
    s->dial->own = parts->own;
    s->dial->speaks = speaks(s);
    s->dial->done = on_dialled;
    s->dial->arg = s;
    serve_dial_start(s->dial, service);
}

void serve_stream_begin(struct serve_parts *parts, const struct peer_id *peer,
                        const struct service *service, struct pipe *pipe)
{
    struct stream *s = calloc(1, sizeof(*s));
    int err = s ? serve_use_init(&s->use, parts, peer, service) : -ENOMEM;
    if (err < 0) {
        const char *reason;
        enum preamble_status status = serve_status(err, &reason);
        free(s);
        linger_refuse(parts->env, &parts->lingering, pipe, status, reason);
        return;
    }
    s->pipe = pipe;
    s->proxy_protocol = service->proxy_protocol;
    s->peer_header = service->peer_header;
    list_append(&parts->streams, &s->use.link);
    dial(s, service);
}

static void abort_stream(struct stream *s)
{
    if (s->dial) {
        serve_dial_cancel(s->dial);
        stop_dialling(s);
        s->pipe->ops->reset(s->pipe, PIPE_RESET_ABORTED);
    } else {
        pump_abort(&s->pump);
    }
    forget(s);
}

void serve_streams_abort(struct serve_parts *parts, serve_doomed doomed)
{
    struct list ending;
    serve_take_doomed(parts, &parts->streams, doomed, &ending);
    for (struct list *at = list_first(&ending); at; at = list_first(&ending))
        abort_stream(list_entry(at, struct stream, use.link));
}
