#include "gateway/peer/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A peer that has sent no HELLO by now is not a gateway, but may use streams all the same. */
#define HELLO_WITHIN MSEC(1500)

/* A stream must have named its service by then. */
#define PREAMBLE_WITHIN SEC(10)

#define GREETINGS_MAX 256         /* streams that have not named their service yet */
#define OUTBOX_MAX    (64 * 1024) /* bytes of control messages the peer does not take */

/** A stream of the peer whose preamble is not whole yet. */
struct greeting {
    struct list node;
    struct session *session;
    struct pipe *pipe;
    struct timer timer;
};

struct session {
    struct session_options options;
    struct quic_conn *conn;
    struct flow_set flows;
    struct list greetings;
    unsigned greeting_count;
    struct timer hello_timer;

    struct pipe *ours;   /* our control stream, NULL if it could not be opened or was reset */
    struct pipe *theirs; /* the peer's, NULL until it opens it */
    struct message_reader reader;
    uint8_t *outbox; /* what our control stream did not take yet */
    size_t outbox_len;

    bool ready, has_hello, misfit;
    struct message_hello hello;
    struct message_service *services; /* NULL: not known */
    size_t service_count;
};

/* ---- bytes on pipes ---- */

/* Writes what fits. */
static size_t write_some(struct pipe *p, const uint8_t *data, size_t len)
{
    size_t done = 0;
    struct iovec area[2];

    while (done < len) {
        size_t put = 0;
        int areas = p->ops->reserve(p, area);
        for (int i = 0; i < areas && done + put < len; i++) {
            size_t n = area[i].iov_len < len - done - put ? area[i].iov_len : len - done - put;
            memcpy(area[i].iov_base, data + done + put, n);
            put += n;
        }
        if (put == 0)
            break;
        p->ops->commit(p, put);
        done += put;
    }
    return done;
}

/* Copies up to `max` of the received bytes without consuming them. */
static size_t peek_some(struct pipe *p, uint8_t *out, size_t max)
{
    struct iovec area[4];
    size_t len = 0;
    int areas = p->ops->peek(p, area, 4);

    for (int i = 0; i < areas && len < max; i++) {
        size_t n = area[i].iov_len < max - len ? area[i].iov_len : max - len;
        memcpy(out + len, area[i].iov_base, n);
        len += n;
    }
    return len;
}

void session_answer(struct pipe *pipe, enum preamble_status status, const char *reason)
{
    struct preamble_answer answer = {.status = status};
    uint8_t out[PREAMBLE_ANSWER_MAX];

    if (reason)
        strncpy(answer.reason, reason, sizeof(answer.reason) - 1);
    /* A fresh stream has room for it; one that was reset meanwhile does not mind. */
    (void)write_some(pipe, out, preamble_answer_write(&answer, out));
}

int session_take_answer(struct pipe *pipe, struct preamble_answer *out)
{
    uint8_t data[PREAMBLE_ANSWER_MAX];
    int used = preamble_answer_read(out, data, peek_some(pipe, data, sizeof(data)));

    if (used < 0)
        return used;
    pipe->ops->consume(pipe, (size_t)used);
    return 0;
}

/* ---- our control stream ---- */

static void flush_outbox(struct session *s)
{
    if (!s->ours || s->outbox_len == 0)
        return;
    size_t sent = write_some(s->ours, s->outbox, s->outbox_len);
    s->outbox_len -= sent;
    memmove(s->outbox, s->outbox + sent, s->outbox_len);
    if (s->outbox_len > 0)
        return;
    free(s->outbox);
    s->outbox = NULL;
}

static void say(struct session *s, const uint8_t *data, size_t len)
{
    if (!s->ours || s->outbox_len + len > OUTBOX_MAX)
        return; /* it does not read what we say: it can do without this too */
    uint8_t *grown = realloc(s->outbox, s->outbox_len + len);
    if (!grown)
        return;
    memcpy(grown + s->outbox_len, data, len);
    s->outbox = grown;
    s->outbox_len += len;
    flush_outbox(s);
}

static void on_ours_readable(void *arg)
{
    struct session *s = arg;
    struct iovec area;

    /* Nothing is said on it but the answer, which tells nothing. */
    while (s->ours && s->ours->ops->peek(s->ours, &area, 1) == 1)
        s->ours->ops->consume(s->ours, area.iov_len);
}

static void on_ours_writable(void *arg)
{
    flush_outbox(arg);
}

static void on_ours_reset(void *arg, enum pipe_reset why)
{
    struct session *s = arg;
    (void)why;
    s->ours->ops->close(s->ours);
    s->ours = NULL;
}

static const struct pipe_handler OURS = {on_ours_readable, on_ours_writable, on_ours_reset};

static int open_control(struct session *s)
{
    const struct preamble what = {.kind = PREAMBLE_CONTROL};
    int err = session_open_stream(s, &what, &s->ours);
    if (err < 0)
        return err;
    pipe_attach(s->ours, &OURS, s);

    uint8_t hello[MESSAGE_HELLO_MAX];
    say(s, hello, message_write_hello(s->options.hello, hello));
    return 0;
}

void session_tell_services(struct session *s, const struct service_list *services)
{
    uint8_t *out = malloc(MESSAGE_SERVICES_SIZE);
    if (!out)
        return;
    say(s, out, message_write_services(services->item, services->count, out));
    free(out);
}

static void say_token(struct session *s, enum message_type type, uint32_t token)
{
    uint8_t out[MESSAGE_TOKEN_SIZE];
    say(s, out, message_write_token(type, token, out));
}

int session_ping(struct session *s, uint32_t token)
{
    if (!s->ours)
        return -ENOTCONN;
    say_token(s, MESSAGE_PING, token);
    return 0;
}

/* ---- the peer's control stream ---- */

static void be_ready(struct session *s)
{
    timer_stop(s->options.env, &s->hello_timer);
    if (s->ready || s->misfit)
        return;
    s->ready = true;
    s->options.events->on_ready(s->options.arg, s);
}

static void on_hello_timer(struct timer *timer)
{
    be_ready(container_of(timer, struct session, hello_timer));
}

static void misfit(struct session *s, const char *why)
{
    if (s->misfit)
        return;
    s->misfit = true;
    s->options.events->on_misfit(s->options.arg, s, why);
}

static void take_hello(struct session *s, const struct message_hello *hello)
{
    const struct message_hello *own = s->options.hello;

    s->hello = *hello;
    s->has_hello = true;
    if (memcmp(hello->network, own->network, sizeof(own->network)) != 0)
        misfit(s, "belongs to another network");
}

static void take_services(struct session *s, struct message_services list)
{
    struct message_service *fresh = calloc(list.count + 1, sizeof(*fresh));
    size_t count = 0;

    if (!fresh)
        return;
    while (message_services_next(&list, &fresh[count]))
        count++;
    free(s->services);
    s->services = fresh;
    s->service_count = count;
    be_ready(s);
    s->options.events->on_services(s->options.arg, s);
}

static void take_message(struct session *s, const struct message *m)
{
    switch (m->type) {
    case MESSAGE_HELLO:
        take_hello(s, &m->hello);
        break;
    case MESSAGE_SERVICES:
        if (s->has_hello && !s->misfit)
            take_services(s, m->services);
        break;
    case MESSAGE_PING:
        say_token(s, MESSAGE_PONG, m->token);
        break;
    case MESSAGE_PONG:
        s->options.events->on_pong(s->options.arg, s, m->token);
        break;
    case MESSAGE_UNKNOWN:
        break;
    }
}

/* Returns how many bytes were used, or a negative errno: not our protocol. */
static int take_bytes(struct session *s, const uint8_t *data, size_t len)
{
    struct message m;
    size_t used = 0;

    while (used < len) {
        int n = message_reader_take(&s->reader, data + used, len - used);
        if (n < 0)
            return n;
        used += (size_t)n;
        int got = message_reader_next(&s->reader, &m);
        if (got < 0)
            return got;
        if (got > 0)
            take_message(s, &m);
    }
    return (int)used;
}

static void on_theirs_readable(void *arg)
{
    struct session *s = arg;
    struct iovec area;

    while (s->theirs && !s->misfit && s->theirs->ops->peek(s->theirs, &area, 1) == 1) {
        int used = take_bytes(s, area.iov_base, area.iov_len);
        if (used < 0) {
            misfit(s, "malformed control message");
            return;
        }
        s->theirs->ops->consume(s->theirs, (size_t)used);
    }
}

static void on_theirs_writable(void *arg)
{
    (void)arg; /* only the answer is written, at once */
}

static void on_theirs_reset(void *arg, enum pipe_reset why)
{
    struct session *s = arg;
    (void)why;
    s->theirs->ops->close(s->theirs);
    s->theirs = NULL;
}

static const struct pipe_handler THEIRS = {on_theirs_readable, on_theirs_writable, on_theirs_reset};

static void take_control(struct session *s, struct pipe *pipe)
{
    if (s->theirs) {
        pipe->ops->reset(pipe, PIPE_RESET_PROTOCOL);
        return;
    }
    s->theirs = pipe;
    pipe_attach(pipe, &THEIRS, s);
    session_answer(pipe, PREAMBLE_OK, NULL);
    on_theirs_readable(s);
}

/* ---- streams that the peer opens ---- */

static void take_flow(struct session *s, const struct preamble *what, struct pipe *pipe)
{
    struct flow *flow;

    if (flow_new(&flow, &s->flows, pipe, false) < 0) {
        pipe->ops->reset(pipe, PIPE_RESET_LIMIT);
        return;
    }
    s->options.events->on_flow(s->options.arg, s, what, flow);
}

static void take_stream(struct session *s, const struct preamble *what, struct pipe *pipe)
{
    switch (what->kind) {
    case PREAMBLE_TCP:
    case PREAMBLE_BENCH:
        s->options.events->on_stream(s->options.arg, s, what, pipe);
        return;
    case PREAMBLE_UDP:
        take_flow(s, what, pipe);
        return;
    case PREAMBLE_CONTROL:
        take_control(s, pipe);
        return;
    }
}

/* Returns -EAGAIN if more bytes are needed; else the stream has found its owner. */
static int greet(struct session *s, struct pipe *pipe)
{
    uint8_t data[PREAMBLE_MAX];
    struct preamble what;
    int used = preamble_read(&what, data, peek_some(pipe, data, sizeof(data)));

    if (used == -EAGAIN && !pipe->ops->at_end(pipe))
        return -EAGAIN;
    if (used < 0) {
        session_answer(pipe, PREAMBLE_MALFORMED, "malformed preamble");
        pipe->ops->reset(pipe, PIPE_RESET_PROTOCOL);
        return 0;
    }
    pipe->ops->consume(pipe, (size_t)used);
    take_stream(s, &what, pipe);
    return 0;
}

static void greeting_free(struct greeting *g)
{
    timer_stop(g->session->options.env, &g->timer);
    list_remove(&g->node);
    g->session->greeting_count--;
    free(g);
}

static void on_greeting_readable(void *arg)
{
    struct greeting *g = arg;
    if (greet(g->session, g->pipe) != -EAGAIN)
        greeting_free(g);
}

static void on_greeting_writable(void *arg)
{
    (void)arg; /* nothing waits to be written */
}

static void on_greeting_reset(void *arg, enum pipe_reset why)
{
    struct greeting *g = arg;
    (void)why;
    g->pipe->ops->close(g->pipe);
    greeting_free(g);
}

static const struct pipe_handler GREETING = {on_greeting_readable, on_greeting_writable,
                                             on_greeting_reset};

static void on_greeting_timer(struct timer *timer)
{
    struct greeting *g = container_of(timer, struct greeting, timer);
    g->pipe->ops->reset(g->pipe, PIPE_RESET_PROTOCOL);
    greeting_free(g);
}

static void wait_for_preamble(struct session *s, struct pipe *pipe)
{
    struct greeting *g = s->greeting_count < GREETINGS_MAX ? calloc(1, sizeof(*g)) : NULL;
    if (!g) {
        pipe->ops->reset(pipe, PIPE_RESET_LIMIT);
        return;
    }
    g->session = s;
    g->pipe = pipe;
    g->timer.fire = on_greeting_timer;
    timer_set(s->options.env, &g->timer, env_now(s->options.env) + PREAMBLE_WITHIN);
    list_append(&s->greetings, &g->node);
    s->greeting_count++;
    pipe_attach(pipe, &GREETING, g);
}

void session_on_stream(struct session *s, struct pipe *pipe)
{
    /* Almost always the preamble is here whole, and nothing needs to be kept. */
    if (greet(s, pipe) == -EAGAIN)
        wait_for_preamble(s, pipe);
}

void session_on_datagram(struct session *s, instant now, const uint8_t *data, size_t len)
{
    flow_set_input(&s->flows, now, data, len);
}

/* ---- streams that we open ---- */

int session_open_stream(struct session *s, const struct preamble *what, struct pipe **out)
{
    uint8_t data[PREAMBLE_MAX];
    int err = quic_open_stream(s->conn, out);
    if (err < 0)
        return err;
    (void)write_some(*out, data, preamble_write(what, data)); /* a fresh stream has room */
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
    int err = open_control(s);
    if (err < 0) {
        session_free(s);
        return err;
    }
    session_tell_services(s, services);
    timer_set(options->env, &s->hello_timer, env_now(options->env) + HELLO_WITHIN);
    *out = s;
    return 0;
}

static void give_back(struct pipe **pipe)
{
    if (*pipe)
        (*pipe)->ops->reset(*pipe, PIPE_RESET_ABORTED);
    *pipe = NULL;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    for (struct list *node; (node = list_first(&s->greetings));) {
        struct greeting *g = list_entry(node, struct greeting, node);
        g->pipe->ops->reset(g->pipe, PIPE_RESET_ABORTED);
        greeting_free(g);
    }
    flow_set_deinit(&s->flows);
    timer_stop(s->options.env, &s->hello_timer);
    give_back(&s->ours);
    give_back(&s->theirs);
    message_reader_deinit(&s->reader);
    free(s->services);
    free(s->outbox);
    free(s);
}

struct quic_conn *session_conn(const struct session *s)
{
    return s->conn;
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

bool session_in_use(const struct session *s)
{
    struct quic_conn_info info;
    uint64_t control = (s->ours ? 1u : 0u) + (s->theirs ? 1u : 0u);

    quic_conn_info(s->conn, &info);
    return info.streams > control;
}

const struct flow_counters *session_dropped(const struct session *s)
{
    return &s->flows.dropped;
}
