/* Write tokens: bound to an address and a target, for a while, and not to be guessed. */
#include "gateway/discovery/dht_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"

static struct dht_tokens t;
static struct addr alice, bob;
static const struct dht_id target = {{1}}, other = {{2}};
static uint8_t token[DHT_TOKEN_LEN];

static int start(void **state)
{
    static const uint8_t secrets[64] = {1, 2, 3};
    (void)state;
    assert_int_equal(addr_parse(&alice, "192.0.2.1:1000"), 0);
    assert_int_equal(addr_parse(&bob, "192.0.2.2:1000"), 0);
    dht_tokens_init(&t, secrets, 0);
    dht_tokens_make(&t, &alice, &target, token);
    return 0;
}

static void a_token_is_good_for_its_address_and_target_alone(void **state)
{
    (void)state;
    assert_true(dht_tokens_check(&t, &alice, &target, token, sizeof(token)));
    assert_false(dht_tokens_check(&t, &bob, &target, token, sizeof(token)));
    assert_false(dht_tokens_check(&t, &alice, &other, token, sizeof(token)));
    addr_set_port(&alice, 2000); /* its NAT may do that */
    assert_true(dht_tokens_check(&t, &alice, &target, token, sizeof(token)));
}

static void any_other_bytes_are_no_token(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(token); len++)
        assert_false(dht_tokens_check(&t, &alice, &target, token, len));
    for (unsigned bit = 0; bit < 64; bit++) {
        token[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(dht_tokens_check(&t, &alice, &target, token, sizeof(token)));
        token[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void it_outlives_one_new_secret_and_not_two(void **state)
{
    (void)state;
    static const uint8_t second[32] = {9}, third[32] = {8};

    assert_false(dht_tokens_due(&t, SEC(299)));
    assert_true(dht_tokens_due(&t, SEC(300)));
    dht_tokens_rotate(&t, second, SEC(300));
    assert_false(dht_tokens_due(&t, SEC(599)));
    assert_true(dht_tokens_check(&t, &alice, &target, token, sizeof(token)));
    dht_tokens_rotate(&t, third, SEC(600));
    assert_false(dht_tokens_check(&t, &alice, &target, token, sizeof(token)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_token_is_good_for_its_address_and_target_alone, start),
        cmocka_unit_test_setup(any_other_bytes_are_no_token, start),
        cmocka_unit_test_setup(it_outlives_one_new_secret_and_not_two, start),
    };
    if (crypto_start() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
