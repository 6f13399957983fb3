/* Questions passed on: what is sent, what is believed, and what happens when nobody answers. */
#include "dns/forward.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/dns_wire.h"
#include "tests/support/fake_env.h"

struct harness {
    struct fake_env fake;
    struct forward forward;
    struct addr upstream[2];
    uint16_t first_port; /* of the sockets that are opened */
    unsigned answers;
    uint8_t answer[70000];
    size_t len;
};

static struct harness h;
static struct wire w;
static struct precheck pre;
static int client; /* its address stands for a TCP client */

static void on_answer(void *arg, const struct forward_asker *asker, const uint8_t *answer,
                      size_t len)
{
    (void)arg;
    (void)asker;
    h.answers++;
    memcpy(h.answer, answer, len);
    h.len = len;
}

static int build(void **state)
{
    (void)state;
    memset(&h, 0, sizeof(h));
    fake_env_init(&h.fake);
    assert_int_equal(addr_parse(&h.upstream[0], "192.0.2.1:53"), 0);
    assert_int_equal(addr_parse(&h.upstream[1], "192.0.2.2:53"), 0);
    forward_init(&h.forward, &h.fake.env, h.upstream, 2);
    h.forward.on_answer = on_answer;
    h.first_port = h.fake.next_port;
    return 0;
}

static int end(void **state)
{
    (void)state;
    forward_deinit(&h.forward);
    fake_env_deinit(&h.fake);
    return 0;
}

static int ask_as(bool tcp)
{
    struct forward_asker asker = {.who = tcp ? &client : NULL,
                                  .udp = tcp ? NULL : (struct udp_socket *)(void *)&client};
    assert_int_equal(precheck_query(&pre, w.data, w.len), PRECHECK_OK);
    return forward_query(&h.forward, &asker, &pre, w.data, w.len);
}

static void ask(const char *name, bool tcp)
{
    wire_query(&w, name, 1);
    assert_int_equal(ask_as(tcp), 0);
}

static struct fake_sent *sent(size_t n)
{
    assert_true(n < h.fake.sent_count);
    return &h.fake.sent[n];
}

/* What an honest server would answer to what was sent, into `w`. */
static void make_answer(size_t n)
{
    w.len = 0;
    wire_bytes(&w, sent(n)->data, sent(n)->len);
    w.data[2] |= 0x80;
    w.data[3] |= 0x80;
    w.data[7] = 1;
    wire_bytes(&w, "\300\14\0\1\0\1\0\0\0\36\0\4\300\0\2\7", 16);
}

static void arrives(size_t n)
{
    struct udp_socket *s = fake_udp_on(&h.fake, (uint16_t)(h.first_port + n));
    assert_non_null(s);
    fake_udp_arrives(&h.fake, s, &sent(n)->to, w.data, w.len);
}

static void an_answer_comes_back_as_the_question_was_asked(void **state)
{
    (void)state;
    ask("www.Example.com", false);
    assert_int_equal(h.fake.sent_count, 1);
    assert_true(addr_equal(&sent(0)->to, &h.upstream[0]));
    make_answer(0);
    arrives(0);
    assert_int_equal(h.answers, 1);
    assert_int_equal(h.answer[0] << 8 | h.answer[1], WIRE_ID);
    assert_memory_equal(h.answer + 12, "\3www\7Example\3com", 17);
    assert_int_equal(h.len, 12 + 21 + 16);
    assert_null(fake_udp_on(&h.fake, h.first_port));
    assert_int_equal(h.forward.count, 0);
}

static void id_and_letter_case_are_drawn_anew(void **state)
{
    (void)state;
    ask("abcdefghijklmnopqrstuvwxyz.com", false);
    ask("abcdefghijklmnopqrstuvwxyz.com", false);
    assert_memory_not_equal(sent(0)->data, sent(1)->data, 2);
    assert_memory_not_equal(sent(0)->data + 12, sent(1)->data + 12, 32);
    for (size_t i = 12; i < 40; i++)
        assert_int_equal(tolower(sent(0)->data[i]), tolower(sent(1)->data[i]));
    assert_non_null(fake_udp_on(&h.fake, (uint16_t)(h.first_port + 1))); /* a port each */
}

static void forged_answers_are_not_heard(void **state)
{
    (void)state;
    ask("www.example.com", false);
    struct udp_socket *s = fake_udp_on(&h.fake, h.first_port);
    make_answer(0);
    fake_udp_arrives(&h.fake, s, &h.upstream[1], w.data, w.len); /* another server */
    struct addr other_port = h.upstream[0];
    addr_set_port(&other_port, 54);
    fake_udp_arrives(&h.fake, s, &other_port, w.data, w.len);
    for (size_t byte = 0; byte < 12 + 21; byte++) {
        bool matters = byte < 2 || byte == 4 || byte == 5 || byte >= 12;
        if (!matters)
            continue;
        make_answer(0);
        w.data[byte] ^= byte >= 12 && isalpha(w.data[byte]) ? 0x20 : 1;
        arrives(0);
    }
    make_answer(0);
    w.data[2] &= 0x7f; /* a question */
    arrives(0);
    for (size_t len = 0; len < 12 + 21; len++) {
        make_answer(0);
        w.len = len;
        arrives(0);
    }
    assert_int_equal(h.answers, 0);
    make_answer(0);
    arrives(0);
    assert_int_equal(h.answers, 1);
}

static void the_second_server_is_asked_after_half_the_time(void **state)
{
    (void)state;
    ask("www.Example.com", false);
    fake_env_advance(&h.fake, FORWARD_WAIT / 2);
    assert_int_equal(h.fake.sent_count, 2);
    assert_true(addr_equal(&sent(1)->to, &h.upstream[1]));
    assert_memory_equal(sent(1)->data + 12, "\3www\7Example\3com", 17);
    make_answer(1);
    for (size_t i = 12; i < 29; i++) /* a server that changes the case */
        w.data[i] = (uint8_t)tolower(w.data[i]);
    arrives(1);
    assert_int_equal(h.answers, 1);
    assert_memory_equal(h.answer + 12, "\3www\7Example\3com", 17);
}

static void silence_is_a_failure_after_5_s(void **state)
{
    (void)state;
    ask("www.example.com", false);
    fake_env_advance(&h.fake, FORWARD_WAIT - 1);
    assert_int_equal(h.answers, 0);
    fake_env_advance(&h.fake, 1);
    assert_int_equal(h.answers, 1);
    assert_int_equal(h.answer[3] & 15, 2);
    assert_memory_equal(h.answer + 12, "\3www\7example\3com", 17);
    assert_int_equal(h.forward.count, 0);
}

static void only_256_are_under_way(void **state)
{
    (void)state;
    wire_query(&w, "www.example.com", 1);
    for (unsigned i = 0; i < FORWARD_MAX; i++)
        assert_int_equal(ask_as(false), 0);
    assert_int_equal(ask_as(false), -EBUSY);
}

static void without_an_upstream_nothing_is_sent(void **state)
{
    (void)state;
    struct forward none;
    struct forward_asker asker = {.who = &client};
    forward_init(&none, &h.fake.env, NULL, 0);
    wire_query(&w, "www.example.com", 1);
    assert_int_equal(precheck_query(&pre, w.data, w.len), PRECHECK_OK);
    assert_int_equal(forward_query(&none, &asker, &pre, w.data, w.len), -ENODATA);
    forward_deinit(&none);
}

static void a_cut_answer_is_cut_for_udp_and_fetched_for_tcp(void **state)
{
    (void)state;
    ask("www.example.com", false);
    make_answer(0);
    w.data[2] |= 2;
    arrives(0);
    assert_int_equal(h.answers, 1);
    assert_true(h.answer[2] & 2);

    ask("www.example.com", true);
    make_answer(1);
    w.data[2] |= 2;
    arrives(1);
    assert_int_equal(h.answers, 1);
    struct sock *sock = fake_last_connect(&h.fake);
    struct addr remote = fake_sock_remote(sock);
    assert_true(addr_equal(&remote, &h.upstream[0]));
    fake_sock_connected(sock, 0);
    uint8_t heard[600];
    assert_int_equal(fake_sock_heard(sock, heard, sizeof(heard)), 2 + sent(1)->len);
    assert_memory_equal(heard + 2, sent(1)->data, sent(1)->len);

    make_answer(1);
    while (w.len < 3000) /* more than UDP would have carried */
        wire_u8(&w, 0);
    uint8_t prefix[2] = {3000 >> 8, 3000 & 0xff};
    fake_sock_says(sock, prefix, 1);
    fake_env_settle(&h.fake);
    fake_sock_says(sock, prefix + 1, 1);
    fake_sock_says(sock, w.data, 1000);
    fake_env_settle(&h.fake);
    fake_sock_says(sock, w.data + 1000, 2000);
    fake_env_settle(&h.fake);
    assert_int_equal(h.answers, 2);
    assert_int_equal(h.len, 3000);
    assert_true(fake_sock_closed(sock));
}

static void what_does_not_fit_the_asker_is_cut(void **state)
{
    (void)state;
    ask("www.example.com", false);
    make_answer(0);
    while (w.len < 513)
        wire_u8(&w, 0);
    arrives(0);
    assert_int_equal(h.answers, 1);
    assert_true(h.answer[2] & 2);
    assert_int_equal(h.len, 12 + 21);
}

static void the_askers_size_is_passed_on_up_to_ours(void **state)
{
    (void)state;
    wire_query(&w, "www.example.com", 1);
    wire_opt(&w, 4096, 0, 0x8000, "", 0);
    assert_int_equal(ask_as(false), 0);
    assert_int_equal(sent(0)->data[12 + 21 + 3] << 8 | sent(0)->data[12 + 21 + 4], 1232);
    wire_query(&w, "www.example.com", 1);
    wire_opt(&w, 600, 0, 0, "", 0);
    assert_int_equal(ask_as(false), 0);
    assert_int_equal(sent(1)->data[12 + 21 + 3] << 8 | sent(1)->data[12 + 21 + 4], 600);
}

static void who_has_left_is_not_answered(void **state)
{
    (void)state;
    ask("www.example.com", true);
    ask("www.example.org", false);
    ask("www.example.net", true);
    forward_forget(&h.forward, &client);
    assert_int_equal(h.forward.count, 1);
    fake_env_advance(&h.fake, FORWARD_WAIT);
    assert_int_equal(h.answers, 1);
}

static void without_sockets_it_says_so(void **state)
{
    (void)state;
    h.fake.udp_open_error = -EMFILE;
    wire_query(&w, "www.example.com", 1);
    assert_int_equal(ask_as(false), -EMFILE);
    assert_int_equal(h.forward.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_back_as_the_question_was_asked),
        TEST(id_and_letter_case_are_drawn_anew),
        TEST(forged_answers_are_not_heard),
        TEST(the_second_server_is_asked_after_half_the_time),
        TEST(silence_is_a_failure_after_5_s),
        TEST(only_256_are_under_way),
        TEST(without_an_upstream_nothing_is_sent),
        TEST(a_cut_answer_is_cut_for_udp_and_fetched_for_tcp),
        TEST(what_does_not_fit_the_asker_is_cut),
        TEST(the_askers_size_is_passed_on_up_to_ours),
        TEST(who_has_left_is_not_answered),
        TEST(without_sockets_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
