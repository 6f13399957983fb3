/* Asking STUN servers over TCP where we are seen, with the servers' side driven by the test. */
#include "gateway/node/tcp_stun.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/relay/stun_service.h"
#include "tests/support/fake_env.h"

struct world {
    struct fake_env fake;
    struct tcp_stun stun;
    struct stun_service service;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static int build(void **state)
{
    static struct world w;
    const uint8_t secret[MAP_SECRET_LEN] = {1};
    memset(&w, 0, sizeof(w));
    fake_env_init(&w.fake);
    tcp_stun_start(&w.stun, &w.fake.env);
    stun_service_init(&w.service, secret, true);
    *state = &w;
    return 0;
}

static int demolish(void **state)
{
    struct world *w = *state;
    tcp_stun_stop(&w->stun);
    fake_env_deinit(&w->fake);
    return 0;
}

/* Returns the server's end of the connection, or NULL: it was not asked. */
static struct sock *asks(struct world *w, const char *server)
{
    const struct addr local = at("0.0.0.0:4000"), to = at(server);
    const struct sock *before = fake_last_connect(&w->fake);
    tcp_stun_ask(&w->stun, &local, &to);
    struct sock *s = fake_last_connect(&w->fake);
    if (s == before)
        return NULL;
    const struct addr remote = fake_sock_remote(s);
    assert_true(addr_equal(&remote, &to));
    return s;
}

static size_t write_answer(struct world *w, struct sock *s, const char *seen,
                           uint8_t out[static STUN_ANSWER_MAX])
{
    uint8_t request[512];
    const struct addr from = at(seen);
    fake_sock_connected(s, 0);
    fake_env_settle(&w->fake);
    size_t len = fake_sock_heard(s, request, sizeof(request));
    len = stun_service_answer(&w->service, 0, &from, request, len, out);
    assert_true(len > 0);
    return len;
}

static void answers(struct world *w, struct sock *s, const char *seen)
{
    uint8_t out[STUN_ANSWER_MAX];
    fake_sock_says(s, out, write_answer(w, s, seen, out));
    fake_env_settle(&w->fake);
}

static struct addr agreed(const struct world *w, bool v6)
{
    struct addr vote[TCP_STUN_MAX];
    return tcp_stun_agree(vote, tcp_stun_votes(&w->stun, v6, vote));
}

static void assert_agreed(const struct world *w, const char *seen)
{
    const struct addr a = agreed(w, false), b = at(seen);
    assert_true(addr_equal(&a, &b));
}

static void where_one_server_sees_us_is_believed(void **state)
{
    struct world *w = *state;
    answers(w, asks(w, "198.51.100.1:3478"), "203.0.113.1:4000");
    assert_agreed(w, "203.0.113.1:4000");
    const struct addr none = agreed(w, true);
    assert_true(addr_is_none(&none));
}

static void the_connection_stays_and_is_not_made_again(void **state)
{
    struct world *w = *state;
    struct sock *s = asks(w, "198.51.100.1:3478");
    answers(w, s, "203.0.113.1:4000");
    assert_null(asks(w, "198.51.100.1:3478"));
    assert_false(fake_sock_closed(s));
    tcp_stun_stop(&w->stun);
    assert_null(fake_last_connect(&w->fake));
    const struct addr none = agreed(w, false);
    assert_true(addr_is_none(&none));
}

static void a_nat_that_gives_each_server_its_own_port_has_no_address(void **state)
{
    struct world *w = *state;
    answers(w, asks(w, "198.51.100.1:3478"), "203.0.113.1:4000");
    answers(w, asks(w, "198.51.100.2:3478"), "203.0.113.1:4001");
    const struct addr none = agreed(w, false);
    assert_true(addr_is_none(&none));
}

static void one_liar_among_three_does_no_harm(void **state)
{
    struct world *w = *state;
    answers(w, asks(w, "198.51.100.1:3478"), "203.0.113.66:666");
    answers(w, asks(w, "198.51.100.2:3478"), "203.0.113.1:4000");
    answers(w, asks(w, "198.51.100.3:3478"), "203.0.113.1:4000");
    assert_agreed(w, "203.0.113.1:4000");
}

static void an_answer_may_come_in_pieces_and_not_at_all_from_another_question(void **state)
{
    struct world *w = *state;
    uint8_t out[STUN_ANSWER_MAX];
    struct sock *s = asks(w, "198.51.100.1:3478");
    size_t len = write_answer(w, s, "203.0.113.1:4000", out);
    for (size_t i = 0; i < len; i++) {
        const struct addr none = agreed(w, false);
        assert_true(addr_is_none(&none));
        fake_sock_says(s, out + i, 1);
        fake_env_settle(&w->fake);
    }
    assert_agreed(w, "203.0.113.1:4000");

    s = asks(w, "198.51.100.2:3478");
    (void)write_answer(w, s, "203.0.113.9:9", out);
    out[10] ^= 1; /* the transaction */
    fake_sock_says(s, out, len);
    fake_env_settle(&w->fake);
    assert_agreed(w, "203.0.113.1:4000");
    assert_ptr_not_equal(fake_last_connect(&w->fake), s); /* which was closed */
}

static void what_is_no_answer_ends_it(void **state)
{
    struct world *w = *state;
    uint8_t junk[4096];
    memset(junk, 0xff, sizeof(junk));
    struct sock *s = asks(w, "198.51.100.1:3478");
    fake_sock_connected(s, 0);
    fake_env_settle(&w->fake);
    fake_sock_says(s, junk, sizeof(junk));
    fake_env_settle(&w->fake);
    assert_null(fake_last_connect(&w->fake));
    memset(junk, 0, sizeof(junk));
    memcpy(junk, "\1\1\xf\xfc\x21\x12\xa4\x42", 8); /* an answer of 4 kB, all well */
    fake_env_advance(&w->fake, SEC(5));
    s = asks(w, "198.51.100.1:3478");
    fake_sock_connected(s, 0);
    fake_env_settle(&w->fake);
    fake_sock_says(s, junk, sizeof(junk));
    fake_env_settle(&w->fake);
    assert_null(fake_last_connect(&w->fake));
}

static void what_comes_behind_the_answer_is_not_kept(void **state)
{
    struct world *w = *state;
    uint8_t junk[4096] = {0};
    struct sock *s = asks(w, "198.51.100.1:3478");
    answers(w, s, "203.0.113.1:4000");
    for (unsigned i = 0; i < 10; i++)
        fake_sock_says(s, junk, sizeof(junk));
    fake_env_settle(&w->fake);
    assert_agreed(w, "203.0.113.1:4000");
    assert_ptr_equal(fake_last_connect(&w->fake), s);
}

static void who_says_more_without_end_is_hung_up_on(void **state)
{
    struct world *w = *state;
    static const uint8_t more[1 << 16];
    struct sock *s = asks(w, "198.51.100.1:3478");
    answers(w, s, "203.0.113.1:4000");
    fake_sock_says(s, more, sizeof(more));
    fake_env_settle(&w->fake);
    assert_true(fake_sock_closed(s));
    assert_agreed(w, "203.0.113.1:4000");
}

static void who_refuses_or_hangs_up_is_asked_again_after_five_seconds(void **state)
{
    struct world *w = *state;
    fake_sock_connected(asks(w, "198.51.100.1:3478"), -ECONNREFUSED);
    fake_env_settle(&w->fake);
    assert_null(asks(w, "198.51.100.1:3478"));
    fake_env_advance(&w->fake, SEC(5));
    struct sock *s = asks(w, "198.51.100.1:3478");
    assert_non_null(s);
    answers(w, s, "203.0.113.1:4000");
    fake_sock_ends(s);
    fake_env_settle(&w->fake);
    assert_agreed(w, "203.0.113.1:4000"); /* for the moment */
    assert_null(asks(w, "198.51.100.1:3478"));
    fake_env_advance(&w->fake, SEC(5));
    assert_non_null(asks(w, "198.51.100.1:3478"));
}

static void eight_servers_are_asked_and_no_more(void **state)
{
    struct world *w = *state;
    static const char *const SERVER[] = {"198.51.100.1:1", "198.51.100.2:1", "198.51.100.3:1",
                                         "198.51.100.4:1", "198.51.100.5:1", "198.51.100.6:1",
                                         "198.51.100.7:1", "198.51.100.8:1"};
    for (size_t i = 0; i < TCP_STUN_MAX; i++)
        assert_non_null(asks(w, SERVER[i]));
    assert_null(asks(w, "198.51.100.9:1"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, demolish)
    const struct CMUnitTest tests[] = {
        TEST(where_one_server_sees_us_is_believed),
        TEST(the_connection_stays_and_is_not_made_again),
        TEST(a_nat_that_gives_each_server_its_own_port_has_no_address),
        TEST(one_liar_among_three_does_no_harm),
        TEST(an_answer_may_come_in_pieces_and_not_at_all_from_another_question),
        TEST(what_is_no_answer_ends_it),
        TEST(what_comes_behind_the_answer_is_not_kept),
        TEST(who_says_more_without_end_is_hung_up_on),
        TEST(who_refuses_or_hangs_up_is_asked_again_after_five_seconds),
        TEST(eight_servers_are_asked_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
