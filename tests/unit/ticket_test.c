/* Tickets: what was printed reads back, what was mistyped does not, hostile hints do no harm. */
#include "gateway/wire/ticket.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/crypto/hash.h"

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct ticket full(void)
{
    struct ticket t = {.hints = {.addrs = HINTS_ADDRS_MAX, .relays = HINTS_RELAYS_MAX}};

    memset(t.id, 0xa5, sizeof(t.id));
    memset(t.secret, 0x5a, sizeof(t.secret));
    for (size_t i = 0; i < HINTS_ADDRS_MAX; i++)
        t.hints.addr[i] = address(i % 2 ? "[2001:db8::7]:4433" : "192.0.2.7:4433");
    for (size_t i = 0; i < HINTS_RELAYS_MAX; i++) {
        memset(t.hints.relay[i].id, (int)i, HINTS_ID_LEN);
        memset(t.hints.relay[i].host, 'h', HINTS_HOST_MAX);
    }
    memset(t.hints.service, 's', HINTS_SERVICE_MAX);
    memset(t.hints.nick, 'n', HINTS_NICK_MAX);
    return t;
}

static void same(const struct ticket *a, const struct ticket *b)
{
    assert_memory_equal(a->id, b->id, sizeof(a->id));
    assert_memory_equal(a->secret, b->secret, sizeof(a->secret));
    assert_int_equal(a->hints.addrs, b->hints.addrs);
    for (size_t i = 0; i < a->hints.addrs; i++)
        assert_true(addr_equal(&a->hints.addr[i], &b->hints.addr[i]));
    assert_int_equal(a->hints.relays, b->hints.relays);
    assert_memory_equal(a->hints.relay, b->hints.relay, sizeof(a->hints.relay));
    assert_string_equal(a->hints.service, b->hints.service);
    assert_string_equal(a->hints.nick, b->hints.nick);
}

static void reads_as_it_was_printed(void **state)
{
    char text[TICKET_TEXT_MAX];
    struct ticket least = {.id = {1}}, most = full(), again;
    (void)state;

    assert_int_equal(ticket_parse(&again, text, ticket_print(&least, text)), 0);
    same(&again, &least);
    size_t len = ticket_print(&most, text);
    assert_int_equal(strlen(text), len);
    assert_int_equal(ticket_parse(&again, text, len), 0);
    same(&again, &most);
}

static void letter_case_does_not_matter(void **state)
{
    char text[TICKET_TEXT_MAX];
    struct ticket most = full(), again;
    (void)state;

    size_t len = ticket_print(&most, text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    assert_int_equal(ticket_parse(&again, text, len), 0);
    same(&again, &most);
}

static void a_typing_error_is_found(void **state)
{
    char text[TICKET_TEXT_MAX];
    struct ticket least = {.id = {1}}, again;
    (void)state;

    size_t len = ticket_print(&least, text);
    for (size_t i = 0; i < len; i++) {
        char right = text[i];
        text[i] = right == 'y' ? 'b' : 'y';
        assert_int_equal(ticket_parse(&again, text, len), -EINVAL);
        text[i] = right;
    }
}

static void no_part_of_a_ticket_is_a_ticket(void **state)
{
    char text[TICKET_TEXT_MAX];
    struct ticket most = full(), again;
    (void)state;

    size_t len = ticket_print(&most, text);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(ticket_parse(&again, text, i), -EINVAL);
    assert_int_equal(ticket_parse(&again, text, TICKET_TEXT_MAX), -EINVAL);
}

/* Seals any content as a ticket would be, so that only the content is at fault. */
static size_t sealed(char out[static TICKET_TEXT_MAX], uint8_t version, const uint8_t *hints,
                     size_t len)
{
    uint8_t data[256] = {version, 1}, covered[256], digest[HASH_BLAKE2B_MIN];

    memcpy(data + 53, hints, len);
    memcpy(covered, data, 49);
    memcpy(covered + 49, hints, len);
    hash_blake2b(digest, sizeof(digest), NULL, 0, covered, 49 + len);
    memcpy(data + 49, digest, 4);
    memcpy(out, TICKET_SCHEME, sizeof(TICKET_SCHEME));
    (void)text_z32(out + strlen(TICKET_SCHEME), data, 53 + len);
    return strlen(out);
}

static void another_version_is_told_apart(void **state)
{
    char text[TICKET_TEXT_MAX];
    struct ticket t;
    (void)state;

    assert_int_equal(ticket_parse(&t, text, sealed(text, 2, (const uint8_t *)"", 0)), -ENOTSUP);
    assert_int_equal(ticket_parse(&t, text, sealed(text, 1, (const uint8_t *)"", 0)), 0);
}

static void hints_that_are_wrong_are_left_out(void **state)
{
    static const uint8_t HINTS[] = {
        9, 2, 'x',  'x',                /* a kind of the future */
        1, 6, 0,    0,    192, 0, 2, 1, /* port 0 */
        1, 5, 1,    1,    192, 0, 2,    /* no address has 3 bytes */
        1, 0,                           /* nothing */
        2, 3, 1,    2,    3,            /* a relay without a host */
        3, 3, 'a',  '\n', 'b',          /* would break a line */
        1, 6, 0x11, 0x51, 192, 0, 2, 7, /* right */
    };
    char text[TICKET_TEXT_MAX];
    struct ticket t;
    struct addr right = address("192.0.2.7:4433");
    (void)state;

    assert_int_equal(ticket_parse(&t, text, sealed(text, 1, HINTS, sizeof(HINTS))), 0);
    assert_int_equal(t.hints.addrs, 1);
    assert_true(addr_equal(&t.hints.addr[0], &right));
    assert_int_equal(t.hints.relays, 0);
    assert_string_equal(t.hints.service, "");
    assert_int_equal(ticket_parse(&t, text, sealed(text, 1, HINTS, 3)), -EINVAL);
}

static void more_hints_than_room_are_left_out(void **state)
{
    uint8_t hints[8 * (HINTS_ADDRS_MAX + 3)];
    char text[TICKET_TEXT_MAX];
    struct ticket t;
    (void)state;

    for (size_t i = 0; i < sizeof(hints); i += 8)
        memcpy(hints + i, (uint8_t[]){1, 6, 0x11, 0x51, 192, 0, 2, 7}, 8);
    assert_int_equal(ticket_parse(&t, text, sealed(text, 1, hints, sizeof(hints))), 0);
    assert_int_equal(t.hints.addrs, HINTS_ADDRS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_it_was_printed),
        cmocka_unit_test(letter_case_does_not_matter),
        cmocka_unit_test(a_typing_error_is_found),
        cmocka_unit_test(no_part_of_a_ticket_is_a_ticket),
        cmocka_unit_test(another_version_is_told_apart),
        cmocka_unit_test(hints_that_are_wrong_are_left_out),
        cmocka_unit_test(more_hints_than_room_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
