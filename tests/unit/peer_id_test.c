/* Peer ids: one spelling, real keys only. */
#include "gateway/identity/peer_id.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"

/* The public key of RFC 8032 §7.1, test 1. */
static const char KEY[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

static struct peer_id id_of(const char *hex)
{
    struct peer_id id;
    assert_int_equal(text_hex_decode(id.key, PEER_ID_LEN, hex, 64), 0);
    return id;
}

static void reads_what_it_prints_in_any_case(void **state)
{
    struct peer_id id = id_of(KEY), again;
    char text[PEER_ID_TEXT_MAX], start[9];
    (void)state;

    assert_int_equal(strlen(peer_id_print(&id, text)), PEER_ID_TEXT_LEN);
    assert_int_equal(peer_id_parse(&again, text, PEER_ID_TEXT_LEN), 0);
    assert_true(peer_id_equal(&id, &again));
    assert_int_equal(strncmp(peer_id_short(&id, start), text, 8), 0);
    assert_int_equal(strlen(start), 8);
    for (char *c = text; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    assert_int_equal(peer_id_parse(&again, text, PEER_ID_TEXT_LEN), 0);
    assert_true(peer_id_equal(&id, &again));
}

static void refuses_every_other_length(void **state)
{
    struct peer_id id = id_of(KEY);
    char text[PEER_ID_TEXT_MAX];
    (void)state;

    (void)peer_id_print(&id, text);
    for (size_t len = 0; len < PEER_ID_TEXT_LEN; len++)
        assert_int_equal(peer_id_parse(&id, text, len), -EINVAL);
    assert_int_equal(peer_id_parse(&id, text, PEER_ID_TEXT_LEN + 1), -EINVAL);
}

static void refuses_keys_that_anyone_or_no_one_could_use(void **state)
{
    static const char *const bad[] = {
        /* small order: 1, 8, 2, 4 and 4 */
        "0100000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        /* no point of the curve */
        "0200000000000000000000000000000000000000000000000000000000000000",
        /* y not below the field's prime */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    char text[PEER_ID_TEXT_MAX];
    struct peer_id out = id_of(KEY), before = out;
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct peer_id id = id_of(bad[i]);
        assert_false(peer_id_is_valid(&id));
        assert_int_equal(peer_id_parse(&out, peer_id_print(&id, text), PEER_ID_TEXT_LEN), -EINVAL);
        assert_true(peer_id_equal(&out, &before));
    }
    assert_true(peer_id_is_valid(&before));
}

static void orders_ids_by_their_bytes(void **state)
{
    struct peer_id low = {{0}}, high = {{0xff}};
    (void)state;
    assert_true(peer_id_compare(&low, &high) < 0);
    assert_true(peer_id_compare(&high, &low) > 0);
    assert_int_equal(peer_id_compare(&low, &low), 0);
    assert_true(peer_id_is_zero(&low));
    assert_false(peer_id_is_zero(&high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_prints_in_any_case),
        cmocka_unit_test(refuses_every_other_length),
        cmocka_unit_test(refuses_keys_that_anyone_or_no_one_could_use),
        cmocka_unit_test(orders_ids_by_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
