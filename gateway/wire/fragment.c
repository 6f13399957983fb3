#include "gateway/wire/fragment.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"

#define PIECE_HEADER 3 /* bytes: number, index and count */

/* ---- cutting ---- */

int fragmenter_init(struct fragmenter *f, uint64_t flow, uint16_t number, const uint8_t *data,
                    size_t len)
{
    assert(flow <= FRAGMENT_FLOW_MAX);
    size_t room = FRAGMENT_FRAME_MAX - varint_len(flow * 2 + 1);
    size_t piece = len <= room ? len : room - PIECE_HEADER;

    if (len > FRAGMENT_DATAGRAM_MAX)
        return -EMSGSIZE;
    size_t count = len <= room ? 1 : (len + piece - 1) / piece;
    assert(count <= FRAGMENT_PIECES_MAX);
    *f = (struct fragmenter){.flow = flow,
                             .data = data,
                             .len = len,
                             .piece = piece,
                             .number = number,
                             .count = (uint8_t)count};
    return 0;
}

size_t fragmenter_next(struct fragmenter *f, uint8_t out[static FRAGMENT_FRAME_MAX])
{
    struct writer w = writer_over(out, FRAGMENT_FRAME_MAX);
    size_t left = f->len - f->at;
    size_t n = left < f->piece ? left : f->piece;

    if (f->index == f->count)
        return 0;
    write_varint(&w, f->flow * 2 + (f->count > 1));
    if (f->count > 1) {
        write_be16(&w, f->number);
        write_u8(&w, (uint8_t)(f->index << 3 | (f->count - 1)));
    }
    write_bytes(&w, f->data + f->at, n);
    f->at += n;
    f->index++;
    return writer_len(&w, out);
}

/* ---- reading ---- */

int fragment_read(struct fragment *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    struct fragment f = {.count = 1};

    uint64_t head = read_varint(&r);
    f.flow = head / 2;
    if (head & 1) {
        f.number = read_be16(&r);
        uint8_t place = read_u8(&r);
        f.index = place >> 3;
        f.count = (uint8_t)((place & 7) + 1);
        if (f.count < 2 || f.index >= f.count)
            return -EBADMSG;
    }
    if (r.failed || r.left > FRAGMENT_FRAME_MAX)
        return -EBADMSG;
    f.data = r.at;
    f.len = r.left;
    *out = f;
    return 0;
}

/* ---- joining ---- */

static void give_up(struct reassembly *r, struct fragment_partial *p)
{
    free(p->data);
    *p = (struct fragment_partial){0};
    r->dropped++;
}

/* The place of this datagram, or else a free one, or else the oldest, given up. */
static struct fragment_partial *place_for(struct reassembly *r, const struct fragment *f)
{
    struct fragment_partial *best = NULL;

    for (unsigned i = 0; i < FRAGMENT_PARTIAL_MAX; i++) {
        struct fragment_partial *p = &r->partial[i];
        if (p->data && p->flow == f->flow && p->number == f->number)
            return p;
        if (!best || (best->data && (!p->data || p->began < best->began)))
            best = p;
    }
    if (best->data)
        give_up(r, best);
    return best;
}

static int begin(struct fragment_partial *p, const struct fragment *f, instant now)
{
    uint8_t *data = malloc((size_t)f->count * FRAGMENT_FRAME_MAX);
    if (!data)
        return -ENOMEM;
    *p = (struct fragment_partial){
        .data = data, .flow = f->flow, .number = f->number, .count = f->count, .began = now};
    return 0;
}

/* Closes the gaps between the pieces and hands the memory over. */
static int deliver(struct reassembly *r, struct fragment_partial *p, struct fragment_datagram *out)
{
    size_t len = 0;

    for (unsigned i = 0; i < p->count; i++) {
        memmove(p->data + len, p->data + (size_t)i * FRAGMENT_FRAME_MAX, p->len[i]);
        len += p->len[i];
    }
    r->done = p->data;
    *out = (struct fragment_datagram){.flow = p->flow, .data = p->data, .len = len};
    *p = (struct fragment_partial){0};
    if (len <= FRAGMENT_DATAGRAM_MAX)
        return 1;
    r->dropped++;
    return -EBADMSG;
}

static int join(struct reassembly *r, const struct fragment *f, instant now,
                struct fragment_datagram *out)
{
    struct fragment_partial *p = place_for(r, f);
    uint8_t bit = (uint8_t)(1u << f->index);

    /* A number used again before its time: the datagram it stood for lost a piece. */
    if (p->data && p->count != f->count)
        give_up(r, p);
    if (!p->data && begin(p, f, now) < 0)
        return -ENOMEM;
    if (p->have & bit)
        return 0;
    memcpy(p->data + (size_t)f->index * FRAGMENT_FRAME_MAX, f->data, f->len);
    p->len[f->index] = (uint16_t)f->len;
    p->have |= bit;
    return p->have == (1u << p->count) - 1 ? deliver(r, p, out) : 0;
}

int reassembly_input(struct reassembly *r, instant now, const uint8_t *frame, size_t len,
                     struct fragment_datagram *out)
{
    struct fragment f;

    free(r->done);
    r->done = NULL;
    if (fragment_read(&f, frame, len) < 0)
        return -EBADMSG;
    if (f.count == 1) {
        *out = (struct fragment_datagram){.flow = f.flow, .data = f.data, .len = f.len};
        return 1;
    }
    reassembly_expire(r, now);
    return join(r, &f, now, out);
}

void reassembly_expire(struct reassembly *r, instant now)
{
    free(r->done);
    r->done = NULL;
    for (unsigned i = 0; i < FRAGMENT_PARTIAL_MAX; i++) {
        struct fragment_partial *p = &r->partial[i];
        if (p->data && now >= p->began + FRAGMENT_LIFE)
            give_up(r, p);
    }
}

instant reassembly_deadline(const struct reassembly *r)
{
    instant due = INSTANT_NEVER;

    for (unsigned i = 0; i < FRAGMENT_PARTIAL_MAX; i++) {
        const struct fragment_partial *p = &r->partial[i];
        if (p->data && p->began + FRAGMENT_LIFE < due)
            due = p->began + FRAGMENT_LIFE;
    }
    return due;
}

void reassembly_deinit(struct reassembly *r)
{
    for (unsigned i = 0; i < FRAGMENT_PARTIAL_MAX; i++)
        free(r->partial[i].data);
    free(r->done);
    *r = (struct reassembly){0};
}
