/* Who may come in: protocols and keys of callers that are none of ours, and what they may do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/bytes.h"
#include "tests/support/quic_stranger.h"

static struct quic_link link;
static struct stranger stranger;

static int setup(void **state)
{
    (void)state;
    link_init(&link, 1, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stranger_deinit(&stranger);
    link_deinit(&link);
    return 0;
}

static void call(const struct stranger_options *options)
{
    stranger_init(&stranger, &link, options);
    stranger_run(&stranger, SEC(2));
}

static void a_foreign_client_with_our_protocol_is_let_in(void **state)
{
    (void)state;
    call(&(struct stranger_options){0});
    assert_true(stranger.confirmed);
    assert_int_equal(link.side[1].connected, 1);
    (void)stranger_open(&stranger);
    stranger_run(&stranger, SEC(1));
    assert_int_equal(link.side[1].streams, 1);
}

static void another_protocol_is_refused_by_its_alert(void **state)
{
    (void)state;
    call(&(struct stranger_options){.alpn = "h3"});
    assert_int_equal(stranger.error, NGTCP2_ERR_DRAINING);
    assert_int_equal(stranger.close_code, NGTCP2_CRYPTO_ERROR + 120);
    assert_int_equal(link.side[1].identities + link.side[1].connected, 0);
}

/* Its certificate came under keys that only who is there can have. */
static void offends(void)
{
    assert_int_equal(link.side[1].offences, 1);
    assert_int_equal(link.side[1].there, 1);
    assert_int_equal(link.side[1].offence, QUIC_OFFENCE_AUTH);
}

static void a_certificate_is_no_key(void **state)
{
    (void)state;
    call(&(struct stranger_options){.key = STRANGER_X509});
    assert_false(stranger.confirmed);
    assert_int_not_equal(stranger.error, 0);
    assert_int_equal(link.side[1].identities + link.side[1].connected, 0);
    offends();
}

static void no_key_is_refused(void **state)
{
    (void)state;
    call(&(struct stranger_options){.key = STRANGER_NO_KEY});
    assert_false(stranger.confirmed);
    assert_int_equal(link.side[1].identities + link.side[1].connected, 0);
    offends();
}

static void a_key_that_anyone_can_use_is_refused(void **state)
{
    (void)state;
    call(&(struct stranger_options){.key = STRANGER_SMALL_ORDER});
    assert_false(stranger.confirmed);
    assert_int_equal(link.side[1].identities + link.side[1].connected, 0);
    offends();
}

/* RFC 9001 §8.2 */
static void tls_that_is_not_for_quic_is_refused(void **state)
{
    (void)state;
    call(&(struct stranger_options){.no_params = true});
    assert_false(stranger.confirmed);
    assert_int_equal(stranger.error, NGTCP2_ERR_DRAINING);
    assert_int_equal(stranger.close_code, NGTCP2_CRYPTO_ERROR + GNUTLS_A_MISSING_EXTENSION);
    assert_int_equal(link.side[1].identities + link.side[1].connected, 0);
    assert_int_equal(link.side[1].offences, 1);
    assert_int_equal(link.side[1].there, 0); /* that was the first packet: anybody's */
}

static void a_stranger_that_is_refused_gets_the_one_code_for_it(void **state)
{
    (void)state;
    link.side[1].refuse = true;
    call(&(struct stranger_options){0});
    assert_int_equal(stranger.error, NGTCP2_ERR_DRAINING);
    assert_false(stranger.confirmed);
    assert_true(!stranger.close_is_app || stranger.close_code == QUIC_CLOSE_DENIED);
    assert_int_equal(link.side[1].offences, 0); /* on_identity knows already */
}

static void a_window_of_nothing_holds_the_writer_until_it_opens(void **state)
{
    (void)state;
    link.side[1].mode = LINK_ECHO;
    call(&(struct stranger_options){.no_window = true});
    int64_t id = stranger_open(&stranger);
    stranger_run(&stranger, SEC(3));
    assert_int_equal(link.side[1].streams, 1);
    assert_int_equal(link.side[1].stream[0].received, 5);
    assert_int_equal(stranger.received, 0);
    assert_int_equal(link.side[1].ended, 0);
    stranger_open_window(&stranger, id, 3);
    stranger_run(&stranger, SEC(1));
    assert_int_equal(stranger.received, 3);
    stranger_open_window(&stranger, id, 100);
    stranger_run(&stranger, SEC(1));
    assert_int_equal(stranger.received, 5);
}

static void datagrams_are_not_for_those_who_take_none(void **state)
{
    (void)state;
    call(&(struct stranger_options){.no_datagram = true});
    assert_int_equal(link.side[1].connected, 1);
    assert_int_equal(quic_send_datagram(link.side[1].conn, (const uint8_t *)"x", 1), -EOPNOTSUPP);
}

static void nor_large_ones_for_those_who_take_small_ones(void **state)
{
    static const uint8_t data[200];
    (void)state;
    call(&(struct stranger_options){.frame = 103}); /* a type, two bytes of length, and */
    assert_int_equal(quic_send_datagram(link.side[1].conn, data, 101), -EMSGSIZE);
    assert_int_equal(quic_send_datagram(link.side[1].conn, data, 100), 0);
    stranger_run(&stranger, SEC(1));
    assert_int_equal(stranger.error, 0);
}

static void keys_are_changed_when_the_other_side_wants_it(void **state)
{
    (void)state;
    link.side[1].mode = LINK_ECHO;
    call(&(struct stranger_options){0});
    for (unsigned round = 1; round <= 5; round++) {
        stranger_run(&stranger, SEC(1));
        assert_int_equal(ngtcp2_conn_initiate_key_update(stranger.quic, link.now), 0);
        (void)stranger_open(&stranger);
        stranger_run(&stranger, SEC(1));
        assert_int_equal(stranger.error, 0);
        assert_int_equal(stranger.received, 5 * round);
    }
}

/* ---- after the handshake ---- */

/* Bytes of a CRYPTO frame (RFC 9000 §19.6) at the offset that is next. */
struct message {
    uint8_t head[5];
    uint64_t sent, len;
};

static void with_message(struct stranger *s, uint8_t *frames, size_t len)
{
    struct message *m = s->forge_arg;
    struct writer w = writer_over(frames, len);
    uint64_t n = m->len - m->sent < len - 20 ? m->len - m->sent : len - 20;

    memset(frames, 0, len);
    if (n == 0) {
        frames[0] = 1; /* a PING */
        return;
    }
    write_u8(&w, 6);
    write_varint(&w, m->sent);
    write_varint(&w, n);
    for (uint64_t end = m->sent + n; m->sent < end; m->sent++)
        write_u8(&w, m->sent < sizeof(m->head) ? m->head[m->sent] : 0);
}

static void say_in_tls(struct message m)
{
    call(&(struct stranger_options){0});
    assert_true(stranger.confirmed);
    stranger.forge = with_message;
    stranger.forge_arg = &m;
    for (int i = 0; i < 10; i++) {
        stranger_forge(&stranger);
        stranger_run(&stranger, MSEC(50));
    }
    assert_int_equal(stranger.error, NGTCP2_ERR_DRAINING);
    assert_int_equal(link.side[1].why.why, QUIC_END_ERROR);
}

/* RFC 9001 §6 */
static void a_key_update_of_tls_ends_the_session(void **state)
{
    (void)state;
    say_in_tls((struct message){.head = {24, 0, 0, 1, 0}, .len = 5});
    assert_int_equal(stranger.close_code, NGTCP2_CRYPTO_ERROR + GNUTLS_A_UNEXPECTED_MESSAGE);
}

static void a_message_of_tls_without_end_ends_the_session(void **state)
{
    (void)state;
    say_in_tls((struct message){.head = {1, 0xff, 0xff, 0xff}, .len = 100000});
    assert_int_equal(stranger.close_code, NGTCP2_CRYPTO_ERROR + GNUTLS_A_RECORD_OVERFLOW);
}

/* As on processors without AES, at one or both ends. */
static void chacha20_works_too(void **state)
{
    const struct quic_options weak = {.chacha20 = true}, *which[2] = {NULL, &weak};
    (void)state;
    for (int i = 0; i < 4; i++) {
        link_stop(&link, 0);
        link_stop(&link, 1);
        link_start(&link, 0, which[i & 1]);
        link_start(&link, 1, which[i >> 1]);
        link.side[0].connected = link.side[1].connected = 0;
        link.side[1].mode = LINK_ECHO;
        link_connect(&link);
        struct link_stream *s = link_open(&link, 0, 300000, true);
        link_run(&link, SEC(5));
        assert_int_equal(s->received, 300000);
        assert_true(s->ended && !s->wrong);
    }
    call(&(struct stranger_options){0});
    assert_true(stranger.confirmed);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_foreign_client_with_our_protocol_is_let_in),
        T(another_protocol_is_refused_by_its_alert),
        T(a_certificate_is_no_key),
        T(no_key_is_refused),
        T(a_key_that_anyone_can_use_is_refused),
        T(tls_that_is_not_for_quic_is_refused),
        T(a_stranger_that_is_refused_gets_the_one_code_for_it),
        T(a_window_of_nothing_holds_the_writer_until_it_opens),
        T(keys_are_changed_when_the_other_side_wants_it),
        T(a_key_update_of_tls_ends_the_session),
        T(a_message_of_tls_without_end_ends_the_session),
        T(chacha20_works_too),
        T(datagrams_are_not_for_those_who_take_none),
        T(nor_large_ones_for_those_who_take_small_ones),
    };
    return cmocka_run_group_tests_name("quic_tls", tests, NULL, NULL);
}
