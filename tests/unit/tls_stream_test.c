/* The TLS client against GnuTLS's own server, and the two ends of a tunnel, all in memory. */
#include "gateway/crypto/tls_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

struct world {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    char pem[4096];
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t server;
    bool server_done;
    uint8_t to_server[262144], to_client[262144];
    size_t to_server_at, to_server_len, to_client_len;
    size_t step; /* bytes that go at once */
    struct tls_stream *client;
};

static ssize_t server_pull(gnutls_transport_ptr_t arg, void *data, size_t len)
{
    struct world *w = arg;
    size_t left = w->to_server_len - w->to_server_at;
    if (left == 0) {
        gnutls_transport_set_errno(w->server, EAGAIN);
        return -1;
    }
    len = len < left ? len : left;
    memcpy(data, w->to_server + w->to_server_at, len);
    w->to_server_at += len;
    return (ssize_t)len;
}

static ssize_t server_push(gnutls_transport_ptr_t arg, const void *data, size_t len)
{
    struct world *w = arg;
    assert_true(w->to_client_len + len <= sizeof(w->to_client));
    memcpy(w->to_client + w->to_client_len, data, len);
    w->to_client_len += len;
    return (ssize_t)len;
}

static void make_certificate(struct world *w)
{
    static const uint8_t ip[4] = {192, 0, 2, 1};
    size_t len = sizeof(w->pem) - 1;
    time_t now = time(NULL);

    assert_int_equal(gnutls_x509_privkey_init(&w->key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(w->key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                                  0),
                     0);
    assert_int_equal(gnutls_x509_crt_init(&w->certificate), 0);
    gnutls_x509_crt_set_version(w->certificate, 3);
    gnutls_x509_crt_set_serial(w->certificate, "\1", 1);
    gnutls_x509_crt_set_activation_time(w->certificate, now - 3600);
    gnutls_x509_crt_set_expiration_time(w->certificate, now + 3600);
    gnutls_x509_crt_set_subject_alt_name(w->certificate, GNUTLS_SAN_DNSNAME, "relay.example.net",
                                         17, GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_subject_alt_name(w->certificate, GNUTLS_SAN_IPADDRESS, ip, 4,
                                         GNUTLS_FSAN_APPEND);
    gnutls_x509_crt_set_key(w->certificate, w->key);
    assert_int_equal(
        gnutls_x509_crt_sign2(w->certificate, w->certificate, w->key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export(w->certificate, GNUTLS_X509_FMT_PEM, w->pem, &len), 0);
    w->pem[len] = '\0';
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    make_certificate(w);
    assert_int_equal(gnutls_certificate_allocate_credentials(&w->credentials), 0);
    assert_int_equal(gnutls_certificate_set_x509_key(w->credentials, &w->certificate, 1, w->key),
                     0);
    assert_int_equal(gnutls_init(&w->server, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
    assert_int_equal(gnutls_set_default_priority(w->server), 0);
    gnutls_credentials_set(w->server, GNUTLS_CRD_CERTIFICATE, w->credentials);
    gnutls_transport_set_ptr(w->server, w);
    gnutls_transport_set_pull_function(w->server, server_pull);
    gnutls_transport_set_push_function(w->server, server_push);
    gnutls_handshake_set_timeout(w->server, GNUTLS_INDEFINITE_TIMEOUT);
    w->step = sizeof(w->to_client);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    tls_stream_free(w->client);
    gnutls_deinit(w->server);
    gnutls_certificate_free_credentials(w->credentials);
    gnutls_x509_crt_deinit(w->certificate);
    gnutls_x509_privkey_deinit(w->key);
    free(w);
    return 0;
}

/* Carries what is there both ways, at most `step` bytes each. Did anything move? */
static bool carry(struct world *w)
{
    size_t len, room;
    const uint8_t *out = tls_stream_output(w->client, &len);
    uint8_t *area = tls_stream_area(w->client, &room);

    len = len < w->step ? len : w->step;
    assert_true(w->to_server_len + len <= sizeof(w->to_server));
    memcpy(w->to_server + w->to_server_len, out, len);
    w->to_server_len += len;
    tls_stream_sent(w->client, len);

    size_t in = w->to_client_len < w->step ? w->to_client_len : w->step;
    in = in < room ? in : room;
    memcpy(area, w->to_client, in);
    tls_stream_input(w->client, in);
    w->to_client_len -= in;
    memmove(w->to_client, w->to_client + in, w->to_client_len);
    return len + in > 0;
}

static int shake_hands(struct world *w, const char *host, bool trusted)
{
    int err = -EAGAIN;
    assert_int_equal(tls_stream_client(&w->client, host), 0);
    if (trusted)
        assert_int_equal(tls_stream_trust(w->client, w->pem), 0);
    for (unsigned turn = 0; turn < 100000; turn++) {
        if (err == -EAGAIN)
            err = tls_stream_handshake(w->client);
        bool moved = carry(w);
        if (!w->server_done)
            w->server_done = gnutls_handshake(w->server) == 0;
        if (err != -EAGAIN && (w->server_done || err < 0))
            return err;
        if (!moved && w->to_client_len == 0 && err == -EAGAIN && turn > 10)
            return -ETIMEDOUT;
    }
    return -ETIMEDOUT;
}

static void talk(struct world *w)
{
    char text[16];
    assert_int_equal(tls_stream_write(w->client, "question", 8), 8);
    while (carry(w))
        ;
    assert_int_equal(gnutls_record_recv(w->server, text, sizeof(text)), 8);
    assert_memory_equal(text, "question", 8);
    assert_int_equal(gnutls_record_send(w->server, "answer", 6), 6);
    ssize_t n = -EAGAIN;
    for (unsigned turn = 0; turn < 10000 && n == -EAGAIN; turn++) {
        (void)carry(w);
        n = tls_stream_read(w->client, text, sizeof(text));
    }
    assert_int_equal(n, 6);
    assert_memory_equal(text, "answer", 6);
    assert_int_equal(tls_stream_read(w->client, text, sizeof(text)), -EAGAIN);
}

static void carries_bytes_both_ways(void **state)
{
    struct world *w = *state;
    assert_int_equal(shake_hands(w, "relay.example.net", true), 0);
    talk(w);
}

static void one_byte_at_a_time_will_do(void **state)
{
    struct world *w = *state;
    w->step = 1;
    assert_int_equal(shake_hands(w, "relay.example.net", true), 0);
    talk(w);
}

static void an_address_in_the_certificate_will_do(void **state)
{
    struct world *w = *state;
    assert_int_equal(shake_hands(w, "192.0.2.1", true), 0);
    talk(w);
}

static void a_stranger_is_refused_with_a_reason(void **state)
{
    struct world *w = *state;
    assert_int_equal(shake_hands(w, "relay.example.net", false), -EPROTO);
    assert_non_null(strstr(tls_stream_reason(w->client), "certificate"));
}

static void another_name_is_refused_with_a_reason(void **state)
{
    struct world *w = *state;
    assert_int_equal(shake_hands(w, "other.example.net", true), -EPROTO);
    assert_non_null(strstr(tls_stream_reason(w->client), "name"));
}

static void another_address_is_refused(void **state)
{
    struct world *w = *state;
    assert_int_equal(shake_hands(w, "192.0.2.2", true), -EPROTO);
}

static void what_is_no_tls_is_refused(void **state)
{
    struct world *w = *state;
    size_t room;
    assert_int_equal(tls_stream_client(&w->client, "relay.example.net"), 0);
    assert_int_equal(tls_stream_handshake(w->client), -EAGAIN);
    uint8_t *area = tls_stream_area(w->client, &room);
    assert_int_equal(room, TLS_STREAM_BUFFER);
    memcpy(area, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    tls_stream_input(w->client, 28);
    assert_int_equal(tls_stream_handshake(w->client), -EPROTO);
    assert_true(strlen(tls_stream_reason(w->client)) > 5);
}

static void an_end_in_the_handshake_is_an_error(void **state)
{
    struct world *w = *state;
    assert_int_equal(tls_stream_client(&w->client, "relay.example.net"), 0);
    assert_int_equal(tls_stream_handshake(w->client), -EAGAIN);
    tls_stream_ended(w->client);
    assert_int_equal(tls_stream_handshake(w->client), -EPROTO);
}

static void what_is_no_certificate_is_not_trusted(void **state)
{
    struct world *w = *state;
    assert_int_equal(tls_stream_client(&w->client, "relay.example.net"), 0);
    assert_int_equal(tls_stream_trust(w->client, "hello"), -EINVAL);
}

/* ---- tunnels ---- */

/* Moves what one end has for the other, at most `step` bytes. Did anything move? */
static bool pass(struct tls_stream *from, struct tls_stream *to, size_t step)
{
    size_t len, room;
    const uint8_t *out = tls_stream_output(from, &len);
    uint8_t *area = tls_stream_area(to, &room);

    len = len < step ? len : step;
    len = len < room ? len : room;
    memcpy(area, out, len);
    tls_stream_input(to, len);
    tls_stream_sent(from, len);
    return len > 0;
}

struct tunnel {
    struct tls_identity *identity;
    struct tls_stream *end[2]; /* the client's first */
};

static int dig(void **state)
{
    struct tunnel *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    assert_int_equal(tls_identity_new(&t->identity), 0);
    assert_int_equal(tls_stream_enter(&t->end[0], "relay.example.net"), 0);
    assert_int_equal(tls_stream_accept(&t->end[1], t->identity), 0);
    *state = t;
    return 0;
}

static int fill_up(void **state)
{
    struct tunnel *t = *state;
    tls_stream_free(t->end[0]);
    tls_stream_free(t->end[1]);
    tls_identity_free(t->identity);
    free(t);
    return 0;
}

static void meet(struct tunnel *t, size_t step)
{
    int err[2] = {-EAGAIN, -EAGAIN};
    for (unsigned turn = 0; turn < 100000 && (err[0] < 0 || err[1] < 0); turn++)
        for (int i = 0; i < 2; i++) {
            if (err[i] == -EAGAIN)
                err[i] = tls_stream_handshake(t->end[i]);
            (void)pass(t->end[i], t->end[!i], step);
        }
    assert_int_equal(err[0], 0);
    assert_int_equal(err[1], 0);
}

static void says(struct tunnel *t, int from, const char *text)
{
    char heard[64];
    ssize_t n = -EAGAIN;
    assert_int_equal(tls_stream_write(t->end[from], text, strlen(text)), strlen(text));
    for (unsigned turn = 0; turn < 10000 && n == -EAGAIN; turn++) {
        (void)pass(t->end[from], t->end[!from], 7);
        n = tls_stream_read(t->end[!from], heard, sizeof(heard));
    }
    assert_int_equal(n, strlen(text));
    assert_memory_equal(heard, text, n);
}

static void a_tunnel_carries_bytes_both_ways(void **state)
{
    struct tunnel *t = *state;
    meet(t, 5);
    says(t, 0, "question");
    says(t, 1, "answer");
}

static void a_tunnel_looks_like_tls_from_its_first_byte(void **state)
{
    struct tunnel *t = *state;
    size_t len;
    assert_int_equal(tls_stream_handshake(t->end[0]), -EAGAIN);
    const uint8_t *hello = tls_stream_output(t->end[0], &len);
    assert_true(len > 100);
    assert_int_equal(hello[0], 22); /* RFC 8446 §5.1: a handshake record */
    assert_int_equal(hello[1], 3);
    assert_non_null(memmem(hello, len, "relay.example.net", 17));
    assert_non_null(memmem(hello, len, "http/1.1", 8));
}

static void a_whole_record_fits_whatever_is_written(void **state)
{
    struct tunnel *t = *state;
    uint8_t *much = calloc(1, TLS_STREAM_BUFFER);
    size_t sent = 0, got = 0;

    assert_non_null(much);
    meet(t, TLS_STREAM_BUFFER);
    for (unsigned turn = 0; turn < 1000 && got < 1000000; turn++) {
        ssize_t n = sent < 1000000 ? tls_stream_write(t->end[0], much, TLS_STREAM_BUFFER) : 0;
        sent += n > 0 ? (size_t)n : 0;
        (void)pass(t->end[0], t->end[1], TLS_STREAM_BUFFER);
        while ((n = tls_stream_read(t->end[1], much, TLS_STREAM_BUFFER)) > 0)
            got += (size_t)n;
        assert_int_equal(n, -EAGAIN);
    }
    assert_true(got >= 1000000);
    free(much);
}

static void a_stranger_at_a_tunnel_is_turned_away(void **state)
{
    struct tunnel *t = *state;
    size_t room;
    uint8_t *area = tls_stream_area(t->end[1], &room);
    memcpy(area, "GET / HTTP/1.1\r\nHost: relay\r\n\r\n", 31);
    tls_stream_input(t->end[1], 31);
    assert_int_equal(tls_stream_handshake(t->end[1]), -EPROTO);
}

static void a_byte_changed_in_a_tunnel_ends_it(void **state)
{
    struct tunnel *t = *state;
    size_t len, room;
    char heard[8];

    meet(t, TLS_STREAM_BUFFER);
    while (pass(t->end[1], t->end[0], TLS_STREAM_BUFFER))
        ;
    assert_int_equal(tls_stream_write(t->end[0], "hello", 5), 5);
    const uint8_t *out = tls_stream_output(t->end[0], &len);
    uint8_t *area = tls_stream_area(t->end[1], &room);
    memcpy(area, out, len);
    area[len - 1] ^= 1;
    tls_stream_input(t->end[1], len);
    assert_int_equal(tls_stream_read(t->end[1], heard, sizeof(heard)), -EPROTO);
}

int main(void)
{
#define TUNNEL(name) cmocka_unit_test_setup_teardown(name, dig, fill_up)
#define TEST(name)   cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(carries_bytes_both_ways),
        TEST(one_byte_at_a_time_will_do),
        TEST(an_address_in_the_certificate_will_do),
        TEST(a_stranger_is_refused_with_a_reason),
        TEST(another_name_is_refused_with_a_reason),
        TEST(another_address_is_refused),
        TEST(what_is_no_tls_is_refused),
        TEST(an_end_in_the_handshake_is_an_error),
        TEST(what_is_no_certificate_is_not_trusted),
        TUNNEL(a_tunnel_carries_bytes_both_ways),
        TUNNEL(a_tunnel_looks_like_tls_from_its_first_byte),
        TUNNEL(a_whole_record_fits_whatever_is_written),
        TUNNEL(a_stranger_at_a_tunnel_is_turned_away),
        TUNNEL(a_byte_changed_in_a_tunnel_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
