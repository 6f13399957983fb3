#include "gateway/wire/demux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

static void everything_with_bit_0x40_is_quic(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t data[20] = {(uint8_t)first};
        bool quic = demux(data, sizeof(data)) == DEMUX_KIND_QUIC;
        assert_int_equal(quic, (first & 0x40) != 0);
    }
}

static void stun_needs_its_magic_cookie(void **state)
{
    (void)state;
    uint8_t request[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};

    assert_int_equal(demux(request, sizeof(request)), DEMUX_KIND_STUN);
    for (size_t len = 0; len < sizeof(request); len++)
        assert_int_equal(demux(request, len), DEMUX_KIND_UNKNOWN);
    request[0] = 3;
    assert_int_equal(demux(request, sizeof(request)), DEMUX_KIND_STUN);
    request[4] ^= 1;
    assert_int_equal(demux(request, sizeof(request)), DEMUX_KIND_UNKNOWN);
}

static void all_kinds_have_first_bytes_of_their_own(void **state)
{
    (void)state;
    const uint8_t probe[1] = {4};
    const uint8_t relay[16] = {5}, invite[1] = {7};

    assert_int_equal(demux(probe, 1), DEMUX_KIND_PROBE);
    assert_int_equal(demux(invite, 1), DEMUX_KIND_INVITE);
    assert_int_equal(demux(relay, sizeof(relay)), DEMUX_KIND_RELAY);
    assert_int_equal(demux(relay, sizeof(relay) - 1), DEMUX_KIND_UNKNOWN);
}

static void the_rest_is_unknown(void **state)
{
    (void)state;
    const uint8_t others[] = {6, 8, 15, 16, 20, 63, 128, 191};

    assert_int_equal(demux(others, 0), DEMUX_KIND_UNKNOWN);
    for (size_t i = 0; i < sizeof(others); i++)
        assert_int_equal(demux(&others[i], 1), DEMUX_KIND_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_with_bit_0x40_is_quic),
        cmocka_unit_test(stun_needs_its_magic_cookie),
        cmocka_unit_test(all_kinds_have_first_bytes_of_their_own),
        cmocka_unit_test(the_rest_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
