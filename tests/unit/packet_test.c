/* Packet protection: the examples of RFC 9001, appendix A, and what must not open. */
#include "gateway/crypto/packet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/crypto/secret.h"

static struct packet_engine *engine;

static int setup(void **state)
{
    (void)state;
    return crypto_start() < 0 || packet_engine_new(&engine) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    packet_engine_free(engine);
    return 0;
}

static size_t unhex(const char *text, uint8_t *out)
{
    size_t len = strlen(text) / 2;
    assert_int_equal(text_hex_decode(out, len, text, 2 * len), 0);
    return len;
}

struct example {
    enum packet_cipher cipher;
    const char *key, *nonce, *header, *plain, *sealed;
    const char *mask_key, *sample, *mask;
};

/* Appendix A.3: the server's first packet. */
static const struct example AES = {
    .cipher = PACKET_AES_128_GCM,
    .key = "cf3a5331653c364c88f0f379b6067e37",
    .nonce = "0ac1493ca1905853b0bba03f",
    .header = "c1000000010008f067a5502a4262b50040750001",
    .plain =
        "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b"
        "9a045a1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d53"
        "11bcf32bb9da1a002b00020304",
    .sealed = "5a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a18"
              "39b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795"
              "d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee",
    .mask_key = "c206b8d9b9f0f37644430b490eeaa314",
    .sample = "2cd0991cd25b0aac406a5816b6394100",
    .mask = "2ec0d8356a",
};

/* Appendix A.5: a short header packet under ChaCha20. */
static const struct example CHACHA = {
    .cipher = PACKET_CHACHA20_POLY1305,
    .key = "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8",
    .nonce = "e0459b3474bdd0e46d417eb0",
    .header = "4200bff4",
    .plain = "01",
    .sealed = "655e5cd55c41f69080575d7999c25a5bfb",
    .mask_key = "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
    .sample = "5e5cd55c41f69080575d7999c25a5bfb",
    .mask = "aefefe7d03",
};

static void check_seal(const struct example *e)
{
    uint8_t key[32], nonce[12], header[64], plain[256], sealed[256], out[256];
    struct packet_key *k;

    if (!packet_engine_offers(engine, e->cipher))
        skip();
    (void)unhex(e->key, key);
    (void)unhex(e->nonce, nonce);
    struct packet_header h = {nonce, header, unhex(e->header, header)};
    size_t len = unhex(e->plain, plain);
    assert_int_equal(unhex(e->sealed, sealed), len + PACKET_TAG_LEN);
    assert_int_equal(packet_key_new(&k, engine, e->cipher, key), 0);

    packet_seal(k, &h, out, plain, len);
    assert_memory_equal(out, sealed, len + PACKET_TAG_LEN);
    assert_int_equal(packet_open(k, &h, out, sealed, len + PACKET_TAG_LEN), 0);
    assert_memory_equal(out, plain, len);
    memcpy(out, plain, len); /* in place, as ngtcp2 does */
    packet_seal(k, &h, out, out, len);
    assert_memory_equal(out, sealed, len + PACKET_TAG_LEN);
    assert_int_equal(packet_open(k, &h, out, out, len + PACKET_TAG_LEN), 0);
    assert_memory_equal(out, plain, len);

    for (size_t n = 0; n < len + PACKET_TAG_LEN; n++)
        assert_int_equal(packet_open(k, &h, out, sealed, n), -EBADMSG);
    for (size_t i = 0; i < len + PACKET_TAG_LEN; i++) {
        sealed[i] ^= 1;
        assert_int_equal(packet_open(k, &h, out, sealed, len + PACKET_TAG_LEN), -EBADMSG);
        sealed[i] ^= 1;
    }
    header[0] ^= 1;
    assert_int_equal(packet_open(k, &h, out, sealed, len + PACKET_TAG_LEN), -EBADMSG);
    packet_key_free(k);
}

static void check_mask(const struct example *e)
{
    uint8_t key[32], sample[16], mask[5], out[5];
    struct packet_mask *m;

    if (!packet_engine_offers(engine, e->cipher))
        skip();
    (void)unhex(e->mask_key, key);
    (void)unhex(e->sample, sample);
    (void)unhex(e->mask, mask);
    assert_int_equal(packet_mask_new(&m, engine, e->cipher, key), 0);
    packet_mask(m, sample, out);
    assert_memory_equal(out, mask, sizeof(mask));
    packet_mask_free(m);
}

static void seals_as_rfc_9001_with_aes(void **state)
{
    (void)state;
    check_seal(&AES);
}

static void masks_as_rfc_9001_with_aes(void **state)
{
    (void)state;
    check_mask(&AES);
}

static void seals_as_rfc_9001_with_chacha20(void **state)
{
    (void)state;
    check_seal(&CHACHA);
}

static void masks_as_rfc_9001_with_chacha20(void **state)
{
    (void)state;
    check_mask(&CHACHA);
}

static void opens_what_it_sealed_at_every_length(void **state)
{
    static const enum packet_cipher ciphers[] = {PACKET_AES_128_GCM, PACKET_CHACHA20_POLY1305};
    uint8_t key[32] = {1, 2, 3}, nonce[12] = {4, 5}, header[13] = {6};
    uint8_t plain[1300], sealed[1300 + PACKET_TAG_LEN], out[1300];
    struct packet_header h = {nonce, header, sizeof(header)};
    (void)state;

    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 7);
    for (int c = 0; c < 2; c++) {
        struct packet_key *k;
        if (!packet_engine_offers(engine, ciphers[c]))
            continue;
        assert_int_equal(packet_key_new(&k, engine, ciphers[c], key), 0);
        for (size_t len = 0; len <= sizeof(plain); len++) {
            packet_seal(k, &h, sealed, plain, len);
            assert_int_equal(packet_open(k, &h, out, sealed, len + PACKET_TAG_LEN), 0);
            assert_memory_equal(out, plain, len);
        }
        packet_key_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_as_rfc_9001_with_aes),
        cmocka_unit_test(masks_as_rfc_9001_with_aes),
        cmocka_unit_test(seals_as_rfc_9001_with_chacha20),
        cmocka_unit_test(masks_as_rfc_9001_with_chacha20),
        cmocka_unit_test(opens_what_it_sealed_at_every_length),
    };
    return cmocka_run_group_tests_name("packet", tests, setup, teardown);
}
