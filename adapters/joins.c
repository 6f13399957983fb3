#include "adapters/joins.h"

#include <errno.h>
#include <stdlib.h>

#include "adapters/pump.h"

struct join {
    struct joins *owner;
    struct list link;
    uint64_t id;
    struct pump pump;
};

static void drop(struct join *j)
{
    list_remove(&j->link);
    free(j);
}

static void on_end(struct pump *p)
{
    struct join *one = container_of(p, struct join, pump);
    struct joins *j = one->owner;

    if (!p->got_all) {
        j->broken[j->next] = one->id;
        j->next = (j->next + 1) % JOINS_REMEMBERED;
    }
    drop(one);
}

bool joins_broke_off(const struct joins *j, uint64_t id)
{
    for (unsigned i = 0; i < JOINS_REMEMBERED; i++)
        if (id != 0 && j->broken[i] == id)
            return true;
    return false;
}

static const struct pump_handler events = {.on_end = on_end};

void joins_init(struct joins *j, struct env *env)
{
    *j = (struct joins){.env = env};
    list_init(&j->all);
}

void joins_deinit(struct joins *j)
{
    for (struct list *at = list_first(&j->all); at; at = list_first(&j->all)) {
        struct join *one = list_entry(at, struct join, link);
        pump_abort(&one->pump);
        drop(one);
    }
}

int joins_add(struct joins *j, struct sock *sock, const uint8_t *early, size_t len,
              struct pipe *pipe, uint64_t id)
{
    struct join *one = calloc(1, sizeof(*one));
    if (!one) {
        sock_reset(j->env, sock);
        pipe->ops->reset(pipe, PIPE_RESET_ABORTED);
        return -ENOMEM;
    }
    one->owner = j;
    one->id = id;
    list_append(&j->all, &one->link);
    struct pump_options options = {
        .env = j->env,
        .sock = sock,
        .pipe = pipe,
        .handler = &events,
        .first = early,
        .first_len = len,
    };
    int err = pump_start(&one->pump, &options);
    if (err < 0)
        drop(one);
    return err;
}
