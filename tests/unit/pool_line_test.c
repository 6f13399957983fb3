/* Peers of the pool as lines of text. */
#include "gateway/node/pool_line.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/identity/keys.h"

static struct pool_line line, again;
static char text[POOL_LINE_MAX], id[PEER_ID_TEXT_MAX];

static struct pool_line full_line(void)
{
    struct keys keys;
    uint8_t seed[KEYS_SEED_LEN] = {7};
    struct pool_line full = {.ip = {255, 255, 255, 254}, .count = POOL_SERVICES_MAX};
    keys_from_seed(&keys, seed);
    full.peer = keys.id;
    for (size_t i = 0; i < POOL_SERVICES_MAX; i++)
        full.service[i] = (struct pool_service){(uint16_t)(65535 - i), (uint8_t)(1 + i % 3)};
    return full;
}

static int read_text(const char *what)
{
    return pool_line_read(&again, what, strlen(what));
}

static void the_longest_line_fits_and_is_read_again(void **state)
{
    (void)state;
    line = full_line();
    size_t len = pool_line_write(&line, text);
    assert_int_equal(len, strlen(text));
    assert_true(len < POOL_LINE_MAX);
    assert_int_equal(text[len - 1], '\n');
    assert_int_equal(pool_line_read(&again, text, len - 1), 0);
    assert_memory_equal(&line, &again, sizeof(line));
}

static void a_line_says_what_it_is_for(void **state)
{
    (void)state;
    char expected[POOL_LINE_MAX];
    line = full_line();
    line.count = 3;
    line.service[0] = (struct pool_service){22, 1};
    line.service[1] = (struct pool_service){53, 2};
    line.service[2] = (struct pool_service){7000, 3};
    pool_line_write(&line, text);
    (void)snprintf(expected, sizeof(expected), "%s 255.255.255.254 t22 u53 b7000\n",
                   peer_id_print(&line.peer, id));
    assert_string_equal(text, expected);
}

static void a_cut_line_is_refused_or_shorter_by_whole_services(void **state)
{
    (void)state;
    line = full_line();
    size_t len = pool_line_write(&line, text) - 1;
    for (size_t cut = 0; cut < len; cut++) {
        char exact[POOL_LINE_MAX];
        memcpy(exact, text, cut);
        int err = pool_line_read(&again, exact, cut);
        assert_true(err == -EBADMSG || (err == 0 && again.count <= line.count));
        if (cut < PEER_ID_TEXT_LEN + 1 + strlen("2.2.2.2"))
            assert_int_equal(err, -EBADMSG);
    }
}

static void what_no_gateway_writes_is_refused(void **state)
{
    (void)state;
    static const char *const rest[] = {
        "",
        " ",
        " 1.2.3",
        " 1.2.3.4 ",
        " 1.2.3.4  t22",
        " 1.2.3.4 t",
        " ::1",
        " 1.2.3.4 t0",
        " 1.2.3.4 x22",
        " 1.2.3.4 t65536",
        " 1.2.3.4 t022",
        " 1.2.3.4 22",
        "\t1.2.3.4",
        " 1.2.3.4:5",
    };
    line = full_line();
    for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++) {
        (void)snprintf(text, sizeof(text), "%s%s", peer_id_print(&line.peer, id), rest[i]);
        if (read_text(text) == 0)
            fail_msg("read: '%s'", rest[i]);
    }
    assert_int_equal(read_text("alice 1.2.3.4"), -EBADMSG);
}

static void too_many_services_are_refused(void **state)
{
    (void)state;
    char longer[POOL_LINE_MAX + 16];
    line = full_line();
    size_t len = pool_line_write(&line, text);
    int n = snprintf(longer, sizeof(longer), "%.*s t1", (int)len - 1, text);
    assert_int_equal(pool_line_read(&again, longer, (size_t)n), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_line_fits_and_is_read_again),
        cmocka_unit_test(a_line_says_what_it_is_for),
        cmocka_unit_test(a_cut_line_is_refused_or_shorter_by_whole_services),
        cmocka_unit_test(what_no_gateway_writes_is_refused),
        cmocka_unit_test(too_many_services_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
