/* The TURN client on sockets: what goes where, and who is told what. The protocol itself is tested
 * in turn_client_test.c. */
#include "gateway/relay/turn_link.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/relay/turn_stream.h"
#include "gateway/wire/stun.h"
#include "tests/support/fake_env.h"

struct world {
    struct fake_env env;
    struct turn_link *link;
    struct addr server, peer;
    unsigned ready, peers, datagrams, failed, closed;
    enum turn_peer_state peer_state;
    enum turn_failure failure;
    char reason[TURN_REASON_MAX], heard[64];
    bool free_when_told;
    struct deferred other; /* somebody else who wants a turn */
    unsigned before_other; /* datagrams that came before that */
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void maybe_free(struct world *w)
{
    if (w->free_when_told) {
        turn_link_free(w->link);
        w->link = NULL;
    }
}

static void on_ready(void *arg, const struct addr *relayed)
{
    struct world *w = arg;
    struct addr expected = at("198.51.100.7:50000");
    assert_true(addr_equal(relayed, &expected));
    w->ready++;
    maybe_free(w);
}

static void on_peer(void *arg, const struct addr *peer, enum turn_peer_state state)
{
    struct world *w = arg;
    assert_true(addr_equal(peer, &w->peer));
    w->peer_state = state;
    w->peers++;
    maybe_free(w);
}

static void on_datagram(void *arg, const struct addr *peer, uint8_t *data, size_t len, instant now)
{
    struct world *w = arg;
    (void)now;
    assert_true(addr_equal(peer, &w->peer));
    assert_true(len < sizeof(w->heard));
    memcpy(w->heard, data, len);
    w->heard[len] = '\0';
    data[0] = '!';
    if (w->datagrams++ == 0 && w->other.run)
        env_defer(&w->env.env, &w->other);
    maybe_free(w);
}

static void on_failed(void *arg, enum turn_failure failure, const char *reason)
{
    struct world *w = arg;
    w->failure = failure;
    (void)snprintf(w->reason, sizeof(w->reason), "%s", reason);
    w->failed++;
    maybe_free(w);
}

static void on_closed(void *arg)
{
    struct world *w = arg;
    w->closed++;
    maybe_free(w);
}

static const struct turn_link_handler HANDLER = {on_ready, on_peer, on_datagram, on_failed,
                                                 on_closed};

static int set_up(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof(world));
    fake_env_init(&world.env);
    world.server = at("192.0.2.1:3478");
    world.peer = at("198.51.100.20:5000");
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    turn_link_free(w->link);
    fake_env_deinit(&w->env);
    return 0;
}

static void start(struct world *w, enum turn_link_transport transport)
{
    const struct turn_link_options options = {
        .server = w->server, .transport = transport, .host = "192.0.2.1"};
    assert_int_equal(turn_link_new(&w->link, &w->env.env, &options, &HANDLER, w), 0);
    fake_env_settle(&w->env);
}

/* A server without credentials answers a request; returns the answer's length. */
static size_t answer(const uint8_t *request, size_t len, unsigned code, uint8_t out[STUN_MAX])
{
    struct stun_message m;
    struct stun_writer s;
    struct addr relayed = at("198.51.100.7:50000");

    assert_int_equal(stun_read(&m, request, len), 0);
    stun_begin(&s, out, STUN_MAX, code ? STUN_ERROR : STUN_SUCCESS, m.method, m.id);
    if (code)
        stun_put_error(&s, code, "no");
    else if (m.method == STUN_ALLOCATE)
        stun_put_address(&s, STUN_XOR_RELAYED_ADDRESS, &relayed);
    if (m.method == STUN_ALLOCATE || m.method == STUN_REFRESH)
        stun_put_u32(&s, STUN_LIFETIME, 600);
    return stun_end(&s);
}

/* Answers all that was sent by datagrams since the last time. */
static void serve(struct world *w, unsigned code)
{
    uint8_t out[STUN_MAX];
    struct fake_sent sent[8];
    size_t count = w->env.sent_count;

    assert_true(count > 0 && count <= 8);
    memcpy(sent, w->env.sent, count * sizeof(*sent));
    fake_env_forget_sent(&w->env);
    for (size_t i = 0; i < count; i++) {
        assert_true(addr_equal(&sent[i].to, &w->server));
        size_t len = answer(sent[i].data, sent[i].len, code, out);
        fake_udp_arrives(&w->env, sent[i].socket, &w->server, out, len);
    }
    fake_env_settle(&w->env);
}

static void open_peer(struct world *w)
{
    assert_int_equal(turn_link_open(w->link, &w->peer), 0);
    assert_int_equal(w->peers, 0); /* not from inside the call */
    fake_env_settle(&w->env);
}

static void tells_when_it_is_ready_and_a_peer_open(void **state)
{
    struct world *w = *state;
    start(w, TURN_LINK_UDP);
    serve(w, 0);
    assert_int_equal(w->ready, 1);
    assert_int_equal(turn_link_send(w->link, &w->peer, (const uint8_t *)"a", 1, 0), -ENOTCONN);
    open_peer(w);
    serve(w, 0);
    assert_int_equal(w->peers, 1);
    assert_int_equal(w->peer_state, TURN_PEER_OPEN);
}

static void sends_a_batch_with_a_header_each(void **state)
{
    struct world *w = *state;
    static const uint8_t data[] = "aaaabbbbcc";
    start(w, TURN_LINK_UDP);
    serve(w, 0);
    open_peer(w);
    serve(w, 0);
    assert_int_equal(turn_link_send(w->link, &w->peer, data, 10, 4), 0);
    assert_int_equal(w->env.sent_count, 3);
    assert_int_equal(w->env.sent[0].len, 8);
    assert_memory_equal(w->env.sent[0].data, "\x40\x00\0\4aaaa", 8);
    assert_memory_equal(w->env.sent[1].data, "\x40\x00\0\4bbbb", 8);
    assert_int_equal(w->env.sent[2].len, 6);
    assert_memory_equal(w->env.sent[2].data, "\x40\x00\0\2cc", 6);
    assert_int_equal(turn_link_send(w->link, &w->peer, data, TURN_DATA_MAX + 1, 0), -EMSGSIZE);
    w->env.udp_send_error = -EAGAIN;
    assert_int_equal(turn_link_send(w->link, &w->peer, data, 4, 0), -EAGAIN);
    w->env.udp_send_error = 0;
    fake_udp_arrives(&w->env, w->env.sent[0].socket, &w->server, "\x40\x00\0\5hello", 9);
    assert_int_equal(w->datagrams, 1);
    assert_string_equal(w->heard, "hello");
    w->peer = at("192.0.2.66:1");
    fake_udp_arrives(&w->env, w->env.sent[0].socket, &w->peer, "\x40\x00\0\5hello", 9);
    assert_int_equal(w->datagrams, 1); /* not from the server */
}

static void a_refusal_is_told(void **state)
{
    struct world *w = *state;
    start(w, TURN_LINK_UDP);
    serve(w, 0);
    open_peer(w);
    serve(w, 403);
    assert_int_equal(w->peer_state, TURN_PEER_REFUSED);
}

static void a_failure_is_told_once(void **state)
{
    struct world *w = *state;
    start(w, TURN_LINK_UDP);
    serve(w, 508);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->failure, TURN_CAPACITY);
    fake_env_advance(&w->env, SEC(3600));
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->env.sent_count, 0);
    assert_int_equal(turn_link_send(w->link, &w->peer, (const uint8_t *)"a", 1, 0), -ENOTCONN);
}

static void silence_is_told(void **state)
{
    struct world *w = *state;
    start(w, TURN_LINK_UDP);
    fake_env_advance(&w->env, SEC(10));
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->failure, TURN_SILENT);
}

static void the_end_is_told_when_the_server_has_heard_of_it(void **state)
{
    struct world *w = *state;
    start(w, TURN_LINK_UDP);
    serve(w, 0);
    turn_link_close(w->link);
    assert_int_equal(w->closed, 0);
    fake_env_settle(&w->env);
    serve(w, 0);
    assert_int_equal(w->closed, 1);
    assert_int_equal(w->failed, 0);
}

static void may_be_freed_by_any_callback(void **state)
{
    struct world *w = *state;
    for (unsigned step = 0; step < 5; step++) {
        w->peers = 0;
        start(w, TURN_LINK_UDP);
        w->free_when_told = step == 0;
        serve(w, step == 4 ? 508 : 0);
        if (step > 0 && step < 4)
            open_peer(w);
        w->free_when_told = step <= 1;
        if (step > 0 && step < 4)
            serve(w, 0);
        w->free_when_told = true;
        if (step == 2)
            fake_udp_arrives(&w->env, fake_udp_on(&w->env, (uint16_t)(w->env.next_port - 1)),
                             &w->server, "\x40\x00\0\5hello", 9);
        if (step == 3) {
            turn_link_close(w->link);
            fake_env_settle(&w->env);
            serve(w, 0);
        }
        if (step == 4)
            turn_link_free(w->link); /* failed before it was told to */
        w->link = NULL;
        w->free_when_told = false;
        fake_env_forget_sent(&w->env);
    }
}

/* What our side wrote over the stream since the last time. */
static size_t heard(struct sock *s, uint8_t *out)
{
    return fake_sock_heard(s, out, STUN_MAX);
}

/* The server answers the request that was written last. */
static void reply(struct sock *s)
{
    uint8_t request[STUN_MAX], out[STUN_MAX];
    size_t len = heard(s, request);
    len = answer(request, len, 0, out);
    fake_sock_says(s, out, len);
}

static void a_stream_carries_frames(void **state)
{
    struct world *w = *state;
    uint8_t request[STUN_MAX], out[STUN_MAX];

    start(w, TURN_LINK_TCP);
    struct sock *s = fake_last_connect(&w->env);
    assert_non_null(s);
    assert_int_equal(heard(s, request), 0);
    fake_sock_connected(s, 0);
    fake_env_settle(&w->env);
    size_t len = heard(s, request);
    len = answer(request, len, 0, out);
    for (size_t i = 0; i < len; i++) /* byte by byte */
        fake_sock_says(s, out + i, 1);
    fake_env_settle(&w->env);
    assert_int_equal(w->ready, 1);
    open_peer(w);
    reply(s);
    fake_env_settle(&w->env);
    assert_int_equal(w->peer_state, TURN_PEER_OPEN);

    assert_int_equal(turn_link_send(w->link, &w->peer, (const uint8_t *)"hello", 5, 0), 0);
    fake_env_settle(&w->env);
    assert_int_equal(heard(s, request), 12);
    assert_memory_equal(request, "\x40\x00\0\5hello\0\0\0", 12);
    fake_sock_says(s, "\x40\x00\0\2hi\0\0\x40\x00\0\3you\0", 16);
    fake_env_settle(&w->env);
    assert_int_equal(w->datagrams, 2);
    assert_string_equal(w->heard, "you");
}

static void ignore_connect(void *arg, int err)
{
    (void)arg;
    assert_int_equal(err, 0);
}

static void ignore_ready(void *arg)
{
    (void)arg;
}

static void has_its_turn(struct deferred *work)
{
    struct world *w = container_of(work, struct world, other);
    w->before_other = w->datagrams;
}

static void a_stream_that_never_ends_leaves_others_their_turn(void **state)
{
    struct world *w = *state;
    enum { FRAMES = 65536, LEN = 64 };
    uint8_t *flood = calloc(FRAMES, LEN);

    assert_non_null(flood);
    for (size_t i = 0; i < FRAMES; i++)
        memcpy(flood + i * LEN, "\x40\x00\0\x3chello", 9);
    start(w, TURN_LINK_TCP);
    struct sock *s = fake_last_connect(&w->env);
    fake_sock_connected(s, 0);
    fake_env_settle(&w->env);
    reply(s);
    fake_env_settle(&w->env);
    open_peer(w);
    reply(s);
    fake_env_settle(&w->env);
    w->other.run = has_its_turn;
    fake_sock_says(s, flood, (size_t)FRAMES * LEN);
    fake_env_settle(&w->env);
    free(flood);
    assert_in_range(w->before_other, 1, FRAMES / 2);
    assert_int_equal(w->datagrams, FRAMES); /* though the socket told it only once */
}

/* So that the owner can stop between two of them. */
static void what_is_tls_alone_ends_one_read(void **state)
{
    struct world *w = *state;
    static const struct sock_handler IGNORE = {ignore_connect, ignore_ready};
    struct turn_stream s;

    assert_int_equal(
        turn_stream_connect(&s, &w->env.env, &w->server, "turn.example.net", NULL, &IGNORE, w), 0);
    struct sock *far = fake_last_connect(&w->env);
    fake_sock_connected(far, 0);
    fake_env_settle(&w->env);
    s.connected = true;
    assert_int_equal(turn_stream_flush(&s), 0);
    fake_sock_says(far, "\x16\3\3\0\x7a", 5); /* the head of a record (RFC 8446 §5.1) */
    assert_int_equal(turn_stream_read(&s), -EINTR);
    assert_int_equal(turn_stream_read(&s), -EAGAIN);
    fake_sock_ends(far);
    assert_int_equal(turn_stream_read(&s), -EPROTO);
    turn_stream_close(&s);
}

static void a_slow_stream_says_that_it_is_full(void **state)
{
    struct world *w = *state;
    uint8_t data[1200] = {0};
    unsigned taken = 0;

    start(w, TURN_LINK_TCP);
    struct sock *s = fake_last_connect(&w->env);
    fake_sock_connected(s, 0);
    fake_env_settle(&w->env);
    reply(s);
    fake_env_settle(&w->env);
    open_peer(w);
    reply(s);
    fake_env_settle(&w->env);
    fake_sock_room(s, 0);
    while (turn_link_send(w->link, &w->peer, data, sizeof(data), 0) == 0) {
        fake_env_settle(&w->env);
        assert_true(++taken < 1000);
    }
    assert_int_equal(taken, TURN_STREAM_QUEUE / 1204);
}

static void a_stream_that_breaks_is_told_with_its_reason(void **state)
{
    struct world *w = *state;
    static const char *const REASON[] = {"refused", "closed the connection", "something else",
                                         "timed out"};
    for (unsigned i = 0; i < 4; i++) {
        w->failed = 0;
        start(w, TURN_LINK_TCP);
        struct sock *s = fake_last_connect(&w->env);
        if (i < 3)
            fake_sock_connected(s, i == 0 ? -ECONNREFUSED : 0);
        fake_env_settle(&w->env);
        if (i == 1)
            fake_sock_ends(s);
        if (i == 2)
            fake_sock_says(s, "HTTP/1.1 400\r\n", 14);
        fake_env_advance(&w->env, i == 3 ? SEC(10) : 0);
        assert_int_equal(w->failed, 1);
        assert_non_null(strstr(w->reason, REASON[i]));
        turn_link_free(w->link);
        w->link = NULL;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(tells_when_it_is_ready_and_a_peer_open),
        TEST(sends_a_batch_with_a_header_each),
        TEST(a_refusal_is_told),
        TEST(a_failure_is_told_once),
        TEST(silence_is_told),
        TEST(the_end_is_told_when_the_server_has_heard_of_it),
        TEST(may_be_freed_by_any_callback),
        TEST(a_stream_carries_frames),
        TEST(a_stream_that_never_ends_leaves_others_their_turn),
        TEST(what_is_tls_alone_ends_one_read),
        TEST(a_slow_stream_says_that_it_is_full),
        TEST(a_stream_that_breaks_is_told_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
