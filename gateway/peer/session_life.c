/* A session's beginning and end, and the streams that we open on it. */
#include "gateway/peer/session_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/peer/talk.h"

/* A peer that has sent no HELLO by now is not a gateway, but may use streams all the same; though
 * not of a network with a name, which is for those who know that. */
#define HELLO_WITHIN MSEC(1500)

static void on_hello_timer(struct timer *timer)
{
    struct session *s = container_of(timer, struct session, hello_timer);

    if (session_is_shut(s))
        session_is_misfit(s, SESSION_OTHER_NETWORK);
    else
        session_be_ready(s);
}

/* ---- streams that we open ---- */

int session_open_stream(struct session *s, const struct preamble *what, struct pipe **out)
{
    uint8_t data[PREAMBLE_MAX];
    int err = quic_open_stream(s->conn, out);
    if (err < 0)
        return err;
    (void)talk_write(*out, data, preamble_write(what, data)); /* a fresh stream has room */
    return 0;
}

int session_open_flow(struct session *s, const struct preamble *what,
                      const struct flow_handler *handler, void *arg, struct flow **out)
{
    struct pipe *pipe;
    int err = session_open_stream(s, what, &pipe);
    if (err < 0)
        return err;
    err = flow_new(out, &s->flows, pipe, true);
    if (err < 0) {
        pipe->ops->reset(pipe, PIPE_RESET_LIMIT);
        return err;
    }
    flow_attach(*out, handler, arg);
    return 0;
}

/* ---- life ---- */

int session_new(struct session **out, const struct session_options *options, struct quic_conn *conn,
                const struct service_list *services)
{
    struct session *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->options = *options;
    s->conn = conn;
    s->hello_timer.fire = on_hello_timer;
    list_init(&s->greetings);
    flow_set_init(&s->flows, options->env, conn, options->udp_idle);
    int err = session_open_control(s);
    if (err < 0) {
        session_free(s);
        return err;
    }
    session_tell_services(s, services);
    timer_set(options->env, &s->hello_timer, env_now(options->env) + HELLO_WITHIN);
    *out = s;
    return 0;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    session_end_greetings(s);
    flow_set_deinit(&s->flows);
    timer_stop(s->options.env, &s->hello_timer);
    session_end_control(s);
    free(s);
}

bool session_is_ready(const struct session *s)
{
    return s->ready;
}

const struct message_service *session_services(const struct session *s, size_t *count)
{
    *count = s->service_count;
    return s->services;
}

const struct message_hello *session_hello(const struct session *s)
{
    return s->has_hello ? &s->hello : NULL;
}

uint64_t session_streams(const struct session *s)
{
    struct quic_conn_info info;
    uint64_t control = (s->ours ? 1u : 0u) + (s->theirs ? 1u : 0u);

    quic_conn_info(s->conn, &info);
    return info.streams > control ? info.streams - control : 0;
}

bool session_in_use(const struct session *s)
{
    return session_streams(s) > 0;
}

uint64_t session_dropped(const struct session *s)
{
    const struct flow_counters *d = &s->flows.dropped;
    return d->too_large + d->unknown_flow + d->malformed + s->flows.reassembly.dropped;
}
