/* The control streams of a session: hello, services, pings. */
#include "gateway/peer/session_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/peer/talk.h"

#define OUTBOX_MAX (64 * 1024) /* bytes of control messages the peer does not take */

/* ---- our control stream ---- */

static void flush_outbox(struct session *s)
{
    if (!s->ours || s->outbox_len == 0)
        return;
    size_t sent = talk_write(s->ours, s->outbox, s->outbox_len);
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
    talk_discard(s->ours); /* the answer, which tells nothing */
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

int session_open_control(struct session *s)
{
    const struct preamble what = {.kind = PREAMBLE_CONTROL};
    int err = session_open_stream(s, &what, &s->ours);
    if (err < 0)
        return err;
    pipe_attach(s->ours, &OURS, s);
    quic_stream_set_quiet(s->ours);

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
    quic_conn_use(s->conn);
    say_token(s, MESSAGE_PING, token);
    return 0;
}

static void say_session(struct session *s, enum message_type type, uint64_t name)
{
    uint8_t out[MESSAGE_SESSION_SIZE];
    say(s, out, message_write_session(type, name, out));
}

int session_ask(struct session *s, uint64_t name)
{
    if (!s->ours)
        return -ENOTCONN;
    say_session(s, MESSAGE_STILL, name);
    return 0;
}

void session_tell_part(struct session *s, const struct message_part *part)
{
    uint8_t out[MESSAGE_HEADER + MESSAGE_PART_MAX];
    say(s, out, message_write_part(part, out));
}

/* ---- the peer's control stream ---- */

void session_be_ready(struct session *s)
{
    timer_stop(s->options.env, &s->hello_timer);
    if (s->ready || s->misfit)
        return;
    s->ready = true;
    s->options.events->on_ready(s->options.arg, s);
}

void session_is_misfit(struct session *s, enum session_misfit what)
{
    if (s->misfit)
        return;
    s->misfit = true;
    s->options.events->on_misfit(s->options.arg, s, what);
}

bool session_is_shut(const struct session *s)
{
    static const uint8_t common[MESSAGE_NETWORK_LEN];
    bool named = memcmp(s->options.hello->network, common, sizeof(common)) != 0;
    return s->misfit || (named && !s->has_hello);
}

static void take_hello(struct session *s, const struct message_hello *hello)
{
    const struct message_hello *own = s->options.hello;

    s->hello = *hello;
    s->has_hello = true;
    if (memcmp(hello->network, own->network, sizeof(own->network)) != 0)
        session_is_misfit(s, SESSION_OTHER_NETWORK);
    else
        session_greet_again(s);
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
    session_be_ready(s);
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
        quic_conn_use(s->conn);
        say_token(s, MESSAGE_PONG, m->token);
        break;
    case MESSAGE_PONG:
        s->options.events->on_pong(s->options.arg, s, m->token);
        break;
    case MESSAGE_STILL:
        if (!s->options.events->knows(s->options.arg, s, m->session))
            say_session(s, MESSAGE_GONE, m->session);
        break;
    case MESSAGE_GONE:
        s->options.events->on_gone(s->options.arg, s, m->session);
        break;
    case MESSAGE_PART:
        if (s->has_hello && !s->misfit)
            s->options.events->on_part(s->options.arg, s, &m->part);
        break;
    case MESSAGE_UNKNOWN:
        break;
    }
}

/* Takes a piece of the stream. What it completes is acted on afterwards, when the stream does not
 * hold the bytes any more: that may end the session, and with it all that was received. */
static int take_piece(struct session *s, const struct iovec *area)
{
    struct message m;
    int used = message_reader_take(&s->reader, area->iov_base, area->iov_len);

    if (used < 0)
        return used;
    s->theirs->ops->consume(s->theirs, (size_t)used);
    int got = message_reader_next(&s->reader, &m);
    if (got > 0)
        take_message(s, &m);
    return got;
}

static void on_theirs_readable(void *arg)
{
    struct session *s = arg;
    struct iovec area;

    while (s->theirs && !s->misfit && s->theirs->ops->peek(s->theirs, &area, 1) == 1) {
        if (take_piece(s, &area) < 0)
            session_is_misfit(s, SESSION_MALFORMED);
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

void session_take_control(struct session *s, struct pipe *pipe)
{
    if (s->theirs) {
        pipe->ops->reset(pipe, PIPE_RESET_PROTOCOL);
        return;
    }
    s->theirs = pipe;
    pipe_attach(pipe, &THEIRS, s);
    quic_stream_set_quiet(pipe);
    talk_answer(pipe, PREAMBLE_OK, NULL);
    on_theirs_readable(s);
}

static void give_back(struct pipe **pipe)
{
    if (*pipe)
        (*pipe)->ops->reset(*pipe, PIPE_RESET_ABORTED);
    *pipe = NULL;
}

void session_end_control(struct session *s)
{
    give_back(&s->ours);
    give_back(&s->theirs);
    message_reader_deinit(&s->reader);
    free(s->services);
    free(s->outbox);
}
