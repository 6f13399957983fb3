/*
 * The guard comes to the same conclusion however the bytes are cut up, and never lets the end of a
 * head through that it refuses.
 *
 * Input: records of a direction and length byte and so many bytes.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/http_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct seen {
    unsigned checked, refused;
};

/* Hosts that begin with a 'g' are good. */
static int check(void *arg, const struct http_head *head, char *why)
{
    struct seen *seen = arg;
    size_t count;
    const struct http_field *host = http_find(head, "host", &count);
    bool good = count == 1 && host->value.len > 0 && host->value.at[0] == 'g';
    seen->checked++;
    seen->refused += !good;
    strcpy(why, "no");
    return good ? 0 : -1;
}

/* Returns how many bytes of the client passed. */
static size_t play(struct http_guard *g, const uint8_t *data, size_t len, size_t step)
{
    size_t at = 0, passed = 0;
    while (len - at >= 2) {
        bool out = (data[at] & 1) != 0;
        size_t left = data[at + 1];
        at += 2;
        if (left > len - at)
            left = len - at;
        while (left > 0) {
            size_t n = left < step ? left : step;
            size_t good = n;
            if (out)
                good = guard_outgoing(g, data + at, n);
            else
                guard_incoming(g, data + at, n);
            if (good > n || (good < n && g->state != GUARD_REFUSED))
                abort();
            passed += out ? good : 0;
            at += n;
            left -= n;
        }
    }
    return passed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_guard whole, single;
    struct seen a = {0, 0}, b = {0, 0};
    guard_init(&whole, check, &a);
    guard_init(&single, check, &b);
    (void)play(&whole, data, len, SIZE_MAX);
    (void)play(&single, data, len, 1);
    if (whole.state != single.state || a.checked != b.checked || a.refused != b.refused)
        abort();
    if (whole.pending != single.pending || whole.answers != single.answers)
        abort();
    if (a.refused > 0 && whole.state != GUARD_REFUSED)
        abort();
    if (whole.state == GUARD_OPEN && (whole.head || whole.ans_head))
        abort();
    guard_deinit(&whole);
    guard_deinit(&single);
    return 0;
}
