/* A session's control streams, greetings and flows. The endpoint is played by this file: streams
 * are fake pipes, datagrams are recorded; the clock is virtual. */
#include "gateway/peer/session.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/peer/session_parts.h"
#include "gateway/peer/talk.h"
#include "tests/support/fake_env.h"
#include "tests/support/local_world.h"

#define STREAMS 8

/* ---- the endpoint ---- */

static struct fake_pipe *streams[STREAMS];
static unsigned opened;
static struct {
    uint8_t data[QUIC_DATAGRAM_MAX];
    size_t len;
} sent[16];
static unsigned sent_count;
static int datagram_error;

int quic_open_stream(struct quic_conn *conn, struct pipe **out)
{
    (void)conn;
    if (opened == STREAMS)
        return -EAGAIN;
    fake_pipe_init(streams[opened]);
    *out = &streams[opened++]->pipe;
    return 0;
}

int64_t quic_stream_id(const struct pipe *pipe)
{
    for (unsigned i = 0; i < STREAMS; i++)
        if (&streams[i]->pipe == pipe)
            return (int64_t)i * 4;
    return 401; /* the peer's */
}

static unsigned uses; /* calls of quic_conn_use() */

void quic_conn_use(struct quic_conn *conn)
{
    (void)conn;
    uses++;
}

void quic_stream_set_quiet(struct pipe *pipe)
{
    (void)pipe;
}

int quic_send_datagram(struct quic_conn *conn, const uint8_t *data, size_t len)
{
    (void)conn;
    if (datagram_error)
        return datagram_error;
    assert_in_range(len, 1, QUIC_DATAGRAM_MAX);
    memcpy(sent[sent_count].data, data, len);
    sent[sent_count++].len = len;
    return 0;
}

void quic_conn_info(const struct quic_conn *conn, struct quic_conn_info *out)
{
    (void)conn;
    *out = (struct quic_conn_info){.streams = opened, .dialled = true};
}

/* ---- the owner ---- */

struct harness {
    struct fake_env fake;
    struct message_hello hello;
    struct session *session;
    struct fake_pipe *theirs, *stream;
    unsigned ready, services, misfits, stream_count, flow_count;
    enum session_misfit misfit;
    enum session_offence offence;
    unsigned offences;
    uint32_t pong;
    uint64_t known, gone;
    unsigned parts, part_type;
    size_t part_len;
    struct preamble what;
    struct pipe *pipe;
    struct flow *flow;
};

static void on_ready(void *arg, struct session *s)
{
    (void)s;
    ((struct harness *)arg)->ready++;
}

static void on_services(void *arg, struct session *s)
{
    (void)s;
    ((struct harness *)arg)->services++;
}

static void on_pong(void *arg, struct session *s, uint32_t token)
{
    (void)s;
    ((struct harness *)arg)->pong = token;
}

static bool knows(void *arg, struct session *s, uint64_t name)
{
    (void)s;
    return ((struct harness *)arg)->known == name;
}

static void on_gone(void *arg, struct session *s, uint64_t name)
{
    (void)s;
    ((struct harness *)arg)->gone = name;
}

static void on_stream(void *arg, struct session *s, const struct preamble *what, struct pipe *pipe)
{
    struct harness *h = arg;
    (void)s;
    h->stream_count++;
    h->what = *what;
    h->pipe = pipe;
}

static void on_flow(void *arg, struct session *s, const struct preamble *what, struct flow *flow)
{
    struct harness *h = arg;
    (void)s;
    h->flow_count++;
    h->what = *what;
    h->flow = flow;
}

static void on_misfit(void *arg, struct session *s, enum session_misfit what)
{
    (void)s;
    ((struct harness *)arg)->misfit = what;
    ((struct harness *)arg)->misfits++;
}

static void on_part(void *arg, struct session *s, const struct message_part *part)
{
    struct harness *h = arg;
    (void)s;
    h->parts++;
    h->part_type = part->type;
    h->part_len = part->len;
}

static void on_offence(void *arg, struct session *s, enum session_offence what)
{
    (void)s;
    ((struct harness *)arg)->offence = what;
    ((struct harness *)arg)->offences++;
}

static const struct session_events EVENTS = {
    .on_offence = on_offence,
    .on_ready = on_ready,
    .on_services = on_services,
    .on_pong = on_pong,
    .knows = knows,
    .on_gone = on_gone,
    .on_part = on_part,
    .on_stream = on_stream,
    .on_flow = on_flow,
    .on_misfit = on_misfit,
};

static int build(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    struct service_list ours = {.count = 1};
    assert_non_null(h);
    for (unsigned i = 0; i < STREAMS; i++) {
        streams[i] = calloc(1, sizeof(*streams[i]));
        assert_non_null(streams[i]);
    }
    opened = sent_count = 0;
    datagram_error = 0;
    h->theirs = calloc(1, sizeof(*h->theirs));
    h->stream = calloc(1, sizeof(*h->stream));
    assert_true(h->theirs && h->stream);
    fake_pipe_init(h->theirs);
    fake_pipe_init(h->stream);
    fake_env_init(&h->fake);
    h->hello.protocol = MESSAGE_PROTOCOL;
    strcpy(ours.item[0].name, "web"); /* NOLINT: a literal that fits */
    ours.item[0].proto = 1;
    ours.item[0].port = 3000;

    const struct session_options options = {
        .env = &h->fake.env, .hello = &h->hello, .udp_idle = SEC(60), .events = &EVENTS, .arg = h};
    assert_int_equal(session_new(&h->session, &options, NULL, &ours), 0);
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct harness *h = *state;
    session_free(h->session);
    fake_env_deinit(&h->fake);
    for (unsigned i = 0; i < STREAMS; i++)
        free(streams[i]);
    free(h->theirs);
    free(h->stream);
    free(h);
    return 0;
}

static void send_preamble(struct fake_pipe *f, enum preamble_kind kind, const char *name)
{
    struct preamble what = {.kind = kind};
    uint8_t out[PREAMBLE_MAX];
    (void)strncpy(what.name, name, sizeof(what.name) - 1);
    if (!*name && kind != PREAMBLE_CONTROL)
        what.port = 22;
    fake_pipe_send(f, out, preamble_write(&what, out));
}

static void send_hello(struct fake_pipe *f, const char *network)
{
    struct message_hello hello = {.protocol = MESSAGE_PROTOCOL};
    uint8_t out[MESSAGE_HELLO_MAX];
    message_network(network, hello.network);
    fake_pipe_send(f, out, message_write_hello(&hello, out));
}

static void send_services(struct fake_pipe *f, size_t count)
{
    struct message_service list[2] = {{.name = "ssh", .proto = 1, .port = 22},
                                      {.name = "game", .proto = 2, .port = 27015}};
    uint8_t out[256];
    fake_pipe_send(f, out, message_write_services(list, count, out));
}

static void meet(struct harness *h, const char *network)
{
    send_preamble(h->theirs, PREAMBLE_CONTROL, "");
    send_hello(h->theirs, network);
    send_services(h->theirs, 2);
    session_on_stream(h->session, &h->theirs->pipe);
}

/* ---- the sentences ---- */

static void says_hello_and_its_services_at_once(void **state)
{
    (void)state;
    struct preamble what;
    struct message m;
    const uint8_t *at = streams[0]->sent;
    size_t left = streams[0]->sent_len;

    int n = preamble_read(&what, at, left);
    assert_true(n > 0);
    assert_int_equal(what.kind, PREAMBLE_CONTROL);
    at += n, left -= (size_t)n;
    n = message_read(&m, at, left);
    assert_true(n > 0);
    assert_int_equal(m.type, MESSAGE_HELLO);
    at += n, left -= (size_t)n;
    assert_true(message_read(&m, at, left) > 0);
    assert_int_equal(m.type, MESSAGE_SERVICES);
    assert_int_equal(m.services.count, 1);
}

static void is_ready_when_the_peer_has_told_its_services(void **state)
{
    struct harness *h = *state;
    size_t count;

    assert_null(session_services(h->session, &count));
    meet(h, "");
    assert_int_equal(h->ready, 1);
    const struct message_service *list = session_services(h->session, &count);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "ssh");
    assert_int_equal(list[1].port, 27015);
}

static void hears_of_changed_services(void **state)
{
    struct harness *h = *state;
    size_t count;

    meet(h, "");
    send_services(h->theirs, 1);
    assert_non_null(session_services(h->session, &count));
    assert_int_equal(count, 1);
    assert_int_equal(h->services, 2);
    assert_int_equal(h->ready, 1);
}

static void serves_an_endpoint_that_never_says_hello(void **state)
{
    struct harness *h = *state;
    size_t count;

    fake_env_advance(&h->fake, MSEC(1499));
    assert_int_equal(h->ready, 0);
    fake_env_advance(&h->fake, MSEC(1));
    assert_int_equal(h->ready, 1);
    assert_null(session_services(h->session, &count));
}

static void will_not_talk_to_another_network(void **state)
{
    struct harness *h = *state;

    meet(h, "office");
    assert_int_equal(h->misfits, 1);
    assert_int_equal(h->misfit, SESSION_OTHER_NETWORK);
    assert_int_equal(h->ready, 0);
    fake_env_advance(&h->fake, SEC(3));
    assert_int_equal(h->ready, 0);
}

static void looks_at_no_stream_in_a_named_network_before_hello(void **state)
{
    struct harness *h = *state;

    message_network("home", h->hello.network);
    send_preamble(h->stream, PREAMBLE_TCP, "web");
    session_on_stream(h->session, &h->stream->pipe);
    assert_int_equal(h->stream_count, 0);
    meet(h, "home");
    assert_int_equal(h->stream_count, 1);
    assert_string_equal(h->what.name, "web");
}

static void serves_no_stream_of_another_network_that_came_before_hello(void **state)
{
    struct harness *h = *state;

    message_network("home", h->hello.network);
    send_preamble(h->stream, PREAMBLE_TCP, "web");
    session_on_stream(h->session, &h->stream->pipe);
    meet(h, "office");
    assert_int_equal(h->stream_count, 0);
    assert_int_equal(h->misfits, 1);
}

static void a_named_network_is_not_for_who_never_says_hello(void **state)
{
    struct harness *h = *state;

    message_network("home", h->hello.network);
    fake_env_advance(&h->fake, MSEC(1500));
    assert_int_equal(h->ready, 0);
    assert_int_equal(h->misfits, 1);
    assert_int_equal(h->misfit, SESSION_OTHER_NETWORK);
}

static void ends_on_a_malformed_control_message(void **state)
{
    struct harness *h = *state;
    static const uint8_t BAD[] = {0, 1, 0, 2, 0xff, 0xff}; /* a HELLO of two bytes */

    send_preamble(h->theirs, PREAMBLE_CONTROL, "");
    fake_pipe_send(h->theirs, BAD, sizeof(BAD));
    session_on_stream(h->session, &h->theirs->pipe);
    assert_int_equal(h->misfits, 1);
    assert_int_equal(h->misfit, SESSION_MALFORMED);
}

static void answers_pings_and_hears_pongs(void **state)
{
    struct harness *h = *state;
    uint8_t out[MESSAGE_TOKEN_SIZE];

    meet(h, "");
    uses = 0;
    size_t before = streams[0]->sent_len;
    fake_pipe_send(h->theirs, out, message_write_token(MESSAGE_PING, 77, out));
    assert_int_equal(streams[0]->sent_len, before + MESSAGE_TOKEN_SIZE);
    fake_pipe_send(h->theirs, out, message_write_token(MESSAGE_PONG, 78, out));
    assert_int_equal(h->pong, 78);
    assert_int_equal(session_ping(h->session, 5), 0);
    assert_int_equal(uses, 2);
}

static void says_which_sessions_it_does_not_have(void **state)
{
    struct harness *h = *state;
    uint8_t out[MESSAGE_SESSION_SIZE];
    struct message m;

    meet(h, "");
    h->known = UINT64_C(0x1122334455667788);
    size_t before = streams[0]->sent_len;
    fake_pipe_send(h->theirs, out, message_write_session(MESSAGE_STILL, h->known, out));
    assert_int_equal(streams[0]->sent_len, before);
    fake_pipe_send(h->theirs, out, message_write_session(MESSAGE_STILL, 77, out));
    assert_int_equal(streams[0]->sent_len, before + MESSAGE_SESSION_SIZE);
    assert_true(message_read(&m, streams[0]->sent + before, MESSAGE_SESSION_SIZE) > 0);
    assert_int_equal(m.type, MESSAGE_GONE);
    assert_int_equal(m.session, 77);
}

static void asks_and_hears_which_sessions_the_peer_does_not_have(void **state)
{
    struct harness *h = *state;
    uint8_t out[MESSAGE_SESSION_SIZE];
    struct message m;

    meet(h, "");
    size_t before = streams[0]->sent_len;
    assert_int_equal(session_ask(h->session, 99), 0);
    assert_true(message_read(&m, streams[0]->sent + before, MESSAGE_SESSION_SIZE) > 0);
    assert_int_equal(m.type, MESSAGE_STILL);
    assert_int_equal(m.session, 99);
    fake_pipe_send(h->theirs, out, message_write_session(MESSAGE_GONE, 99, out));
    assert_int_equal(h->gone, 99);
}

static void carries_the_messages_of_other_modules_once_it_knows_the_peer(void **state)
{
    struct harness *h = *state;
    const struct message_part part = {.type = 20, .data = (const uint8_t *)"abc", .len = 3};
    uint8_t out[MESSAGE_HEADER + 3];

    send_preamble(h->theirs, PREAMBLE_CONTROL, "");
    fake_pipe_send(h->theirs, out, message_write_part(&part, out));
    session_on_stream(h->session, &h->theirs->pipe);
    assert_int_equal(h->parts, 0);
    send_hello(h->theirs, "");
    fake_pipe_send(h->theirs, out, message_write_part(&part, out));
    assert_int_equal(h->parts, 1);
    assert_int_equal(h->part_type, 20);
    assert_int_equal(h->part_len, 3);

    size_t before = streams[0]->sent_len;
    session_tell_part(h->session, &part);
    assert_int_equal(streams[0]->sent_len, before + sizeof(out));
    assert_memory_equal(streams[0]->sent + before, out, sizeof(out));
}

static void keeps_what_the_control_stream_does_not_take(void **state)
{
    struct harness *h = *state;

    size_t before = streams[0]->sent_len;
    streams[0]->window = before + 3;
    assert_int_equal(session_ping(h->session, 5), 0);
    assert_int_equal(streams[0]->sent_len, before + 3);
    streams[0]->window = FAKE_PIPE_BUFFER;
    fake_pipe_take(streams[0]);
    assert_int_equal(streams[0]->sent_len, MESSAGE_TOKEN_SIZE - 3);
}

static void goes_on_without_a_control_stream_that_was_reset(void **state)
{
    struct harness *h = *state;

    fake_pipe_break(streams[0], PIPE_RESET_ABORTED);
    assert_int_equal(session_ping(h->session, 5), -ENOTCONN);
    assert_int_equal(session_ask(h->session, 5), -ENOTCONN);
    meet(h, "");
    assert_int_equal(h->ready, 1);
}

static void refuses_a_second_control_stream(void **state)
{
    struct harness *h = *state;

    meet(h, "");
    send_preamble(h->stream, PREAMBLE_CONTROL, "");
    session_on_stream(h->session, &h->stream->pipe);
    assert_true(h->stream->reset);
}

static void hands_over_a_stream_with_its_first_bytes(void **state)
{
    struct harness *h = *state;
    uint8_t data[8];

    send_preamble(h->stream, PREAMBLE_TCP, "web");
    fake_pipe_say(h->stream, "GET /");
    session_on_stream(h->session, &h->stream->pipe);
    assert_int_equal(h->stream_count, 1);
    assert_string_equal(h->what.name, "web");
    assert_int_equal(talk_peek(h->pipe, data, sizeof(data)), 5);
    assert_memory_equal(data, "GET /", 5);
    h->pipe->ops->close(h->pipe);
}

static void waits_for_a_preamble_that_comes_in_pieces(void **state)
{
    struct harness *h = *state;
    struct preamble what = {.kind = PREAMBLE_TCP, .name = "web"};
    uint8_t out[PREAMBLE_MAX];
    size_t len = preamble_write(&what, out);

    session_on_stream(h->session, &h->stream->pipe);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(h->stream_count, 0);
        fake_pipe_send(h->stream, out + i, 1);
    }
    assert_int_equal(h->stream_count, 1);
    h->pipe->ops->close(h->pipe);
}

static void drops_a_stream_that_says_nothing_for_ten_seconds(void **state)
{
    struct harness *h = *state;

    session_on_stream(h->session, &h->stream->pipe);
    fake_env_advance(&h->fake, MSEC(9999));
    assert_false(h->stream->reset);
    fake_env_advance(&h->fake, MSEC(1));
    assert_true(h->stream->reset);
}

static void drops_a_stream_that_ends_without_a_word(void **state)
{
    struct harness *h = *state;

    fake_pipe_end(h->stream);
    session_on_stream(h->session, &h->stream->pipe);
    assert_true(h->stream->reset);
    assert_int_equal(h->stream_count, 0);
}

static void drops_a_stream_with_a_malformed_preamble(void **state)
{
    struct harness *h = *state;

    fake_pipe_send(h->stream, "\x09garbage", 8);
    session_on_stream(h->session, &h->stream->pipe);
    assert_true(h->stream->reset);
    assert_int_equal(h->stream->why, PIPE_RESET_PROTOCOL);
}

/* ---- flows ---- */

struct heard {
    char data[FLOW_DATAGRAM_MAX + 1];
    size_t len;
    unsigned count, ended;
    struct preamble_answer answer;
    unsigned answers;
};

static void on_datagram(void *arg, const uint8_t *data, size_t len)
{
    struct heard *g = arg;
    memcpy(g->data, data, len);
    g->len = len;
    g->count++;
}

static void on_answer(void *arg, const struct preamble_answer *answer)
{
    struct heard *g = arg;
    g->answer = *answer;
    g->answers++;
}

static void on_end(void *arg)
{
    ((struct heard *)arg)->ended++;
}

static const struct flow_handler FLOW = {on_datagram, on_answer, on_end};

static struct flow *open_flow(struct harness *h, struct heard *g)
{
    const struct preamble what = {.kind = PREAMBLE_UDP, .name = "game"};
    struct flow *flow;
    memset(g, 0, sizeof(*g));
    assert_int_equal(session_open_flow(h->session, &what, &FLOW, g, &flow), 0);
    return flow;
}

/* What we sent comes back as if the peer had sent it. */
static void echo(struct harness *h)
{
    for (unsigned i = 0; i < sent_count; i++)
        session_on_datagram(h->session, h->fake.now, sent[i].data, sent[i].len);
    sent_count = 0;
}

static void keeps_the_boundaries_of_datagrams_of_every_length(void **state)
{
    struct harness *h = *state;
    static struct heard g;
    struct flow *flow = open_flow(h, &g);
    static const size_t LENGTHS[] = {0, 1, 1140, 1148, 1150, 1200, 4000, 9000};
    uint8_t data[FLOW_DATAGRAM_MAX];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);

    for (unsigned i = 0; i < sizeof(LENGTHS) / sizeof(*LENGTHS); i++) {
        flow_send(flow, data, LENGTHS[i]);
        echo(h);
        assert_int_equal(g.count, i + 1);
        assert_int_equal(g.len, LENGTHS[i]);
        assert_memory_equal(g.data, data, LENGTHS[i]);
    }
    flow_close(flow);
}

static void drops_and_counts_datagrams_that_are_too_large_or_too_many(void **state)
{
    struct harness *h = *state;
    static struct heard g;
    static const uint8_t DATA[FLOW_DATAGRAM_MAX + 1];
    struct flow *flow = open_flow(h, &g);

    flow_send(flow, DATA, sizeof(DATA));
    assert_int_equal(session_dropped(h->session), 1);
    datagram_error = -EMSGSIZE; /* for the peer */
    flow_send(flow, DATA, 1000);
    assert_int_equal(session_dropped(h->session), 2);
    datagram_error = -ENOBUFS; /* counted where the queue is */
    flow_send(flow, DATA, 10);
    assert_int_equal(session_dropped(h->session), 2);
    assert_int_equal(sent_count, 0);
    flow_close(flow);
}

static void datagrams_that_overtake_their_stream_wait_a_second(void **state)
{
    struct harness *h = *state;
    static struct heard g;
    memset(&g, 0, sizeof(g));
    struct fragmenter cut;
    uint8_t frame[FRAGMENT_FRAME_MAX];

    assert_int_equal(fragmenter_init(&cut, 401, 0, (const uint8_t *)"early", 5), 0);
    size_t len = fragmenter_next(&cut, frame);
    session_on_datagram(h->session, h->fake.now, frame, len);
    fake_env_advance(&h->fake, MSEC(900));
    send_preamble(h->stream, PREAMBLE_UDP, "game");
    session_on_stream(h->session, &h->stream->pipe);
    assert_int_equal(h->flow_count, 1);
    flow_attach(h->flow, &FLOW, &g);
    assert_int_equal(g.count, 1);
    assert_memory_equal(g.data, "early", 5);
    flow_close(h->flow);

    session_on_datagram(h->session, h->fake.now, frame, len);
    assert_int_equal(session_dropped(h->session), 0);
    fake_env_advance(&h->fake, SEC(2));
    assert_int_equal(session_dropped(h->session), 1);
}

/* And before one that we open there can be none: its handler is not ready for them yet. */
static void datagrams_of_a_flow_that_we_closed_are_not_kept(void **state)
{
    struct harness *h = *state;
    static struct heard g, next;
    struct flow *flow = open_flow(h, &g);
    flow_send(flow, (const uint8_t *)"late", 4);
    flow_close(flow);
    echo(h);
    assert_int_equal(g.count, 0);
    assert_int_equal(session_dropped(h->session), 1);

    static const uint8_t GUESSED[] = {2 * 8, 'x'}; /* for the stream that we open next */
    session_on_datagram(h->session, h->fake.now, GUESSED, sizeof(GUESSED));
    flow = open_flow(h, &next);
    assert_int_equal(next.count, 0);
    session_on_datagram(h->session, h->fake.now, GUESSED, sizeof(GUESSED));
    assert_int_equal(next.count, 1);
    flow_close(flow);
}

static void early_datagrams_are_bounded(void **state)
{
    struct harness *h = *state;
    static const uint8_t FRAME[] = {0x40, 0x82, 'x'};

    for (unsigned i = 0; i < FLOW_EARLY_MAX + 5; i++)
        session_on_datagram(h->session, h->fake.now, FRAME, sizeof(FRAME));
    assert_int_equal(session_dropped(h->session), 5);
}

static void a_refusal_is_told_and_ends_the_flow(void **state)
{
    struct harness *h = *state;
    static struct heard g;
    (void)open_flow(h, &g);
    struct preamble_answer no = {.status = PREAMBLE_DENIED, .reason = "denied"};
    uint8_t out[PREAMBLE_ANSWER_MAX];

    fake_pipe_send(streams[1], out, preamble_answer_write(&no, out));
    assert_int_equal(g.answers, 1);
    assert_int_equal(g.answer.status, PREAMBLE_DENIED);
    assert_int_equal(g.ended, 1);
    assert_true(fake_pipe_is_over(streams[1]));
}

static void a_silent_flow_ends_after_the_idle_time(void **state)
{
    struct harness *h = *state;
    static struct heard g;
    struct flow *flow = open_flow(h, &g);

    fake_env_advance(&h->fake, SEC(59));
    flow_send(flow, (const uint8_t *)"x", 1);
    fake_env_advance(&h->fake, SEC(59));
    assert_int_equal(g.ended, 0);
    fake_env_advance(&h->fake, SEC(1));
    assert_int_equal(g.ended, 1);
}

static void a_flow_ends_with_its_stream(void **state)
{
    struct harness *h = *state;
    static struct heard g, k;

    (void)open_flow(h, &g);
    fake_pipe_break(streams[1], PIPE_RESET_SESSION_LOST);
    assert_int_equal(g.ended, 1);

    send_preamble(h->stream, PREAMBLE_UDP, "");
    session_on_stream(h->session, &h->stream->pipe);
    assert_int_equal(h->what.port, 22);
    memset(&k, 0, sizeof(k));
    flow_attach(h->flow, &FLOW, &k);
    flow_answer(h->flow, PREAMBLE_OK, NULL);
    assert_int_equal(h->stream->sent_len, 2);
    fake_pipe_end(h->stream);
    assert_int_equal(k.ended, 1);
}

static void flows_end_with_the_session(void **state)
{
    struct harness *h = *state;
    static struct heard g;

    (void)open_flow(h, &g);
    session_free(h->session);
    h->session = NULL;
    assert_int_equal(g.ended, 1);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build, end)
    const struct CMUnitTest tests[] = {
        SENTENCE(says_hello_and_its_services_at_once),
        SENTENCE(is_ready_when_the_peer_has_told_its_services),
        SENTENCE(hears_of_changed_services),
        SENTENCE(serves_an_endpoint_that_never_says_hello),
        SENTENCE(will_not_talk_to_another_network),
        SENTENCE(looks_at_no_stream_in_a_named_network_before_hello),
        SENTENCE(serves_no_stream_of_another_network_that_came_before_hello),
        SENTENCE(a_named_network_is_not_for_who_never_says_hello),
        SENTENCE(ends_on_a_malformed_control_message),
        SENTENCE(answers_pings_and_hears_pongs),
        SENTENCE(says_which_sessions_it_does_not_have),
        SENTENCE(asks_and_hears_which_sessions_the_peer_does_not_have),
        SENTENCE(carries_the_messages_of_other_modules_once_it_knows_the_peer),
        SENTENCE(keeps_what_the_control_stream_does_not_take),
        SENTENCE(goes_on_without_a_control_stream_that_was_reset),
        SENTENCE(refuses_a_second_control_stream),
        SENTENCE(hands_over_a_stream_with_its_first_bytes),
        SENTENCE(waits_for_a_preamble_that_comes_in_pieces),
        SENTENCE(drops_a_stream_that_says_nothing_for_ten_seconds),
        SENTENCE(drops_a_stream_that_ends_without_a_word),
        SENTENCE(drops_a_stream_with_a_malformed_preamble),
        SENTENCE(keeps_the_boundaries_of_datagrams_of_every_length),
        SENTENCE(drops_and_counts_datagrams_that_are_too_large_or_too_many),
        SENTENCE(datagrams_that_overtake_their_stream_wait_a_second),
        SENTENCE(datagrams_of_a_flow_that_we_closed_are_not_kept),
        SENTENCE(early_datagrams_are_bounded),
        SENTENCE(a_refusal_is_told_and_ends_the_flow),
        SENTENCE(a_silent_flow_ends_after_the_idle_time),
        SENTENCE(a_flow_ends_with_its_stream),
        SENTENCE(flows_end_with_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
