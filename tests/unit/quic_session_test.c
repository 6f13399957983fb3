/* Sessions between two endpoints on a made-up network: who is let in, how sessions end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/quic_link.h"

static void connects_two_identities(void **state)
{
    struct quic_link link;
    struct quic_conn_info info;
    (void)state;

    link_init(&link, 1, NULL);
    link_connect(&link);
    assert_int_equal(link.side[1].identities, 1);
    assert_true(peer_id_equal(&link.side[1].identity, &link.side[0].keys.id));
    quic_conn_info(link.side[0].conn, &info);
    assert_true(peer_id_equal(&info.id, &link.side[1].keys.id));
    assert_true(info.dialled && info.connected);
    quic_conn_info(link.side[1].conn, &info);
    assert_true(peer_id_equal(&info.id, &link.side[0].keys.id));
    assert_true(!info.dialled && info.connected);
    link_deinit(&link);
}

static void carries_a_megabyte_and_its_echo(void **state)
{
    struct quic_link link;
    (void)state;

    link_init(&link, 2, NULL);
    link.side[1].mode = LINK_ECHO;
    link_connect(&link);
    struct link_stream *s = link_open(&link, 0, 1 << 20, true);
    link_run(&link, SEC(20));
    assert_int_equal(s->received, 1 << 20);
    assert_true(s->ended && !s->wrong);
    assert_true(s->pipe->ops->drained(s->pipe));
    link_deinit(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_two_identities),
        cmocka_unit_test(carries_a_megabyte_and_its_echo),
    };
    return cmocka_run_group_tests_name("quic_session", tests, NULL, NULL);
}
