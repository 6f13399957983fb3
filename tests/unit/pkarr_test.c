/* Records as signed DNS packets: ours read back, others' spellings, and hostile packets. */
#include "gateway/wire/pkarr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "gateway/base/text.h"

/* naming.md's pair: a key and its z-base-32. */
static const char KEY_HEX[] = "01b467a3b7913ab27a04a8edf2f3fb074cfe0ecf4babe108d67be3853b0f26c5";
static const char KEY_Z32[] = "yg4gxe7z1r7mr6orids9fh95y7gxhdsxjqi6nngsxxtakqaxr5no";

static struct pkarr_record of_key(void)
{
    struct pkarr_record r = {0};
    assert_int_equal(text_hex_decode(r.key, sizeof(r.key), KEY_HEX, strlen(KEY_HEX)), 0);
    return r;
}

static void add_service(struct pkarr_record *r, const char *name, uint16_t port, bool tcp, bool udp)
{
    struct pkarr_service *s = &r->service[r->services++];
    (void)snprintf(s->name, sizeof(s->name), "%s", name);
    s->port = port;
    s->tcp = tcp;
    s->udp = udp;
}

static struct pkarr_record usual(void)
{
    struct pkarr_record r = of_key();

    r.ours = r.shares = true;
    (void)snprintf(r.nick, sizeof(r.nick), "alice");
    r.relays = 2;
    for (size_t i = 0; i < 2; i++)
        (void)snprintf(r.relay[i], sizeof(r.relay[i]), "%s@relay%zu.example:4433", KEY_Z32, i);
    r.addrs = 2;
    assert_int_equal(addr_parse(&r.addr[0], "192.0.2.7:4433"), 0);
    assert_int_equal(addr_parse(&r.addr[1], "[2001:db8::7]:4433"), 0);
    add_service(&r, "web", 80, true, false);
    add_service(&r, "game", 7777, false, true);
    add_service(&r, "dns", 53, true, true);
    return r;
}

static void same(const struct pkarr_record *a, const struct pkarr_record *b)
{
    assert_memory_equal(a->key, b->key, sizeof(a->key));
    assert_string_equal(a->nick, b->nick);
    assert_int_equal(a->ours, b->ours);
    assert_int_equal(a->shares, b->shares);
    assert_int_equal(a->relays, b->relays);
    for (size_t i = 0; i < a->relays; i++)
        assert_string_equal(a->relay[i], b->relay[i]);
    assert_int_equal(a->addrs, b->addrs);
    for (size_t i = 0; i < a->addrs; i++)
        assert_true(addr_equal(&a->addr[i], &b->addr[i]));
    assert_int_equal(a->services, b->services);
    for (size_t i = 0; i < a->services; i++) {
        assert_string_equal(a->service[i].name, b->service[i].name);
        assert_int_equal(a->service[i].port, b->service[i].port);
        assert_int_equal(a->service[i].tcp, b->service[i].tcp);
        assert_int_equal(a->service[i].udp, b->service[i].udp);
    }
}

static size_t written(const struct pkarr_record *r, uint8_t out[static PKARR_PACKET_MAX])
{
    size_t left_out;
    int len = pkarr_write(r, out, &left_out);
    assert_in_range(len, 12, PKARR_PACKET_MAX);
    assert_int_equal(left_out, 0);
    return (size_t)len;
}

static void reads_as_it_was_written(void **state)
{
    struct pkarr_record r = usual(), least = of_key(), again;
    uint8_t packet[PKARR_PACKET_MAX];
    (void)state;

    size_t len = written(&r, packet);
    assert_int_equal(pkarr_read(&again, r.key, packet, len), 0);
    same(&again, &r);
    assert_in_range(len, 1, 600); /* names are compressed */
    least.ours = true;
    len = written(&least, packet);
    assert_int_equal(pkarr_read(&again, least.key, packet, len), 0);
    same(&again, &least);
}

static void the_header_is_a_replys(void **state)
{
    struct pkarr_record r = usual();
    uint8_t packet[PKARR_PACKET_MAX];
    (void)state;

    (void)written(&r, packet);
    /* id 0, flags 0x8000, no question, 7 answers, nothing else: as pkarr asks for it */
    assert_memory_equal(packet, ((uint8_t[]){0, 0, 0x80, 0, 0, 0, 0, 7, 0, 0, 0, 0}), 12);
}

static void what_does_not_fit_is_left_out_from_the_end(void **state)
{
    struct pkarr_record r = usual(), again;
    uint8_t packet[PKARR_PACKET_MAX];
    char name[PKARR_NAME_MAX + 1];
    size_t left_out;
    (void)state;

    r.services = 0;
    for (uint16_t i = 0; i < PKARR_SERVICES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "service-with-a-long-name-that-takes-up-room-%u", i);
        add_service(&r, name, (uint16_t)(1000 + i), true, false);
    }
    int len = pkarr_write(&r, packet, &left_out);
    assert_in_range(len, 800, PKARR_PACKET_MAX);
    assert_in_range(left_out, 1, PKARR_SERVICES_MAX - 1);
    assert_int_equal(pkarr_read(&again, r.key, packet, (size_t)len), 0);
    r.services -= left_out;
    same(&again, &r);
}

static void relays_and_nickname_fit_always(void **state)
{
    struct pkarr_record r = of_key(), again;
    uint8_t packet[PKARR_PACKET_MAX];
    (void)state;

    r.ours = true;
    memset(r.nick, 'n', PKARR_NICK_MAX);
    r.relays = PKARR_RELAYS_MAX;
    for (size_t i = 0; i < r.relays; i++)
        memset(r.relay[i], 'r', PKARR_RELAY_MAX);
    size_t len = written(&r, packet);
    assert_int_equal(pkarr_read(&again, r.key, packet, len), 0);
    same(&again, &r);
}

/* A packet by hand, as npm pkarr writes them: every name in full. */
struct hand {
    uint8_t data[1200];
    size_t len;
};

static void put(struct hand *h, const void *data, size_t len)
{
    assert_true(h->len + len <= sizeof(h->data));
    memcpy(h->data + h->len, data, len);
    h->len += len;
}

static void put_name(struct hand *h, const char *dotted)
{
    while (*dotted) {
        size_t len = strcspn(dotted, ".");
        put(h, &(uint8_t){(uint8_t)len}, 1);
        put(h, dotted, len);
        dotted += len + (dotted[len] == '.');
    }
    put(h, "", 1);
}

static void put_header(struct hand *h, uint8_t answers)
{
    h->len = 0;
    put(h, (uint8_t[]){0, 0, 0x84, 0, 0, 0, 0, answers, 0, 0, 0, 0}, 12);
}

static void put_answer(struct hand *h, const char *owner, uint8_t type, const void *data,
                       uint8_t len)
{
    put_name(h, owner);
    put(h, (uint8_t[]){0, type, 0, 1, 0, 0, 0, 30, 0, len}, 10);
    put(h, data, len);
}

static const char *under_key(const char *name)
{
    static char text[200];
    (void)snprintf(text, sizeof(text), "%s.%s", name, KEY_Z32);
    return text;
}

static void reads_what_others_write(void **state)
{
    static const uint8_t SVCB[] = "\0\1\0\0\3\0\2\x1f\x90";
    struct pkarr_record r = of_key(), out;
    struct hand h;
    (void)state;

    put_header(&h, 4);
    put_answer(&h, under_key("_IROH"), 16,
               "\x13"
               "addr=192.0.2.7:4433",
               20);
    put_answer(&h, under_key("_iroh"), 16,
               "\x1a"
               "relay=https://relay.test./",
               27);
    put_answer(&h, under_key("Www"), 64, SVCB, sizeof(SVCB) - 1);
    put_answer(&h, KEY_Z32, 1, "\x7f\0\0\1", 4);
    assert_int_equal(pkarr_read(&out, r.key, h.data, h.len), 0);
    assert_false(out.ours);
    assert_int_equal(out.addrs, 1);
    assert_int_equal(out.relays, 0); /* an iroh relay speaks another protocol */
    assert_int_equal(out.services, 1);
    assert_string_equal(out.service[0].name, "www");
    assert_int_equal(out.service[0].port, 8080);
}

static void other_owners_do_not_count(void **state)
{
    struct pkarr_record r = of_key(), out;
    struct hand h;
    (void)state;

    put_header(&h, 3);
    put_answer(&h, "_overlay.example", 16, "\4nick", 5);
    put_answer(&h, "_overlay", 16, "\x0bnick=mallet", 12);
    char behind[200];
    (void)snprintf(behind, sizeof(behind), "_overlay.%s.example", KEY_Z32);
    put_answer(&h, behind, 16, "\x0bnick=mallet", 12);
    assert_int_equal(pkarr_read(&out, r.key, h.data, h.len), 0);
    assert_false(out.ours);
    assert_string_equal(out.nick, "");
}

static void text_that_cannot_be_shown_is_left_out(void **state)
{
    struct pkarr_record r = of_key(), out;
    struct hand h;
    (void)state;

    put_header(&h, 3);
    put_answer(&h, under_key("_overlay"), 16, "\x0bnick=a\x1b[31m", 12);
    put_answer(&h, under_key("_overlay"), 16, "\5relay", 6);
    put_answer(&h, under_key("a b"), 64, "\0\1\0\0\3\0\2\x1f\x90", 9);
    assert_int_equal(pkarr_read(&out, r.key, h.data, h.len), 0);
    assert_true(out.ours);
    assert_string_equal(out.nick, "");
    assert_int_equal(out.relays, 0);
    assert_int_equal(out.services, 0);
}

static void what_is_no_reply_is_refused(void **state)
{
    static const uint8_t WRONG[][12] = {
        {0, 0, 0x00, 0, 0, 0, 0, 0},  /* a question */
        {0, 0, 0x80, 3, 0, 0, 0, 0},  /* an error */
        {0, 0, 0x82, 0, 0, 0, 0, 0},  /* truncated */
        {0, 0, 0x80, 0, 0, 1, 0, 0},  /* has a question */
        {0, 0, 0x80, 0, 0, 0, 0, 1},  /* an answer that is not there */
        {0, 0, 0x80, 0, 0, 0, 0, 65}, /* more than anybody needs */
    };
    struct pkarr_record r = of_key(), out;
    uint8_t big[PKARR_READ_MAX + 1] = {0, 0, 0x80};
    (void)state;

    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
        assert_int_equal(pkarr_read(&out, r.key, WRONG[i], sizeof(WRONG[i])), -EBADMSG);
    assert_int_equal(pkarr_read(&out, r.key, big, sizeof(big)), -EBADMSG);
    assert_int_equal(pkarr_read(&out, r.key, big, sizeof(big) - 1), 0);
}

static void no_part_of_a_packet_is_a_packet(void **state)
{
    struct pkarr_record r = usual(), out;
    uint8_t packet[PKARR_PACKET_MAX];
    (void)state;

    size_t len = written(&r, packet);
    for (size_t i = 0; i < len; i++) {
        uint8_t *part = malloc(i + 1); /* its own memory, so that a read behind it is seen */
        memcpy(part, packet, i);
        assert_int_equal(pkarr_read(&out, r.key, part, i), -EBADMSG);
        free(part);
    }
}

static void pointers_cannot_loop_or_go_forward(void **state)
{
    struct pkarr_record r = of_key(), out;
    struct hand h;
    (void)state;

    for (uint8_t to = 0; to < 30; to++) {
        put_header(&h, 1);
        put(&h, (uint8_t[]){1, 'a', 0xc0, to, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0}, 14);
        int err = pkarr_read(&out, r.key, h.data, h.len);
        assert_true(to < 12 ? err == 0 || err == -EBADMSG : err == -EBADMSG);
        assert_false(out.ours);
    }
}

static void a_body_comes_apart_as_it_was_made(void **state)
{
    static const uint8_t sig[PKARR_SIG_LEN] = {7}, packet[PKARR_READ_MAX] = {0, 0, 0x80};
    const struct pkarr_body body = {sig, 1767225600000000, packet, sizeof(packet)};
    uint8_t data[PKARR_BODY_MAX + 1] = {0};
    struct pkarr_body out;
    (void)state;

    size_t len = pkarr_body_write(&body, data);
    assert_int_equal(len, 72 + sizeof(packet));
    assert_int_equal(pkarr_body_read(&out, data, len), 0);
    assert_int_equal(out.seq, body.seq);
    assert_int_equal(out.packet_len, sizeof(packet));
    assert_memory_equal(out.sig, sig, sizeof(sig));
    assert_memory_equal(out.packet, packet, sizeof(packet));
    assert_int_equal(pkarr_body_read(&out, data, 71), -EBADMSG);
    assert_int_equal(pkarr_body_read(&out, data, len + 1), -EBADMSG);
    data[PKARR_SIG_LEN] = 0xff; /* BEP 44's seq has 63 bits */
    assert_int_equal(pkarr_body_read(&out, data, len), -EBADMSG);
}

/* BEP 44's own text is of a bencoded string, which is what the packet is. */
static void what_is_signed_is_bep_44s_text(void **state)
{
    uint8_t out[PKARR_SIGNED_MAX], big[PKARR_READ_MAX + 1] = {0};
    (void)state;

    size_t len = pkarr_signed_text(1, (const uint8_t *)"Hello World!", 12, out);
    assert_int_equal(len, strlen("3:seqi1e1:v12:Hello World!"));
    assert_memory_equal(out, "3:seqi1e1:v12:Hello World!", len);
    assert_true(pkarr_signed_text(UINT64_MAX, big, PKARR_READ_MAX, out) <= sizeof(out));
    assert_int_equal(pkarr_signed_text(1, big, sizeof(big), out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_it_was_written),
        cmocka_unit_test(the_header_is_a_replys),
        cmocka_unit_test(what_does_not_fit_is_left_out_from_the_end),
        cmocka_unit_test(relays_and_nickname_fit_always),
        cmocka_unit_test(reads_what_others_write),
        cmocka_unit_test(other_owners_do_not_count),
        cmocka_unit_test(text_that_cannot_be_shown_is_left_out),
        cmocka_unit_test(what_is_no_reply_is_refused),
        cmocka_unit_test(no_part_of_a_packet_is_a_packet),
        cmocka_unit_test(pointers_cannot_loop_or_go_forward),
        cmocka_unit_test(a_body_comes_apart_as_it_was_made),
        cmocka_unit_test(what_is_signed_is_bep_44s_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
