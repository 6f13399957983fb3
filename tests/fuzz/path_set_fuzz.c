/* Probes of any content, forged and genuine, from any source at any time. */
#include <stdlib.h>
#include <string.h>

#include "gateway/transport/path_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void count_up(void *arg, void *out, size_t len)
{
    uint8_t *count = arg;
    memset(out, ++*count, len);
}

static struct path source(uint8_t n)
{
    const uint8_t ip[4] = {192, 0, 2, n};
    const enum path_kind kinds[] = {PATH_UDP, PATH_RELAY, PATH_TCP, PATH_TURN};
    return (struct path){.kind = kinds[n % 4], .remote = addr_v4(ip, 4433)};
}

/* Takes what is due; returns how many bytes that was. */
static size_t drain(struct path_set *s, instant now)
{
    uint8_t out[PROBE_MAX];
    struct path to;
    size_t sum = 0;

    for (unsigned n = 0; path_set_output(s, now, &to, out) > 0; n++) {
        if (n > 2 * PATH_SET_MAX)
            abort();
        sum++;
    }
    if (path_set_deadline(s) <= now)
        abort();
    return sum;
}

/* Each step is an action, a source, a lapse of time and, for probes, their fields. */
static void step(struct path_set *s, struct path_set *other, instant now, const uint8_t *b)
{
    struct path p = source(b[1] % 24);
    uint8_t probe[PROBE_FULL];

    switch (b[0] % 8) {
    case 0:
        path_set_hint(s, now, &p);
        break;
    case 1:
        path_set_heard(s, now, &p);
        break;
    case 2:
        path_set_waiting(s, now, b[1] & 1, MSEC(b[2]));
        if (b[1] & 2)
            path_set_busy(s, now);
        if (b[1] & 4)
            path_set_refused(s, now, path_set_current(s), (size_t)b[3] * 40);
        break;
    case 3:
        (void)!path_set_add(s, now, &p);
        break;
    case 4:
        if (b[1] & 0x40)
            path_set_gone(s, now, &p);
        else if (b[1] & 0x80)
            path_set_traffic(s, now);
        else
            path_set_kick(s, now);
        break;
    default: { /* genuine but odd */
        struct probe odd = {.type = b[0] & 8 ? PROBE_PING : PROBE_PONG,
                            .token = path_set_token(s),
                            .sequence = b[3],
                            .flags = b[0] >> 4};
        memset(&odd.challenge, b[4], sizeof(odd.challenge));
        probe_write(&odd, other->key_out, probe, b[5] & 1 ? PROBE_MIN : PROBE_FULL);
        (void)!path_set_input(s, now, &p, probe, b[5] & 1 ? PROBE_MIN : PROBE_FULL);
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t count = 0;
    struct path_set s, other;
    struct path_set_options o = {.role = len > 0 && data[0] & 1 ? PATH_DIALLER : PATH_ACCEPTOR,
                                 .first = source(0),
                                 .random = count_up,
                                 .arg = &count};
    instant now = SEC(1);

    path_set_init(&s, now, &o);
    o.role = o.role == PATH_DIALLER ? PATH_ACCEPTOR : PATH_DIALLER;
    path_set_init(&other, now, &o);
    (void)!path_set_input(&s, now, &o.first, data, len);
    for (size_t at = 1; at + 6 <= len && at < 6000; at += 6) {
        now += MSEC(data[at + 2]) * (data[at + 2] < 250 ? 16 : 1600);
        step(&s, &other, now, data + at);
        (void)drain(&s, now);
        (void)!path_set_take_switch(&s);
        (void)!path_set_take_wake(&s);
        (void)!path_set_take_shrink(&s);
        if (path_set_payload(&s) < PROBE_FULL || path_set_payload(&s) > PROBE_MAX)
            abort();
        if (path_set_current(&s)->kind == PATH_NONE)
            abort();
    }
    return 0;
}
