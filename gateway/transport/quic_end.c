#include "gateway/transport/quic_end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/transport/quic_datagram.h"
#include "gateway/transport/quic_route.h"
#include "gateway/transport/quic_stream.h"
#include "gateway/transport/quic_street.h"
#include "gateway/transport/quic_table.h"
#include "gateway/transport/quic_work.h"

#define SHELLS_MAX 1024
/* A stranger's farewell is sent once and not repeated. */
#define STRANGER_SHELL MSEC(100)

/* ---- taking apart ---- */

static void drop_tls(struct quic_conn *conn)
{
    if (conn->quic)
        ngtcp2_conn_del(conn->quic);
    conn->quic = conn->link.quic = NULL;
    if (conn->tls)
        gnutls_deinit(conn->tls);
    conn->tls = NULL;
}

static void lose_streams(struct quic_conn *conn)
{
    struct list *node = conn->streams.next;
    while (node != &conn->streams) {
        struct quic_stream *s = list_entry(node, struct quic_stream, all);
        node = node->next;
        quic_stream_lost(s);
    }
}

static void uncount(struct quic_conn *conn)
{
    if (conn->counted)
        conn->ep->connections--;
    conn->counted = false;
    quic_street_leave(conn);
}

static void take_apart(struct quic_conn *conn)
{
    struct quic_endpoint *ep = conn->ep;
    quic_work_rest(conn);
    if (ep->carry_conn == conn)
        ep->carry_conn = NULL;
    quic_datagram_clear(conn);
    drop_tls(conn);
    lose_streams(conn);
    quic_table_forget_paths(conn);
    quic_route_stop(conn);
    uncount(conn);
}

void quic_end_free(struct quic_conn *conn)
{
    struct quic_endpoint *ep = conn->ep;
    take_apart(conn);
    while (!list_is_empty(&conn->streams))
        quic_stream_orphan(list_entry(list_first(&conn->streams), struct quic_stream, all));
    if (conn->is_shell)
        ep->shells--;
    quic_table_forget(conn);
    heap_remove(&ep->timers, &conn->timer);
    list_remove(&conn->posted);
    list_remove(&conn->all);
    free(conn->farewell);
    free(conn);
}

/* ---- the end ---- */

static void write_farewell(struct quic_conn *conn, const ngtcp2_ccerr *error)
{
    uint8_t packet[QUIC_PAYLOAD];
    ngtcp2_ssize n = ngtcp2_conn_write_connection_close(conn->quic, NULL, NULL, packet,
                                                        sizeof(packet), error, conn->ep->now);
    if (n <= 0)
        return;
    conn->farewell = malloc((size_t)n);
    if (!conn->farewell)
        return;
    memcpy(conn->farewell, packet, (size_t)n);
    conn->farewell_len = (size_t)n;
    conn->farewell_due = true;
    conn->farewell_next = 1;
}

/* How long late packets may come: for those that we know, and while there are not too many. */
static instant shell_time(struct quic_conn *conn, bool wanted)
{
    if (!wanted || conn->ep->shells >= SHELLS_MAX)
        return 0;
    if (!conn->identified)
        return conn->farewell ? STRANGER_SHELL : 0;
    return 3 * ngtcp2_conn_get_pto(conn->quic);
}

static void start_clock(struct quic_conn *conn, instant due)
{
    if (heap_set(&conn->ep->timers, &conn->timer, due) < 0)
        log_debug(LOG_QUIC, "no memory for a timer"); /* cannot be: it was in the heap before */
}

/* A caller that nobody was told of. Silence is no offence, nor to be refused: that was told. */
static void tell_offence(struct quic_conn *conn)
{
    const struct quic_options *o = &conn->ep->options;
    bool auth = conn->ended.why == QUIC_END_ERROR && !conn->ended.broken;

    if (!o->handler->on_offence || conn->refused || !(auth || conn->ended.broken))
        return;
    o->handler->on_offence(o->arg, auth ? QUIC_OFFENCE_AUTH : QUIC_OFFENCE_MALFORMED, &conn->path,
                           conn->there);
}

/* Did they break the protocol, or did something go wrong here? */
static bool is_theirs(int err)
{
    uint64_t code = ngtcp2_err_infer_quic_transport_error_code(err);
    return code != NGTCP2_NO_ERROR && code != NGTCP2_INTERNAL_ERROR;
}

/* Ends the connection, with CONNECTION_CLOSE if there is an error to tell. `drain`: the other side
 * said it is over, so only its late packets are to be swallowed. */
static void end(struct quic_conn *conn, enum quic_end why, const ngtcp2_ccerr *error, bool drain)
{
    struct quic_endpoint *ep = conn->ep;
    if (!conn->quic)
        return;
    if (error)
        write_farewell(conn, error);
    conn->ended.why = why;
    conn->ended.proven = conn->identified && !conn->link.wrong_id;
    instant shell = shell_time(conn, error || drain);
    take_apart(conn);
    if (shell > 0) {
        conn->is_shell = true;
        ep->shells++;
    } else {
        conn->farewell_due = false;
        quic_table_forget(conn);
    }
    /* quic_close() comes at any time, when ours may be old: the farewell starts the clock. */
    conn->shell_time = shell;
    start_clock(conn, conn->farewell_due ? INSTANT_NEVER - 1 : ep->now + shell);
    quic_work_touch(conn);

    /* A caller that the owner never heard of goes unsung. */
    conn->events = 0;
    bool known = conn->dialled || conn->told_connected;
    if (!known)
        tell_offence(conn);
    conn->told_ended = !known;
    if (known)
        quic_work_post_conn(conn, QUIC_CONN_ENDED);
    else
        list_remove(&conn->posted);
}

static void say(struct quic_conn *conn, const char *reason)
{
    (void)snprintf(conn->ended.reason, sizeof(conn->ended.reason), "%s", reason);
}

static void say_theirs(struct quic_conn *conn, const ngtcp2_ccerr *error)
{
    size_t room = sizeof(conn->ended.reason) - 1;
    size_t len = error->reasonlen < room ? error->reasonlen : room;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = error->reason[i];
        conn->ended.reason[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
    }
    conn->ended.reason[len] = '\0';
}

/* While we have not been taken, a close is a refusal: our key or protocol is not welcome. */
static enum quic_end meaning(const struct quic_conn *conn, const ngtcp2_ccerr *error)
{
    if (!conn->dialled || conn->connected)
        return QUIC_END_PEER_CLOSED;
    if (error->type == NGTCP2_CCERR_TYPE_APPLICATION)
        return error->error_code == QUIC_CLOSE_DENIED ? QUIC_END_REFUSED : QUIC_END_PEER_CLOSED;
    bool alert = (error->error_code & ~UINT64_C(0xff)) == NGTCP2_CRYPTO_ERROR;
    /* RFC 9000 §10.2.3: what an application's close becomes in a Handshake packet */
    bool hidden = error->error_code == NGTCP2_APPLICATION_ERROR;
    return alert || hidden ? QUIC_END_REFUSED : QUIC_END_PEER_CLOSED;
}

static void closed_by_peer(struct quic_conn *conn)
{
    if (conn->got_reset) {
        say(conn, "stateless reset");
        end(conn, QUIC_END_RESET, NULL, false);
        return;
    }
    const ngtcp2_ccerr *error = ngtcp2_conn_get_ccerr(conn->quic);
    conn->ended.code = error->error_code;
    say_theirs(conn, error);
    end(conn, meaning(conn, error), NULL, true);
}

static void failed_in_tls(struct quic_conn *conn)
{
    ngtcp2_ccerr error;
    uint8_t alert = conn->link.alert ? conn->link.alert : ngtcp2_conn_get_tls_alert(conn->quic);
    ngtcp2_ccerr_default(&error);
    ngtcp2_ccerr_set_tls_alert(&error, alert, NULL, 0);
    const char *name = gnutls_alert_get_name(alert);
    say(conn, conn->link.wrong_id ? "peer id mismatch" : name ? name : "TLS error");
    end(conn, conn->link.wrong_id ? QUIC_END_WRONG_ID : QUIC_END_ERROR, &error, false);
}

static void failed_otherwise(struct quic_conn *conn, int err)
{
    ngtcp2_ccerr error;
    ngtcp2_ccerr_default(&error);
    ngtcp2_ccerr_set_liberr(&error, err, NULL, 0);
    conn->ended.broken = is_theirs(err);
    say(conn, conn->link.wrong_id ? "peer id mismatch" : ngtcp2_strerror(err));
    end(conn, conn->link.wrong_id ? QUIC_END_WRONG_ID : QUIC_END_ERROR, &error, false);
}

void quic_end_failed(struct quic_conn *conn, int err)
{
    switch (err) {
    case NGTCP2_ERR_DRAINING:
        closed_by_peer(conn);
        break;
    case NGTCP2_ERR_IDLE_CLOSE:
        end(conn, conn->connected ? QUIC_END_IDLE : QUIC_END_TIMED_OUT, NULL, false);
        break;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        end(conn, QUIC_END_TIMED_OUT, NULL, false);
        break;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        say(conn, "the other side speaks other versions of QUIC");
        end(conn, QUIC_END_REFUSED, NULL, false);
        break;
    case NGTCP2_ERR_CRYPTO:
        failed_in_tls(conn);
        break;
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_RETRY:
        end(conn, QUIC_END_ERROR, NULL, false);
        break;
    default:
        failed_otherwise(conn, err);
        break;
    }
}

static void close_with(struct quic_conn *conn, enum quic_close_code code)
{
    ngtcp2_ccerr error;
    ngtcp2_ccerr_default(&error);
    ngtcp2_ccerr_set_application_error(&error, code, NULL, 0);
    end(conn, QUIC_END_CLOSED, &error, false);
}

void quic_end_refuse(struct quic_conn *conn)
{
    close_with(conn, QUIC_CLOSE_DENIED);
}

void quic_end_greedy(struct quic_conn *conn)
{
    static const char why[] = "too much memory for data with gaps";
    ngtcp2_ccerr error;
    ngtcp2_ccerr_default(&error);
    ngtcp2_ccerr_set_transport_error(&error, NGTCP2_INTERNAL_ERROR, (const uint8_t *)why,
                                     sizeof(why) - 1);
    say(conn, why);
    conn->ended.broken = true;
    end(conn, QUIC_END_ERROR, &error, false);
}

void quic_close(struct quic_conn *conn, enum quic_close_code code)
{
    close_with(conn, code);
}

/* ---- afterlife ---- */

void quic_end_heard(struct quic_conn *conn, const struct path *path)
{
    if (!conn->farewell || !path_equal(path, &conn->path))
        return;
    if (++conn->farewell_heard < conn->farewell_next)
        return;
    conn->farewell_next *= 2; /* RFC 9000 §10.2.1: ever more rarely */
    conn->farewell_heard = 0;
    conn->farewell_due = true;
    quic_work_touch(conn);
}

bool quic_end_farewell(struct quic_conn *conn, struct quic_tx *tx)
{
    if (!conn->farewell_due)
        return false;
    conn->farewell_due = false;
    if (conn->timer.due == INSTANT_NEVER - 1)
        start_clock(conn, conn->ep->now + conn->shell_time);
    memcpy(conn->ep->single, conn->farewell, conn->farewell_len);
    *tx = (struct quic_tx){
        .path = conn->path,
        .data = conn->ep->single,
        .len = conn->farewell_len,
        .segment = conn->farewell_len,
    };
    return true;
}

void quic_end_expired(struct quic_conn *conn)
{
    if (conn->told_ended)
        quic_end_free(conn);
}

void quic_end_deliver(struct quic_conn *conn)
{
    const struct quic_options *o = &conn->ep->options;
    o->handler->on_ended(o->arg, conn, &conn->ended);
    conn->told_ended = true;
    /* Its timer was taken out if it fired before. */
    if (conn->timer.slot == 0)
        quic_end_free(conn);
}
