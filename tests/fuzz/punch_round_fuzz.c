/* Whatever a peer says of its NAT and its addresses, whatever comes from wherever and whenever: the
 * bounds of gateway/punch/attempt.h hold, and the round ends. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/punch/attempt.h"
#include "tests/support/random.h"

#define PLACES_MAX 8192
#define EVENTS_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* How often one address and port was probed without a hop limit. */
struct place {
    struct addr addr;
    unsigned probes;
};

struct fuzz {
    struct punch *punch;
    struct reader in;
    instant now;
    unsigned sent;
    instant sent_at[PUNCH_RATE];
    struct place place[PLACES_MAX];
    uint64_t chance;
};

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static void draw(void *arg, void *out, size_t len)
{
    random_fill(arg, out, len);
}

static struct place *place_of(struct fuzz *f, const struct addr *a)
{
    size_t ip_len, at = addr_port(a);
    const uint8_t *ip = addr_ip(a, &ip_len);
    for (size_t i = 0; i < ip_len; i++)
        at = at * 31 + ip[i];
    for (;; at++) {
        struct place *p = &f->place[at % PLACES_MAX];
        if (p->probes == 0)
            p->addr = *a;
        if (addr_equal(&p->addr, a))
            return p;
    }
}

static void check(struct fuzz *f, const struct punch_send *probe, unsigned sockets)
{
    unsigned probes, guesses;
    instant *oldest = &f->sent_at[f->sent++ % PUNCH_RATE];

    expect(f->sent <= PUNCH_RATE || f->now >= *oldest + SEC(1));
    *oldest = f->now;
    punch_counts(f->punch, &probes, &guesses);
    expect(probes == f->sent && guesses <= PUNCH_GUESSES_MAX);
    expect(probe->socket <= sockets && probe->ttl >= 0 && probe->ttl < 64);
    expect(!addr_is_none(&probe->to));
    if (probe->ttl == 0)
        expect(++place_of(f, &probe->to)->probes <= PUNCH_PER_ADDRESS);
}

static void output(struct fuzz *f)
{
    struct punch_send probe;
    unsigned sockets = punch_sockets(f->punch);

    expect(sockets <= PUNCH_SOCKETS_MAX);
    for (unsigned i = 0; punch_output(f->punch, f->now, &probe); i++) {
        expect(i < PUNCH_RATE);
        check(f, &probe, sockets);
    }
    expect(punch_sockets(f->punch) >= sockets && punch_fresh(f->punch) <= punch_sockets(f->punch));
    expect(punch_why(f->punch) != NULL);
}

static struct addr read_addr(struct reader *r)
{
    static const uint8_t base[4] = {203, 0, 113, 0};
    uint8_t kind = read_u8(r), low = read_u8(r);
    uint16_t port = read_be16(r);
    uint8_t ip[16] = {0};

    if (kind % 4 == 0) { /* any, of either family */
        const uint8_t *bytes = read_bytes(r, 16);
        if (bytes)
            memcpy(ip, bytes, 16);
        return kind & 4 ? addr_v6(ip, port, 0) : addr_v4(ip, port);
    }
    memcpy(ip, base, sizeof(base)); /* a few that meet again and again */
    ip[3] = low % 4;
    return addr_v4(ip, kind % 4 == 1 ? (uint16_t)(5000 + port % 8) : port);
}

static struct nat_facts read_facts(struct reader *r)
{
    struct nat_facts f = {.class = read_u8(r) % (NAT_CLASSES + 1)};
    f.delta = (int16_t)read_be16(r);
    f.span = read_be16(r);
    f.last_port = read_be16(r);
    f.opener_ttl = read_u8(r);
    return f;
}

static void event(struct fuzz *f)
{
    struct reader *r = &f->in;
    struct addr a;

    switch (read_u8(r) % 8) {
    case 0:
    case 1: {
        const enum candidate_type type = read_u8(r) % CANDIDATE_TYPES;
        a = read_addr(r);
        punch_add(f->punch, f->now, &(struct candidate){type, a});
        break;
    }
    case 2:
        a = read_addr(r);
        punch_heard(f->punch, f->now, read_be16(r) % (PUNCH_SOCKETS_MAX + 1), &a);
        break;
    case 3:
        (void)punch_wants_port(f->punch, f->now);
        punch_learn_port(f->punch, read_be16(r));
        break;
    case 4:
        f->now += MSEC(read_be16(r));
        break;
    case 5:
        if (read_u8(r) == 0)
            punch_proven(f->punch, f->now, 0, &f->place[0].addr);
        break;
    default:
        if (punch_deadline(f->punch) != INSTANT_NEVER && punch_deadline(f->punch) > f->now)
            f->now = punch_deadline(f->punch);
        break;
    }
    output(f);
}

static void run_out(struct fuzz *f)
{
    for (unsigned i = 0; punch_deadline(f->punch) != INSTANT_NEVER; i++) {
        expect(i < 20000);
        if (punch_deadline(f->punch) > f->now)
            f->now = punch_deadline(f->punch);
        output(f);
    }
    expect(punch_state(f->punch) != PUNCH_RUNNING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct fuzz f;

    memset(&f, 0, sizeof(f));
    f.in = reader_over(data, len);
    f.now = SEC(1);
    uint8_t flags = read_u8(&f.in);
    struct punch_options o = {.controller = flags & 1,
                              .guessing = flags & 2,
                              .v4 = !(flags & 4),
                              .v6 = flags & 8,
                              .rtt = MSEC(read_be16(&f.in)),
                              .random = draw,
                              .arg = &f.chance};
    o.ours = read_facts(&f.in);
    o.theirs = read_facts(&f.in);
    if (punch_new(&f.punch, f.now, &o) < 0)
        return 0;
    for (unsigned i = 0; i < EVENTS_MAX && !f.in.failed; i++)
        event(&f);
    run_out(&f);
    punch_free(f.punch);
    return 0;
}
