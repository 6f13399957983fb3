/* The socket where every program of the machine may look names up. */
#include "dns/names_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dns/nss/wire.h"
#include "tests/support/fake_env.h"

#define SOCKET "/run/overlay/names.sock"

static struct fake_env fake;
static struct names_server *server;
static struct nss_answer reply;
static char asked[300];
static unsigned questions;
static struct deferred *at_first_question; /* or NULL */

static int find_host(void *arg, const char *host, struct answer_host *out)
{
    (void)arg;
    if (questions++ == 0 && at_first_question)
        env_defer(&fake.env, at_first_question);
    (void)strcpy(asked, host);
    if (strcmp(host, "alice.overlay") == 0)
        *out = (struct answer_host){.has_v4 = true, .v4 = {198, 19, 4, 5}};
    else if (strcmp(host, "both.overlay") == 0)
        *out = (struct answer_host){.has_v4 = true, .has_v6 = true, .v4 = {127}, .v6 = {[15] = 1}};
    else if (strcmp(host, "bare.overlay") != 0)
        return -ENOENT;
    return 0;
}

static bool named_range(void *arg, struct addr_prefix *out)
{
    (void)arg;
    return addr_prefix_parse(out, "198.19.0.0/16") == 0;
}

static int find_name(void *arg, const uint8_t ip[static 4], char name[static ANSWER_HOST_MAX + 1])
{
    (void)arg;
    questions++;
    (void)strcpy(name, "alice.overlay");
    return ip[3] == 5 ? 0 : -ENOENT;
}

static const struct answer_source source = {
    .find_host = find_host, .named_range = named_range, .find_name = find_name};

static int build(void **state)
{
    (void)state;
    fake_env_init(&fake);
    questions = 0;
    at_first_question = NULL;
    assert_int_equal(names_server_new(&server, &fake.env, SOCKET, "overlay", &source, NULL), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    names_server_free(server);
    fake_env_deinit(&fake);
    return 0;
}

static struct sock *dial(void)
{
    const struct addr none = {0};
    struct sock *s = fake_accept(&fake, fake_listener_on_path(&fake, SOCKET), &none);
    assert_non_null(s);
    return s;
}

static void say(struct sock *s, const struct nss_question *q)
{
    uint8_t data[NSS_QUESTION_MAX];
    fake_sock_says(s, data, nss_question_write(q, data));
    fake_env_settle(&fake);
}

static bool hear(struct sock *s)
{
    uint8_t data[4 * NSS_ANSWER_MAX];
    size_t len = fake_sock_heard(s, data, sizeof(data));
    return len > 0 && nss_answer_read(&reply, data, len) == (int)len;
}

static bool ask(const char *name)
{
    struct nss_question q = {.by_address = false};
    struct sock *s = dial();
    (void)strcpy(q.name, name);
    say(s, &q);
    assert_true(hear(s));
    fake_sock_ends(s);
    fake_env_settle(&fake);
    assert_true(fake_sock_closed(s));
    return reply.found;
}

static bool ask_address(const char *text)
{
    struct nss_question q = {.by_address = true};
    struct addr at;
    size_t len;
    struct sock *s = dial();
    assert_int_equal(addr_parse_ip(&at, text, 0), 0);
    memcpy(q.ip, addr_ip(&at, &len), sizeof(q.ip));
    say(s, &q);
    assert_true(hear(s));
    return reply.found;
}

static void says_what_dns_says(void **state)
{
    (void)state;
    assert_true(ask("alice.overlay"));
    assert_int_equal(reply.count, 1);
    assert_int_equal(reply.ttl, 30);
    assert_int_equal(reply.address[0].len, 4);
    assert_memory_equal(reply.address[0].ip, "\306\023\4\5", 4);
    assert_true(ask("ALICE.Overlay."));
    assert_string_equal(asked, "alice.overlay");
    assert_true(ask("both.overlay"));
    assert_int_equal(reply.count, 2);
    assert_int_equal(reply.address[1].len, 16);
    assert_true(ask("bare.overlay"));
    assert_int_equal(reply.count, 0);
    assert_false(ask("bob.overlay"));
}

static void other_names_are_not_even_looked_at(void **state)
{
    (void)state;
    static const char *const names[] = {
        "example.com",  "overlay",  ".overlay",       "xoverlay", "alice.overlay.localhost",
        "alice.overla", "overlay.", "alice.overlay.."};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_false(ask(names[i]));
    assert_int_equal(questions, 0);
}

static void names_the_addresses_of_the_range(void **state)
{
    (void)state;
    assert_true(ask_address("198.19.4.5"));
    assert_string_equal(reply.name, "alice.overlay");
    assert_false(ask_address("198.19.4.6"));
    assert_string_equal(reply.name, "");
    assert_int_equal(questions, 2);
    assert_false(ask_address("192.0.2.5"));
    assert_int_equal(questions, 2);
}

static void questions_may_come_in_pieces_and_together(void **state)
{
    (void)state;
    struct nss_question q = {.name = "alice.overlay"};
    uint8_t data[2 * NSS_QUESTION_MAX], heard[2 * NSS_ANSWER_MAX];
    size_t len = nss_question_write(&q, data);
    memcpy(data + len, data, len);
    struct sock *s = dial();
    for (size_t i = 0; i < len; i++) {
        fake_sock_says(s, data + i, 1);
        fake_env_settle(&fake);
    }
    assert_true(hear(s));
    fake_sock_says(s, data, 2 * len);
    fake_env_settle(&fake);
    size_t got = fake_sock_heard(s, heard, sizeof(heard));
    int first = nss_answer_read(&reply, heard, got);
    assert_true(first > 0 && reply.found);
    assert_int_equal(nss_answer_read(&reply, heard + first, got - (size_t)first), (int)got - first);
}

static unsigned questions_before_others;

static void others_have_their_turn(struct deferred *work)
{
    (void)work;
    questions_before_others = questions;
}

static void nobody_waits_for_all_that_another_asks(void **state)
{
    (void)state;
    enum { MANY = 20 };
    struct nss_question q = {.by_address = false};
    struct deferred others = {.run = others_have_their_turn};
    uint8_t data[MANY * NSS_QUESTION_MAX];
    size_t len = 0;
    struct sock *s = dial();
    memset(q.name, 'x', NSS_NAME_MAX); /* so that each takes a read */
    memcpy(q.name + NSS_NAME_MAX - 8, ".overlay", 8);
    while (len < sizeof(data))
        len += nss_question_write(&q, data + len);
    at_first_question = &others;
    fake_sock_says(s, data, len);
    assert_int_equal(questions, MANY);
    assert_in_range(questions_before_others, 1, 8);
    assert_false(fake_sock_closed(s));
}

static void who_says_anything_else_is_dropped(void **state)
{
    (void)state;
    struct sock *s = dial();
    fake_sock_says(s, "GET / HTTP/1.1\r\n", 16);
    fake_env_settle(&fake);
    assert_true(fake_sock_closed(s));
}

static void who_says_nothing_is_dropped_after_two_seconds(void **state)
{
    (void)state;
    struct nss_question q = {.name = "alice.overlay"};
    struct sock *silent = dial();
    fake_env_advance(&fake, MSEC(1500));
    struct sock *other = dial();
    say(other, &q);
    fake_env_advance(&fake, MSEC(600));
    assert_true(fake_sock_closed(silent));
    assert_false(fake_sock_closed(other));
    say(other, &q);
    fake_env_advance(&fake, MSEC(1900));
    assert_false(fake_sock_closed(other));
    fake_env_advance(&fake, MSEC(200));
    assert_true(fake_sock_closed(other));
}

static void who_does_not_read_is_dropped(void **state)
{
    (void)state;
    struct nss_question q = {.name = "alice.overlay"};
    struct sock *s = dial();
    fake_sock_room(s, 3);
    say(s, &q);
    assert_true(fake_sock_closed(s));
}

static void a_crowd_keeps_nobody_out(void **state)
{
    (void)state;
    struct sock *first = dial();
    for (unsigned i = 1; i < NAMES_CLIENTS_MAX; i++)
        (void)dial();
    assert_false(fake_sock_closed(first));
    assert_true(ask("alice.overlay"));
    assert_true(fake_sock_closed(first));
}

static void a_path_that_cannot_be_is_told(void **state)
{
    (void)state;
    struct names_server *other;
    fake.listen_error = -ENOENT;
    assert_int_equal(names_server_new(&other, &fake.env, "/none/x", "overlay", &source, NULL),
                     -ENOENT);
    fake.listen_error = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_dns_says, build, end),
        cmocka_unit_test_setup_teardown(other_names_are_not_even_looked_at, build, end),
        cmocka_unit_test_setup_teardown(names_the_addresses_of_the_range, build, end),
        cmocka_unit_test_setup_teardown(questions_may_come_in_pieces_and_together, build, end),
        cmocka_unit_test_setup_teardown(nobody_waits_for_all_that_another_asks, build, end),
        cmocka_unit_test_setup_teardown(who_says_anything_else_is_dropped, build, end),
        cmocka_unit_test_setup_teardown(who_says_nothing_is_dropped_after_two_seconds, build, end),
        cmocka_unit_test_setup_teardown(who_does_not_read_is_dropped, build, end),
        cmocka_unit_test_setup_teardown(a_crowd_keeps_nobody_out, build, end),
        cmocka_unit_test_setup_teardown(a_path_that_cannot_be_is_told, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
