/* A byte stream in pieces of any size gives the datagrams that are in it, whatever the pieces. */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/stream_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct outcome {
    uint64_t sum; /* of the datagrams' bytes, in order */
    size_t bytes;
    int end;
};

/* Returns false when nothing more can come. */
static bool take_runs(struct stream_frames *f, struct outcome *o)
{
    struct stream_run run;

    while ((o->end = stream_frames_next(f, &run)) > 0) {
        if (run.len == 0 || run.segment == 0 || run.segment > STREAM_DATAGRAM_MAX ||
            run.len > run.segment * STREAM_RUN_MAX || run.data < f->data ||
            run.data + run.len > f->data + sizeof(f->data))
            abort();
        for (size_t i = 0; i < run.len; i++)
            o->sum = o->sum * 31 + run.data[i];
        o->bytes += run.len;
    }
    return o->end == 0;
}

static struct outcome read_in_steps(const uint8_t *data, size_t len, size_t step)
{
    static struct stream_frames f;
    struct outcome o = {0};
    size_t room, n;

    memset(&f, 0, sizeof(f));
    for (size_t at = 0; at < len; at += n) {
        uint8_t *area = stream_frames_area(&f, &room);
        if (room == 0)
            abort();
        n = len - at < step ? len - at : step;
        n = n < room ? n : room;
        memcpy(area, data + at, n);
        stream_frames_added(&f, n);
        if (!take_runs(&f, &o))
            break;
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    struct outcome a = read_in_steps(data + 1, len - 1, data[0] + 1u);
    struct outcome b = read_in_steps(data + 1, len - 1, len);
    if (a.sum != b.sum || a.bytes != b.bytes || a.end != b.end)
        abort();
    return 0;
}
