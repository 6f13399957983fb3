#include "gateway/crypto/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#ifdef HAVE_IPSEC_MB
#    include <intel-ipsec-mb.h>
#endif
#ifdef __aarch64__
#    include <sys/auxv.h>
#endif

struct packet_engine {
#ifdef HAVE_IPSEC_MB
    IMB_MGR *mb; /* NULL where it does not help */
#else
    char nothing;
#endif
};

/* The library wants its tables aligned to the vectors that it uses. */
#define ALIGNMENT      64
#define AES_ROUND_KEYS 11 /* of a 128-bit key */

struct packet_key {
    enum packet_cipher cipher;
    const struct packet_engine *engine;
    uint8_t chacha[crypto_aead_chacha20poly1305_ietf_KEYBYTES];
#ifdef HAVE_IPSEC_MB
    _Alignas(ALIGNMENT) struct gcm_key_data gcm;
#endif
};

struct packet_mask {
    enum packet_cipher cipher;
    const struct packet_engine *engine;
    uint8_t chacha[crypto_stream_chacha20_ietf_KEYBYTES];
#ifdef HAVE_IPSEC_MB
    _Alignas(ALIGNMENT) uint8_t aes[AES_ROUND_KEYS][16];
#endif
};

bool packet_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    enum { AES = 1 << 3 }; /* HWCAP_AES */
    return (getauxval(AT_HWCAP) & AES) != 0;
#else
    return false;
#endif
}

/* ---- AES by ipsec-mb ---- */

#ifdef HAVE_IPSEC_MB

static void engine_start(struct packet_engine *e)
{
    IMB_ARCH arch = IMB_ARCH_NONE;
    if (!packet_has_aes())
        return;
    e->mb = alloc_mb_mgr(0);
    if (!e->mb)
        return;
    init_mb_mgr_auto(e->mb, &arch);
    if (imb_get_errno(e->mb) == 0 && arch >= IMB_ARCH_AVX2)
        return;
    free_mb_mgr(e->mb);
    e->mb = NULL;
}

static void engine_stop(struct packet_engine *e)
{
    if (e->mb)
        free_mb_mgr(e->mb);
}

static bool has_aes(const struct packet_engine *e)
{
    return e->mb != NULL;
}

static void set_aes_key(struct packet_key *k, const uint8_t *key)
{
    IMB_AES128_GCM_PRE(k->engine->mb, key, &k->gcm);
}

static void seal_aes(const struct packet_key *k, const struct packet_header *h, uint8_t *out,
                     const uint8_t *data, size_t len)
{
    struct gcm_context_data state;
    IMB_AES128_GCM_ENC(k->engine->mb, &k->gcm, &state, out, data, len, h->nonce, h->data, h->len,
                       out + len, PACKET_TAG_LEN);
}

static int open_aes(const struct packet_key *k, const struct packet_header *h, uint8_t *out,
                    const uint8_t *data, size_t len)
{
    struct gcm_context_data state;
    uint8_t theirs[PACKET_TAG_LEN], ours[PACKET_TAG_LEN];

    memcpy(theirs, data + len, sizeof(theirs)); /* `out` may cover it */
    IMB_AES128_GCM_DEC(k->engine->mb, &k->gcm, &state, out, data, len, h->nonce, h->data, h->len,
                       ours, sizeof(ours));
    /* In constant time as sodium_memcmp(), and ten times faster for just this length. */
    return crypto_verify_16(theirs, ours) == 0 ? 0 : -EBADMSG;
}

static void set_aes_mask(struct packet_mask *m, const uint8_t *key)
{
    uint8_t backward[AES_ROUND_KEYS][16];
    IMB_AES_KEYEXP_128(m->engine->mb, key, m->aes, backward);
    sodium_memzero(backward, sizeof(backward));
}

/* CFB of zeros under the sample is the sample's encryption. */
static void mask_aes(const struct packet_mask *m, const uint8_t *sample, uint8_t *out)
{
    static const uint8_t zeros[PACKET_SAMPLE_LEN];
    uint8_t block[PACKET_SAMPLE_LEN];
    IMB_AES128_CFB_ONE(m->engine->mb, block, zeros, sample, m->aes, sizeof(block));
    memcpy(out, block, PACKET_MASK_LEN);
}

#else

static void engine_start(struct packet_engine *e)
{
    e->nothing = 0;
}

static void engine_stop(struct packet_engine *e)
{
    (void)e;
}

static bool has_aes(const struct packet_engine *e)
{
    (void)e;
    return false;
}

static void set_aes_key(struct packet_key *k, const uint8_t *key)
{
    (void)k, (void)key;
    abort(); /* not offered */
}

static void seal_aes(const struct packet_key *k, const struct packet_header *h, uint8_t *out,
                     const uint8_t *data, size_t len)
{
    (void)k, (void)h, (void)out, (void)data, (void)len;
    abort();
}

static int open_aes(const struct packet_key *k, const struct packet_header *h, uint8_t *out,
                    const uint8_t *data, size_t len)
{
    (void)k, (void)h, (void)out, (void)data, (void)len;
    abort();
}

static void set_aes_mask(struct packet_mask *m, const uint8_t *key)
{
    (void)m, (void)key;
    abort();
}

static void mask_aes(const struct packet_mask *m, const uint8_t *sample, uint8_t *out)
{
    (void)m, (void)sample, (void)out;
    abort();
}

#endif

/* ---- either ---- */

int packet_engine_new(struct packet_engine **out)
{
    struct packet_engine *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    engine_start(e);
    *out = e;
    return 0;
}

void packet_engine_free(struct packet_engine *e)
{
    if (!e)
        return;
    engine_stop(e);
    free(e);
}

bool packet_engine_offers(const struct packet_engine *e, enum packet_cipher cipher)
{
    return cipher == PACKET_CHACHA20_POLY1305 || has_aes(e);
}

static void *new_aligned(size_t size)
{
    size_t whole = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *p = aligned_alloc(ALIGNMENT, whole);
    if (p)
        memset(p, 0, whole);
    return p;
}

int packet_key_new(struct packet_key **out, const struct packet_engine *e,
                   enum packet_cipher cipher, const uint8_t *key)
{
    struct packet_key *k = new_aligned(sizeof(*k));
    if (!k)
        return -ENOMEM;
    k->engine = e;
    k->cipher = cipher;
    if (cipher == PACKET_AES_128_GCM)
        set_aes_key(k, key);
    else
        memcpy(k->chacha, key, sizeof(k->chacha));
    *out = k;
    return 0;
}

void packet_key_free(struct packet_key *k)
{
    if (!k)
        return;
    sodium_memzero(k, sizeof(*k));
    free(k);
}

void packet_seal(const struct packet_key *k, const struct packet_header *h, uint8_t *out,
                 const uint8_t *data, size_t len)
{
    if (k->cipher == PACKET_AES_128_GCM)
        seal_aes(k, h, out, data, len);
    else
        (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, data, len, h->data, h->len, NULL,
                                                        h->nonce, k->chacha);
}

int packet_open(const struct packet_key *k, const struct packet_header *h, uint8_t *out,
                const uint8_t *data, size_t len)
{
    if (len < PACKET_TAG_LEN)
        return -EBADMSG;
    if (k->cipher == PACKET_AES_128_GCM)
        return open_aes(k, h, out, data, len - PACKET_TAG_LEN);
    int err = crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, data, len, h->data, h->len,
                                                        h->nonce, k->chacha);
    return err == 0 ? 0 : -EBADMSG;
}

int packet_mask_new(struct packet_mask **out, const struct packet_engine *e,
                    enum packet_cipher cipher, const uint8_t *key)
{
    struct packet_mask *m = new_aligned(sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->engine = e;
    m->cipher = cipher;
    if (cipher == PACKET_AES_128_GCM)
        set_aes_mask(m, key);
    else
        memcpy(m->chacha, key, sizeof(m->chacha));
    *out = m;
    return 0;
}

void packet_mask_free(struct packet_mask *m)
{
    if (!m)
        return;
    sodium_memzero(m, sizeof(*m));
    free(m);
}

void packet_mask(const struct packet_mask *m, const uint8_t *sample, uint8_t *out)
{
    static const uint8_t zeros[PACKET_MASK_LEN];
    if (m->cipher == PACKET_AES_128_GCM) {
        mask_aes(m, sample, out);
        return;
    }
    /* RFC 9001 §5.4.4: the first four bytes count blocks, little endian. */
    uint32_t counter = (uint32_t)sample[0] | (uint32_t)sample[1] << 8 | (uint32_t)sample[2] << 16 |
                       (uint32_t)sample[3] << 24;
    (void)crypto_stream_chacha20_ietf_xor_ic(out, zeros, sizeof(zeros), sample + 4, counter,
                                             m->chacha);
}
