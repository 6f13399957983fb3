#include "gateway/node/bootstrap_desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

#define SAVE_AFTER SEC(60) /* a disk need not turn for each address */

/* ---- the file ---- */

static void load(struct bootstrap_desk *d)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int err = env_load(d->node->env, BOOTSTRAP_FILE, &data, &len);

    if (err == 0) {
        size_t bad = bootstrap_read(d->cache, (const char *)data, len);
        if (bad > 0)
            log_warn(LOG_GATEWAY, "%s: %zu lines could not be read and are left out",
                     BOOTSTRAP_FILE, bad);
    } else if (err != -ENOENT) {
        log_warn(LOG_GATEWAY, "%s: %s; known addresses are looked up anew", BOOTSTRAP_FILE,
                 strerror(-err));
    }
    free(data);
}

static void save(struct bootstrap_desk *d)
{
    auto_free char *text = malloc(BOOTSTRAP_TEXT_MAX);

    if (!d->changed || !text)
        return;
    size_t len = bootstrap_write(d->cache, text);
    int err = env_save(d->node->env, BOOTSTRAP_FILE, (const uint8_t *)text, len);
    if (err < 0)
        log_warn(LOG_GATEWAY, "%s could not be saved: %s", BOOTSTRAP_FILE, strerror(-err));
    d->changed = false;
}

static void on_save(struct timer *timer)
{
    save(container_of(timer, struct bootstrap_desk, save));
}

static void note_change(struct bootstrap_desk *d, bool changed)
{
    if (!changed || d->changed)
        return;
    d->changed = true;
    timer_set(d->node->env, &d->save, env_now(d->node->env) + SAVE_AFTER);
}

/* ---- life ---- */

int bootstrap_desk_start(struct bootstrap_desk *d, const struct desk *node)
{
    *d = (struct bootstrap_desk){.node = node, .save.fire = on_save};
    d->cache = calloc(1, sizeof(*d->cache));
    if (!d->cache)
        return -ENOMEM;
    load(d);
    return 0;
}

void bootstrap_desk_stop(struct bootstrap_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->save);
    if (d->cache)
        save(d);
    free(d->cache);
    *d = (struct bootstrap_desk){0};
}

/* ---- what is learnt and asked ---- */

void bootstrap_desk_on_conn(struct bootstrap_desk *d, enum bootstrap_kind kind,
                            const struct quic_conn *conn)
{
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    if (!info.dialled || info.path.kind != PATH_UDP || info.path.via != 0)
        return;
    note_change(
        d, bootstrap_good(d->cache, kind, &info.id, &info.path.remote, env_wall_us(d->node->env)));
}

void bootstrap_desk_on_failed(struct bootstrap_desk *d, enum bootstrap_kind kind,
                              const struct peer *p)
{
    for (size_t i = 0; i < p->tried_count; i++)
        if (p->tried[i].kind == PATH_UDP)
            note_change(d, bootstrap_bad(d->cache, kind, &p->id, &p->tried[i].remote));
}

size_t bootstrap_desk_find(const struct bootstrap_desk *d, const struct peer_id *id,
                           struct addr *out, size_t max)
{
    size_t count = bootstrap_find(d->cache, BOOTSTRAP_RELAY, id, out, max);
    return count + bootstrap_find(d->cache, BOOTSTRAP_PEER, id, out + count, max - count);
}
