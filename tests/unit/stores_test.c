/* Where authorities are believed: found, filled and emptied, with the tools played by the test. */
#include "config/trust/stores.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_machine.h"

#define NAME "overlay-1a2b3c4d"
#define PEM  "-----BEGIN CERTIFICATE-----\nMOON\n-----END CERTIFICATE-----\n"
#define HOME "/home/u"

enum { DATABASES = 4, COPIES = 3 };

static struct fake_machine machine;
static struct trust_stores stores;
static const struct trust_certificate certificate = {NAME, PEM};
static char why[SETUP_WHY_MAX];
static bool no_tool;
static unsigned updates, fresh, refusals;

/* What certutil keeps: certificates of our name in each database. */
static struct {
    char argument[160];
    char *text[COPIES];
    size_t count;
} database[DATABASES];

static size_t database_at(const char *argument)
{
    size_t i = 0;
    while (i < DATABASES && *database[i].argument && strcmp(database[i].argument, argument) != 0)
        i++;
    assert_true(i < DATABASES);
    (void)snprintf(database[i].argument, sizeof(database[i].argument), "%s", argument);
    return i;
}

static const char *after(const char *const argv[], const char *word)
{
    for (size_t i = 0; argv[i]; i++)
        if (strcmp(argv[i], word) == 0)
            return argv[i + 1];
    return NULL;
}

static int certutil(const char *const argv[], const char *input, struct setup_ran *ran)
{
    const char *action = argv[1], *path = after(argv, "-d");
    char file[200];

    if (strcmp(action, "-N") == 0) {
        (void)snprintf(file, sizeof(file), "%s/cert9.db", path + 4);
        fake_machine_put(&machine, file, "");
        return 0;
    }
    size_t i = database_at(path);
    if (strcmp(action, "-L") == 0 && after(argv, "-n")) {
        ran->status = database[i].count > 0 ? 0 : 255;
        /* It writes line ends of its own kind. */
        ran->out =
            database[i].count > 0 && strcmp(database[i].text[0], PEM) == 0
                ? strdup("-----BEGIN CERTIFICATE-----\r\nMOON\r\n-----END CERTIFICATE-----\r\n")
                : strdup(database[i].count > 0 ? database[i].text[0] : "");
    } else if (strcmp(action, "-D") == 0) {
        assert_true(database[i].count > 0);
        free(database[i].text[--database[i].count]);
    } else if (strcmp(action, "-A") == 0) {
        assert_string_equal(after(argv, "-t"), "C,,");
        assert_string_equal(after(argv, "-n"), NAME);
        ran->status = refusals > 0 ? 255 : 0;
        ran->error = refusals > 0 ? strdup("certutil: the password is wrong\n") : NULL;
        if (refusals > 0)
            refusals--;
        else
            database[i].text[database[i].count++] = strdup(input);
    }
    return 0;
}

static int run(void *arg, const char *const argv[], const char *input, struct setup_ran *ran)
{
    (void)arg;
    *ran = (struct setup_ran){.status = 0};
    if (no_tool)
        return -ENOENT;
    if (strcmp(argv[0], "certutil") == 0)
        return certutil(argv, input, ran);
    updates += strcmp(argv[0], "update-ca-certificates") == 0;
    fresh += argv[1] && strcmp(argv[1], "--fresh") == 0;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    fake_machine_init(&machine);
    machine.host.run = run;
    memset(&stores, 0, sizeof(stores));
    no_tool = false;
    updates = fresh = refusals = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < DATABASES; i++)
        for (size_t k = 0; k < database[i].count; k++)
            free(database[i].text[k]);
    memset(database, 0, sizeof(database));
    fake_machine_deinit(&machine);
    return 0;
}

static const struct trust_store *found(const char *path)
{
    for (size_t i = 0; i < stores.count; i++)
        if (strcmp(stores.at[i].path, path) == 0)
            return &stores.at[i];
    return NULL;
}

static void finds_the_profiles_that_have_a_store(void **state)
{
    (void)state;
    fake_machine_put(&machine, HOME "/.mozilla/firefox/profiles.ini",
                     "[Install1]\r\nDefault=a b\r\n[Profile0]\r\nIsRelative=1\r\nPath=a b\r\n"
                     "[Profile1]\nIsRelative=0\nPath=/elsewhere/p\n[Profile2]\nPath=never.used\n"
                     "[Profile3]\nPath=\n");
    fake_machine_put(&machine, HOME "/.mozilla/firefox/a b/cert9.db", "");
    fake_machine_put(&machine, "/elsewhere/p/cert9.db", "");
    fake_machine_put(&machine, HOME "/snap/firefox/common/.mozilla/firefox/profiles.ini",
                     "Path=snapped\nPath=snapped\n");
    fake_machine_put(&machine, HOME "/snap/firefox/common/.mozilla/firefox/snapped/cert9.db", "");
    stores_find_browsers(&stores, &machine.host, HOME);
    assert_int_equal(stores.count, 3);
    assert_non_null(found(HOME "/.mozilla/firefox/a b"));
    assert_non_null(found("/elsewhere/p"));
    assert_int_equal(found(HOME "/snap/firefox/common/.mozilla/firefox/snapped")->kind,
                     STORE_FIREFOX);
}

static void finds_chromium_in_and_out_of_its_box(void **state)
{
    (void)state;
    fake_machine_put(&machine, HOME "/.pki/nssdb/cert9.db", "");
    fake_machine_put(&machine, HOME "/snap/chromium/current/.pki/nssdb/cert9.db", "");
    fake_machine_put(&machine, HOME "/.config/chromium", NULL);
    stores_find_browsers(&stores, &machine.host, HOME);
    assert_int_equal(stores.count, 2);
    assert_false(found(HOME "/.pki/nssdb")->absent);
}

static void nothing_is_made_for_browsers_that_are_not_there(void **state)
{
    (void)state;
    stores_find_browsers(&stores, &machine.host, HOME);
    assert_int_equal(stores.count, 0);
}

static void a_store_is_made_for_a_browser_without_one(void **state)
{
    (void)state;
    fake_machine_put(&machine, HOME "/.config/google-chrome", NULL);
    stores_find_browsers(&stores, &machine.host, HOME);
    assert_int_equal(stores.count, 1);
    assert_true(stores.at[0].absent);
    assert_false(store_has(&stores.at[0], &machine.host, &certificate));
    store_describe(&stores.at[0], &certificate, true, why);
    assert_non_null(strstr(why, "certutil -N -d sql:" HOME "/.pki/nssdb --empty-password\n"));
    assert_int_equal(store_add(&stores.at[0], &machine.host, &certificate, why), 0);
    stores.count = 0;
    stores_find_browsers(&stores, &machine.host, HOME);
    assert_false(stores.at[0].absent);
    assert_true(store_has(&stores.at[0], &machine.host, &certificate));
}

static void what_is_put_in_is_there_once_and_gone_when_taken_out(void **state)
{
    (void)state;
    fake_machine_put(&machine, HOME "/.pki/nssdb/cert9.db", "");
    stores_find_browsers(&stores, &machine.host, HOME);
    const struct trust_store *s = &stores.at[0];
    assert_false(store_has(s, &machine.host, &certificate));
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_add(s, &machine.host, &certificate, why), 0);
    assert_int_equal(database[0].count, 1);
    assert_true(store_has(s, &machine.host, &certificate));
    const struct trust_certificate renewed = {NAME, "another"};
    assert_false(store_has(s, &machine.host, &renewed));
    assert_true(store_has(s, &machine.host, &(struct trust_certificate){NAME, NULL}));
    assert_int_equal(store_add(s, &machine.host, &renewed, why), 0);
    assert_int_equal(database[0].count, 1);
    assert_int_equal(store_remove(s, &machine.host, &certificate, why), 0);
    assert_int_equal(database[0].count, 0);
    assert_int_equal(store_remove(s, &machine.host, &certificate, why), 0);
}

static void a_missing_tool_is_named_with_its_package(void **state)
{
    (void)state;
    fake_machine_put(&machine, HOME "/.pki/nssdb/cert9.db", "");
    stores_find_browsers(&stores, &machine.host, HOME);
    no_tool = true;
    assert_false(store_has(&stores.at[0], &machine.host, &certificate));
    assert_int_equal(store_add(&stores.at[0], &machine.host, &certificate, why), -ENOENT);
    assert_non_null(strstr(why, "libnss3-tools"));
    assert_int_equal(store_remove(&stores.at[0], &machine.host, &certificate, why), -ENOENT);
}

static void what_the_tool_complains_of_is_told(void **state)
{
    (void)state;
    fake_machine_put(&machine, HOME "/.pki/nssdb/cert9.db", "");
    stores_find_browsers(&stores, &machine.host, HOME);
    refusals = 1;
    assert_int_equal(store_add(&stores.at[0], &machine.host, &certificate, why), -EIO);
    assert_string_equal(why, "certutil: exit code 255: certutil: the password is wrong");
}

static void the_systems_store_is_a_folder_and_a_tool(void **state)
{
    static const char FILE_NAME[] = "/usr/local/share/ca-certificates/" NAME ".crt";
    (void)state;
    assert_false(stores_find_system(&stores, &machine.host, NAME));
    fake_machine_put(&machine, "/usr/local/share/ca-certificates", NULL);
    assert_true(stores_find_system(&stores, &machine.host, NAME));
    const struct trust_store *s = &stores.at[0];
    assert_string_equal(s->path, FILE_NAME);
    assert_false(store_has(s, &machine.host, &certificate));
    assert_int_equal(store_add(s, &machine.host, &certificate, why), 0);
    assert_string_equal(fake_machine_file(&machine, FILE_NAME), PEM);
    assert_int_equal(updates, 1);
    assert_int_equal(fresh, 0);
    assert_true(store_has(s, &machine.host, &certificate));
    assert_int_equal(store_remove(s, &machine.host, &certificate, why), 0);
    assert_null(fake_machine_file(&machine, FILE_NAME));
    assert_int_equal(updates, 2);
    assert_int_equal(fresh, 1); /* links to what is gone go too */
    assert_int_equal(store_remove(s, &machine.host, &certificate, why), 0);
    assert_int_equal(updates, 2); /* nothing was there */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(finds_the_profiles_that_have_a_store),
        CASE(finds_chromium_in_and_out_of_its_box),
        CASE(nothing_is_made_for_browsers_that_are_not_there),
        CASE(a_store_is_made_for_a_browser_without_one),
        CASE(what_is_put_in_is_there_once_and_gone_when_taken_out),
        CASE(a_missing_tool_is_named_with_its_package),
        CASE(what_the_tool_complains_of_is_told),
        CASE(the_systems_store_is_a_folder_and_a_tool),
    };
    return cmocka_run_group_tests_name("stores", tests, NULL, NULL);
}
