#include "gateway/wire/stream_frame.h"

#include <errno.h>
#include <string.h>

static const uint8_t HELLO[STREAM_HELLO_LEN] = {'o', 'v', 'e', 'r', 'l', 'a', 'y', 1};

void stream_hello_write(uint8_t out[static STREAM_HELLO_LEN])
{
    memcpy(out, HELLO, sizeof(HELLO));
}

void stream_frame_write(uint8_t out[static STREAM_FRAME_HEADER], size_t len)
{
    out[0] = (uint8_t)(len >> 8);
    out[1] = (uint8_t)len;
}

uint8_t *stream_frames_area(struct stream_frames *f, size_t *room)
{
    if (f->at > 0) {
        memmove(f->data, f->data + f->at, f->len - f->at);
        f->len -= f->at;
        f->at = 0;
    }
    *room = sizeof(f->data) - f->len;
    return f->data + f->len;
}

void stream_frames_added(struct stream_frames *f, size_t n)
{
    f->len += n;
}

/* Returns 1, 0 (more bytes, please) or -EBADMSG. */
static int read_hello(struct stream_frames *f)
{
    size_t there = f->len - f->at, n = there < sizeof(HELLO) ? there : sizeof(HELLO);

    if (memcmp(f->data + f->at, HELLO, n) != 0)
        return -EBADMSG;
    if (n < sizeof(HELLO))
        return 0;
    f->at += n;
    f->greeted = true;
    return 1;
}

/* The length of the datagram whose header is at f->at: 0 while it is not whole, or -EBADMSG. */
static int whole(const struct stream_frames *f)
{
    const uint8_t *header = f->data + f->at;
    size_t there = f->len - f->at;

    if (there < STREAM_FRAME_HEADER)
        return 0;
    int len = header[0] << 8 | header[1];
    if (len == 0 || len > STREAM_DATAGRAM_MAX)
        return -EBADMSG;
    return there - STREAM_FRAME_HEADER < (size_t)len ? 0 : len;
}

/* Puts the datagram at f->at behind those of the run, over the headers between them. */
static void join(struct stream_frames *f, struct stream_run *run, int len)
{
    memmove(run->data + run->len, f->data + f->at + STREAM_FRAME_HEADER, (size_t)len);
    run->len += (size_t)len;
    f->at += STREAM_FRAME_HEADER + (size_t)len;
}

int stream_frames_next(struct stream_frames *f, struct stream_run *run)
{
    int err = f->greeted ? 1 : read_hello(f);
    int len = err > 0 ? whole(f) : err;

    if (len <= 0)
        return len;
    *run = (struct stream_run){.data = f->data + f->at, .segment = (size_t)len};
    join(f, run, len);
    for (unsigned count = 1; count < STREAM_RUN_MAX && run->len % run->segment == 0; count++) {
        len = whole(f);
        if (len <= 0 || (size_t)len > run->segment)
            break;
        join(f, run, len);
    }
    return 1;
}
