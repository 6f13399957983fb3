#include "gateway/base/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 64

void heap_deinit(struct heap *h)
{
    for (size_t i = 1; i <= h->count; i++)
        h->at[i]->slot = 0;
    free(h->at);
    *h = (struct heap){0};
}

static void place(struct heap *h, struct timer *timer, size_t slot)
{
    h->at[slot] = timer;
    timer->slot = slot;
}

/* Moves the hole at `slot` up or down to where `timer` belongs, and fills it. */
static void settle(struct heap *h, struct timer *timer, size_t slot)
{
    while (slot > 1 && timer->due < h->at[slot / 2]->due) {
        place(h, h->at[slot / 2], slot);
        slot /= 2;
    }
    for (;;) {
        size_t child = slot * 2;
        if (child > h->count)
            break;
        if (child < h->count && h->at[child + 1]->due < h->at[child]->due)
            child++;
        if (h->at[child]->due >= timer->due)
            break;
        place(h, h->at[child], slot);
        slot = child;
    }
    place(h, timer, slot);
}

static int make_room(struct heap *h)
{
    if (h->count + 1 < h->room)
        return 0;
    size_t room = h->room > 0 ? h->room * 2 : FIRST_ROOM;
    struct timer **at = reallocarray(h->at, room, sizeof(*at));
    if (!at)
        return -ENOMEM;
    h->at = at;
    h->room = room;
    return 0;
}

int heap_set(struct heap *h, struct timer *timer, instant due)
{
    if (due == INSTANT_NEVER) {
        heap_remove(h, timer);
        timer->due = due;
        return 0;
    }
    size_t slot = timer->slot;
    if (slot == 0) {
        if (make_room(h) < 0)
            return -ENOMEM;
        slot = ++h->count;
    }
    assert(slot <= h->count);
    timer->due = due;
    /* The hole's old content must not be looked at while the timer finds its place. */
    h->at[slot] = timer;
    settle(h, timer, slot);
    return 0;
}

void heap_remove(struct heap *h, struct timer *timer)
{
    size_t slot = timer->slot;
    if (slot == 0)
        return;
    assert(slot <= h->count && h->at[slot] == timer);
    timer->slot = 0;
    struct timer *last = h->at[h->count--];
    if (last != timer)
        settle(h, last, slot);
}

struct timer *heap_take_due(struct heap *h, instant now)
{
    struct timer *first = heap_first(h);
    if (!first || first->due > now)
        return NULL;
    heap_remove(h, first);
    return first;
}
