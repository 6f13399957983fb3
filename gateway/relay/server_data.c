/* The datagrams of a relay: checked, rewritten in place, sent on, or kept for a moment. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/relay/server_parts.h"

/* Frames of one circuit that lie back to back. */
struct run {
    uint8_t *data;
    size_t len, segment, count;
};

/* ---- queues ---- */

static void drop_batch(struct relay_server *s, struct relay_client *c, struct relay_batch *b)
{
    c->queued -= b->len;
    s->queued -= b->len;
    list_remove(&b->link);
    free(b);
}

void relay_queue_drop(struct relay_server *s, struct relay_client *c)
{
    for (struct list *node; (node = list_first(&c->queue));)
        drop_batch(s, c, list_entry(node, struct relay_batch, link));
}

static void count_dropped(struct relay_server *s, size_t len, size_t segment)
{
    s->counters.over_full += (len + segment - 1) / segment;
}

/* Makes room by letting the oldest go: the newest is worth most to a session. */
static bool make_room(struct relay_server *s, struct relay_client *c, size_t len)
{
    while (c->queued + len > RELAY_QUEUE_MAX && !list_is_empty(&c->queue)) {
        struct relay_batch *oldest = list_entry(c->queue.next, struct relay_batch, link);
        count_dropped(s, oldest->len, oldest->segment);
        drop_batch(s, c, oldest);
    }
    return s->queued + len <= RELAY_QUEUE_ALL_MAX;
}

static void queue(struct relay_server *s, struct relay_client *c, const struct run *run)
{
    struct relay_batch *b = make_room(s, c, run->len) ? malloc(sizeof(*b) + run->len) : NULL;
    if (!b) {
        count_dropped(s, run->len, run->segment);
        return;
    }
    b->len = run->len;
    b->segment = run->segment;
    memcpy(b->data, run->data, run->len);
    c->queued += b->len;
    s->queued += b->len;
    list_append(&c->queue, &b->link);
}

static int send_to(struct relay_server *s, const struct relay_client *c, const uint8_t *data,
                   size_t len, size_t segment)
{
    return s->options.events->send(s->options.arg, &c->path, data, len, segment);
}

/* Returns false if the client's queue is not empty yet. */
static bool flush_client(struct relay_server *s, struct relay_client *c)
{
    for (struct list *node; (node = list_first(&c->queue));) {
        struct relay_batch *b = list_entry(node, struct relay_batch, link);
        if (send_to(s, c, b->data, b->len, b->segment) == -EAGAIN)
            return false;
        drop_batch(s, c, b);
    }
    return true;
}

void relay_server_flush(struct relay_server *s)
{
    if (s->queued == 0)
        return;
    list_each(node, &s->clients)
    {
        (void)flush_client(s, list_entry(node, struct relay_client, link));
    }
}

/* ---- forwarding ---- */

/* The side that these frames come from, or NULL: not one of ours, or not from where it is. */
static struct relay_side *side_of(struct relay_server *s, const struct path *path,
                                  const struct relay_frame *f)
{
    struct relay_circuit *c = map_find(&s->by_number, &f->circuit, sizeof(f->circuit));

    for (unsigned i = 0; c && i < 2; i++)
        if (path_equal(&c->side[i].client->path, path) &&
            secret_equal(c->side[i].tag, f->tag, sizeof(f->tag)))
            return &c->side[i];
    return NULL;
}

static void rewrite(const struct run *run, const struct relay_side *to)
{
    for (size_t at = 0; at < run->len; at += run->segment)
        memcpy(run->data + at + RELAY_FRAME_HEADER - RELAY_FRAME_TAG_LEN, to->tag,
               RELAY_FRAME_TAG_LEN);
}

static void forward(struct relay_server *s, instant now, struct relay_side *from,
                    const struct run *run)
{
    struct relay_circuit *c = from->circuit;
    struct relay_side *to = &c->side[from == &c->side[0]];
    size_t bytes = run->len - run->count * RELAY_FRAME_HEADER;

    c->used = now;
    list_remove(&c->link);
    list_append(&s->circuits, &c->link);
    if (!relay_account_pay(s, c->side[1].client->account, now, bytes)) {
        s->counters.over_quota += run->count;
        return;
    }
    rewrite(run, to);
    s->counters.bytes += bytes;
    s->counters.datagrams += run->count;
    if (!flush_client(s, to->client) ||
        send_to(s, to->client, run->data, run->len, run->segment) == -EAGAIN)
        queue(s, to->client, run);
}

/* How many of the bytes from the start of `data` are frames with the header of the first. */
static struct run run_of(uint8_t *data, size_t len, size_t segment)
{
    struct run run = {.data = data, .segment = segment};

    while (run.len < len) {
        size_t left = len - run.len, n = left < segment ? left : segment;
        if (n <= RELAY_FRAME_HEADER || memcmp(data, data + run.len, RELAY_FRAME_HEADER) != 0)
            break;
        run.len += n;
        run.count++;
    }
    return run;
}

void relay_server_input(struct relay_server *s, instant now, const struct path *path, uint8_t *data,
                        size_t len, size_t segment)
{
    while (len > 0) {
        size_t first = len < segment ? len : segment;
        struct relay_frame f;
        struct relay_side *from =
            relay_frame_read(&f, data, first) == 0 ? side_of(s, path, &f) : NULL;
        struct run run = {.len = first};

        if (from) {
            run = run_of(data, len, segment);
            forward(s, now, from, &run);
        } else {
            s->counters.strange++;
        }
        data += run.len;
        len -= run.len;
    }
}
