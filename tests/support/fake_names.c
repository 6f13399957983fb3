#include "tests/support/fake_names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct query {
    struct deferred work;
    struct lookup *lookup;
    struct addr found[LOOKUP_MAX];
    int count;
};

void fake_names_add(struct fake_names *n, const char *host, const char *ip)
{
    assert_true(n->count < FAKE_NAMES_MAX);
    (void)snprintf(n->entry[n->count].host, sizeof(n->entry[0].host), "%s", host);
    assert_int_equal(addr_parse_ip(&n->entry[n->count].addr, ip, 0), 0);
    n->count++;
}

static void answer(struct deferred *work)
{
    struct query *q = container_of(work, struct query, work);
    struct lookup *l = q->lookup;

    l->query = NULL;
    l->done(l, q->count > 0 ? 0 : -ENOENT, q->found, q->count);
    free(q);
}

int fake_names_lookup(struct fake_names *n, struct env *env, struct lookup *l, const char *host,
                      uint16_t port)
{
    struct query *q = calloc(1, sizeof(*q));
    assert_non_null(q);
    q->work.run = answer;
    q->lookup = l;
    if (addr_parse_ip(&q->found[0], host, port) == 0)
        q->count = 1;
    for (size_t i = 0; i < n->count && q->count < LOOKUP_MAX; i++) {
        if (strcmp(n->entry[i].host, host) != 0)
            continue;
        q->found[q->count] = n->entry[i].addr;
        addr_set_port(&q->found[q->count++], port);
    }
    l->query = q;
    env_defer(env, &q->work);
    return 0;
}

void fake_names_cancel(struct env *env, struct lookup *l)
{
    struct query *q = l->query;
    if (!q)
        return;
    env_undefer(env, &q->work);
    l->query = NULL;
    free(q);
}
