/* Whatever a caller sends, however cut: every request that the service sees names the caller, once.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/peer_header.h"
#include "gateway/wire/http_body.h"
#include "gateway/wire/http_head.h"
#include "tests/support/local_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { OUT_MAX = 256 * 1024 };

static struct deferred *queued;

static void defer(struct env *e, struct deferred *work)
{
    (void)e;
    queued = work;
}

static void undefer(struct env *e, struct deferred *work)
{
    (void)e;
    if (queued == work)
        queued = NULL;
}

static void on_event(void *arg)
{
    (void)arg;
}

static void on_reset(void *arg, enum pipe_reset why)
{
    bool *over = arg;
    *over = why == PIPE_RESET_PROTOCOL;
}

static size_t drain(struct pipe *p, uint8_t *out, size_t len, size_t step)
{
    struct iovec area[64];
    int count;
    while ((count = p->ops->peek(p, area, 64)) > 0) {
        size_t taken = 0;
        for (int i = 0; i < count && taken < step; i++) {
            size_t part = area[i].iov_len < step - taken ? area[i].iov_len : step - taken;
            if (len + part > OUT_MAX)
                abort();
            memcpy(out + len, area[i].iov_base, part);
            len += part;
            taken += part;
        }
        if (taken == 0)
            abort();
        p->ops->consume(p, taken);
    }
    return len;
}

static void check_head(const struct http_head *head, const char *id)
{
    size_t count;
    const struct http_field *field = http_find(head, PEER_HEADER_NAME, &count);
    if (count != 1 || field->value.len != PEER_ID_TEXT_LEN ||
        memcmp(field->value.at, id, PEER_ID_TEXT_LEN) != 0)
        abort();
}

/* Reads the service's bytes as it would. */
static void check(const uint8_t *out, size_t len, const char *id)
{
    struct http_head head;
    struct http_body body;
    while (len > 0) {
        if (http_read_request(&head, out, len, OUT_MAX) != HTTP_OK ||
            http_body_of_request(&body, &head) != HTTP_OK)
            abort();
        check_head(&head, id);
        out += head.len;
        len -= head.len;
        size_t used = 0;
        if (!body.done && http_body_take(&body, out, len, &used) != HTTP_OK)
            abort();
        out += used;
        len -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct env_ops ops = {.defer = defer, .undefer = undefer};
    static const struct pipe_handler events = {on_event, on_event, on_reset};
    static struct fake_pipe below;
    static uint8_t out[OUT_MAX];
    struct env env = {&ops};
    struct peer_id peer = {{7}};
    char id[PEER_ID_TEXT_MAX];
    struct pipe *pipe;
    bool over = false;
    size_t out_len = 0;
    if (len < 2 || len > 60000)
        return 0;
    size_t in = data[0] + 1u, step = data[1] + 1u;

    below.sent_len = below.coming_len = 0;
    below.closed = below.reset = below.finished = below.ended = false;
    if (!below.pipe.ops)
        fake_pipe_init(&below);
    if (peer_header_new(&pipe, &env, &below.pipe, &peer) < 0)
        return 0;
    pipe_attach(pipe, &events, &over);
    for (size_t at = 2; at < len && !over; at += in) {
        memcpy(below.coming + below.coming_len, data + at, in < len - at ? in : len - at);
        below.coming_len += in < len - at ? in : len - at;
        out_len = drain(pipe, out, out_len, step);
        struct deferred *work = queued;
        queued = NULL;
        if (work)
            work->run(work);
    }
    check(out, out_len, peer_id_print(&peer, id));
    pipe->ops->close(pipe);
    return 0;
}
