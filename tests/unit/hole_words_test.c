/* What a program is told of its hole. */
#include "config/control/hole_words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOST   "9qkg385uwr5g9zpe9fy41b4x5f4qj98r9r541wnnms8zcticf7by"
#define PEER   "ajbsd1eo6npgtzs7oznr151jpwci8969czc19u4rux5noc8qj48o"
#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

#define LINE(inner, secret)                                                                        \
    "{\"peer\":\"" PEER "\",\"name\":\"alice\",\"host\":\"" HOST "\",\"asked\":true,"              \
    "\"proto\":\"udp\",\"inner\":\"" inner "\",\"outer\":\"203.0.113.1:40001\","                   \
    "\"remote\":\"[2001:db8::7]:9\",\"secret\":\"" secret "\"}\n"

static struct hole_words words(void)
{
    struct hole_words w;
    assert_int_equal(hole_words_read(&w, LINE("10.0.0.2:4001", SECRET)), 0);
    return w;
}

static void a_line_of_the_gateway_is_read_whole_or_not_at_all(void **state)
{
    static const char *const BAD[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"peer\":1}",
                                      LINE("10.0.0.2", SECRET),
                                      LINE("10.0.0.2:4001", SECRET SECRET)};
    const char *line = LINE("10.0.0.2:4001", SECRET);
    struct hole_words w = words();
    char cut[512];
    (void)state;

    assert_string_equal(w.hostid, HOST);
    assert_string_equal(w.peerid, PEER);
    assert_string_equal(w.name, "alice");
    assert_true(w.asked);
    assert_false(w.tcp);
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_int_equal(hole_words_read(&w, BAD[i]), -EBADMSG);
    for (size_t len = 0; len + 1 < strlen(line); len++) {
        (void)snprintf(cut, sizeof(cut), "%.*s", (int)len, line);
        assert_int_equal(hole_words_read(&w, cut), -EBADMSG);
    }
}

static void becomes(const struct hole_words *w, const char *arg, const char *what)
{
    char *const args[] = {(char *)(uintptr_t)arg};
    char **list = hole_arguments(w, "cmd", args, 1);

    assert_non_null(list);
    assert_string_equal(list[0], "cmd");
    assert_string_equal(list[1], what);
    assert_null(list[2]);
    hole_list_free(list);
}

static void words_are_replaced_where_they_stand(void **state)
{
    struct hole_words w = words();
    (void)state;

    becomes(&w, "%inner%", "10.0.0.2:4001");
    becomes(&w, "--at=%innerip%,%innerport%", "--at=10.0.0.2,4001");
    becomes(&w, "%outer%%outerport%", "203.0.113.1:4000140001");
    becomes(&w, "%peer%", "[2001:db8::7]:9");
    becomes(&w, "%peerip% %peerport%", "2001:db8::7 9");
    becomes(&w, "%hostid%", HOST);
    becomes(&w, "%peerid%", PEER);
    becomes(&w, "%proto%/%role%", "udp/ask");
    w.tcp = true;
    w.asked = false;
    becomes(&w, "%proto%/%role%", "tcp/accept");
}

static void what_is_no_word_of_ours_stays_and_the_secret_is_none(void **state)
{
    struct hole_words w = words();
    (void)state;

    becomes(&w, "", "");
    becomes(&w, "100%", "100%");
    becomes(&w, "%%inner%%", "%10.0.0.2:4001%");
    becomes(&w, "%inner", "%inner");
    becomes(&w, "%secret%", "%secret%");
    becomes(&w, "%INNER% $OVERLAY_PEER `id`", "%INNER% $OVERLAY_PEER `id`");
}

static void without_arguments_there_are_the_six_of_plexus(void **state)
{
    static const char *const WANTED[] = {"cmd",   "10.0.0.2",    "4001", "203.0.113.1",
                                         "40001", "2001:db8::7", "9"};
    struct hole_words w = words();
    char **list = hole_arguments(&w, "cmd", NULL, 0);
    (void)state;

    for (size_t i = 0; i < sizeof(WANTED) / sizeof(WANTED[0]); i++)
        assert_string_equal(list[i], WANTED[i]);
    assert_null(list[7]);
    hole_list_free(list);
}

static bool has(char **list, const char *entry)
{
    for (size_t i = 0; list[i]; i++)
        if (strcmp(list[i], entry) == 0)
            return true;
    return false;
}

static void the_environment_has_all_of_it_and_the_secret(void **state)
{
    struct hole_words w = words();
    char **list = hole_environment(&w, 7);
    (void)state;

    assert_true(has(list, "OVERLAY_SECRET=" SECRET));
    assert_true(has(list, "OVERLAY_FD=7"));
    assert_true(has(list, "OVERLAY_INNER=10.0.0.2:4001"));
    assert_true(has(list, "OVERLAY_OUTERPORT=40001"));
    assert_true(has(list, "OVERLAY_PEERIP=2001:db8::7"));
    assert_true(has(list, "OVERLAY_HOSTID=" HOST));
    assert_true(has(list, "OVERLAY_PEERID=" PEER));
    assert_true(has(list, "OVERLAY_PROTO=udp"));
    assert_true(has(list, "OVERLAY_ROLE=ask"));
    hole_list_free(list);

    list = hole_environment(&w, -1);
    for (size_t i = 0; list[i]; i++)
        assert_int_not_equal(strncmp(list[i], "OVERLAY_FD=", 11), 0);
    hole_list_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_the_gateway_is_read_whole_or_not_at_all),
        cmocka_unit_test(words_are_replaced_where_they_stand),
        cmocka_unit_test(what_is_no_word_of_ours_stays_and_the_secret_is_none),
        cmocka_unit_test(without_arguments_there_are_the_six_of_plexus),
        cmocka_unit_test(the_environment_has_all_of_it_and_the_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
