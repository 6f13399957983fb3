/* punch and punch_accept on the control socket, against a fake node. */
#include "tests/support/control_stage.h"

#include <errno.h>
#include <stdio.h>

static struct stage stage;

static const struct udp_handler NO_HANDLER;

static int set_up(void **state)
{
    (void)state;
    stage_init(&stage);
    stage_serve(&stage);
    stage_alice_offers(&stage, NULL, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_deinit(&stage);
    return 0;
}

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct node_hole hole_of_alice(void)
{
    const struct addr local = at("0.0.0.0:40001");
    struct node_hole hole = {.peer = stage.alice,
                             .inner = at("10.0.0.2:40001"),
                             .outer = at("203.0.113.1:40001"),
                             .remote = at("203.0.113.2:5000")};

    memset(hole.secret, 0xa7, sizeof(hole.secret));
    assert_int_equal(udp_open(&stage.env.env, &hole.udp, &local, 0, &NO_HANDLER, NULL), 0);
    return hole;
}

static struct sock *ask(const char *line)
{
    struct sock *caller = stage_call(&stage);
    stage_say(caller, line);
    return caller;
}

static void is_made(int err, const char *why)
{
    struct node_hole hole = {.asked = false};
    struct node_hole_wait *w = stage.node.hole_wait;

    assert_non_null(w);
    stage.node.hole_wait = NULL;
    if (err == 0) {
        hole = hole_of_alice();
        hole.asked = true;
    }
    w->done(w, err, why, err == 0 ? &hole : NULL);
    assert_null(hole.udp); /* it was taken */
}

static void hears(struct sock *caller, const char *part)
{
    const char *heard = stage_heard(&stage, caller);
    if (!strstr(heard, part))
        fail_msg("heard %s\nexpected %s", heard, part);
}

static void a_hole_comes_when_the_caller_says_that_it_waits(void **state)
{
    struct sock *caller = ask("{\"cmd\":\"punch\",\"peer\":\"alice\"}");
    (void)state;

    fake_node_connected(&stage.node, 0, "");
    hears(caller, "\"event\":\"punching\"");
    assert_false(stage.node.hole_tcp);
    is_made(0, "");
    const char *answer = stage_heard(&stage, caller);
    assert_non_null(strstr(answer, "\"ok\":true"));
    assert_null(strstr(answer, "a7a7"));
    fake_sock_says(caller, "\n", 1);
    const char *line = stage_heard(&stage, caller);
    assert_non_null(strstr(line, "\"inner\":\"10.0.0.2:40001\""));
    assert_non_null(strstr(line, "\"outer\":\"203.0.113.1:40001\""));
    assert_non_null(strstr(line, "\"remote\":\"203.0.113.2:5000\""));
    assert_non_null(strstr(line, "\"asked\":true"));
    assert_non_null(strstr(line, "\"name\":\"alice\""));
    assert_non_null(strstr(line, "\"secret\":\"a7a7a7"));
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_true(fake_sock_closed(caller));
}

static void a_caller_that_does_not_wait_is_given_up(void **state)
{
    struct sock *leaves = ask("{\"cmd\":\"punch\",\"peer\":\"alice\",\"tcp\":true}");
    (void)state;

    fake_node_connected(&stage.node, 0, "");
    assert_true(stage.node.hole_tcp);
    is_made(0, "");
    assert_non_null(fake_udp_on(&stage.env, 40001));
    stage_leave(leaves);
    assert_null(fake_udp_on(&stage.env, 40001));

    struct sock *idles = ask("{\"cmd\":\"punch\",\"peer\":\"alice\"}");
    fake_node_connected(&stage.node, 0, "");
    is_made(0, "");
    fake_env_advance(&stage.env, SEC(11));
    assert_null(fake_udp_on(&stage.env, 40001));
    assert_true(fake_sock_closed(idles));
}

static void who_leaves_earlier_wants_none(void **state)
{
    struct sock *caller = ask("{\"cmd\":\"punch\",\"peer\":\"alice\"}");
    (void)state;

    fake_node_connected(&stage.node, 0, "");
    assert_non_null(stage.node.hole_wait);
    stage_leave(caller);
    assert_null(stage.node.hole_wait);
}

static void says(const char *line, const char *part)
{
    const char *answer = stage_ask(&stage, line);
    if (!strstr(answer, part))
        fail_msg("%s\n answered %s\n expected %s", line, answer, part);
}

static void every_failure_has_its_exit_code(void **state)
{
    static const struct {
        int err;
        const char *why, *code;
    } CASES[] = {{-ENOENT, "no program waits", "\"code\":3"},
                 {-EACCES, "refused", "\"code\":4"},
                 {-EHOSTUNREACH, "both NATs", "\"code\":5"},
                 {-ETIMEDOUT, "no answer", "\"code\":5"},
                 {-EBUSY, "busy", "\"code\":5"},
                 {-ECANCELED, "stops", "\"code\":1"}};
    (void)state;

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct sock *caller = ask("{\"cmd\":\"punch\",\"peer\":\"alice\"}");
        fake_node_connected(&stage.node, 0, "");
        is_made(CASES[i].err, CASES[i].why);
        const char *answer = stage_heard(&stage, caller);
        assert_non_null(strstr(answer, CASES[i].why));
        assert_non_null(strstr(answer, CASES[i].code));
        stage_leave(caller);
    }
    says("{\"cmd\":\"punch\",\"peer\":\"nobody\"}", "\"code\":3");
    says("{\"cmd\":\"punch\"}", "\"code\":2");

    struct sock *caller = ask("{\"cmd\":\"punch\",\"peer\":\"alice\"}");
    stage.node.hole_error = -EOPNOTSUPP;
    fake_node_connected(&stage.node, 0, "");
    hears(caller, "switched off here");
    stage_leave(caller);
}

static void a_lost_session_is_made_once_more(void **state)
{
    struct sock *caller = ask("{\"cmd\":\"punch\",\"peer\":\"alice\"}");
    (void)state;

    fake_node_connected(&stage.node, 0, "");
    is_made(-ECONNRESET, "the session was lost");
    assert_non_null(stage.node.wait);
    fake_node_connected(&stage.node, 0, "");
    is_made(-ECONNRESET, "the session was lost");
    hears(caller, "\"code\":5");
    stage_leave(caller);
}

static void take(void)
{
    struct node_hole hole = hole_of_alice();

    assert_non_null(stage.node.taker);
    stage.node.taker->take(stage.node.taker, &hole);
    assert_null(hole.udp);
    assert_null(fake_udp_on(&stage.env, 40001)); /* given */
}

static void an_acceptor_gets_one_after_the_other_until_it_leaves(void **state)
{
    struct sock *caller = ask("{\"cmd\":\"punch_accept\",\"peers\":[\"alice\"],\"tcp\":true}");
    (void)state;

    hears(caller, "\"ok\":true");
    assert_null(stage.node.taker); /* it does not wait yet */
    fake_sock_says(caller, "\n", 1);
    assert_non_null(stage.node.taker);
    assert_true(stage.node.taker->tcp);
    assert_int_equal(stage.node.taker->only_count, 1);
    assert_true(peer_id_equal(&stage.node.taker->only[0], &stage.alice));
    take();
    hears(caller, "\"asked\":false");
    take();
    hears(caller, "\"asked\":false");
    stage_leave(caller);
    assert_null(stage.node.taker);
    assert_true(fake_sock_closed(caller));
}

static void an_acceptor_ends_with_the_gateway_and_for_want_of_room(void **state)
{
    struct sock *caller = ask("{\"cmd\":\"punch_accept\"}");
    (void)state;

    fake_sock_says(caller, "\n", 1);
    struct node_hole_taker *taker = stage.node.taker;
    assert_int_equal(taker->only_count, 0);
    stage.node.taker = NULL;
    taker->ended(taker);
    assert_true(fake_sock_closed(caller));

    stage.node.hole_error = -EBUSY;
    caller = ask("{\"cmd\":\"punch_accept\"}");
    fake_sock_says(caller, "\n", 1);
    assert_true(fake_sock_closed(caller));
    says("{\"cmd\":\"punch_accept\",\"peers\":[\"nobody\"]}", "\"code\":3");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hole_comes_when_the_caller_says_that_it_waits),
        TEST(a_caller_that_does_not_wait_is_given_up),
        TEST(who_leaves_earlier_wants_none),
        TEST(every_failure_has_its_exit_code),
        TEST(a_lost_session_is_made_once_more),
        TEST(an_acceptor_gets_one_after_the_other_until_it_leaves),
        TEST(an_acceptor_ends_with_the_gateway_and_for_want_of_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
