#include "gateway/base/log_ring.h"

#include <stdlib.h>
#include <string.h>

void log_ring_init(struct log_ring *r)
{
    memset(r, 0, sizeof(*r));
    list_init(&r->followers);
}

void log_ring_deinit(struct log_ring *r)
{
    for (size_t i = 0; i < LOG_RING_MAX; i++)
        free(r->kept[i]);
    log_ring_init(r);
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

/* Copies a text to `*at`, which moves behind it. */
static const char *keep(char **at, const char *text)
{
    size_t size = size_of(text);
    char *copy = *at;

    if (!text)
        return NULL;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static struct log_kept *copy_of(const struct log_entry *e)
{
    size_t room = size_of(e->line) + size_of(e->about.event) + size_of(e->about.peer) +
                  size_of(e->about.address);
    struct log_kept *k = malloc(sizeof(*k) + room);

    if (!k)
        return NULL;
    char *at = k->text;
    k->entry = *e;
    k->entry.line = keep(&at, e->line);
    k->entry.about.event = keep(&at, e->about.event);
    k->entry.about.peer = keep(&at, e->about.peer);
    k->entry.about.address = keep(&at, e->about.address);
    return k;
}

void log_ring_add(struct log_ring *r, int64_t wall_us, const struct log_entry *entry)
{
    struct log_kept *k = copy_of(entry);
    struct log_kept **place = &r->kept[++r->last % LOG_RING_MAX];

    if (k)
        k->wall_us = wall_us;
    free(*place);
    *place = k;
    list_each(node, &r->followers)
    {
        struct log_follower *f = list_entry(node, struct log_follower, link);
        f->more(f);
    }
}

uint64_t log_ring_tail(const struct log_ring *r, uint64_t count)
{
    uint64_t most = count < LOG_RING_MAX ? count : LOG_RING_MAX;
    return r->last > most ? r->last - most + 1 : 1;
}

const struct log_kept *log_ring_read(const struct log_ring *r, uint64_t *next)
{
    uint64_t oldest = log_ring_tail(r, LOG_RING_MAX);

    for (uint64_t n = *next > oldest ? *next : oldest; n <= r->last; n++) {
        const struct log_kept *k = r->kept[n % LOG_RING_MAX];
        *next = n + 1;
        if (k)
            return k;
    }
    return NULL;
}

void log_ring_follow(struct log_ring *r, struct log_follower *f)
{
    list_append(&r->followers, &f->link);
}

void log_ring_leave(struct log_follower *f)
{
    list_remove(&f->link);
}
