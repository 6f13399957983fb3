/* A peer that has shown who it is and then sends whatever it likes: sessions may end by that, the
 * gateway not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include "gateway/base/bytes.h"
#include "gateway/transport/quic_keys.h"
#include "gateway/transport/quic_state.h"
#include "tests/support/quic_link.h"
#include "tests/support/random.h"

#ifndef HANDSHAKES
#    define HANDSHAKES 500
#endif

static struct quic_link link;

/* ---- made-up frames ---- */

static uint64_t chance; /* state of the random numbers */
static int liar;        /* the side that makes up packets, -1: nobody */
static unsigned lies;
static bool is_moderate; /* most of what it says is allowed, so that the session lives for long */
static unsigned kinds_said[3];
static const uint8_t *said; /* instead of anything else, or NULL */
static size_t said_len;

static uint64_t below(uint64_t limit)
{
    return random_below(&chance, limit);
}

/* A number of those that matter somewhere: ids of streams, edges of windows, the largest of all. */
static uint64_t number(void)
{
    static const uint64_t edges[] = {0,        1,          64,       1200,           16383,
                                     16384,    65535,      65536,    4 << 20,        (4 << 20) + 1,
                                     32 << 20, UINT32_MAX, 1u << 30, VARINT_MAX - 1, VARINT_MAX};
    if (is_moderate && below(50) > 0)
        return below(3) == 0 ? below(3000) : 4 * below(6) + below(2);
    switch (below(4)) {
    case 0:
        return edges[below(sizeof(edges) / sizeof(edges[0]))];
    case 1:
        return below(16);
    case 2:
        return below(200);
    default:
        return random_next(&chance) >> (2 + below(62));
    }
}

static void write_random(struct writer *w, size_t len)
{
    while (len-- > 0)
        write_u8(w, (uint8_t)below(256));
}

/* A type and so many numbers, and then bytes of a length that is said or not. */
static void write_frame(struct writer *w)
{
    static const struct {
        uint8_t type, numbers;
        bool data; /* a length and as many bytes */
        uint8_t bytes;
    } kinds[] = {
        {0x00, 0, false, 0},  {0x01, 0, false, 0},  {0x02, 4, false, 0}, {0x03, 7, false, 0},
        {0x04, 3, false, 0},  {0x05, 2, false, 0},  {0x06, 1, true, 0},  {0x07, 0, true, 0},
        {0x08, 1, false, 40}, {0x0a, 1, true, 0},   {0x0b, 1, true, 0},  {0x0e, 2, true, 0},
        {0x0f, 2, true, 0},   {0x10, 1, false, 0},  {0x11, 2, false, 0}, {0x12, 1, false, 0},
        {0x13, 1, false, 0},  {0x14, 1, false, 0},  {0x15, 2, false, 0}, {0x16, 1, false, 0},
        {0x17, 1, false, 0},  {0x18, 2, false, 25}, {0x19, 1, false, 0}, {0x1a, 0, false, 8},
        {0x1b, 0, false, 8},  {0x1e, 0, false, 0},  {0x31, 0, true, 0},  {0x30, 0, false, 60},
    };
    unsigned k = (unsigned)below(sizeof(kinds) / sizeof(kinds[0]));
    if (is_moderate && lies == 0)
        for (int i = 0; i < 3; i++)
            kinds_said[i] = (unsigned)below(sizeof(kinds) / sizeof(kinds[0]));
    if (is_moderate && below(20) > 0)
        k = kinds_said[below(3)];
    write_u8(w, kinds[k].type);
    for (unsigned i = 0; i < kinds[k].numbers; i++)
        write_varint(w, number());
    size_t len = kinds[k].bytes;
    if (kinds[k].data) {
        len = below(3) == 0 ? 0 : below(60);
        write_varint(w, below(40) == 0 ? number() : len);
    }
    if (kinds[k].type == 0x18)
        write_u8(w, (uint8_t)(below(8) ? 8 : below(22)));
    write_random(w, len);
}

static void make_up(uint8_t *frames, size_t len)
{
    if (said && len > said_len) {
        memset(frames, 0, len);
        memcpy(frames, said, said_len);
        return;
    }
    struct writer w = writer_over(frames, len);
    if (is_moderate || below(8) > 0)
        memset(frames, 0, len);
    for (uint64_t n = 1 + below(6); n > 0 && w.left > 120; n--)
        write_frame(&w);
    lies++;
}

/* ---- handshakes ---- */

static bool garbles; /* both sides do */

/* Changes a byte, or copies some over others, once or a few times. */
static void garble(uint8_t *frames, size_t len)
{
    size_t busy = len < 320 ? len : 320; /* padding is seldom of interest */
    for (uint64_t n = 1 + below(3); n > 0; n--) {
        size_t to = (size_t)below(busy), from = (size_t)below(busy), count = (size_t)below(40);
        if (below(3) > 0)
            frames[to] = (uint8_t)below(256);
        else if (to + count <= len && from + count <= len)
            memmove(frames + to, frames + from, count);
    }
}

/* What a key's handle stands for, in gateway/transport/quic_keys.c. */
struct seal {
    struct packet_key *key;
    bool *authentic;
};

/* In place of the program's own: the same, but for the liar. */
/* NOLINTNEXTLINE(readability-function-size): the parameters are ngtcp2's */
int quic_keys_seal(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
                   const uint8_t *data, size_t len, const uint8_t *nonce, size_t nonce_len,
                   const uint8_t *header, size_t header_len)
{
    uintptr_t handle = (uintptr_t)ctx->native_handle;
    uint8_t frames[QUIC_PAYLOAD];
    if ((handle & 1) == 0) {
        if (garbles && len <= sizeof(frames)) {
            memcpy(frames, data, len);
            garble(frames, len);
            data = frames;
        }
        return ngtcp2_crypto_encrypt_cb(dest, aead, ctx, data, len, nonce, nonce_len, header,
                                        header_len);
    }
    const struct seal *seal = (const struct seal *)(handle & ~(uintptr_t)1);
    struct packet_header h = {nonce, header, header_len};
    const struct quic_conn *conn = container_of(seal->authentic, struct quic_conn, link.authentic);
    if (liar >= 0 && conn->ep == link.side[liar].ep && len <= sizeof(frames) &&
        (said || below(3) == 0)) {
        memcpy(frames, data, len);
        make_up(frames, len);
        data = frames;
    }
    packet_seal(seal->key, &h, dest, data, len);
    return 0;
}

/* ---- sessions with it ---- */

static void begin(uint64_t seed)
{
    liar = -1;
    link_init(&link, seed, NULL);
    link_connect(&link);
    link_run(&link, MSEC(100));
}

/* Whoever was lied to is there for others, and has kept nothing. */
static void all_is_well_again(int lied_to)
{
    liar = -1;
    link_run(&link, SEC(40));
    for (int i = 0; i < 2; i++)
        if (link.side[i].conn)
            quic_close(link.side[i].conn, QUIC_CLOSE_DONE);
    link_run(&link, SEC(40));
    assert_int_equal(link.side[lied_to].ep->memory, 0);
    link.side[0].connected = link.side[1].connected = 0;
    link.side[1].mode = LINK_ECHO;
    link_connect(&link);
    struct link_stream *s = link_open(&link, 0, 30000, true);
    link_run(&link, SEC(2));
    assert_int_equal(s->received, 30000);
    assert_false(s->wrong);
    link_deinit(&link);
}

static void be_lied_to(uint64_t seed, int lied_to)
{
    static const uint8_t filler[1000];
    print_message("seed %u\n", (unsigned)seed);
    begin(seed);
    link.side[0].mode = link.side[1].mode = seed % 3 == 0 ? LINK_HOLD : LINK_ECHO;
    for (int i = 0; i < 4; i++) {
        (void)link_open(&link, 0, 3000, i % 2);
        (void)link_open(&link, 1, 3000, i % 2);
    }
    if (seed % 2)
        link_run(&link, MSEC(30));
    chance = seed;
    lies = 0;
    is_moderate = seed % 4 > 0;
    liar = !lied_to;
    for (int i = 0; i < 30 && link.side[liar].conn; i++) {
        (void)!quic_send_datagram(link.side[liar].conn, filler, sizeof(filler));
        link_run(&link, MSEC(20));
    }
    all_is_well_again(lied_to);
}

static void frames_made_up_end_the_session_at_most(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++)
        for (int lied_to = 0; lied_to < 2; lied_to++)
            be_lied_to(seed, lied_to);
}

static void garbled_handshakes_come_to_nothing_at_most(void **state)
{
    (void)state;
    liar = -1;
    for (uint64_t seed = 1; seed <= HANDSHAKES; seed++) {
        link_init(&link, seed, NULL);
        chance = seed;
        garbles = true;
        (void)link_dial(&link);
        link_run(&link, SEC(1));
        garbles = false;
        if (seed % 50 == 0)
            all_is_well_again(1);
        else
            link_deinit(&link);
    }
}

/* RFC 9001 §6: it is an error, by either side. */
static void nor_does_a_key_update_of_tls_end_more(void **state)
{
    static const uint8_t key_update[] = {6, 0, 5, 24, 0, 0, 1, 0};
    (void)state;
    for (int lied_to = 0; lied_to < 2; lied_to++) {
        begin(1);
        said = key_update;
        said_len = sizeof(key_update);
        liar = !lied_to;
        (void)link_open(&link, liar, 3000, false);
        link_run(&link, SEC(1));
        said = NULL;
        assert_int_equal(link.side[lied_to].ended, 1);
        assert_int_equal(link.side[lied_to].why.why, QUIC_END_ERROR);
        assert_string_equal(link.side[lied_to].why.reason, "Unexpected message");
        all_is_well_again(lied_to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_made_up_end_the_session_at_most),
        cmocka_unit_test(nor_does_a_key_update_of_tls_end_more),
        cmocka_unit_test(garbled_handshakes_come_to_nothing_at_most),
    };
    return cmocka_run_group_tests_name("quic_frames", tests, NULL, NULL);
}
