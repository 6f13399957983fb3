#include "gateway/transport/quic_callbacks.h"

#include <errno.h>

#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include "gateway/transport/quic_datagram.h"
#include "gateway/transport/quic_keys.h"
#include "gateway/transport/quic_route.h"
#include "gateway/transport/quic_stream.h"
#include "gateway/transport/quic_street.h"
#include "gateway/transport/quic_table.h"
#include "gateway/transport/quic_work.h"

static void draw(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
{
    const struct quic_endpoint *ep = ctx->native_handle;
    ep->options.random(ep->options.arg, dest, len);
}

/* ---- connection ids ---- */

int quic_callbacks_new_id(struct quic_conn *conn, ngtcp2_cid *cid, uint8_t *token)
{
    const struct quic_options *o = &conn->ep->options;
    uint8_t data[QUIC_CID_LEN];

    o->random(o->arg, data, sizeof(data));
    ngtcp2_cid_init(cid, data, sizeof(data));
    if (ngtcp2_crypto_generate_stateless_reset_token(token, o->reset_key, sizeof(o->reset_key),
                                                     cid) != 0)
        return -ENOMEM;
    return quic_table_add_id(conn, data, sizeof(data));
}

static int on_new_id(ngtcp2_conn *quic, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
    (void)quic;
    if (len != QUIC_CID_LEN || quic_callbacks_new_id(user, cid, token) < 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static int on_remove_id(ngtcp2_conn *quic, const ngtcp2_cid *cid, void *user)
{
    (void)quic;
    quic_table_remove_id(user, cid->data, cid->datalen);
    return 0;
}

/* ---- the handshake ---- */

/* GnuTLS collects a message of up to 16 MiB before it looks what it is. Handshakes of raw keys take
 * less than one KiB, and a foreign server may send tickets later. */
#define CRYPTO_MAX (64 * 1024)

static int on_crypto_data(ngtcp2_conn *quic, ngtcp2_encryption_level level, uint64_t offset,
                          const uint8_t *data, size_t len, void *user)
{
    struct quic_conn *conn = user;

    /* Nobody has keys for that but who received our answer. */
    if (level == NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE)
        conn->there = true;
    if (offset + len <= CRYPTO_MAX)
        return ngtcp2_crypto_recv_crypto_data_cb(quic, level, offset, data, len, user);
    ngtcp2_conn_set_tls_alert(quic, GNUTLS_A_RECORD_OVERFLOW);
    return NGTCP2_ERR_CRYPTO;
}

static void connected(struct quic_conn *conn)
{
    conn->connected = true;
    conn->since = conn->ep->now;
    quic_work_post_conn(conn, QUIC_CONN_CONNECTED);
}

static int on_handshake_completed(ngtcp2_conn *quic, void *user)
{
    struct quic_conn *conn = user;
    const struct quic_options *o = &conn->ep->options;
    (void)quic;

    quic_street_leave(conn);
    if (quic_tls_peer(conn->tls, &conn->id) < 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    conn->identified = true;
    if (conn->dialled && !peer_id_equal(&conn->id, &conn->link.expected)) {
        conn->link.wrong_id = true;
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (!conn->dialled && !o->handler->on_identity(o->arg, &conn->id, &conn->path)) {
        conn->refused = true;
        return 0;
    }
    quic_route_start(conn);
    /* RFC 9001 §4.1.2: for the side that was dialled this is the confirmation too. The dialler
     * does not know yet whether the other side takes its key. */
    if (!conn->dialled)
        connected(conn);
    return 0;
}

static int on_handshake_confirmed(ngtcp2_conn *quic, void *user)
{
    struct quic_conn *conn = user;
    (void)quic;
    if (!conn->connected)
        connected(conn);
    return 0;
}

static int on_stateless_reset(ngtcp2_conn *quic, const ngtcp2_pkt_stateless_reset *reset,
                              void *user)
{
    struct quic_conn *conn = user;
    (void)quic;
    (void)reset;
    conn->got_reset = true;
    return 0;
}

/* ---- streams ---- */

static int on_stream_open(ngtcp2_conn *quic, int64_t id, void *user)
{
    struct quic_stream *s = quic_stream_accept(user, id);
    if (!s)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return ngtcp2_conn_set_stream_user_data(quic, id, s) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are ngtcp2's */
static int on_stream_data(ngtcp2_conn *quic, uint32_t flags, int64_t id, uint64_t offset,
                          const uint8_t *data, size_t len, void *user, void *stream)
{
    (void)quic;
    (void)id;
    (void)offset;
    const struct quic_stream *s = stream;
    if (!s)
        return 0;
    if (!s->quiet)
        quic_route_traffic(user);
    bool fin = (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;
    return quic_stream_received(stream, data, len, fin) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_stream_acked(ngtcp2_conn *quic, int64_t id, uint64_t offset, uint64_t len, void *user,
                           void *stream)
{
    (void)quic;
    (void)id;
    (void)user;
    if (stream)
        quic_stream_acked(stream, offset, len);
    return 0;
}

static int on_stream_reset(ngtcp2_conn *quic, int64_t id, uint64_t final_size, uint64_t code,
                           void *user, void *stream)
{
    (void)quic;
    (void)id;
    (void)final_size;
    (void)user;
    if (stream)
        quic_stream_aborted(stream, code);
    return 0;
}

static int on_stream_close(ngtcp2_conn *quic, uint32_t flags, int64_t id, uint64_t code, void *user,
                           void *stream)
{
    (void)flags;
    (void)code;
    (void)user;
    if (!ngtcp2_conn_is_local_stream(quic, id))
        ngtcp2_conn_extend_max_streams_bidi(quic, 1);
    if (stream)
        quic_stream_closed(stream);
    return 0;
}

static int on_stream_window(ngtcp2_conn *quic, int64_t id, uint64_t max_data, void *user,
                            void *stream)
{
    (void)quic;
    (void)id;
    (void)max_data;
    (void)user;
    if (stream)
        quic_stream_unblocked(stream);
    return 0;
}

static int on_datagram(ngtcp2_conn *quic, uint32_t flags, const uint8_t *data, size_t len,
                       void *user)
{
    struct quic_conn *conn = user;
    (void)quic;
    (void)flags;
    quic_route_traffic(conn);
    quic_datagram_received(conn, data, len);
    return 0;
}

/* qlog_write is never set: 1.11 as in bookworm-backports overflows the stack there
 * (CVE-2026-40170). */
const ngtcp2_callbacks quic_callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = on_crypto_data,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .encrypt = quic_keys_seal,
    .decrypt = quic_keys_open,
    .hp_mask = quic_keys_mask,
    .update_key = quic_keys_update,
    .delete_crypto_aead_ctx = quic_keys_delete_aead,
    .delete_crypto_cipher_ctx = quic_keys_delete_mask,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .rand = draw,
    .get_new_connection_id = on_new_id,
    .remove_connection_id = on_remove_id,
    .handshake_completed = on_handshake_completed,
    .handshake_confirmed = on_handshake_confirmed,
    .recv_stateless_reset = on_stateless_reset,
    .stream_open = on_stream_open,
    .recv_stream_data = on_stream_data,
    .acked_stream_data_offset = on_stream_acked,
    .stream_reset = on_stream_reset,
    .stream_close = on_stream_close,
    .extend_max_stream_data = on_stream_window,
    .recv_datagram = on_datagram,
};
