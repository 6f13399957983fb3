#include "tests/sim/sim_asking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/node/members.h"

static void on_done(struct record_wait *w, int err, const struct record_found *found)
{
    struct sim_asking *a = container_of(w, struct sim_asking, wait);

    a->answered = true;
    a->err = err;
    if (found)
        a->found = *found;
}

static bool is_answered(void *arg)
{
    const struct sim_asking *a = arg;
    return a->answered;
}

struct sim_asking sim_gateway_asks(struct sim_gateway *who, const struct sim_gateway *about,
                                   instant span)
{
    struct sim_asking a = {.wait.done = on_done};

    record_desk_resolve(&who->node->record, &about->keys.id, &a.wait);
    assert_true(sim_world_run(who->host.world, span, is_answered, &a));
    return a;
}
