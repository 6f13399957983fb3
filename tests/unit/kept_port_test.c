#include "gateway/node/kept_port.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

static const uint8_t ANY4[4], ANY6[16];

static struct addr v4(uint16_t port)
{
    return addr_v4(ANY4, port);
}

static struct addr v6(uint16_t port)
{
    return addr_v6(ANY6, port, 0);
}

static int build(void **state)
{
    static struct fake_env fake;

    fake_env_init(&fake);
    *state = &fake;
    return 0;
}

static int end(void **state)
{
    fake_env_deinit(*state);
    return 0;
}

static uint16_t wish(const struct kept_port *k, struct addr wanted)
{
    const struct addr at = kept_port_wish(k, &wanted);

    assert_int_equal(addr_is_v6(&at), addr_is_v6(&wanted));
    return addr_port(&at);
}

static void took(struct kept_port *k, struct addr wanted, struct addr local)
{
    kept_port_took(k, &wanted, &local);
}

static void the_first_start_takes_any_port_and_keeps_it(void **state)
{
    struct fake_env *f = *state;
    struct kept_port k;

    kept_port_begin(&k, &f->env, "p", true);
    assert_int_equal(wish(&k, v4(0)), 0);
    took(&k, v4(0), v4(4711));
    assert_int_equal(wish(&k, v6(0)), 4711);
    took(&k, v6(0), v6(4712)); /* taken there: the first one counts */
    kept_port_end(&k);
    assert_string_equal(fake_env_file(f, "p"), "4711\n");

    kept_port_begin(&k, &f->env, "p", true);
    assert_int_equal(wish(&k, v4(0)), 4711);
    assert_int_equal(wish(&k, v6(0)), 4711);
}

static void a_port_that_did_not_change_is_not_written_again(void **state)
{
    struct fake_env *f = *state;
    struct kept_port k;

    fake_env_put_file(f, "p", "4711\n");
    kept_port_begin(&k, &f->env, "p", true);
    took(&k, v4(0), v4(4711));
    kept_port_end(&k);
    assert_int_equal(f->saves, 0);
}

static void a_configured_port_is_wished_as_it_is_and_not_kept(void **state)
{
    struct fake_env *f = *state;
    struct kept_port k;

    fake_env_put_file(f, "p", "4711\n");
    kept_port_begin(&k, &f->env, "p", true);
    assert_int_equal(wish(&k, v4(80)), 80);
    took(&k, v4(80), v4(80));
    kept_port_end(&k);
    assert_string_equal(fake_env_file(f, "p"), "4711\n");
}

static void switched_off_it_neither_reads_nor_writes(void **state)
{
    struct fake_env *f = *state;
    struct kept_port k;

    fake_env_put_file(f, "p", "4711\n");
    kept_port_begin(&k, &f->env, "p", false);
    assert_int_equal(wish(&k, v4(0)), 0);
    took(&k, v4(0), v4(5000));
    assert_int_equal(wish(&k, v6(0)), 5000);
    kept_port_end(&k);
    assert_string_equal(fake_env_file(f, "p"), "4711\n");
}

static void what_is_no_port_means_any(void **state)
{
    static const char *const BAD[] = {"", "\n", "70000\n", "12x\n", "-1\n", "4711\n\n"};
    struct fake_env *f = *state;
    struct kept_port k;

    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        fake_env_put_file(f, "p", BAD[i]);
        kept_port_begin(&k, &f->env, "p", true);
        assert_int_equal(wish(&k, v4(0)), 0);
    }
    fake_env_put_file(f, "p", "4711"); /* by an editor that ends no line */
    kept_port_begin(&k, &f->env, "p", true);
    assert_int_equal(wish(&k, v4(0)), 4711);
}

static void a_full_disk_does_not_keep_it_from_starting(void **state)
{
    struct fake_env *f = *state;
    struct kept_port k;

    f->save_error = -ENOSPC;
    kept_port_begin(&k, &f->env, "p", true);
    took(&k, v4(0), v4(4711));
    kept_port_end(&k);
    assert_null(fake_env_file(f, "p"));
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build, end)
    const struct CMUnitTest tests[] = {
        SENTENCE(the_first_start_takes_any_port_and_keeps_it),
        SENTENCE(a_port_that_did_not_change_is_not_written_again),
        SENTENCE(a_configured_port_is_wished_as_it_is_and_not_kept),
        SENTENCE(switched_off_it_neither_reads_nor_writes),
        SENTENCE(what_is_no_port_means_any),
        SENTENCE(a_full_disk_does_not_keep_it_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
