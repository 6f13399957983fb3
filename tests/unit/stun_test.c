/* STUN messages against the published ones, and against everything that is wrong with others. */
#include "gateway/wire/stun.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/crypto/digest.h"

/* RFC 5769 §2.1 to §2.4. */
static const char REQUEST[] =
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001"
    "ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3"
    "f249c1b571a280280004e57a3bcf";
static const char RESPONSE_V4[] =
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a6"
    "43000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
static const char RESPONSE_V6[] =
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9"
    "faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
static const char REQUEST_LONG_TERM[] =
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000001500"
    "1c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f7267000008"
    "0014f67024656dd64a3e02b8e0712e85c9a28ca89666";
/* RFC 8489 appendix B.1, as its erratum has it: with PASSWORD-ALGORITHM. */
static const char REQUEST_SHA256[] =
    "000100902112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bda952c6780417da0f24819415569e60"
    "b205c46e41407f1704001500296f624d61744a6f7332414141"
    "43662f2f3439396b39353464364f4c33346f4c394653547679363473410000000014000b6578616d706c652e6f7267"
    "00001d000400020000001c0020b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65";

#define PASSWORD      ((const uint8_t *)"VOkJxbRl1RmTxUk/WvJxBt")
#define PASSWORD_LEN  22
#define LONG_USER     "マトリックス"
#define LONG_PASSWORD "TheMatrIX"

static const uint8_t ID[STUN_ID_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static uint8_t buffer[STUN_MAX];
static size_t length;
static struct stun_message m;

/* Decodes a vector into `buffer`. */
static void load(const char *hex)
{
    length = strlen(hex) / 2;
    assert_int_equal(text_hex_decode(buffer, length, hex, 2 * length), 0);
}

static void read_loaded(void)
{
    assert_int_equal(stun_read(&m, buffer, length), 0);
}

static struct stun_writer writing(enum stun_class class)
{
    struct stun_writer w;
    stun_begin(&w, buffer, sizeof(buffer), class, STUN_BINDING, ID);
    return w;
}

static void written(struct stun_writer *w)
{
    length = stun_end(w);
    assert_true(length >= STUN_HEADER_LEN);
    read_loaded();
}

static void reads_the_sample_request(void **state)
{
    (void)state;
    char text[64];
    uint32_t priority;

    load(REQUEST);
    read_loaded();
    assert_int_equal(m.class, STUN_REQUEST);
    assert_int_equal(m.method, STUN_BINDING);
    assert_true(m.fingerprint);
    assert_int_equal(stun_get_text(&m, STUN_SOFTWARE, text, sizeof(text)), 0);
    assert_string_equal(text, "STUN test client");
    assert_int_equal(stun_get_text(&m, STUN_USERNAME, text, sizeof(text)), 0);
    assert_string_equal(text, "evtj:h6vY");
    assert_int_equal(stun_get_u32(&m, STUN_PRIORITY, &priority), 0);
    assert_int_equal(priority, 0x6e0001ff);
    assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA1, PASSWORD, PASSWORD_LEN), 0);
    assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA1, PASSWORD, 21), -EACCES);
    assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA256, PASSWORD, 22), -ENOENT);
}

static void reads_the_sample_responses(void **state)
{
    (void)state;
    static const char *const VECTOR[] = {RESPONSE_V4, RESPONSE_V6};
    static const char *const MAPPED[] = {"192.0.2.1:32853",
                                         "[2001:db8:1234:5678:11:2233:4455:6677]:32853"};
    char text[ADDR_TEXT_MAX];
    struct addr a;

    for (unsigned i = 0; i < 2; i++) {
        load(VECTOR[i]);
        read_loaded();
        assert_int_equal(m.class, STUN_SUCCESS);
        assert_true(m.fingerprint);
        assert_int_equal(stun_get_address(&m, STUN_XOR_MAPPED_ADDRESS, &a), 0);
        assert_string_equal(addr_print(&a, text), MAPPED[i]);
        assert_int_equal(stun_get_text(&m, STUN_SOFTWARE, text, sizeof(text)), 0);
        assert_string_equal(text, "test vector");
        assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA1, PASSWORD, PASSWORD_LEN), 0);
    }
}

static void writes_the_sample_request_with_long_term_credentials(void **state)
{
    (void)state;
    uint8_t out[STUN_MAX], key[STUN_KEY_MAX];
    struct stun_writer w;

    load(REQUEST_LONG_TERM);
    read_loaded();
    size_t key_len =
        stun_long_term_key(key, STUN_ALGORITHM_MD5, LONG_USER, "example.org", LONG_PASSWORD);
    assert_int_equal(key_len, 16);
    assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA1, key, key_len), 0);

    stun_begin(&w, out, sizeof(out), STUN_REQUEST, STUN_BINDING, m.id);
    stun_put_text(&w, STUN_USERNAME, LONG_USER);
    stun_put_text(&w, STUN_NONCE, "f//499k954d6OL34oL9FSTvy64sA");
    stun_put_text(&w, STUN_REALM, "example.org");
    stun_put_integrity(&w, STUN_INTEGRITY_SHA1, key, key_len);
    assert_int_equal(stun_end(&w), length);
    assert_memory_equal(out, buffer, length);
}

static void writes_the_sample_request_with_sha_256(void **state)
{
    (void)state;
    uint8_t out[STUN_MAX], key[STUN_KEY_MAX], hash[32];
    static const uint8_t sha256[4] = {0, STUN_ALGORITHM_SHA256};
    struct stun_writer w;

    load(REQUEST_SHA256);
    read_loaded();
    size_t key_len =
        stun_long_term_key(key, STUN_ALGORITHM_SHA256, LONG_USER, "example.org", LONG_PASSWORD);
    assert_int_equal(key_len, 32);
    assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA256, key, key_len), 0);

    stun_begin(&w, out, sizeof(out), STUN_REQUEST, STUN_BINDING, m.id);
    stun_userhash(hash, LONG_USER, "example.org");
    stun_put(&w, STUN_USERHASH, hash, sizeof(hash));
    stun_put_text(&w, STUN_NONCE, "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA");
    stun_put_text(&w, STUN_REALM, "example.org");
    stun_put(&w, STUN_PASSWORD_ALGORITHM, sha256, sizeof(sha256));
    stun_put_integrity(&w, STUN_INTEGRITY_SHA256, key, key_len);
    assert_int_equal(stun_end(&w), length);
    assert_memory_equal(out, buffer, length);
}

static void writes_fingerprints_that_others_accept(void **state)
{
    (void)state;
    uint8_t out[STUN_MAX];
    struct stun_writer w;

    /* The same attributes with the padding of the sample, which is blanks, not zeros. */
    load(RESPONSE_V4);
    read_loaded();
    stun_begin(&w, out, sizeof(out), STUN_SUCCESS, STUN_BINDING, m.id);
    stun_put(&w, STUN_SOFTWARE, "test vector ", 12);
    w.start[STUN_HEADER_LEN + 3] = 11;
    stun_put(&w, STUN_XOR_MAPPED_ADDRESS, m.attr[1].data, 8);
    stun_put_integrity(&w, STUN_INTEGRITY_SHA1, PASSWORD, PASSWORD_LEN);
    stun_put_fingerprint(&w);
    assert_int_equal(stun_end(&w), length);
    assert_memory_equal(out, buffer, length);
}

static void notices_every_flipped_bit(void **state)
{
    (void)state;
    load(RESPONSE_V6);
    for (size_t bit = 0; bit < length * 8; bit++) {
        buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* A flip in a type may hide the fingerprint, but none goes unnoticed with it. */
        if (stun_read(&m, buffer, length) == 0)
            assert_false(m.fingerprint);
        buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void refuses_messages_cut_short_at_any_length(void **state)
{
    (void)state;
    static const char *const VECTOR[] = {REQUEST, RESPONSE_V4, RESPONSE_V6, REQUEST_LONG_TERM,
                                         REQUEST_SHA256};
    for (unsigned i = 0; i < 5; i++) {
        load(VECTOR[i]);
        size_t whole = length;
        for (size_t len = 0; len < whole; len++) {
            uint8_t *cut = malloc(len ? len : 1);
            memcpy(cut, buffer, len);
            assert_int_equal(stun_read(&m, cut, len), -EBADMSG);
            /* Also when the header tells the shorter length. */
            if (len >= STUN_HEADER_LEN && len % 4 != 0)
                cut[3] = (uint8_t)(len - STUN_HEADER_LEN);
            if (len % 4 != 0)
                assert_int_equal(stun_read(&m, cut, len), -EBADMSG);
            assert_int_equal(stun_frame_len(cut, len), len < 8 ? 0
                                                       : len % 4 != 0 && len >= STUN_HEADER_LEN
                                                           ? -EBADMSG
                                                           : (int)whole);
            free(cut);
        }
        assert_int_equal(stun_frame_len(buffer, whole), whole);
    }
}

static void refuses_what_is_no_stun(void **state)
{
    (void)state;
    load(REQUEST_LONG_TERM);
    buffer[0] |= 0x40; /* QUIC or ChannelData */
    assert_int_equal(stun_read(&m, buffer, length), -EBADMSG);
    assert_int_equal(stun_frame_len(buffer, 2), -EBADMSG);
    load(REQUEST_LONG_TERM);
    buffer[4] ^= 1; /* not the cookie: RFC 3489 or noise */
    assert_int_equal(stun_read(&m, buffer, length), -EBADMSG);
    load(REQUEST_LONG_TERM);
    buffer[3] -= 2; /* no multiple of four */
    assert_int_equal(stun_read(&m, buffer, length - 2), -EBADMSG);
    load(REQUEST_LONG_TERM);
    buffer[2] = 0xff; /* far too long */
    assert_int_equal(stun_frame_len(buffer, length), -EBADMSG);
    load(REQUEST_LONG_TERM);
    buffer[STUN_HEADER_LEN + 2] = 0xff; /* an attribute beyond the end */
    assert_int_equal(stun_read(&m, buffer, length), -EBADMSG);
}

static void bounds_the_number_of_attributes(void **state)
{
    (void)state;
    struct stun_writer w = writing(STUN_REQUEST);
    for (unsigned i = 0; i < STUN_ATTRS_MAX; i++)
        stun_put(&w, STUN_SOFTWARE, NULL, 0);
    written(&w);
    assert_int_equal(m.count, STUN_ATTRS_MAX);
    stun_put(&w, STUN_SOFTWARE, NULL, 0);
    length = stun_end(&w);
    assert_int_equal(stun_read(&m, buffer, length), -EBADMSG);
}

static void lists_nothing_that_a_mac_does_not_cover(void **state)
{
    (void)state;
    struct stun_writer w = writing(STUN_REQUEST);
    stun_put_integrity(&w, STUN_INTEGRITY_SHA1, PASSWORD, PASSWORD_LEN);
    stun_put_text(&w, STUN_USERNAME, "smuggled");
    stun_put_integrity(&w, STUN_INTEGRITY_SHA256, PASSWORD, PASSWORD_LEN);
    stun_put_text(&w, STUN_REALM, "too");
    stun_put_integrity(&w, STUN_INTEGRITY_SHA1, PASSWORD, PASSWORD_LEN);
    stun_put_fingerprint(&w);
    written(&w);
    assert_int_equal(m.count, 3);
    assert_false(stun_has(&m, STUN_USERNAME));
    assert_false(stun_has(&m, STUN_REALM));
    assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA1, PASSWORD, PASSWORD_LEN), 0);
    assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA256, PASSWORD, PASSWORD_LEN), 0);

    stun_put(&w, STUN_SOFTWARE, NULL, 0); /* a fingerprint that is not the last */
    length = stun_end(&w);
    assert_int_equal(stun_read(&m, buffer, length), -EBADMSG);
}

/* A request whose MAC a sender has cut to `len` bytes, as RFC 8489 §14.6 allows down to 16. */
static void write_cut_mac(size_t len)
{
    uint8_t mac[DIGEST_SHA256_LEN];
    struct stun_writer w = writing(STUN_REQUEST);

    stun_put_text(&w, STUN_USERNAME, "a");
    size_t before = stun_end(&w);
    buffer[3] = (uint8_t)(before + 4 + len - STUN_HEADER_LEN);
    digest_hmac(DIGEST_SHA256, mac, PASSWORD, PASSWORD_LEN, &(struct digest_part){buffer, before},
                1);
    stun_put(&w, STUN_MESSAGE_INTEGRITY_SHA256, mac, len);
    written(&w);
}

static void takes_a_sha_256_mac_of_16_bytes_but_not_of_12(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 32; len++) {
        write_cut_mac(len);
        assert_int_equal(stun_check_integrity(&m, STUN_INTEGRITY_SHA256, PASSWORD, PASSWORD_LEN),
                         len >= 16 && len % 4 == 0 ? 0 : -EACCES);
    }
}

static void addresses_come_back_as_they_were_put(void **state)
{
    (void)state;
    static const char *const TEXT[] = {"203.0.113.9:65535", "[2001:db8::1]:1", "0.0.0.0:0",
                                       "33.18.164.66:8466"}; /* the cookie itself */
    static const enum stun_attr TYPE[] = {STUN_MAPPED_ADDRESS,   STUN_XOR_MAPPED_ADDRESS,
                                          STUN_XOR_PEER_ADDRESS, STUN_XOR_RELAYED_ADDRESS,
                                          STUN_ALTERNATE_SERVER, STUN_OTHER_ADDRESS,
                                          STUN_RESPONSE_ORIGIN};
    for (unsigned i = 0; i < 4; i++) {
        struct addr in, out;
        struct stun_writer w = writing(STUN_SUCCESS);
        assert_int_equal(addr_parse(&in, TEXT[i]), 0);
        for (unsigned t = 0; t < 7; t++)
            stun_put_address(&w, TYPE[t], &in);
        written(&w);
        for (unsigned t = 0; t < 7; t++) {
            assert_int_equal(stun_get_address(&m, TYPE[t], &out), 0);
            assert_true(addr_equal(&in, &out));
        }
    }
}

static void refuses_malformed_addresses(void **state)
{
    (void)state;
    static const uint8_t value[24] = {0, 1}, six[20] = {0, 2};
    struct addr a;

    for (size_t len = 0; len <= sizeof(value); len++) {
        struct stun_writer w = writing(STUN_SUCCESS);
        stun_put(&w, STUN_XOR_MAPPED_ADDRESS, value, len);
        stun_put(&w, STUN_MAPPED_ADDRESS, six, 8); /* a family that does not fit */
        written(&w);
        assert_int_equal(stun_get_address(&m, STUN_XOR_MAPPED_ADDRESS, &a),
                         len == 8 ? 0 : -EBADMSG);
        assert_int_equal(stun_get_address(&m, STUN_MAPPED_ADDRESS, &a), -EBADMSG);
        assert_int_equal(stun_get_address(&m, STUN_OTHER_ADDRESS, &a), -ENOENT);
    }
}

static void errors_come_back_as_they_were_put(void **state)
{
    (void)state;
    char reason[16];
    unsigned code;
    struct stun_writer w = writing(STUN_ERROR);
    stun_put_error(&w, 438, "Stale\x1b Nonce, and more than fits");
    written(&w);
    assert_int_equal(m.class, STUN_ERROR);
    assert_int_equal(stun_get_error(&m, &code, reason, sizeof(reason)), 0);
    assert_int_equal(code, 438);
    assert_string_equal(reason, "Stale? Nonce, a");

    static const uint8_t BAD[][4] = {{0, 0, 2, 99}, {0, 0, 7, 0}, {0, 0, 4, 100}, {0, 0, 0, 0}};
    for (unsigned i = 0; i < 4; i++) {
        w = writing(STUN_ERROR);
        stun_put(&w, STUN_ERROR_CODE, BAD[i], 4);
        written(&w);
        assert_int_equal(stun_get_error(&m, &code, reason, sizeof(reason)), -EBADMSG);
    }
    w = writing(STUN_ERROR);
    stun_put(&w, STUN_ERROR_CODE, BAD[0], 3);
    written(&w);
    assert_int_equal(stun_get_error(&m, &code, reason, sizeof(reason)), -EBADMSG);
}

static bool knows_username(uint16_t type)
{
    return type == STUN_USERNAME;
}

static void reports_unknown_attributes_that_must_be_understood(void **state)
{
    (void)state;
    uint16_t unknown[4];
    struct stun_writer w = writing(STUN_REQUEST);
    stun_put_text(&w, STUN_USERNAME, "a");
    stun_put(&w, (enum stun_attr)0x7ffe, NULL, 0);
    stun_put(&w, (enum stun_attr)0xc123, NULL, 0); /* may be ignored */
    stun_put_text(&w, STUN_REALM, "b");
    written(&w);
    assert_int_equal(stun_unknown(&m, NULL, unknown, 4), 1);
    assert_int_equal(unknown[0], 0x7ffe);
    assert_int_equal(stun_unknown(&m, knows_username, unknown, 4), 2);
    assert_int_equal(stun_unknown(&m, knows_username, unknown, 1), 1);

    w = writing(STUN_ERROR);
    stun_put_unknown(&w, unknown, 1);
    written(&w);
    assert_int_equal(m.attr[0].len, 2);
    assert_memory_equal(m.attr[0].data, "\x7f\xfe", 2);
}

static void finds_the_algorithms_that_a_server_offers(void **state)
{
    (void)state;
    static const uint8_t BOTH[] = {0, 1, 0, 0, 0, 2, 0, 0};
    static const uint8_t PARAMETERS[] = {0, 9, 0, 1, 7, 0, 0, 0, 0, 2, 0, 0};
    static const uint8_t CUT[] = {0, 9, 0, 9, 0, 2, 0, 0};
    struct stun_writer w = writing(STUN_ERROR);
    stun_put(&w, STUN_PASSWORD_ALGORITHMS, BOTH, sizeof(BOTH));
    written(&w);
    assert_true(stun_offers_algorithm(&m, STUN_ALGORITHM_MD5));
    assert_true(stun_offers_algorithm(&m, STUN_ALGORITHM_SHA256));
    w = writing(STUN_ERROR);
    stun_put(&w, STUN_PASSWORD_ALGORITHMS, PARAMETERS, sizeof(PARAMETERS));
    written(&w);
    assert_false(stun_offers_algorithm(&m, STUN_ALGORITHM_MD5));
    assert_true(stun_offers_algorithm(&m, STUN_ALGORITHM_SHA256));
    w = writing(STUN_ERROR);
    stun_put(&w, STUN_PASSWORD_ALGORITHMS, CUT, sizeof(CUT));
    written(&w);
    assert_false(stun_offers_algorithm(&m, STUN_ALGORITHM_SHA256));
}

static void every_method_and_class_comes_back(void **state)
{
    (void)state;
    struct stun_writer w;
    for (unsigned method = 0; method < 0x1000; method++) {
        for (unsigned class = 0; class < 4; class ++) {
            stun_begin(&w, buffer, sizeof(buffer), (enum stun_class) class, (uint16_t)method, ID);
            written(&w);
            assert_int_equal(m.class, class);
            assert_int_equal(m.method, method);
            assert_memory_equal(m.id, ID, STUN_ID_LEN);
        }
    }
}

static void writes_nothing_where_the_room_does_not_suffice(void **state)
{
    (void)state;
    struct addr a = addr_loopback(true, 1);
    struct stun_writer w;
    for (size_t room = 0; room < 100; room++) {
        uint8_t *small = malloc(room ? room : 1);
        stun_begin(&w, small, room, STUN_SUCCESS, STUN_BINDING, ID);
        stun_put_address(&w, STUN_XOR_MAPPED_ADDRESS, &a);
        stun_put_error(&w, 400, "no");
        stun_put_integrity(&w, STUN_INTEGRITY_SHA1, PASSWORD, PASSWORD_LEN);
        stun_put_fingerprint(&w);
        assert_int_equal(stun_end(&w), room < 88 ? 0 : 88);
        free(small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_sample_request),
        cmocka_unit_test(reads_the_sample_responses),
        cmocka_unit_test(writes_the_sample_request_with_long_term_credentials),
        cmocka_unit_test(writes_the_sample_request_with_sha_256),
        cmocka_unit_test(writes_fingerprints_that_others_accept),
        cmocka_unit_test(notices_every_flipped_bit),
        cmocka_unit_test(refuses_messages_cut_short_at_any_length),
        cmocka_unit_test(refuses_what_is_no_stun),
        cmocka_unit_test(bounds_the_number_of_attributes),
        cmocka_unit_test(lists_nothing_that_a_mac_does_not_cover),
        cmocka_unit_test(takes_a_sha_256_mac_of_16_bytes_but_not_of_12),
        cmocka_unit_test(addresses_come_back_as_they_were_put),
        cmocka_unit_test(refuses_malformed_addresses),
        cmocka_unit_test(errors_come_back_as_they_were_put),
        cmocka_unit_test(reports_unknown_attributes_that_must_be_understood),
        cmocka_unit_test(finds_the_algorithms_that_a_server_offers),
        cmocka_unit_test(every_method_and_class_comes_back),
        cmocka_unit_test(writes_nothing_where_the_room_does_not_suffice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
