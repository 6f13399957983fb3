#include "gateway/transport/quic_work.h"

#include "gateway/transport/quic_rate.h"

static void wake(struct quic_endpoint *ep)
{
    if (ep->busy || ep->woken)
        return;
    ep->woken = true;
    if (ep->options.wake)
        ep->options.wake(ep->options.arg);
}

void quic_work_touch(struct quic_conn *conn)
{
    if (!conn->quic && !conn->farewell_due)
        return;
    conn->turn_over = false;
    if (list_is_linked(&conn->active))
        return;
    list_append(&conn->ep->active, &conn->active);
    wake(conn->ep);
}

void quic_work_rest(struct quic_conn *conn)
{
    list_remove(&conn->active);
}

void quic_work_post_conn(struct quic_conn *conn, unsigned events)
{
    conn->events |= (uint8_t)events;
    if (!list_is_linked(&conn->posted))
        list_append(&conn->ep->posted_conns, &conn->posted);
    wake(conn->ep);
}

void quic_work_post_stream(struct quic_stream *s, unsigned events)
{
    if (!s->owned || s->reset_seen)
        return;
    s->events |= (uint8_t)events;
    if (!list_is_linked(&s->posted))
        list_append(&s->ep->posted_streams, &s->posted);
    wake(s->ep);
}

/* Never out of the heap, so that putting it back cannot fail. */
static void arm(struct quic_conn *conn, instant due)
{
    if (due == INSTANT_NEVER)
        due--;
    if (heap_set(&conn->ep->timers, &conn->timer, due) < 0)
        quic_work_touch(conn);
}

void quic_work_rearm(struct quic_conn *conn)
{
    instant due = ngtcp2_conn_get_expiry(conn->quic);
    if (conn->connected && conn->paths && path_set_deadline(conn->paths) < due)
        due = path_set_deadline(conn->paths);
    if (quic_rate_deadline(conn) < due)
        due = quic_rate_deadline(conn);
    arm(conn, due);
}

void quic_work_disarm(struct quic_conn *conn)
{
    arm(conn, INSTANT_NEVER);
}

void quic_work_clock(struct quic_endpoint *ep, instant now)
{
    if (now > ep->raw)
        ep->now += now - ep->raw;
    ep->raw = now;
}
