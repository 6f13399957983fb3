#include "gateway/node/pkarr_relays.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/identity/keys.h"
#include "gateway/wire/pkarr.h"

#define HTTP_OK         200
#define HTTP_OK_LAST    299
#define HTTP_OLD_RECORD 409

static const char *url_of(const struct relays_one *one)
{
    return one->call->node->options->pkarr_relay[one - one->call->one];
}

/* Nobody is believed who has not signed. */
static bool read_item(struct dht_item *out, const uint8_t key[static KRPC_KEY_LEN],
                      const uint8_t *data, size_t len)
{
    uint8_t text[PKARR_SIGNED_MAX];
    struct pkarr_body body;
    struct peer_id id;

    memcpy(id.key, key, sizeof(id.key));
    if (pkarr_body_read(&body, data, len) < 0 || body.seq > INT64_MAX)
        return false;
    size_t text_len = pkarr_signed_text(body.seq, body.packet, body.packet_len, text);
    if (text_len == 0 || !peer_id_verify(&id, text, text_len, body.sig))
        return false;
    *out = (struct dht_item){.mutable = true, .seq = (int64_t)body.seq};
    memcpy(out->key, key, sizeof(out->key));
    memcpy(out->sig, body.sig, sizeof(out->sig));
    return dht_item_set_bytes(out, body.packet, body.packet_len) == 0;
}

static void on_done(struct http_job *job, int err, unsigned status, const uint8_t *body, size_t len)
{
    struct relays_one *one = container_of(job, struct relays_one, job);
    struct relays_call *call = one->call;
    bool good = err == 0 && status >= HTTP_OK && status <= HTTP_OK_LAST;
    struct dht_item item;

    call->running--;
    if (err < 0)
        log_debug(LOG_GATEWAY, "pkarr relay %s: %s", url_of(one), strerror(-err));
    else if (call->puts && status == HTTP_OLD_RECORD)
        log_debug(LOG_GATEWAY, "pkarr relay %s has a newer record", url_of(one));
    if (good && call->puts)
        call->found(call, url_of(one), NULL);
    else if (good && read_item(&item, call->key, body, len))
        call->found(call, url_of(one), &item);
    if (call->running == 0)
        call->ended(call);
}

static bool ask_all(struct relays_call *call, const uint8_t *body, size_t len)
{
    const struct node_options *o = call->node->options;
    char id[PEER_ID_TEXT_MAX], url[HTTP_URL_MAX + 1];
    struct peer_id key;

    memcpy(key.key, call->key, sizeof(key.key));
    (void)peer_id_print(&key, id);
    call->running = 0;
    for (size_t i = 0; i < NODE_PKARR_MAX && o->pkarr_relay[i][0]; i++) {
        const char *relay = o->pkarr_relay[i];
        size_t n = strlen(relay);
        call->one[i] = (struct relays_one){.job.done = on_done, .call = call};
        (void)snprintf(url, sizeof(url), "%s%s%s", relay, relay[n - 1] == '/' ? "" : "/", id);
        const struct http_question q = {.url = url, .body = body, .len = len};
        int err = http_ask(call->node->env, &call->one[i].job, &q);
        if (err < 0)
            log_debug(LOG_GATEWAY, "pkarr relay %s: %s", relay, strerror(-err));
        call->running += err == 0;
    }
    return call->running > 0;
}

bool relays_exist(const struct desk *node)
{
    /* A named network's records have a salt, which pkarr's have not. */
    return node->options->pkarr_relay[0][0] != '\0' && node->options->network[0] == '\0';
}

bool relays_get(struct relays_call *call, const struct desk *node,
                const uint8_t key[static KRPC_KEY_LEN])
{
    relays_cancel(call);
    call->node = node;
    call->puts = false;
    memcpy(call->key, key, sizeof(call->key));
    return ask_all(call, NULL, 0);
}

bool relays_put(struct relays_call *call, const struct desk *node, const struct dht_item *item)
{
    const struct krpc_bytes packet = dht_item_bytes(item);
    const struct pkarr_body body = {.sig = item->sig,
                                    .seq = (uint64_t)item->seq,
                                    .packet = packet.at,
                                    .packet_len = packet.len};
    uint8_t data[PKARR_BODY_MAX];

    relays_cancel(call);
    if (!packet.at || packet.len > PKARR_READ_MAX)
        return false;
    call->node = node;
    call->puts = true;
    memcpy(call->key, item->key, sizeof(call->key));
    return ask_all(call, data, pkarr_body_write(&body, data));
}

void relays_cancel(struct relays_call *call)
{
    for (size_t i = 0; call->node && i < NODE_PKARR_MAX; i++)
        http_cancel(call->node->env, &call->one[i].job);
    call->running = 0;
}
