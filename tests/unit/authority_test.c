/* The authority's two files, in a home in memory. */
#include "gateway/identity/authority.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

#define DAY_US (INT64_C(86400) * 1000000)

static int set_up(void **state)
{
    static struct fake_env env;
    fake_env_init(&env);
    *state = &env;
    return 0;
}

static int tear_down(void **state)
{
    fake_env_deinit(*state);
    return 0;
}

static void there_is_none_until_it_is_made(void **state)
{
    struct fake_env *f = *state;
    struct local_ca *ca = NULL, *again = NULL;
    char why[256] = "";
    bool fresh = false;

    assert_int_equal(authority_load(&ca, &f->env, "overlay", why, sizeof(why)), -ENOENT);
    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), 0);
    assert_true(fresh);
    assert_int_equal(authority_make(&again, &f->env, "overlay", &fresh, why, sizeof(why)), 0);
    assert_false(fresh);
    assert_string_equal(local_ca_certificate(again), local_ca_certificate(ca));
    local_ca_free(again);
    assert_int_equal(authority_load(&again, &f->env, "overlay", why, sizeof(why)), 0);
    assert_string_equal(local_ca_facts(again)->id, local_ca_facts(ca)->id);
    local_ca_free(again);
    local_ca_free(ca);
}

static void it_is_renewed_in_its_last_ninety_days(void **state)
{
    struct fake_env *f = *state;
    struct local_ca *ca = NULL;
    char why[256] = "";
    bool fresh = false;

    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), 0);
    const struct local_ca_facts first = *local_ca_facts(ca);
    local_ca_free(ca);
    f->wall_us += 641 * DAY_US;
    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), 0);
    assert_true(fresh);
    assert_string_equal(local_ca_facts(ca)->id, first.id);
    assert_true(local_ca_facts(ca)->until == first.until + 641 * INT64_C(86400));
    local_ca_free(ca);
    assert_int_equal(authority_load(&ca, &f->env, "overlay", why, sizeof(why)), 0);
    assert_true(local_ca_facts(ca)->until > first.until);
    local_ca_free(ca);
}

static void a_broken_file_is_named(void **state)
{
    struct fake_env *f = *state;
    struct local_ca *ca = NULL;
    char why[256] = "";
    bool fresh;

    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), 0);
    local_ca_free(ca);
    fake_file_put(f->file, AUTHORITY_CERTIFICATE, "moon", 4);
    assert_int_equal(authority_load(&ca, &f->env, "overlay", why, sizeof(why)), -EBADMSG);
    assert_int_equal(strncmp(why, "ca.crt: ", 8), 0);
    fake_file_remove(f->file, AUTHORITY_CERTIFICATE);
    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), -EBADMSG);
    assert_int_equal(strncmp(why, "ca.crt: ", 8), 0);
    fake_file_put(f->file, AUTHORITY_KEY, "moon", 4);
    fake_file_put(f->file, AUTHORITY_CERTIFICATE, "moon", 4);
    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), -EBADMSG);
    assert_int_equal(strncmp(why, "ca.key: ", 8), 0);
    f->load_error = -EACCES;
    assert_int_equal(authority_load(&ca, &f->env, "overlay", why, sizeof(why)), -EACCES);
    assert_non_null(strstr(why, "chmod 600"));
}

static void that_of_another_suffix_is_refused(void **state)
{
    struct fake_env *f = *state;
    struct local_ca *ca = NULL;
    char why[256] = "";
    bool fresh;

    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), 0);
    local_ca_free(ca);
    assert_int_equal(authority_load(&ca, &f->env, "home.arpa", why, sizeof(why)), -EBADMSG);
    assert_non_null(strstr(why, ".overlay"));
    assert_non_null(strstr(why, ".home.arpa"));
}

static void what_cannot_be_saved_is_not_there(void **state)
{
    struct fake_env *f = *state;
    struct local_ca *ca = NULL;
    char why[256] = "";
    bool fresh;

    f->save_error = -ENOSPC;
    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), -ENOSPC);
    f->save_error = 0;
    assert_int_equal(authority_load(&ca, &f->env, "overlay", why, sizeof(why)), -ENOENT);
}

static void forgetting_deletes_the_key_and_what_is_told(void **state)
{
    struct fake_env *f = *state;
    struct local_ca *ca = NULL;
    char why[256] = "";
    bool fresh;

    assert_int_equal(authority_make(&ca, &f->env, "overlay", &fresh, why, sizeof(why)), 0);
    local_ca_free(ca);
    assert_int_equal(authority_forget(&f->env, true, why, sizeof(why)), 0);
    assert_null(fake_file_find(f->file, AUTHORITY_KEY));
    assert_non_null(fake_file_find(f->file, AUTHORITY_CERTIFICATE));
    assert_int_equal(authority_load(&ca, &f->env, "overlay", why, sizeof(why)), -ENOENT);
    assert_int_equal(authority_forget(&f->env, false, why, sizeof(why)), 0);
    assert_null(fake_file_find(f->file, AUTHORITY_CERTIFICATE));
    assert_int_equal(authority_forget(&f->env, false, why, sizeof(why)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_is_none_until_it_is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_renewed_in_its_last_ninety_days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_file_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(that_of_another_suffix_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_saved_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgetting_deletes_the_key_and_what_is_told, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("authority", tests, NULL, NULL);
}
