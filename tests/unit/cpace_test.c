/* The password-authenticated exchange against the draft's vectors, and against who has no words. */
#include "gateway/crypto/cpace.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "gateway/base/text.h"

#define TEXT(s) ((struct cpace_text){s, sizeof(s) - 1})

/* Appendix B.3 of draft-irtf-cfrg-cpace: ristretto255 and SHA-512. */
static const char SCALAR_A[] = "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08";
static const char SCALAR_B[] = "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d";
static const char SHARE_A[] = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157";
static const char SHARE_B[] = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258";
static const char KEY[] = "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd"
                          "2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447";
static const uint8_t SESSION[] = {0x7e, 0x4b, 0x47, 0x91, 0xd6, 0xa8, 0xef, 0x01,
                                  0x9b, 0x93, 0x6c, 0x79, 0xfb, 0x7f, 0x2c, 0x57};

struct pair {
    struct cpace_input in_a, in_b;
    struct cpace a, b;
    struct cpace_message from_a, from_b;
};

static void bytes(const char *hex, uint8_t *out, size_t len)
{
    size_t got;
    assert_int_equal(sodium_hex2bin(out, len, hex, strlen(hex), NULL, &got, NULL), 0);
    assert_int_equal(got, len);
}

static void is(const uint8_t *data, size_t len, const char *hex)
{
    char text[TEXT_HEX_LEN(CPACE_TAG_LEN) + 1];
    assert_string_equal(text_hex(text, data, len), hex);
}

static struct cpace_input inputs(const char *password)
{
    return (struct cpace_input){
        .password = {password, strlen(password)},
        .channel = TEXT("\x0b"
                        "A_initiator"
                        "\x0b"
                        "B_responder"),
        .session = {SESSION, sizeof(SESSION)},
    };
}

static void begin(struct pair *p, const char *word_a, const char *word_b)
{
    uint8_t scalar[CPACE_SCALAR_LEN];

    *p = (struct pair){.in_a = inputs(word_a), .in_b = inputs(word_b)};
    bytes(SCALAR_A, scalar, sizeof(scalar));
    assert_int_equal(cpace_start(&p->a, &p->in_a, scalar), 0);
    bytes(SCALAR_B, scalar, sizeof(scalar));
    assert_int_equal(cpace_start(&p->b, &p->in_b, scalar), 0);
    p->from_a = (struct cpace_message){p->a.share, TEXT("ADa")};
    p->from_b = (struct cpace_message){p->b.share, TEXT("ADb")};
}

static void finish(struct pair *p)
{
    assert_int_equal(cpace_finish(&p->a, &p->in_a, true, &p->from_a, &p->from_b), 0);
    assert_int_equal(cpace_finish(&p->b, &p->in_b, false, &p->from_a, &p->from_b), 0);
}

static void agrees_as_the_draft_does(void **state)
{
    struct pair p;
    (void)state;

    begin(&p, "Password", "Password");
    is(p.a.share, CPACE_SHARE_LEN, SHARE_A);
    is(p.b.share, CPACE_SHARE_LEN, SHARE_B);
    finish(&p);
    is(p.a.isk, CPACE_ISK_LEN, KEY);
    is(p.b.isk, CPACE_ISK_LEN, KEY);
}

static void each_side_confirms_its_own_message(void **state)
{
    struct pair p;
    uint8_t tag_a[CPACE_TAG_LEN], tag_b[CPACE_TAG_LEN];
    (void)state;

    begin(&p, "Password", "Password");
    finish(&p);
    cpace_tag(&p.a, &p.from_a, tag_a);
    cpace_tag(&p.b, &p.from_b, tag_b);
    assert_true(cpace_confirms(&p.b, &p.from_a, tag_a));
    assert_true(cpace_confirms(&p.a, &p.from_b, tag_b));
    assert_false(cpace_confirms(&p.a, &p.from_b, tag_a)); /* an echo proves nothing */
    tag_a[CPACE_TAG_LEN - 1] ^= 1;
    assert_false(cpace_confirms(&p.b, &p.from_a, tag_a));
}

static void another_password_gives_another_key(void **state)
{
    struct pair p;
    uint8_t tag[CPACE_TAG_LEN];
    (void)state;

    begin(&p, "cobalt-lemon", "cobalt-melon");
    finish(&p);
    assert_memory_not_equal(p.a.isk, p.b.isk, CPACE_ISK_LEN);
    cpace_tag(&p.a, &p.from_a, tag);
    assert_false(cpace_confirms(&p.b, &p.from_a, tag));
}

static void what_was_changed_on_the_way_is_not_confirmed(void **state)
{
    struct pair p;
    uint8_t tag[CPACE_TAG_LEN];
    (void)state;

    begin(&p, "Password", "Password");
    struct cpace_message forged = {p.a.share, TEXT("ADx")};
    assert_int_equal(cpace_finish(&p.a, &p.in_a, true, &p.from_a, &p.from_b), 0);
    assert_int_equal(cpace_finish(&p.b, &p.in_b, false, &forged, &p.from_b), 0);
    cpace_tag(&p.a, &p.from_a, tag);
    assert_false(cpace_confirms(&p.b, &forged, tag));
}

static void invalid_and_neutral_shares_are_refused(void **state)
{
    struct pair p;
    uint8_t neutral[CPACE_SHARE_LEN] = {0}, invalid[CPACE_SHARE_LEN];
    (void)state;

    begin(&p, "Password", "Password");
    struct cpace_message bad = {neutral, TEXT("ADb")};
    assert_int_equal(cpace_finish(&p.a, &p.in_a, true, &p.from_a, &bad), -EPROTO);
    memset(invalid, 0xff, sizeof(invalid));
    bad.share = invalid;
    assert_int_equal(cpace_finish(&p.a, &p.in_a, true, &p.from_a, &bad), -EPROTO);
}

static void associated_data_and_scalars_have_limits(void **state)
{
    static const uint8_t zero[CPACE_SCALAR_LEN], long_ad[CPACE_AD_MAX + 1];
    struct pair p;
    struct cpace c;
    uint8_t random[64], scalar[CPACE_SCALAR_LEN];
    (void)state;

    begin(&p, "Password", "Password");
    p.from_b.ad = (struct cpace_text){long_ad, sizeof(long_ad)};
    assert_int_equal(cpace_finish(&p.a, &p.in_a, true, &p.from_a, &p.from_b), -EMSGSIZE);
    assert_int_equal(cpace_start(&c, &p.in_a, zero), -EINVAL);
    memset(random, 0xff, sizeof(random));
    cpace_scalar(scalar, random);
    assert_int_equal(cpace_start(&c, &p.in_a, scalar), 0);
}

/* A password that fills the hash's block by itself needs no padding, and stays itself. */
static void long_passwords_work(void **state)
{
    char long_a[200], long_b[200];
    struct pair p;
    (void)state;

    memset(long_a, 'a', sizeof(long_a) - 1);
    long_a[sizeof(long_a) - 1] = '\0';
    memcpy(long_b, long_a, sizeof(long_b));
    begin(&p, long_a, long_b);
    finish(&p);
    assert_memory_equal(p.a.isk, p.b.isk, CPACE_ISK_LEN);
    long_b[150] = 'b';
    begin(&p, long_a, long_b);
    finish(&p);
    assert_memory_not_equal(p.a.isk, p.b.isk, CPACE_ISK_LEN);
}

static void nothing_is_left_after_wiping(void **state)
{
    static const struct cpace empty;
    struct pair p;
    (void)state;

    begin(&p, "Password", "Password");
    finish(&p);
    cpace_wipe(&p.a);
    assert_memory_equal(&p.a, &empty, sizeof(empty));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_as_the_draft_does),
        cmocka_unit_test(each_side_confirms_its_own_message),
        cmocka_unit_test(another_password_gives_another_key),
        cmocka_unit_test(what_was_changed_on_the_way_is_not_confirmed),
        cmocka_unit_test(invalid_and_neutral_shares_are_refused),
        cmocka_unit_test(associated_data_and_scalars_have_limits),
        cmocka_unit_test(long_passwords_work),
        cmocka_unit_test(nothing_is_left_after_wiping),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
