/* Relay frames and the messages about circuits, as bytes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/relay_frame.h"
#include "gateway/wire/relay_message.h"

static const struct relay_frame FRAME = {.circuit = 0x01020304, .tag = {1, 2, 3, 4, 5, 6, 7, 8}};

static void a_frame_header_is_read_as_written(void **state)
{
    (void)state;
    uint8_t data[RELAY_FRAME_HEADER + 1] = {0};
    struct relay_frame f;

    relay_frame_write(&FRAME, data);
    assert_int_equal(demux(data, sizeof(data)), DEMUX_KIND_RELAY);
    assert_int_equal(relay_frame_read(&f, data, sizeof(data)), 0);
    assert_int_equal(f.circuit, FRAME.circuit);
    assert_memory_equal(f.tag, FRAME.tag, sizeof(f.tag));
    for (size_t n = 0; n <= RELAY_FRAME_HEADER; n++)
        assert_int_equal(relay_frame_read(&f, data, n), -EBADMSG);
    for (unsigned i = 0; i < 4; i++) {
        data[i] ^= 0x10;
        assert_int_equal(relay_frame_read(&f, data, sizeof(data)), -EBADMSG);
        data[i] ^= 0x10;
    }
}

static const struct relay_message MESSAGES[] = {
    {.type = RELAY_REGISTER},
    {.type = RELAY_REGISTERED, .status = RELAY_TOO_MANY, .rate = 125000, .circuits = 16},
    {.type = RELAY_OPEN, .request = 9, .id = {7, 8, 9}},
    {.type = RELAY_OPENED, .request = 9, .status = RELAY_OK, .frame = FRAME},
    {.type = RELAY_INCOMING, .frame = FRAME, .id = {1}},
    {.type = RELAY_RETAG, .frame = FRAME},
    {.type = RELAY_CLOSE, .frame = {.circuit = 5}, .status = RELAY_GONE},
    {.type = RELAY_HANG_UP, .frame = {.circuit = 6}, .status = RELAY_NO_PEER},
    {.type = RELAY_RELAYS,
     .place = {{.id = {1}, .host = "relay.example:443"}, {.id = {2}, .host = "[2001:db8::1]:7"}},
     .place_count = 2},
};

static void every_message_is_read_as_written_and_refused_when_cut(void **state)
{
    (void)state;
    uint8_t out[RELAY_MESSAGE_MAX];
    struct relay_message m;

    for (size_t i = 0; i < sizeof(MESSAGES) / sizeof(*MESSAGES); i++) {
        struct message_part part = relay_message_write(&MESSAGES[i], out);
        assert_true(part.len <= MESSAGE_PART_MAX);
        assert_int_equal(relay_message_read(&m, &part), 0);
        assert_memory_equal(&m, &MESSAGES[i], sizeof(m));
        for (size_t whole = part.len; part.len-- > 0 && whole > 0;)
            assert_int_equal(relay_message_read(&m, &part), -EBADMSG);
    }
}

static void the_longest_list_fits_a_part(void **state)
{
    (void)state;
    uint8_t out[RELAY_MESSAGE_MAX];
    struct relay_message m = {.type = RELAY_RELAYS, .place_count = RELAY_MESSAGE_LIST_MAX}, got;

    for (size_t i = 0; i < m.place_count; i++)
        memset(m.place[i].host, 'a', RELAY_MESSAGE_HOST_MAX);
    struct message_part part = relay_message_write(&m, out);
    assert_true(part.len <= RELAY_MESSAGE_MAX && part.len <= MESSAGE_PART_MAX);
    assert_int_equal(relay_message_read(&got, &part), 0);
    out[0]++;
    assert_int_equal(relay_message_read(&got, &part), -EBADMSG);
}

static void the_first_datagram_is_all_the_rest(void **state)
{
    (void)state;
    uint8_t out[RELAY_MESSAGE_MAX + 1], data[RELAY_MESSAGE_EARLY] = {1, 2, 3};
    const enum relay_message_type types[] = {RELAY_OPEN, RELAY_INCOMING};
    struct relay_message got;

    for (size_t i = 0; i < 2; i++) {
        const struct relay_message m = {.type = types[i], .early = data, .early_len = sizeof(data)};
        struct message_part part = relay_message_write(&m, out);
        assert_true(part.len <= RELAY_MESSAGE_MAX);
        assert_int_equal(relay_message_read(&got, &part), 0);
        assert_int_equal(got.early_len, sizeof(data));
        assert_memory_equal(got.early, data, sizeof(data));
        part.len++;
        assert_int_equal(relay_message_read(&got, &part), -EBADMSG);
        part.len -= sizeof(data);
        assert_int_equal(relay_message_read(&got, &part), 0);
        assert_int_equal(got.early_len, 1);
    }
}

static void handles_and_notes_are_read_as_written(void **state)
{
    (void)state;
    uint8_t out[RELAY_MESSAGE_MAX], handles[RELAY_MESSAGE_INVITES * RELAY_MESSAGE_HANDLE];
    struct relay_message got;

    memset(handles, 7, sizeof(handles));
    for (size_t n = 0; n <= RELAY_MESSAGE_INVITES; n++) {
        const struct relay_message m = {
            .type = RELAY_INVITES, .handles = handles, .handle_count = n};
        struct message_part part = relay_message_write(&m, out);
        assert_int_equal(relay_message_read(&got, &part), 0);
        assert_int_equal(got.handle_count, n);
        assert_true(n == 0 || memcmp(got.handles, handles, n * RELAY_MESSAGE_HANDLE) == 0);
        for (part.len = part.len - 1; n > 0 && part.len > 0; part.len--)
            assert_int_equal(relay_message_read(&got, &part), -EBADMSG);
    }
    out[0] = RELAY_MESSAGE_INVITES + 1;
    struct message_part part = {.type = RELAY_INVITES, .data = out, .len = sizeof(out)};
    assert_int_equal(relay_message_read(&got, &part), -EBADMSG);

    const struct relay_message said = {
        .type = RELAY_SAID, .token = 0x01020304, .early = handles, .early_len = 66};
    part = relay_message_write(&said, out);
    assert_int_equal(relay_message_read(&got, &part), 0);
    assert_int_equal(got.token, said.token);
    assert_int_equal(got.early_len, 66);
    assert_false(relay_message_to_relay(&got));
    for (part.len = 0; part.len < 4; part.len++)
        assert_int_equal(relay_message_read(&got, &part), -EBADMSG);
}

static void a_host_is_printable_and_not_empty(void **state)
{
    (void)state;
    uint8_t out[RELAY_MESSAGE_MAX];
    struct relay_message m = {.type = RELAY_RELAYS, .place_count = 1};

    static const char *const BAD[] = {"", "a b:1", "a\n:1", "\x7f:1"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        (void)snprintf(m.place[0].host, sizeof(m.place[0].host), "%s", BAD[i]);
        struct message_part part = relay_message_write(&m, out);
        struct relay_message got;
        assert_int_equal(relay_message_read(&got, &part), -EBADMSG);
    }
}

static void an_unknown_status_is_a_refusal(void **state)
{
    (void)state;
    uint8_t out[RELAY_MESSAGE_MAX];
    struct relay_message m;
    struct message_part part = relay_message_write(&MESSAGES[1], out);

    out[0] = 200;
    assert_int_equal(relay_message_read(&m, &part), 0);
    assert_int_equal(m.status, RELAY_DENIED);
    part.type = RELAY_SAID + 1;
    assert_int_equal(relay_message_read(&m, &part), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_header_is_read_as_written),
        cmocka_unit_test(every_message_is_read_as_written_and_refused_when_cut),
        cmocka_unit_test(the_longest_list_fits_a_part),
        cmocka_unit_test(the_first_datagram_is_all_the_rest),
        cmocka_unit_test(handles_and_notes_are_read_as_written),
        cmocka_unit_test(a_host_is_printable_and_not_empty),
        cmocka_unit_test(an_unknown_status_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
