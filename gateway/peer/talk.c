#include "gateway/peer/talk.h"

#include <stdio.h>
#include <string.h>

size_t talk_write(struct pipe *p, const uint8_t *data, size_t len)
{
    size_t done = 0;
    struct iovec area[2];

    while (done < len) {
        size_t put = 0;
        int areas = p->ops->reserve(p, area);
        for (int i = 0; i < areas && done + put < len; i++) {
            size_t n = area[i].iov_len < len - done - put ? area[i].iov_len : len - done - put;
            memcpy(area[i].iov_base, data + done + put, n);
            put += n;
        }
        if (put == 0)
            break;
        p->ops->commit(p, put);
        done += put;
    }
    return done;
}

size_t talk_peek(struct pipe *p, uint8_t *out, size_t max)
{
    struct iovec area[4];
    size_t len = 0;
    int areas = p->ops->peek(p, area, 4);

    for (int i = 0; i < areas && len < max; i++) {
        size_t n = area[i].iov_len < max - len ? area[i].iov_len : max - len;
        memcpy(out + len, area[i].iov_base, n);
        len += n;
    }
    return len;
}

void talk_discard(struct pipe *p)
{
    struct iovec area;
    while (p->ops->peek(p, &area, 1) == 1)
        p->ops->consume(p, area.iov_len);
}

void talk_answer(struct pipe *pipe, enum preamble_status status, const char *reason)
{
    struct preamble_answer answer = {.status = status};
    uint8_t out[PREAMBLE_ANSWER_MAX];

    if (reason)
        (void)snprintf(answer.reason, sizeof(answer.reason), "%s", reason);
    /* A fresh stream has room for it; one that was reset meanwhile does not mind. */
    (void)talk_write(pipe, out, preamble_answer_write(&answer, out));
}

int talk_take_answer(struct pipe *pipe, struct preamble_answer *out)
{
    uint8_t data[PREAMBLE_ANSWER_MAX];
    int used = preamble_answer_read(out, data, talk_peek(pipe, data, sizeof(data)));

    if (used < 0)
        return used;
    pipe->ops->consume(pipe, (size_t)used);
    return 0;
}
