#include "gateway/discovery/invite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"

#define HANDLE_OF_CODE   "overlay invite code 1"
#define HANDLE_OF_TICKET "overlay invite ticket 1"
#define CHANNEL          "overlay invite 1"
#define LABEL_FROM_HOST  "from host"
#define LABEL_FROM_GUEST "from guest"
#define LABEL_WORDS      "fingerprint"

/* ---- what both sides compute ---- */

static void handle_of(struct invite_secret *out, const char *label, const void *data, size_t len)
{
    uint8_t key[64] = {0};

    memcpy(key, label, strlen(label));
    hash_blake2b(out->handle, sizeof(out->handle), key, sizeof(key), data, len);
}

void invite_secret_of_code(struct invite_secret *out, const struct invite_code *code,
                           const uint8_t network[static 32])
{
    const uint8_t number[] = {(uint8_t)(code->number >> 8), (uint8_t)code->number};
    char words[INVITE_CODE_MAX];

    memset(out, 0, sizeof(*out));
    memcpy(out->network, network, sizeof(out->network));
    handle_of(out, HANDLE_OF_CODE, number, sizeof(number));
    (void)snprintf(out->password, sizeof(out->password), "%s", invite_code_words(code, words));
    secret_wipe(words, sizeof(words));
}

void invite_secret_of_ticket(struct invite_secret *out, const uint8_t secret[static 16],
                             const uint8_t network[static 32])
{
    memset(out, 0, sizeof(*out));
    memcpy(out->network, network, sizeof(out->network));
    handle_of(out, HANDLE_OF_TICKET, secret, TICKET_SECRET_LEN);
    (void)text_hex(out->password, secret, TICKET_SECRET_LEN);
}

/* CPace's inputs; the channel names this protocol and the network. */
static struct cpace_input inputs(const struct invite_secret *s, const uint8_t *session,
                                 uint8_t channel[static sizeof(CHANNEL) + 32])
{
    memcpy(channel, CHANNEL, sizeof(CHANNEL));
    memcpy(channel + sizeof(CHANNEL), s->network, sizeof(s->network));
    return (struct cpace_input){
        .password = {s->password, strlen(s->password)},
        .channel = {channel, sizeof(CHANNEL) + sizeof(s->network)},
        .session = {session, INVITE_SESSION_LEN},
    };
}

static int start_pake(struct cpace *pake, const struct invite_secret *s, const uint8_t *session,
                      const struct invite_random *random)
{
    uint8_t channel[sizeof(CHANNEL) + 32], wide[64], scalar[CPACE_SCALAR_LEN];
    const struct cpace_input in = inputs(s, session, channel);

    random->fill(random->arg, wide, sizeof(wide));
    cpace_scalar(scalar, wide);
    int err = cpace_start(pake, &in, scalar);
    secret_wipe(wide, sizeof(wide));
    secret_wipe(scalar, sizeof(scalar));
    return err;
}

/* The host's share came first: it is CPace's initiator. */
static int finish_pake(struct cpace *pake, const struct invite_secret *s, const uint8_t *session,
                       bool host, const uint8_t *host_share, const uint8_t *guest_share)
{
    uint8_t channel[sizeof(CHANNEL) + 32];
    const struct cpace_input in = inputs(s, session, channel);
    const struct cpace_message from_host = {.share = host_share};
    const struct cpace_message from_guest = {.share = guest_share};

    return cpace_finish(pake, &in, host, &from_host, &from_guest);
}

static void derive(uint8_t *out, size_t len, const struct cpace *pake, const char *label)
{
    hash_blake2b(out, len, pake->isk, sizeof(pake->isk), label, strlen(label));
}

/* Seals who we are for the other side. Returns the length. */
static size_t seal_party(uint8_t out[static INVITE_SEALED_MAX], const struct cpace *pake,
                         const char *label, const struct invite_random *random,
                         const struct invite_party *self)
{
    uint8_t plain[HINTS_ID_LEN + HINTS_LEN_MAX], key[SEAL_KEY_LEN], nonce[SEAL_NONCE_LEN];
    struct writer w = writer_over(plain, sizeof(plain));

    write_bytes(&w, self->id.key, PEER_ID_LEN);
    hints_write(&w, &self->hints);
    size_t len = writer_len(&w, plain);
    derive(key, sizeof(key), pake, label);
    random->fill(random->arg, nonce, sizeof(nonce));
    seal(out, key, nonce, plain, len);
    secret_wipe(key, sizeof(key));
    return len + SEAL_OVERHEAD;
}

static int open_party(struct invite_party *out, const struct cpace *pake, const char *label,
                      const struct invite_message *m)
{
    uint8_t plain[INVITE_SEALED_MAX], key[SEAL_KEY_LEN];

    memset(out, 0, sizeof(*out));
    derive(key, sizeof(key), pake, label);
    int len = seal_open(plain, key, m->sealed, m->sealed_len);
    secret_wipe(key, sizeof(key));
    if (len < HINTS_ID_LEN)
        return -EBADMSG;
    struct reader r = reader_over(plain, (size_t)len);
    read_copy(&r, out->id.key, PEER_ID_LEN);
    return peer_id_is_valid(&out->id) ? hints_read(&out->hints, &r) : -EBADMSG;
}

static void fingerprint(char out[static WORDS_TEXT_MAX], const struct cpace *pake)
{
    uint8_t hash[HASH_BLAKE2B_MIN];

    derive(hash, sizeof(hash), pake, LABEL_WORDS);
    (void)words_of(out, hash);
}

static bool same_session(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, INVITE_SESSION_LEN) == 0;
}

/* ---- host ---- */

void invite_host_begin(struct invite_host *h, const struct invite_secret *secret,
                       const struct invite_random *random, instant now, instant lifetime,
                       unsigned uses)
{
    memset(h, 0, sizeof(*h));
    h->secret = *secret;
    h->random = *random;
    h->expires = now + lifetime;
    h->next_try = now;
    h->tries = INVITE_TRIES;
    h->uses = uses;
}

bool invite_host_open(const struct invite_host *h, instant now)
{
    return h->tries > 0 && h->uses > 0 && now < h->expires;
}

static size_t refuse(const struct invite_host *h, const uint8_t *session,
                     enum invite_refusal refusal, uint8_t out[static INVITE_MESSAGE_MAX])
{
    const struct invite_message m = {
        .type = INVITE_REFUSE, .handle = h->secret.handle, .session = session, .refusal = refusal};

    return invite_message_write(&m, out);
}

size_t invite_host_offer(struct invite_host *h, instant now, uint8_t out[static INVITE_MESSAGE_MAX])
{
    if (!invite_host_open(h, now))
        return 0;
    if (!h->offered) {
        h->random.fill(h->random.arg, h->session, sizeof(h->session));
        if (start_pake(&h->pake, &h->secret, h->session, &h->random) < 0)
            return 0; /* one scalar of 2^252: ask again */
        h->offered = true;
    }
    const struct invite_message m = {.type = INVITE_OFFER,
                                     .handle = h->secret.handle,
                                     .session = h->session,
                                     .share = h->pake.share};
    return invite_message_write(&m, out);
}

/* The answer to a claim, kept for when the claim comes again. */
static void keep_answer(struct invite_host *h, const uint8_t *answer, size_t len)
{
    memcpy(h->answer, answer, len);
    h->answer_len = len;
    h->offered = false; /* each offer is for one claim */
}

static void answer_refusing(struct invite_host *h, const struct invite_message *m,
                            enum invite_refusal refusal, uint8_t out[static INVITE_MESSAGE_MAX],
                            struct invite_result *result)
{
    result->verdict = INVITE_ANSWER;
    result->refusal = refusal;
    result->len = refuse(h, m->session, refusal, out);
}

/* Is the proof right, and does it open? The session's key is in `h->pake` then. */
static bool claim_is_right(struct invite_host *h, const struct invite_message *m,
                           struct invite_party *party)
{
    const struct cpace_message from_guest = {.share = m->share};
    uint8_t own[CPACE_SHARE_LEN];

    memcpy(own, h->pake.share, sizeof(own));
    return finish_pake(&h->pake, &h->secret, h->session, true, own, m->share) == 0 &&
           cpace_confirms(&h->pake, &from_guest, m->tag) &&
           open_party(party, &h->pake, LABEL_FROM_GUEST, m) == 0;
}

static void take_claim(struct invite_host *h, instant now, const struct invite_message *m,
                       uint8_t out[static INVITE_MESSAGE_MAX], struct invite_result *result)
{
    if (h->answer_len > 0 && memcmp(m->share, h->answered, sizeof(h->answered)) == 0) {
        result->verdict = INVITE_ANSWER;
        result->len = h->answer_len;
        memcpy(out, h->answer, h->answer_len);
        return;
    }
    if (!invite_host_open(h, now)) {
        answer_refusing(h, m, h->tries == 0 ? INVITE_BURNT : INVITE_GONE, out, result);
        return;
    }
    if (!h->offered || !same_session(m->session, h->session)) {
        answer_refusing(h, m, INVITE_STALE, out, result);
        return;
    }
    if (now < h->next_try) {
        answer_refusing(h, m, INVITE_SLOW, out, result);
        return;
    }
    memcpy(h->answered, m->share, sizeof(h->answered));
    h->answer_len = 0;
    if (claim_is_right(h, m, &result->party)) {
        result->verdict = INVITE_PROVEN;
        fingerprint(result->fingerprint, &h->pake);
        h->uses--;
        return;
    }
    h->tries--;
    h->next_try = now + INVITE_PAUSE;
    answer_refusing(h, m, h->tries == 0 ? INVITE_BURNT : INVITE_WRONG, out, result);
    keep_answer(h, out, result->len);
}

void invite_host_input(struct invite_host *h, instant now, const uint8_t *data, size_t len,
                       uint8_t out[static INVITE_MESSAGE_MAX], struct invite_result *result)
{
    struct invite_message m;

    memset(result, 0, sizeof(*result));
    if (invite_message_read(&m, data, len) < 0 ||
        memcmp(m.handle, h->secret.handle, INVITE_HANDLE_LEN) != 0)
        return;
    if (m.type == INVITE_ASK) {
        result->len = invite_host_offer(h, now, out);
        result->verdict = result->len > 0 ? INVITE_ANSWER : INVITE_IGNORE;
    } else if (m.type == INVITE_CLAIM) {
        take_claim(h, now, &m, out, result);
    }
}

size_t invite_host_welcome(struct invite_host *h, const struct invite_party *self,
                           uint8_t out[static INVITE_MESSAGE_MAX])
{
    uint8_t tag[CPACE_TAG_LEN], sealed[INVITE_SEALED_MAX];
    const struct cpace_message from_host = {.share = h->pake.share};

    cpace_tag(&h->pake, &from_host, tag);
    const struct invite_message m = {
        .type = INVITE_WELCOME,
        .handle = h->secret.handle,
        .session = h->session,
        .tag = tag,
        .sealed = sealed,
        .sealed_len = seal_party(sealed, &h->pake, LABEL_FROM_HOST, &h->random, self),
    };
    size_t len = invite_message_write(&m, out);
    keep_answer(h, out, len);
    return len;
}

size_t invite_host_decline(struct invite_host *h, uint8_t out[static INVITE_MESSAGE_MAX])
{
    size_t len = refuse(h, h->session, INVITE_GONE, out);

    h->uses++;
    keep_answer(h, out, len);
    return len;
}

void invite_host_end(struct invite_host *h)
{
    h->uses = 0;
    h->offered = false;
    secret_wipe(h->secret.password, sizeof(h->secret.password));
    cpace_wipe(&h->pake);
}

/* ---- guest ---- */

void invite_guest_begin(struct invite_guest *g, const struct invite_secret *secret,
                        const struct invite_random *random, const struct invite_party *self)
{
    memset(g, 0, sizeof(*g));
    g->secret = *secret;
    g->random = *random;
    g->self = *self;
}

size_t invite_guest_ask(const struct invite_guest *g, uint8_t out[static INVITE_MESSAGE_MAX])
{
    const struct invite_message m = {.type = INVITE_ASK, .handle = g->secret.handle};

    return invite_message_write(&m, out);
}

static struct invite_claim *claim_of(struct invite_guest *g, const uint8_t *session)
{
    for (size_t i = 0; i < INVITE_CLAIMS_MAX; i++)
        if (g->claim[i].used && same_session(g->claim[i].session, session))
            return &g->claim[i];
    return NULL;
}

static struct invite_claim *free_claim(struct invite_guest *g)
{
    for (size_t i = 0; i < INVITE_CLAIMS_MAX; i++)
        if (!g->claim[i].used)
            return &g->claim[i];
    return NULL;
}

/* Writes the proof for an offer into `c`. False: the offer's share is none. */
static bool make_claim(struct invite_guest *g, struct invite_claim *c,
                       const struct invite_message *offer)
{
    uint8_t tag[CPACE_TAG_LEN], own[CPACE_SHARE_LEN], sealed[INVITE_SEALED_MAX];
    const struct cpace_message from_guest = {.share = own};

    memcpy(c->session, offer->session, sizeof(c->session));
    memcpy(c->host_share, offer->share, sizeof(c->host_share));
    if (start_pake(&c->pake, &g->secret, c->session, &g->random) < 0)
        return false;
    memcpy(own, c->pake.share, sizeof(own));
    if (finish_pake(&c->pake, &g->secret, c->session, false, c->host_share, own) < 0)
        return false;
    cpace_tag(&c->pake, &from_guest, tag);
    const struct invite_message m = {
        .type = INVITE_CLAIM,
        .handle = g->secret.handle,
        .session = c->session,
        .share = own,
        .tag = tag,
        .sealed = sealed,
        .sealed_len = seal_party(sealed, &c->pake, LABEL_FROM_GUEST, &g->random, &g->self),
    };
    c->len = invite_message_write(&m, c->message);
    c->used = true;
    return true;
}

static void take_offer(struct invite_guest *g, const struct invite_message *m,
                       uint8_t out[static INVITE_MESSAGE_MAX], struct invite_result *result)
{
    struct invite_claim *c = claim_of(g, m->session);

    if (!c) {
        c = free_claim(g);
        if (!c || !make_claim(g, c, m))
            return;
    }
    memcpy(out, c->message, c->len);
    result->len = c->len;
    result->verdict = INVITE_ANSWER;
}

static void take_welcome(struct invite_guest *g, const struct invite_message *m,
                         struct invite_result *result)
{
    struct invite_claim *c = claim_of(g, m->session);

    if (!c)
        return;
    const struct cpace_message from_host = {.share = c->host_share};
    if (!cpace_confirms(&c->pake, &from_host, m->tag) ||
        open_party(&result->party, &c->pake, LABEL_FROM_HOST, m) < 0)
        return;
    result->verdict = INVITE_PROVEN;
    fingerprint(result->fingerprint, &c->pake);
}

void invite_guest_input(struct invite_guest *g, const uint8_t *data, size_t len,
                        uint8_t out[static INVITE_MESSAGE_MAX], struct invite_result *result)
{
    struct invite_message m;

    memset(result, 0, sizeof(*result));
    if (invite_message_read(&m, data, len) < 0 ||
        memcmp(m.handle, g->secret.handle, INVITE_HANDLE_LEN) != 0)
        return;
    if (m.type == INVITE_OFFER) {
        take_offer(g, &m, out, result);
    } else if (m.type == INVITE_WELCOME) {
        take_welcome(g, &m, result);
    } else if (m.type == INVITE_REFUSE && claim_of(g, m.session)) {
        result->verdict = INVITE_REFUSED;
        result->refusal = m.refusal;
    }
}

void invite_guest_end(struct invite_guest *g)
{
    secret_wipe(g->secret.password, sizeof(g->secret.password));
    secret_wipe(g->claim, sizeof(g->claim));
}
