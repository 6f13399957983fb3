/* Keys of the status page: once for a link, then for half a day. */
#include "adapters/web_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/local_world.h"

static struct world world;
static struct web_keys keys;
static char text[WEB_KEY_TEXT], fresh[WEB_KEY_TEXT];

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    world.now = SEC(100);
    memset(&keys, 0, sizeof(keys));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_deinit(&world);
    return 0;
}

static bool change(const char *key)
{
    return web_keys_change(&keys, &world.env, key, strlen(key), fresh);
}

static bool know(const char *key)
{
    return web_keys_know(&keys, world.now, key, strlen(key));
}

static void a_link_works_once(void **state)
{
    (void)state;
    web_keys_link(&keys, &world.env, text);
    assert_int_equal(strlen(text), 27);
    assert_false(know(text));
    assert_true(change(text));
    assert_string_not_equal(text, fresh);
    assert_false(change(text));
    assert_true(know(fresh));
    assert_false(know(text));
    assert_false(change(fresh));
}

static void links_and_keys_grow_old(void **state)
{
    (void)state;
    web_keys_link(&keys, &world.env, text);
    world.now += WEB_LINK_LASTS;
    assert_false(change(text));
    web_keys_link(&keys, &world.env, text);
    world.now += WEB_LINK_LASTS - 1;
    assert_true(change(text));
    world.now += WEB_KEY_LASTS - 1;
    assert_true(know(fresh));
    world.now++;
    assert_false(know(fresh));
}

static void the_newest_take_the_place_of_the_oldest(void **state)
{
    (void)state;
    char all[WEB_KEYS_MAX + 1][WEB_KEY_TEXT];
    for (size_t i = 0; i <= WEB_KEYS_MAX; i++) {
        world.now++;
        web_keys_link(&keys, &world.env, all[i]);
    }
    assert_false(change(all[0]));
    for (size_t i = 1; i <= WEB_KEYS_MAX; i++)
        assert_true(change(all[i]));
}

static void nothing_else_is_a_key(void **state)
{
    (void)state;
    char wrong[WEB_KEY_TEXT];
    assert_false(know("AAAAAAAAAAAAAAAAAAAAAAAAAAA")); /* what empty places hold */
    assert_false(know(""));
    web_keys_link(&keys, &world.env, text);
    assert_true(change(text));
    for (size_t len = 0; len < strlen(fresh); len++)
        assert_false(web_keys_know(&keys, world.now, fresh, len));
    for (size_t i = 0; i < strlen(fresh); i++) {
        memcpy(wrong, fresh, sizeof(wrong));
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
        assert_false(know(wrong));
    }
    assert_true(know(fresh));
    web_keys_deinit(&keys);
    assert_false(know(fresh));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_link_works_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_and_keys_grow_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_take_the_place_of_the_oldest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_else_is_a_key, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
