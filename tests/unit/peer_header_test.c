/* The service learns who calls, from every request, and the caller cannot lie. */
#include "adapters/peer_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/upgrade_watch.h"
#include "gateway/wire/http_head.h"
#include "tests/support/fake_env.h"
#include "tests/support/local_world.h"

struct harness {
    struct fake_env fake;
    struct fake_pipe below;
    struct pipe *pipe;
    struct peer_id peer;
    char id[PEER_ID_TEXT_MAX];
    char out[100000];
    size_t len;
    size_t step; /* bytes taken at a time */
    bool was_reset;
};

static void on_event(void *arg)
{
    (void)arg;
}

static void on_reset(void *arg, enum pipe_reset why)
{
    struct harness *h = arg;
    assert_int_equal(why, PIPE_RESET_PROTOCOL);
    h->was_reset = true;
}

static int build(void **state)
{
    static const struct pipe_handler events = {on_event, on_event, on_reset};
    struct harness *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    fake_env_init(&h->fake);
    fake_pipe_init(&h->below);
    h->peer.key[0] = 7;
    (void)peer_id_print(&h->peer, h->id);
    h->step = SIZE_MAX;
    assert_int_equal(peer_header_new(&h->pipe, &h->fake.env, &h->below.pipe, &h->peer), 0);
    pipe_attach(h->pipe, &events, h);
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct harness *h = *state;
    h->pipe->ops->close(h->pipe);
    assert_true(h->below.closed);
    fake_env_deinit(&h->fake);
    free(h);
    return 0;
}

/* Takes what the service would get. */
static void drain(struct harness *h)
{
    struct iovec area[64];
    int count;
    while ((count = h->pipe->ops->peek(h->pipe, area, 64)) > 0) {
        size_t taken = 0;
        for (int i = 0; i < count && taken < h->step; i++) {
            size_t part = area[i].iov_len;
            part = part < h->step - taken ? part : h->step - taken;
            assert_true(h->len + part < sizeof(h->out));
            memcpy(h->out + h->len, area[i].iov_base, part);
            h->len += part;
            taken += part;
        }
        assert_true(taken > 0);
        h->pipe->ops->consume(h->pipe, taken);
    }
    fake_env_settle(&h->fake);
    h->out[h->len] = '\0';
}

static void say(struct harness *h, const char *text)
{
    fake_pipe_say(&h->below, text);
    drain(h);
}

/* `expected` has an '@' where the peer's id belongs. */
static void expect(struct harness *h, const char *expected)
{
    char text[8192], *at = text;
    for (const char *c = expected; *c; c++) {
        size_t n = *c == '@' ? PEER_ID_TEXT_LEN : 1;
        memcpy(at, *c == '@' ? h->id : c, n);
        at += n;
    }
    *at = '\0';
    assert_string_equal(h->out, text);
    h->len = 0;
    h->out[0] = '\0';
}

static void server_says(struct harness *h, const char *text)
{
    struct iovec area[2];
    size_t len = strlen(text), at = 0;
    int count = h->pipe->ops->reserve(h->pipe, area);
    for (int i = 0; i < count && at < len; i++) {
        size_t part = area[i].iov_len < len - at ? area[i].iov_len : len - at;
        memcpy(area[i].iov_base, text + at, part);
        at += part;
    }
    assert_int_equal(at, len);
    h->pipe->ops->commit(h->pipe, len);
    fake_env_settle(&h->fake);
    drain(h);
}

static void every_request_gets_the_field(void **state)
{
    struct harness *h = *state;
    say(h, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(h, "GET / HTTP/1.1\r\nHost: a\r\nX-Overlay-Peer: @\r\n\r\n");
    say(h, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.0\r\n\r\n");
    expect(h, "GET /1 HTTP/1.1\r\nHost: a\r\nX-Overlay-Peer: @\r\n\r\n"
              "GET /2 HTTP/1.0\r\nX-Overlay-Peer: @\r\n\r\n");
}

static void the_callers_own_field_is_taken_away(void **state)
{
    struct harness *h = *state;
    say(h, "GET / HTTP/1.1\r\nX-Overlay-Peer: liar\r\nHost: a\r\nx-overlay-PEER:liar\r\n"
           "X_Overlay_Peer: liar\r\nX-Overlay-Peers: b\r\n\r\n");
    expect(h, "GET / HTTP/1.1\r\nHost: a\r\nX-Overlay-Peers: b\r\nX-Overlay-Peer: @\r\n\r\n");
}

static void bodies_pass_and_requests_behind_them_are_seen(void **state)
{
    struct harness *h = *state;
    say(h, "POST / HTTP/1.1\r\nContent-Length: 29\r\n\r\nGET / HTTP/1.1\r\nX-Overlay-Peer"
           "GET /2 HTTP/1.1\r\nX-Overlay-Peer: liar\r\n\r\n");
    assert_null(strstr(h->out, "liar"));
    h->len = 0;
    say(h, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    expect(h, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Overlay-Peer: @\r\n\r\n"
              "5\r\nhello\r\n");
    say(h, "0\r\n\r\nGET / HTTP/1.1\r\nX-Overlay-Peer: liar\r\n\r\n");
    expect(h, "0\r\n\r\nGET / HTTP/1.1\r\nX-Overlay-Peer: @\r\n\r\n");
}

static void the_pieces_may_be_of_any_size(void **state)
{
    struct harness *h = *state;
    static const char text[] = "POST /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
                               "POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\n\r\n"
                               "GET /3 HTTP/1.1\r\nX-Overlay-Peer: liar\r\n\r\n";
    static const char expected[] =
        "POST /1 HTTP/1.1\r\nContent-Length: 3\r\nX-Overlay-Peer: @\r\n\r\nabc"
        "POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Overlay-Peer: @\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\n"
        "GET /3 HTTP/1.1\r\nX-Overlay-Peer: @\r\n\r\n";
    for (size_t in = 1; in < sizeof(text); in++) {
        h->step = in % 7 + 1;
        for (size_t at = 0; at < sizeof(text) - 1; at += in) {
            size_t left = sizeof(text) - 1 - at;
            fake_pipe_send(&h->below, text + at, in < left ? in : left);
            drain(h);
        }
        expect(h, expected);
    }
}

static void expect_broken(struct harness *h)
{
    assert_true(h->was_reset);
    assert_null(strstr(h->out, "liar"));
    struct iovec area[64];
    assert_int_equal(h->pipe->ops->peek(h->pipe, area, 64), 0);
    assert_false(h->pipe->ops->at_end(h->pipe));
}

static void a_request(void **state, const char *text)
{
    struct harness *h = *state;
    say(h, text);
    expect_broken(h);
}

static void what_is_not_http_is_reset(void **state)
{
    a_request(state, "SSH-2.0-liar\r\n\r\n");
}

static void trailers_are_reset(void **state)
{
    a_request(state,
              "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X-Overlay-Peer\r\n\r\n"
              "3\r\nabc\r\n0\r\nX-Overlay-Peer: liar\r\n\r\n");
}

static void http2_is_reset(void **state)
{
    a_request(state, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nliar");
}

static void two_lengths_are_reset(void **state)
{
    a_request(state,
              "POST /liar HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void bare_line_feeds_are_reset(void **state)
{
    a_request(state, "GET /liar HTTP/1.1\nHost: a\n\n");
}

static void connect_is_reset(void **state)
{
    a_request(state, "CONNECT liar:80 HTTP/1.1\r\n\r\n");
}

static void asking_proxies_to_drop_the_field_is_reset(void **state)
{
    a_request(state, "GET /liar HTTP/1.1\r\nConnection: close, x-overlay-peer\r\n\r\n");
}

static void a_broken_chunk_is_reset(void **state)
{
    struct harness *h = *state;
    say(h, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    h->len = 0;
    say(h, "zz\r\nliar");
    expect_broken(h);
}

static void a_head_without_end_is_reset(void **state)
{
    struct harness *h = *state;
    say(h, "GET / HTTP/1.1\r\n");
    for (unsigned i = 0; i < 2000 && !h->was_reset; i++)
        say(h, "A-Field: liar\r\n");
    expect_broken(h);
}

static void a_head_without_room_for_one_field_more_is_reset(void **state)
{
    struct harness *h = *state;
    say(h, "GET / HTTP/1.1\r\n");
    for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++)
        say(h, "A: b\r\n");
    say(h, "\r\n");
    expect_broken(h);
}

static const char UPGRADE[] =
    "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

static void an_upgrade_that_is_granted_lets_everything_pass(void **state)
{
    struct harness *h = *state;
    say(h, UPGRADE);
    expect(h, "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              "X-Overlay-Peer: @\r\n\r\n");
    say(h, "frame");
    expect(h, "");
    server_says(h, "HTTP/1.1 100 Continue\r\nHTTP/1.1 101 not this\r\n\r\nHTTP/1.1 10");
    expect(h, "");
    server_says(h, "1 Switching Protocols\r\n\r\nframe");
    expect(h, "frame");
    say(h, "\r\nmore");
    expect(h, "\r\nmore");
}

static void an_upgrade_that_is_not_granted_changes_nothing(void **state)
{
    struct harness *h = *state;
    say(h, UPGRADE);
    h->len = 0;
    say(h, "GET / HTTP/1.1\r\nX-Overlay-Peer: liar\r\n\r\n");
    expect(h, "");
    server_says(h, "HTTP/1.1 200 OK\r\n\r\n");
    expect(h, "GET / HTTP/1.1\r\nX-Overlay-Peer: @\r\n\r\n");
}

static void other_upgrades_are_not_passed_on(void **state)
{
    struct harness *h = *state;
    say(h, "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    expect(h, "GET / HTTP/1.1\r\nConnection: Upgrade\r\nX-Overlay-Peer: @\r\n\r\n");
    say(h, UPGRADE); /* not the first request */
    expect(h, "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nX-Overlay-Peer: @\r\n\r\n");
}

static void the_end_comes_after_the_last_byte(void **state)
{
    struct harness *h = *state;
    fake_pipe_say(&h->below, "GET / HTTP/1.1\r\n\r\n");
    fake_pipe_end(&h->below);
    struct iovec area[2];
    assert_int_equal(h->pipe->ops->peek(h->pipe, area, 2), 1);
    assert_false(h->pipe->ops->at_end(h->pipe));
    drain(h);
    assert_true(h->pipe->ops->at_end(h->pipe));
}

static void the_other_direction_is_the_streams_own(void **state)
{
    struct harness *h = *state;
    server_says(h, "HTTP/1.1 200 OK\r\n\r\n");
    assert_string_equal(fake_pipe_heard(&h->below), "HTTP/1.1 200 OK\r\n\r\n");
    h->pipe->ops->finish(h->pipe);
    assert_true(h->below.finished);
    assert_false(h->pipe->ops->drained(h->pipe));
    fake_pipe_take(&h->below);
    assert_true(h->pipe->ops->drained(h->pipe));
}

static void only_101_is_a_grant(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum upgrade_answer answer;
    } cases[] = {
        {"HTTP/1.1 101", UPGRADE_DONE},
        {"HTTP/1.0 101", UPGRADE_DONE},
        {"HTTP/1.1 200", UPGRADE_REFUSED},
        {"HTTP/2.0 101", UPGRADE_REFUSED},
        {"HTTP/1.1 103 x\r\na: b\r\n\r\nHTTP/1.1 200", UPGRADE_REFUSED},
        {"HTTP/1.1 103 x\na: b\n\nHTTP/1.1 101", UPGRADE_DONE},
        {"HTTP/1.1 10", UPGRADE_UNKNOWN},
        {"garbage garbage", UPGRADE_REFUSED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct upgrade_watch whole, bytes;
        size_t len = strlen(cases[i].text);
        const uint8_t *data = (const uint8_t *)cases[i].text;
        upgrade_watch_init(&whole);
        assert_int_equal(upgrade_watch_take(&whole, data, len), cases[i].answer);
        upgrade_watch_init(&bytes);
        enum upgrade_answer answer = UPGRADE_UNKNOWN;
        for (size_t at = 0; at < len && answer == UPGRADE_UNKNOWN; at++)
            answer = upgrade_watch_take(&bytes, data + at, 1);
        assert_int_equal(answer, cases[i].answer);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_request_gets_the_field),
        TEST(the_callers_own_field_is_taken_away),
        TEST(bodies_pass_and_requests_behind_them_are_seen),
        TEST(the_pieces_may_be_of_any_size),
        TEST(what_is_not_http_is_reset),
        TEST(trailers_are_reset),
        TEST(a_head_without_room_for_one_field_more_is_reset),
        TEST(http2_is_reset),
        TEST(two_lengths_are_reset),
        TEST(bare_line_feeds_are_reset),
        TEST(connect_is_reset),
        TEST(asking_proxies_to_drop_the_field_is_reset),
        TEST(a_broken_chunk_is_reset),
        TEST(a_head_without_end_is_reset),
        TEST(an_upgrade_that_is_granted_lets_everything_pass),
        TEST(an_upgrade_that_is_not_granted_changes_nothing),
        TEST(other_upgrades_are_not_passed_on),
        TEST(the_end_comes_after_the_last_byte),
        TEST(the_other_direction_is_the_streams_own),
        cmocka_unit_test(only_101_is_a_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
