/* Messages that travel by mail, and what mail programs do to them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/mailbox_message.h"

static const uint8_t OUTER[SEAL_KEY_LEN] = {1}, INNER[SEAL_KEY_LEN] = {2},
                     OTHER[SEAL_KEY_LEN] = {3};
static const uint8_t SENDER[HINTS_ID_LEN] = {9, 8, 7};

static struct mailbox_message example(void)
{
    static const uint8_t ip[4] = {192, 0, 2, 7};
    struct mailbox_message m = {
        .flags = MAILBOX_ANSWER,
        .time_ms = 1767225600123,
        .lasts_s = 600,
        .id = {1, 2, 3},
        .re = {4, 5, 6},
        .meet_ms = 1767225625123,
        .facts = {.class = NAT_CONE, .opener_ttl = 5},
        .candidates = 1,
        .candidate = {{.type = CANDIDATE_REFLEXIVE, .addr = addr_v4(ip, 4433)}},
    };
    strcpy(m.hints.nick, "bob");
    return m;
}

static size_t write(char out[static MAILBOX_TEXT_MAX], const struct mailbox_message *m)
{
    const struct mailbox_seal seal = {
        .outer = OUTER, .inner = INNER, .self = SENDER, .nonce = {{5}, {6}}};
    return mailbox_message_write(out, m, &seal);
}

static int read_with(struct mailbox_message *m, const char *text, size_t len, const uint8_t *outer,
                     const uint8_t *inner)
{
    struct mailbox_letter letter;
    int err = mailbox_letter_read(&letter, text, len, outer);

    if (err < 0)
        return err;
    assert_memory_equal(letter.sender, SENDER, sizeof(SENDER));
    return mailbox_message_read(m, &letter, inner);
}

static int read_text(struct mailbox_message *m, const char *text)
{
    return read_with(m, text, strlen(text), OUTER, INNER);
}

static void what_is_written_is_read(void **state)
{
    const struct mailbox_message m = example();
    struct mailbox_message got;
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    size_t len = write(text, &m);
    assert_int_equal(len, strlen(text));
    assert_int_equal(read_text(&got, text), 0);
    assert_int_equal(got.flags, m.flags);
    assert_true(got.time_ms == m.time_ms && got.meet_ms == m.meet_ms && got.lasts_s == m.lasts_s);
    assert_memory_equal(got.id, m.id, sizeof(m.id));
    assert_memory_equal(got.re, m.re, sizeof(m.re));
    assert_true(nat_facts_equal(&got.facts, &m.facts));
    assert_int_equal(got.candidates, 1);
    assert_int_equal(got.candidate[0].type, CANDIDATE_REFLEXIVE);
    assert_true(addr_equal(&got.candidate[0].addr, &m.candidate[0].addr));
    assert_string_equal(got.hints.nick, "bob");
}

static void the_largest_one_fits(void **state)
{
    struct mailbox_message m = example(), got;
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    m.candidates = CANDIDATES_MAX;
    for (size_t i = 0; i < CANDIDATES_MAX; i++) {
        const uint8_t ip[16] = {0x20, 1, 0xd, 0xb8, (uint8_t)i};
        m.candidate[i] = (struct candidate){.type = CANDIDATE_HOST, .addr = addr_v6(ip, 1024, 0)};
    }
    m.hints.addrs = HINTS_ADDRS_MAX;
    for (size_t i = 0; i < HINTS_ADDRS_MAX; i++)
        m.hints.addr[i] = m.candidate[i].addr;
    m.hints.relays = HINTS_RELAYS_MAX;
    for (size_t i = 0; i < HINTS_RELAYS_MAX; i++)
        memset(m.hints.relay[i].host, 'x', HINTS_HOST_MAX);
    memset(m.hints.service, 's', HINTS_SERVICE_MAX);
    memset(m.hints.nick, 'n', HINTS_NICK_MAX);
    assert_in_range(write(text, &m), 1000, MAILBOX_TEXT_MAX - 1);
    assert_int_equal(read_text(&got, text), 0);
    assert_int_equal(got.candidates, CANDIDATES_MAX);
    assert_int_equal(strlen(got.hints.nick), HINTS_NICK_MAX);
}

static void lines_are_short_and_its_length_says_little(void **state)
{
    struct mailbox_message m = example();
    char text[MAILBOX_TEXT_MAX], other[MAILBOX_TEXT_MAX];
    (void)state;

    size_t len = write(text, &m);
    for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
        assert_in_range(strcspn(at, "\n"), 1, 64);
    m.hints.nick[0] = '\0';
    assert_int_equal(write(other, &m), len);
}

/* ---- what mail programs do ---- */

/* Every line behind `before`, ended by `end`; `what` around all of it. */
static void mangle(char *out, size_t size, const char *text, const char *before, const char *end)
{
    size_t used =
        (size_t)snprintf(out, size, "Received: by nobody\r\n\r\nHello, use this:\r\n\r\n");

    for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
        used += (size_t)snprintf(out + used, size - used, "%s%.*s%s", before,
                                 (int)strcspn(at, "\n"), at, end);
    (void)snprintf(out + used, size - used, "%s\nbye, - dashes - and all\n", before);
}

static void it_survives_mail_programs(void **state)
{
    static const char *const WAYS[][2] = {{"", "\r\n"},   {"> ", "\n"},    {"> > ", "\r\n"},
                                          {">>> ", "\n"}, {"   | ", "\n"}, {"\t", "  \n"},
                                          {"", "\n\n"},   {"> ", "\n>\n"}};
    const struct mailbox_message m = example();
    struct mailbox_message got;
    char text[MAILBOX_TEXT_MAX], mail[4 * MAILBOX_TEXT_MAX];
    (void)state;

    (void)write(text, &m);
    for (size_t i = 0; i < sizeof(WAYS) / sizeof(WAYS[0]); i++) {
        mangle(mail, sizeof(mail), text, WAYS[i][0], WAYS[i][1]);
        assert_int_equal(read_text(&got, mail), 0);
    }
}

static void lines_may_be_wrapped_anywhere(void **state)
{
    static const char *const BREAK[] = {"\n", "=\r\n", "\r\n> "};
    const struct mailbox_message m = example();
    struct mailbox_message got;
    char text[MAILBOX_TEXT_MAX], mail[4 * MAILBOX_TEXT_MAX];
    (void)state;

    (void)write(text, &m);
    const size_t first = strcspn(text, "\n") + 1;
    for (size_t b = 0; b < sizeof(BREAK) / sizeof(BREAK[0]); b++)
        for (size_t at = first; at < first + 130; at++) {
            (void)snprintf(mail, sizeof(mail), "%.*s%s%s", (int)at, text, BREAK[b], text + at);
            assert_int_equal(read_text(&got, mail), 0);
        }
}

static void letter_case_does_not_matter(void **state)
{
    const struct mailbox_message m = example();
    struct mailbox_message got;
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    (void)write(text, &m);
    for (char *at = text; *at; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at);
    assert_int_equal(read_text(&got, text), 0);
}

/* ---- what is not read ---- */

static void it_is_for_one_receiver_and_of_one_sender(void **state)
{
    const struct mailbox_message m = example();
    struct mailbox_message got;
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    size_t len = write(text, &m);
    assert_int_equal(read_with(&got, text, len, OTHER, INNER), -EPERM);
    assert_int_equal(read_with(&got, text, len, OUTER, OTHER), -EACCES);
}

static void a_text_without_one_has_none(void **state)
{
    struct mailbox_message got;
    (void)state;
    assert_int_equal(read_text(&got, ""), -ENOMSG);
    assert_int_equal(read_text(&got, "BEGIN"), -ENOMSG);
    assert_int_equal(read_text(&got, "-----END OVERLAY MESSAGE-----"), -ENOMSG);
}

static void damage_is_found(void **state)
{
    const struct mailbox_message m = example();
    struct mailbox_message got;
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    size_t len = write(text, &m);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        if (was == '\n')
            continue;
        text[i] = was == '1' ? 'y' : '1';
        int err = read_text(&got, text);
        if (err == 0) /* of what stands around the block, dashes alone are not looked at */
            assert_int_equal(was, '-');
        text[i] = was;
    }
}

static void one_that_is_cut_off_is_damaged(void **state)
{
    const struct mailbox_message m = example();
    struct mailbox_message got;
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    size_t len = write(text, &m), last = len - strlen("-----\n");
    for (size_t cut = 0; cut < last; cut++) {
        char *copy = malloc(cut + 1); /* exactly: for a sanitizer */
        memcpy(copy, text, cut);
        int err = read_with(&got, copy, cut, OUTER, INNER);
        free(copy);
        assert_true(err == -ENOMSG || err == -EBADMSG);
    }
    assert_int_equal(read_with(&got, text, last, OUTER, INNER), 0);
}

/* A content of any length, rightly sealed. */
static int read_sealed(const uint8_t *content, size_t len)
{
    static const uint8_t nonce[SEAL_NONCE_LEN] = {1};
    struct mailbox_letter letter = {.len = len + SEAL_OVERHEAD};
    struct mailbox_message got;

    seal(letter.sealed, INNER, nonce, content, len);
    return mailbox_message_read(&got, &letter, INNER);
}

static void a_content_that_ends_early_is_malformed(void **state)
{
    const struct mailbox_message m = example();
    struct mailbox_letter letter;
    uint8_t content[MAILBOX_INNER_MAX];
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    size_t len = write(text, &m);
    assert_int_equal(mailbox_letter_read(&letter, text, len, OUTER), 0);
    int content_len = seal_open(content, INNER, letter.sealed, letter.len);
    assert_int_equal(content_len % MAILBOX_PAD, 0);
    const size_t needed = 2 + 8 + 2 + 2 * MAILBOX_ID_LEN + 8 + 2 + 12 + 8; /* one IPv4 candidate */
    for (size_t cut = 0; cut < needed; cut++)
        assert_int_equal(read_sealed(content, cut), -EBADMSG);
    assert_int_equal(read_sealed(content, needed), 0);
    content[0] = 2;
    assert_int_equal(read_sealed(content, (size_t)content_len), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_largest_one_fits),
        cmocka_unit_test(lines_are_short_and_its_length_says_little),
        cmocka_unit_test(it_survives_mail_programs),
        cmocka_unit_test(lines_may_be_wrapped_anywhere),
        cmocka_unit_test(letter_case_does_not_matter),
        cmocka_unit_test(it_is_for_one_receiver_and_of_one_sender),
        cmocka_unit_test(a_text_without_one_has_none),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(one_that_is_cut_off_is_damaged),
        cmocka_unit_test(a_content_that_ends_early_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
