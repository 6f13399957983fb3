#include "gateway/transport/quic_door.h"

#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "gateway/transport/quic_conn.h"
#include "gateway/transport/quic_street.h"

#define TOKEN_LIFE SEC(10)
#define RESETS     100 /* stateless, a second */

/* RFC 9000 §10.3: 5 random bytes and the token at least; and shorter than what it answers, so that
 * two ends that have both forgotten cannot answer each other for ever. */
#define RESET_MIN 21
#define RESET_MAX 43

void quic_door_init(struct quic_endpoint *ep)
{
    ep->options.random(ep->options.arg, ep->token_key, sizeof(ep->token_key));
    ep->resets = bucket_of(RESETS, RESETS);
    for (int i = 0; i < QUIC_STREETS; i++)
        ep->rates[i] = bucket_of(QUIC_DOOR_RATE, QUIC_DOOR_BURST);
}

void quic_door_deinit(struct quic_endpoint *ep)
{
    free(ep->replies);
    ep->replies = NULL;
}

/* ---- answers ---- */

/* Returns a place for an answer, or NULL when too many wait. */
static struct quic_reply *reply_to(struct quic_endpoint *ep, const struct path *path)
{
    if (!ep->replies)
        ep->replies = calloc(QUIC_REPLIES, sizeof(*ep->replies));
    if (!ep->replies || ep->reply_count == QUIC_REPLIES)
        return NULL;
    struct quic_reply *r = &ep->replies[(ep->reply_first + ep->reply_count) % QUIC_REPLIES];
    r->path = *path;
    return r;
}

static void submit(struct quic_endpoint *ep, struct quic_reply *r, ngtcp2_ssize len)
{
    if (len <= 0)
        return;
    r->len = (size_t)len;
    ep->reply_count++;
}

bool quic_door_output(struct quic_endpoint *ep, struct quic_tx *tx)
{
    if (ep->reply_count == 0)
        return false;
    struct quic_reply *r = &ep->replies[ep->reply_first];
    ep->reply_first = (ep->reply_first + 1) % QUIC_REPLIES;
    ep->reply_count--;
    memcpy(ep->single, r->data, r->len);
    *tx = (struct quic_tx){.path = r->path, .data = ep->single, .len = r->len, .segment = r->len};
    return true;
}

void quic_door_versions(struct quic_endpoint *ep, const struct path *path,
                        const ngtcp2_version_cid *ids)
{
    static const uint32_t ours[] = {NGTCP2_PROTO_VER_V1};
    uint8_t chance;
    struct quic_reply *r = reply_to(ep, path);
    if (!r)
        return;
    ep->options.random(ep->options.arg, &chance, sizeof(chance));
    submit(ep, r,
           ngtcp2_pkt_write_version_negotiation(r->data, sizeof(r->data), chance, ids->scid,
                                                ids->scidlen, ids->dcid, ids->dcidlen, ours, 1));
}

void quic_door_reset(struct quic_endpoint *ep, const struct path *path,
                     const ngtcp2_version_cid *ids, size_t len)
{
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN];
    uint8_t chance[RESET_MAX - NGTCP2_STATELESS_RESET_TOKENLEN];
    ngtcp2_cid cid;

    size_t size = len - 1 < RESET_MAX ? len - 1 : RESET_MAX;
    if (len <= RESET_MIN || !bucket_take(&ep->resets, ep->now, 1))
        return;
    struct quic_reply *r = reply_to(ep, path);
    ngtcp2_cid_init(&cid, ids->dcid, ids->dcidlen);
    if (!r || ngtcp2_crypto_generate_stateless_reset_token(token, ep->options.reset_key,
                                                           sizeof(ep->options.reset_key), &cid))
        return;
    ep->options.random(ep->options.arg, chance, sizeof(chance));
    submit(ep, r,
           ngtcp2_pkt_write_stateless_reset(r->data, sizeof(r->data), token, chance,
                                            size - sizeof(token)));
}

/* ---- callers ---- */

static void send_retry(struct quic_endpoint *ep, const struct path *path, const ngtcp2_pkt_hd *hd)
{
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2], id[QUIC_CID_LEN];
    ngtcp2_cid scid;

    ep->options.random(ep->options.arg, id, sizeof(id));
    ngtcp2_cid_init(&scid, id, sizeof(id));
    ngtcp2_ssize token_len = ngtcp2_crypto_generate_retry_token2(
        token, ep->token_key, sizeof(ep->token_key), hd->version, &path->remote.sa,
        addr_len(&path->remote), &scid, &hd->dcid, ep->now);
    struct quic_reply *r = reply_to(ep, path);
    if (token_len < 0 || !r)
        return;
    submit(ep, r,
           ngtcp2_crypto_write_retry(r->data, sizeof(r->data), hd->version, &hd->scid, &scid,
                                     &hd->dcid, token, (size_t)token_len));
}

static void send_invalid_token(struct quic_endpoint *ep, const struct path *path,
                               const ngtcp2_pkt_hd *hd)
{
    struct quic_reply *r = reply_to(ep, path);
    if (!r)
        return;
    submit(ep, r,
           ngtcp2_crypto_write_connection_close(r->data, sizeof(r->data), hd->version, &hd->scid,
                                                &hd->dcid, NGTCP2_INVALID_TOKEN, NULL, 0));
}

/* Beyond these, a caller is not heard: it asks again, and meanwhile others may have gone. */
static bool is_full(const struct quic_endpoint *ep, uint8_t street)
{
    return ep->connections >= ep->options.max_connections ||
           ep->half_open >= QUIC_DOOR_HALF_OPEN_MAX ||
           ep->half_open_of[street] >= QUIC_DOOR_HALF_OPEN_OF;
}

static bool is_our_token(const ngtcp2_pkt_hd *hd)
{
    return hd->tokenlen > 0 && hd->token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2;
}

static void tell_flood(const struct quic_endpoint *ep, const struct path *path, bool there)
{
    const struct quic_options *o = &ep->options;
    if (o->handler->on_offence)
        o->handler->on_offence(o->arg, QUIC_OFFENCE_FLOOD, path, there);
}

struct quic_conn *quic_door_knock(struct quic_endpoint *ep, const struct path *path,
                                  const uint8_t *data, size_t len)
{
    ngtcp2_pkt_hd hd;
    ngtcp2_cid original;
    if (ngtcp2_accept(&hd, data, len) != 0)
        return NULL;
    uint8_t street = quic_street_of(ep, &path->remote);
    if (is_full(ep, street)) {
        tell_flood(ep, path, is_our_token(&hd));
        return NULL;
    }

    struct quic_caller caller = {.path = path, .hd = &hd};
    bool usual = bucket_take(&ep->rates[street], ep->now, 1);
    if (is_our_token(&hd)) {
        if (ngtcp2_crypto_verify_retry_token2(
                &original, hd.token, hd.tokenlen, ep->token_key, sizeof(ep->token_key), hd.version,
                &path->remote.sa, addr_len(&path->remote), &hd.dcid, TOKEN_LIFE, ep->now) != 0) {
            send_invalid_token(ep, path, &hd);
            return NULL;
        }
        caller.original = &original;
    } else if (ep->half_open >= QUIC_DOOR_HALF_OPEN || !usual) {
        tell_flood(ep, path, false);
        send_retry(ep, path, &hd);
        return NULL;
    }
    return quic_conn_accept(ep, &caller);
}
