#include "gateway/node/measure.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/peer/talk.h"

struct measure {
    struct list node;
    unsigned *count;
    struct pipe *pipe;
    uint8_t head[8];
    size_t head_len;
    uint64_t to_send;
    bool finished;
};

static void end(struct measure *m)
{
    list_remove(&m->node);
    (*m->count)--;
    m->pipe->ops->close(m->pipe);
    free(m);
}

static void send_zeros(struct measure *m)
{
    struct iovec area[2];

    while (m->to_send > 0) {
        size_t len = 0;
        int areas = m->pipe->ops->reserve(m->pipe, area);
        for (int i = 0; i < areas && m->to_send > 0; i++) {
            size_t n = area[i].iov_len < m->to_send ? area[i].iov_len : (size_t)m->to_send;
            memset(area[i].iov_base, 0, n);
            m->to_send -= n;
            len += n;
        }
        if (len == 0)
            return;
        m->pipe->ops->commit(m->pipe, len);
    }
    if (!m->finished && m->head_len == sizeof(m->head)) {
        m->finished = true;
        m->pipe->ops->finish(m->pipe);
    }
}

static void take(struct measure *m, const uint8_t *data, size_t len)
{
    size_t missing = sizeof(m->head) - m->head_len;
    size_t n = len < missing ? len : missing;

    if (n == 0)
        return;
    memcpy(m->head + m->head_len, data, n);
    m->head_len += n;
    if (m->head_len == sizeof(m->head)) {
        struct reader r = reader_over(m->head, sizeof(m->head));
        m->to_send = read_be64(&r);
    }
}

static void on_readable(void *arg)
{
    struct measure *m = arg;
    struct iovec area;

    while (m->pipe->ops->peek(m->pipe, &area, 1) == 1) {
        take(m, area.iov_base, area.iov_len);
        m->pipe->ops->consume(m->pipe, area.iov_len);
    }
    send_zeros(m);
    if (m->pipe->ops->at_end(m->pipe) && (m->finished || m->head_len < sizeof(m->head)))
        end(m);
}

static void on_writable(void *arg)
{
    /* Sends on, and ends when the other side is through already. */
    on_readable(arg);
}

static void on_reset(void *arg, enum pipe_reset why)
{
    (void)why;
    end(arg);
}

static const struct pipe_handler HANDLER = {on_readable, on_writable, on_reset};

void measure_serve(struct list *all, unsigned *count, struct pipe *pipe)
{
    struct measure *m = *count < MEASURE_MAX ? calloc(1, sizeof(*m)) : NULL;
    if (!m) {
        pipe->ops->reset(pipe, PIPE_RESET_LIMIT);
        return;
    }
    talk_answer(pipe, PREAMBLE_OK, NULL);
    m->count = count;
    m->pipe = pipe;
    (*count)++;
    list_append(all, &m->node);
    pipe_attach(pipe, &HANDLER, m);
    on_readable(m);
}

void measure_end(struct list *all)
{
    for (struct list *node; (node = list_first(all));)
        end(list_entry(node, struct measure, node));
}
