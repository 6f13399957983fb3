/* One connection that carries datagrams, and what its other end may do to it. Both ends are ours
 * and the bytes between them go by hand, or the test plays the far one. */
#include "gateway/node/tcp_road.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/stun.h"
#include "tests/support/fake_env.h"

enum { DIALLER, ANSWERER, ENDS, ANSWER_LEN = 32 };

struct end {
    struct tcp_road road;
    struct sock *sock; /* of `road`, to play its far end */
    unsigned ups, downs, batches, questions;
    bool ignores; /* questions */
    size_t bytes, datagrams;
    uint8_t first, last; /* first bytes of the first and last datagram */
    char why[160];
};

struct world {
    struct fake_env fake;
    struct tls_identity *identity;
    struct end end[ENDS];
    size_t step; /* bytes that go at once */
};

static struct end *end_of(struct tcp_road *road)
{
    return container_of(road, struct end, road);
}

static void on_up(struct tcp_road *road)
{
    end_of(road)->ups++;
}

static void on_datagrams(struct tcp_road *road, uint8_t *data, size_t len, size_t segment)
{
    struct end *e = end_of(road);
    assert_true(e->ups == 1);
    for (size_t at = 0; at < len; at += segment) {
        if (e->datagrams++ == 0)
            e->first = data[at];
        e->last = data[at];
    }
    e->batches++;
    e->bytes += len;
    memset(data, 0xff, len);
}

static void on_down(struct tcp_road *road, const char *why)
{
    struct end *e = end_of(road);
    (void)snprintf(e->why, sizeof(e->why), "%s", why);
    e->downs++;
    tcp_road_close(road);
}

/* Our answers repeat the question's last byte. */
static size_t on_stun(struct tcp_road *road, const uint8_t *message, size_t len,
                      uint8_t out[static TCP_ROAD_ANSWER])
{
    struct end *e = end_of(road);
    e->questions++;
    memset(out, message[len - 1], ANSWER_LEN);
    return e->ignores ? 0 : ANSWER_LEN;
}

static const struct tcp_road_handler HANDLER = {on_up, on_datagrams, on_stun, on_down};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    (void)from;
    *(struct sock **)arg = sock;
}

static struct sock *accepted(struct world *w)
{
    static const struct listen_handler LISTENER = {on_accept};
    const struct addr local = at("0.0.0.0:443"), from = at("192.0.2.7:5000");
    struct sock_listener *l;
    struct sock *sock = NULL;

    assert_int_equal(sock_listen(&w->fake.env, &l, &local, &LISTENER, &sock), 0);
    (void)fake_accept(&w->fake, l, &from);
    fake_env_settle(&w->fake);
    listener_close(&w->fake.env, l);
    assert_non_null(sock);
    return sock;
}

static int build(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    fake_env_init(&w->fake);
    assert_int_equal(tls_identity_new(&w->identity), 0);
    w->step = 65536;
    *state = w;
    return 0;
}

static int demolish(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < ENDS; i++)
        tcp_road_close(&w->end[i].road);
    fake_env_deinit(&w->fake);
    tls_identity_free(w->identity);
    free(w);
    return 0;
}

static void dial(struct world *w, bool tls)
{
    struct end *e = &w->end[DIALLER];
    const struct addr to = at("192.0.2.1:443");
    assert_int_equal(tcp_road_dial(&e->road, &w->fake.env, &to, NULL,
                                   tls ? "relay.example.net" : NULL, &HANDLER),
                     0);
    e->sock = fake_last_connect(&w->fake);
    const struct addr dialled = fake_sock_remote(e->sock);
    assert_true(addr_equal(&to, &dialled));
}

static void answer(struct world *w, bool tls)
{
    struct end *e = &w->end[ANSWERER];
    e->sock = accepted(w);
    assert_int_equal(
        tcp_road_answer(&e->road, &w->fake.env, e->sock, tls ? w->identity : NULL, &HANDLER), 0);
}

/* What one end has written goes to the other. Returns false if there was nothing. */
static bool carry(struct world *w, int from)
{
    uint8_t bytes[65536];
    size_t n = fake_sock_heard(w->end[from].sock, bytes, w->step);
    if (n > 0 && w->end[!from].road.sock)
        fake_sock_says(w->end[!from].sock, bytes, n);
    fake_env_settle(&w->fake);
    return n > 0;
}

static void carry_all(struct world *w)
{
    bool moved = true;
    while (moved) {
        moved = carry(w, DIALLER);
        moved = carry(w, ANSWERER) || moved;
    }
}

static void meet(struct world *w, bool tls)
{
    answer(w, tls);
    dial(w, tls);
    fake_sock_connected(w->end[DIALLER].sock, 0);
    fake_env_settle(&w->fake);
    carry_all(w);
    assert_int_equal(w->end[DIALLER].ups, 1);
    assert_int_equal(w->end[ANSWERER].ups, 1);
}

static void send_some(struct world *w, int from, unsigned count, uint8_t first)
{
    uint8_t data[1200];
    for (unsigned i = 0; i < count; i++) {
        memset(data, (uint8_t)(first + i), sizeof(data));
        tcp_road_send(&w->end[from].road, data, sizeof(data), sizeof(data));
    }
    fake_env_settle(&w->fake);
}

static void talk(struct world *w)
{
    uint8_t batch[3 * 1200 + 500] = {7};

    tcp_road_send(&w->end[DIALLER].road, batch, sizeof(batch), 1200);
    fake_env_settle(&w->fake);
    carry_all(w);
    assert_int_equal(w->end[ANSWERER].datagrams, 4);
    assert_int_equal(w->end[ANSWERER].bytes, sizeof(batch));
    assert_int_equal(w->end[ANSWERER].first, 7);
    send_some(w, ANSWERER, 2, 9);
    carry_all(w);
    assert_int_equal(w->end[DIALLER].datagrams, 2);
    assert_int_equal(w->end[DIALLER].first, 9);
}

static void plain_tcp_carries_datagrams_both_ways(void **state)
{
    struct world *w = *state;
    meet(w, false);
    talk(w);
    assert_int_equal(w->end[ANSWERER].batches, 1);
}

static void tls_carries_datagrams_both_ways(void **state)
{
    struct world *w = *state;
    meet(w, true);
    talk(w);
}

static void bytes_may_come_one_at_a_time(void **state)
{
    struct world *w = *state;
    w->step = 1;
    meet(w, true);
    talk(w);
}

static void who_was_called_says_nothing_before_it_hears_hello(void **state)
{
    struct world *w = *state;
    uint8_t bytes[64];

    answer(w, false);
    fake_env_settle(&w->fake);
    assert_int_equal(fake_sock_heard(w->end[ANSWERER].sock, bytes, sizeof(bytes)), 0);
    fake_sock_says(w->end[ANSWERER].sock, "overlay\1", STREAM_HELLO_LEN);
    fake_env_settle(&w->fake);
    assert_int_equal(fake_sock_heard(w->end[ANSWERER].sock, bytes, sizeof(bytes)),
                     STREAM_HELLO_LEN);
}

static void datagrams_before_that_are_lost(void **state)
{
    struct world *w = *state;
    answer(w, false);
    dial(w, false);
    send_some(w, DIALLER, 3, 1);
    fake_sock_connected(w->end[DIALLER].sock, 0);
    fake_env_settle(&w->fake);
    carry_all(w);
    assert_int_equal(w->end[ANSWERER].datagrams, 0);
}

static void when_nothing_can_be_written_the_oldest_are_lost(void **state)
{
    struct world *w = *state;
    const size_t fit = STREAM_QUEUE_MAX / (1200 + STREAM_FRAME_HEADER);

    meet(w, false);
    fake_sock_room(w->end[DIALLER].sock, 0);
    send_some(w, DIALLER, 1, 0);
    send_some(w, DIALLER, 599, 1);
    fake_sock_room(w->end[DIALLER].sock, SIZE_MAX);
    send_some(w, DIALLER, 0, 0);
    fake_env_settle(&w->fake);
    carry_all(w);
    /* What had been handed over already is sent first; the rest is the newest. */
    assert_int_equal(w->end[ANSWERER].datagrams, 1 + fit);
    assert_int_equal(w->end[ANSWERER].first, 0);
    assert_int_equal(w->end[ANSWERER].last, (uint8_t)599);
}

static void a_write_that_stops_in_the_middle_goes_on_there(void **state)
{
    struct world *w = *state;
    meet(w, true);
    for (unsigned room = 1; room < 3000; room += 701) {
        fake_sock_room(w->end[DIALLER].sock, room);
        send_some(w, DIALLER, 2, (uint8_t)room);
        fake_sock_room(w->end[DIALLER].sock, SIZE_MAX);
        fake_env_settle(&w->fake);
        carry_all(w);
        assert_int_equal(w->end[ANSWERER].last, (uint8_t)(room + 1));
    }
    assert_int_equal(w->end[ANSWERER].downs, 0);
}

static void much_is_read_in_turns(void **state)
{
    struct world *w = *state;
    meet(w, true);
    for (unsigned round = 0; round < 20; round++) {
        send_some(w, DIALLER, 150, 1);
        carry_all(w);
    }
    assert_int_equal(w->end[ANSWERER].datagrams, 3000);
}

static void a_stranger_is_sent_away(void **state)
{
    struct world *w = *state;
    answer(w, false);
    fake_sock_says(w->end[ANSWERER].sock, "GET / HTTP/1.1\r\n\r\n", 18);
    fake_env_settle(&w->fake);
    assert_int_equal(w->end[ANSWERER].downs, 1);
    assert_string_equal(w->end[ANSWERER].why, "something else is spoken there");
    assert_true(fake_sock_closed(w->end[ANSWERER].sock));
}

static void a_stranger_at_the_tls_door_is_sent_away(void **state)
{
    struct world *w = *state;
    answer(w, true);
    fake_sock_says(w->end[ANSWERER].sock, "overlay\1", STREAM_HELLO_LEN);
    fake_env_settle(&w->fake);
    assert_int_equal(w->end[ANSWERER].downs, 1);
    assert_int_equal(w->end[ANSWERER].ups, 0);
}

static void bytes_changed_on_the_way_end_it(void **state)
{
    struct world *w = *state;
    uint8_t bytes[8192];

    meet(w, true);
    send_some(w, DIALLER, 1, 1);
    size_t n = fake_sock_heard(w->end[DIALLER].sock, bytes, sizeof(bytes));
    assert_true(n > 1200);
    bytes[n / 2] ^= 1;
    fake_sock_says(w->end[ANSWERER].sock, bytes, n);
    fake_env_settle(&w->fake);
    assert_int_equal(w->end[ANSWERER].downs, 1);
    assert_int_equal(w->end[ANSWERER].datagrams, 0);
}

static void a_connection_that_is_refused_is_told(void **state)
{
    struct world *w = *state;
    dial(w, true);
    fake_sock_connected(w->end[DIALLER].sock, -ECONNREFUSED);
    fake_env_settle(&w->fake);
    assert_int_equal(w->end[DIALLER].downs, 1);
    assert_string_equal(w->end[DIALLER].why, strerror(ECONNREFUSED));
}

static void what_cannot_be_dialled_is_an_error_at_once(void **state)
{
    struct world *w = *state;
    const struct addr to = at("192.0.2.1:443");
    w->fake.connect_error = -ENETUNREACH;
    assert_int_equal(tcp_road_dial(&w->end[DIALLER].road, &w->fake.env, &to, NULL, "", &HANDLER),
                     -ENETUNREACH);
    assert_int_equal(w->end[DIALLER].downs, 0);
}

static void the_other_ends_end_is_told_once(void **state)
{
    struct world *w = *state;
    meet(w, false);
    fake_sock_ends(w->end[DIALLER].sock);
    fake_env_settle(&w->fake);
    assert_int_equal(w->end[DIALLER].downs, 1);
    assert_string_equal(w->end[DIALLER].why, "the connection was closed");
}

static void an_end_in_the_tls_handshake_is_told(void **state)
{
    struct world *w = *state;
    answer(w, true);
    fake_sock_ends(w->end[ANSWERER].sock);
    fake_env_settle(&w->fake);
    assert_int_equal(w->end[ANSWERER].downs, 1);
}

static void a_reset_is_told(void **state)
{
    struct world *w = *state;
    meet(w, true);
    fake_sock_fails(w->end[ANSWERER].sock, -ECONNRESET);
    fake_env_settle(&w->fake);
    assert_int_equal(w->end[ANSWERER].downs, 1);
}

/* ---- STUN ---- */

static size_t question(uint8_t out[static 64], uint8_t last)
{
    static const uint8_t ID[STUN_ID_LEN] = {1, 2, 3};
    struct stun_writer w;
    char text[5] = {'a', 'b', 'c', (char)last, 0};
    stun_begin(&w, out, 64, STUN_REQUEST, STUN_BINDING, ID);
    stun_put_text(&w, STUN_SOFTWARE, text);
    return stun_end(&w);
}

static void ask(struct world *w, const uint8_t *bytes, size_t len)
{
    if (w->end[ANSWERER].road.sock)
        fake_sock_says(w->end[ANSWERER].sock, bytes, len);
    fake_env_settle(&w->fake);
}

static void assert_answer(struct world *w, uint8_t byte)
{
    uint8_t bytes[4 * ANSWER_LEN];
    assert_int_equal(fake_sock_heard(w->end[ANSWERER].sock, bytes, sizeof(bytes)), ANSWER_LEN);
    assert_int_equal(bytes[0], byte);
    assert_int_equal(w->end[ANSWERER].downs, 0);
}

static void who_says_stun_is_answered_as_often_as_it_asks(void **state)
{
    struct world *w = *state;
    uint8_t bytes[64];
    answer(w, false);
    for (uint8_t i = 'A'; i < 'D'; i++) {
        ask(w, bytes, question(bytes, i));
        assert_answer(w, i);
    }
    assert_int_equal(w->end[ANSWERER].ups, 0);
}

static void at_the_tls_door_stun_may_be_said_in_the_clear(void **state)
{
    struct world *w = *state;
    uint8_t bytes[64];
    answer(w, true);
    for (uint8_t i = 'A'; i < 'D'; i++) {
        ask(w, bytes, question(bytes, i));
        assert_answer(w, i);
    }
}

static void a_question_may_come_in_pieces(void **state)
{
    struct world *w = *state;
    uint8_t bytes[64], heard[64];
    size_t len = question(bytes, 'Z');
    answer(w, true);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(fake_sock_heard(w->end[ANSWERER].sock, heard, sizeof(heard)), 0);
        ask(w, bytes + i, 1);
    }
    assert_answer(w, 'Z');
}

static void within_tls_it_may_be_said_too(void **state)
{
    struct world *w = *state;
    struct end *d = &w->end[DIALLER];
    answer(w, true);
    dial(w, true);
    /* Instead of the hello. */
    d->road.out_len = question(d->road.out, 'Q');
    fake_sock_connected(d->sock, 0);
    fake_env_settle(&w->fake);
    carry_all(w);
    assert_int_equal(w->end[ANSWERER].questions, 1);
    assert_int_equal(w->end[ANSWERER].downs, 0);
    assert_int_equal(d->downs, 1); /* which has heard no hello */
}

static void what_only_begins_like_stun_ends_it(void **state)
{
    struct world *w = *state;
    static const uint8_t OTHER[][8] = {{0, 1, 0, 1}, {0, 1, 0xff, 0xfc}, {0, 1, 0, 0, 1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof(OTHER) / sizeof(OTHER[0]); i++) {
        w->end[ANSWERER].downs = 0;
        answer(w, i % 2);
        ask(w, OTHER[i], sizeof(OTHER[i]));
        assert_int_equal(w->end[ANSWERER].downs, 1);
    }
    assert_int_equal(w->end[ANSWERER].questions, 0);
}

static void who_is_not_answered_is_sent_away(void **state)
{
    struct world *w = *state;
    uint8_t bytes[64];
    w->end[ANSWERER].ignores = true;
    answer(w, false);
    ask(w, bytes, question(bytes, 'A'));
    assert_int_equal(w->end[ANSWERER].downs, 1);
}

static void who_asks_without_reading_the_answers_is_sent_away(void **state)
{
    struct world *w = *state;
    uint8_t bytes[64];
    answer(w, false);
    fake_sock_room(w->end[ANSWERER].sock, ANSWER_LEN + 5);
    ask(w, bytes, question(bytes, 'A'));
    assert_int_equal(w->end[ANSWERER].downs, 0);
    ask(w, bytes, question(bytes, 'B'));
    assert_int_equal(w->end[ANSWERER].downs, 1);
}

static void whom_we_dialled_is_not_answered(void **state)
{
    struct world *w = *state;
    uint8_t bytes[64];
    dial(w, false);
    fake_sock_connected(w->end[DIALLER].sock, 0);
    fake_env_settle(&w->fake);
    fake_sock_says(w->end[DIALLER].sock, bytes, question(bytes, 'A'));
    fake_env_settle(&w->fake);
    assert_int_equal(w->end[DIALLER].downs, 1);
    assert_int_equal(w->end[DIALLER].questions, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, demolish)
    const struct CMUnitTest tests[] = {
        TEST(plain_tcp_carries_datagrams_both_ways),
        TEST(tls_carries_datagrams_both_ways),
        TEST(bytes_may_come_one_at_a_time),
        TEST(who_was_called_says_nothing_before_it_hears_hello),
        TEST(datagrams_before_that_are_lost),
        TEST(when_nothing_can_be_written_the_oldest_are_lost),
        TEST(a_write_that_stops_in_the_middle_goes_on_there),
        TEST(much_is_read_in_turns),
        TEST(a_stranger_is_sent_away),
        TEST(a_stranger_at_the_tls_door_is_sent_away),
        TEST(bytes_changed_on_the_way_end_it),
        TEST(a_connection_that_is_refused_is_told),
        TEST(what_cannot_be_dialled_is_an_error_at_once),
        TEST(the_other_ends_end_is_told_once),
        TEST(an_end_in_the_tls_handshake_is_told),
        TEST(a_reset_is_told),
        TEST(who_says_stun_is_answered_as_often_as_it_asks),
        TEST(at_the_tls_door_stun_may_be_said_in_the_clear),
        TEST(a_question_may_come_in_pieces),
        TEST(within_tls_it_may_be_said_too),
        TEST(what_only_begins_like_stun_ends_it),
        TEST(who_is_not_answered_is_sent_away),
        TEST(who_asks_without_reading_the_answers_is_sent_away),
        TEST(whom_we_dialled_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
