/*
 * Datagrams from anyone at an endpoint with a live session. The input is a script of steps: a byte
 * that says what to do, a byte of length, and that many bytes of data.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/bytes.h"
#include "tests/support/quic_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum step { RAW, STRANGE, LONG_HEADER, SPOIL, CUT, PASS_TIME, WRITE, PROBE, STEPS };

static void inject(struct quic_link *link, const struct addr *from, const uint8_t *bytes, size_t n)
{
    uint8_t datagram[QUIC_PAYLOAD] = {0};
    memcpy(datagram, bytes, n);
    /* Long enough to be looked at as a first packet. */
    link_inject(link, 1, from, datagram, n > 200 ? sizeof(datagram) : n);
}

static void send_long_header(struct quic_link *link, const uint8_t *bytes, size_t n)
{
    uint8_t datagram[QUIC_PAYLOAD] = {0xc0, 0, 0, 0, 1, 8};
    memcpy(datagram + 6, bytes, n);
    link_inject(link, 1, &link->side[2].addr, datagram, sizeof(datagram));
}

static void spoil(struct quic_link *link, const uint8_t *bytes, size_t n)
{
    struct link_packet *p = link->first;
    for (size_t i = 0; p && i + 1 < n; i += 2)
        p->data[(bytes[i] * 5u) % p->len] ^= bytes[i + 1];
}

static void take(struct quic_link *link, enum step step, const uint8_t *bytes, size_t n)
{
    switch (step) {
    case RAW:
        inject(link, &link->side[0].addr, bytes, n);
        break;
    case STRANGE:
        inject(link, &link->side[2].addr, bytes, n);
        break;
    case LONG_HEADER:
        send_long_header(link, bytes, n);
        break;
    case SPOIL:
        spoil(link, bytes, n);
        break;
    case CUT:
        if (link->first)
            link->first->len = n % link->first->len + 1;
        break;
    case PASS_TIME:
        link_run(link, MSEC(n));
        break;
    case WRITE:
        if (link->side[0].conn)
            (void)link_open(link, 0, n * 20, n & 1);
        link_flush(link, 0);
        break;
    case PROBE:
        if (link->side[0].conn)
            quic_conn_probe(link->side[0].conn);
        link_flush(link, 0);
        break;
    case STEPS:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct quic_link link;
    static const uint8_t ip[4] = {203, 0, 113, 9};
    struct reader r = reader_over(data, len);

    link_init(&link, 1, NULL);
    link.side[1].mode = LINK_ECHO;
    link.side[2].addr = addr_v4(ip, 999);
    link_connect(&link);
    for (int i = 0; i < 64 && r.left >= 2; i++) {
        enum step step = read_u8(&r) % STEPS;
        size_t n = read_u8(&r);
        if (n > r.left)
            n = r.left;
        take(&link, step, read_bytes(&r, n), n);
    }
    link_run(&link, SEC(60));
    link_deinit(&link);
    return 0;
}
