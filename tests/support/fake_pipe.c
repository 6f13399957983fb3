#include "tests/support/fake_pipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/attr.h"

static struct fake_pipe *fake(struct pipe *p)
{
    return container_of(p, struct fake_pipe, pipe);
}

/* In two areas whenever it can, since a ring does that too. */
static int pipe_reserve(struct pipe *p, struct iovec area[static 2])
{
    struct fake_pipe *f = fake(p);
    assert_false(fake_pipe_is_over(f) || f->finished);
    size_t room = f->window - f->sent_len;
    f->starved = room == 0;
    if (room == 0)
        return 0;
    size_t half = room > 1 ? room / 2 : 1;
    area[0] = (struct iovec){f->sent + f->sent_len, half};
    area[1] = (struct iovec){f->sent + f->sent_len + half, room - half};
    return room > 1 ? 2 : 1;
}

static void pipe_commit(struct pipe *p, size_t len)
{
    struct fake_pipe *f = fake(p);
    assert_true(f->sent_len + len <= f->window);
    f->sent_len += len;
}

static void pipe_finish(struct pipe *p)
{
    assert_false(fake(p)->finished);
    fake(p)->finished = true;
}

static int pipe_peek(struct pipe *p, struct iovec *area, int max)
{
    struct fake_pipe *f = fake(p);
    assert_false(fake_pipe_is_over(f));
    if (f->coming_len == 0)
        return 0;
    size_t half = f->coming_len / 2;
    if (half == 0 || max < 2) {
        area[0] = (struct iovec){f->coming, f->coming_len};
        return 1;
    }
    area[0] = (struct iovec){f->coming, half};
    area[1] = (struct iovec){f->coming + half, f->coming_len - half};
    return 2;
}

static void pipe_consume(struct pipe *p, size_t len)
{
    struct fake_pipe *f = fake(p);
    assert_true(len <= f->coming_len);
    memmove(f->coming, f->coming + len, f->coming_len - len);
    f->coming_len -= len;
}

static bool pipe_at_end(const struct pipe *p)
{
    const struct fake_pipe *f = (const void *)p;
    return f->ended && f->coming_len == 0;
}

static bool pipe_drained(const struct pipe *p)
{
    const struct fake_pipe *f = (const void *)p;
    return f->finished && f->sent_len == 0;
}

static void pipe_reset(struct pipe *p, enum pipe_reset why)
{
    assert_false(fake_pipe_is_over(fake(p)));
    fake(p)->reset = true;
    fake(p)->why = why;
}

static void pipe_close(struct pipe *p)
{
    assert_false(fake_pipe_is_over(fake(p)));
    fake(p)->closed = true;
}

static const struct pipe_ops pipe_ops = {
    pipe_reserve, pipe_commit,  pipe_finish, pipe_peek,  pipe_consume,
    pipe_at_end,  pipe_drained, pipe_reset,  pipe_close,
};

void fake_pipe_init(struct fake_pipe *f)
{
    *f = (struct fake_pipe){.pipe = {.ops = &pipe_ops}, .window = FAKE_PIPE_BUFFER};
}

static void tell(struct fake_pipe *f)
{
    if (!fake_pipe_is_over(f) && f->pipe.handler)
        f->pipe.handler->on_readable(f->pipe.arg);
}

void fake_pipe_send(struct fake_pipe *f, const void *data, size_t len)
{
    assert_true(f->coming_len + len <= FAKE_PIPE_BUFFER);
    memcpy(f->coming + f->coming_len, data, len);
    f->coming_len += len;
    tell(f);
}

void fake_pipe_say(struct fake_pipe *f, const char *text)
{
    fake_pipe_send(f, text, strlen(text));
}

void fake_pipe_end(struct fake_pipe *f)
{
    f->ended = true;
    tell(f);
}

void fake_pipe_break(struct fake_pipe *f, enum pipe_reset why)
{
    if (!fake_pipe_is_over(f) && f->pipe.handler)
        f->pipe.handler->on_reset(f->pipe.arg, why);
}

const char *fake_pipe_heard(struct fake_pipe *f)
{
    if (f->sent_len < FAKE_PIPE_BUFFER)
        f->sent[f->sent_len] = 0;
    return (const char *)f->sent;
}

void fake_pipe_take(struct fake_pipe *f)
{
    f->sent_len = 0;
    if (f->starved && !fake_pipe_is_over(f) && f->pipe.handler) {
        f->starved = false;
        f->pipe.handler->on_writable(f->pipe.arg);
    }
}

bool fake_pipe_is_over(const struct fake_pipe *f)
{
    return f->closed || f->reset;
}
