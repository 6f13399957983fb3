#include "gateway/wire/beacon.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/base/text.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"
#include "gateway/wire/demux.h"

#define NOTE_LEN      14
#define TAG_LEN       16
#define ENTRY_LEN     (NOTE_LEN + TAG_LEN)
#define PADDING       4 /* entries come in fours, so that the length tells little of our contacts */
#define ANSWER_SEALED (NOTE_LEN + BEACON_SIG_LEN)
#define ID_TEXT_LEN   52

static_assert(BEACON_MIN == BEACON_NONCE_LEN + PADDING * ENTRY_LEN, "smallest beacon");
static_assert(BEACON_MAX == BEACON_NONCE_LEN + BEACON_ENTRIES_MAX * ENTRY_LEN, "largest beacon");
static_assert(BEACON_ANSWER_LEN == BEACON_NONCE_LEN + ANSWER_SEALED + TAG_LEN, "answer");
static_assert(BEACON_ANSWER_LEN <= BEACON_MIN, "an answer is no larger than any question");

/* First byte of whatever is hashed under one reader's key: no use can stand for another. */
enum use { USE_TAG = 1, USE_NOTE = 2, USE_ANSWER_TAG = 3, USE_ANSWER = 4 };

static const uint8_t magic[4] = {6, 'O', 'V', '1'};

/* ---- notes ---- */

static void write_note(uint8_t out[static NOTE_LEN], const struct beacon_note *note)
{
    struct writer w = writer_over(out, NOTE_LEN);

    write_be16(&w, note->port);
    write_u8(&w, note->flags);
    write_be32(&w, note->time_s);
    write_bytes(&w, note->instance, BEACON_INSTANCE_LEN);
    write_bytes(&w, note->echo, BEACON_ECHO_LEN);
}

static void read_note(struct beacon_note *note, const uint8_t data[static NOTE_LEN])
{
    struct reader r = reader_over(data, NOTE_LEN);

    note->port = read_be16(&r);
    note->flags = read_u8(&r);
    note->time_s = read_be32(&r);
    read_copy(&r, note->instance, BEACON_INSTANCE_LEN);
    read_copy(&r, note->echo, BEACON_ECHO_LEN);
}

const uint8_t *beacon_echo(const uint8_t nonce[static BEACON_NONCE_LEN])
{
    return nonce + BEACON_NONCE_LEN - BEACON_ECHO_LEN;
}

/* ---- hashing ---- */

static void digest(uint8_t out[static 32], const uint8_t *data, size_t len)
{
    static const char key[] = "overlay lan beacon";
    hash_blake2b(out, 32, (const uint8_t *)key, sizeof(key) - 1, data, len);
}

static void keyed(uint8_t *out, size_t out_len, const uint8_t *key, enum use use,
                  const uint8_t data[static 32])
{
    uint8_t text[33] = {(uint8_t)use};

    memcpy(text + 1, data, 32);
    hash_blake2b(out, out_len, key, BEACON_KEY_LEN, text, sizeof(text));
}

/* A nonce serves once for a key, so its hash may serve as a key stream. */
static void seal(uint8_t *data, size_t len, const uint8_t *key, enum use use, const uint8_t *nonce)
{
    uint8_t stream[HASH_BLAKE2B_MAX];

    assert(len <= sizeof(stream));
    keyed(stream, sizeof(stream), key, use, nonce);
    for (size_t i = 0; i < len; i++)
        data[i] ^= stream[i];
    secret_wipe(stream, sizeof(stream));
}

/* ---- beacons ---- */

size_t beacon_len(size_t count)
{
    size_t entries = count == 0 ? PADDING : (count + PADDING - 1) / PADDING * PADDING;
    return BEACON_NONCE_LEN + entries * ENTRY_LEN;
}

void beacon_fix_nonce(uint8_t nonce[static BEACON_NONCE_LEN])
{
    if (demux(nonce, BEACON_NONCE_LEN) != DEMUX_KIND_UNKNOWN || nonce[0] < 16)
        nonce[0] = (uint8_t)((nonce[0] & 0x3f) | 0x80);
}

void beacon_write(uint8_t *out, const struct beacon_note *note,
                  const uint8_t (*keys)[BEACON_KEY_LEN], size_t count)
{
    assert(count <= BEACON_ENTRIES_MAX);
    size_t entries = (beacon_len(count) - BEACON_NONCE_LEN) / ENTRY_LEN;
    uint8_t *notes = out + BEACON_NONCE_LEN, *tags = notes + entries * NOTE_LEN;
    uint8_t hash[32];

    beacon_fix_nonce(out);
    for (size_t i = 0; i < count; i++) {
        write_note(notes + i * NOTE_LEN, note);
        seal(notes + i * NOTE_LEN, NOTE_LEN, keys[i], USE_NOTE, out);
    }
    digest(hash, out, (size_t)(tags - out));
    for (size_t i = 0; i < count; i++)
        keyed(tags + i * TAG_LEN, TAG_LEN, keys[i], USE_TAG, hash);
}

int beacon_read(struct beacon *out, const uint8_t *data, size_t len)
{
    if (len < BEACON_MIN || len > BEACON_MAX)
        return -EBADMSG;
    size_t entries = (len - BEACON_NONCE_LEN) / ENTRY_LEN;
    if (len != BEACON_NONCE_LEN + entries * ENTRY_LEN || entries % PADDING != 0)
        return -EBADMSG;
    out->nonce = data;
    out->notes = data + BEACON_NONCE_LEN;
    out->tags = out->notes + entries * NOTE_LEN;
    out->count = entries;
    digest(out->digest, data, (size_t)(out->tags - data));
    return 0;
}

int beacon_open(const struct beacon *b, const uint8_t key[static BEACON_KEY_LEN],
                struct beacon_note *note)
{
    uint8_t tag[TAG_LEN], text[NOTE_LEN];

    keyed(tag, sizeof(tag), key, USE_TAG, b->digest);
    for (size_t i = 0; i < b->count; i++)
        if (secret_equal(tag, b->tags + i * TAG_LEN, TAG_LEN)) {
            memcpy(text, b->notes + i * NOTE_LEN, NOTE_LEN);
            seal(text, NOTE_LEN, key, USE_NOTE, b->nonce);
            read_note(note, text);
            return 0;
        }
    return -ENOENT;
}

/* ---- answers ---- */

void beacon_answer_text(uint8_t out[static BEACON_ANSWER_TEXT_LEN], const uint8_t *question_nonce,
                        const uint8_t *answer_nonce, const struct beacon_note *note)
{
    memcpy(out, "overlay-lan-answer-1", 20);
    memcpy(out + 20, question_nonce, BEACON_NONCE_LEN);
    memcpy(out + 20 + BEACON_NONCE_LEN, answer_nonce, BEACON_NONCE_LEN);
    write_note(out + 20 + 2 * BEACON_NONCE_LEN, note);
}

/* The first 14 and the other 64 bytes each get a stream of their own. */
static void seal_answer(uint8_t *sealed, const uint8_t *key, const uint8_t *nonce)
{
    seal(sealed, NOTE_LEN, key, USE_NOTE, nonce);
    seal(sealed + NOTE_LEN, BEACON_SIG_LEN, key, USE_ANSWER, nonce);
}

static void answer_tag(uint8_t tag[static TAG_LEN], const uint8_t *datagram, const uint8_t *key)
{
    uint8_t hash[32];

    digest(hash, datagram, BEACON_NONCE_LEN + ANSWER_SEALED);
    keyed(tag, TAG_LEN, key, USE_ANSWER_TAG, hash);
}

void beacon_answer_write(uint8_t out[static BEACON_ANSWER_LEN], const struct beacon_note *note,
                         const uint8_t sig[static BEACON_SIG_LEN],
                         const uint8_t key[static BEACON_KEY_LEN])
{
    uint8_t *sealed = out + BEACON_NONCE_LEN;

    write_note(sealed, note);
    memcpy(sealed + NOTE_LEN, sig, BEACON_SIG_LEN);
    seal_answer(sealed, key, out);
    answer_tag(sealed + ANSWER_SEALED, out, key);
}

int beacon_answer_read(const uint8_t *data, size_t len, const uint8_t key[static BEACON_KEY_LEN],
                       struct beacon_note *note, uint8_t sig[static BEACON_SIG_LEN])
{
    uint8_t tag[TAG_LEN], sealed[ANSWER_SEALED];

    if (len != BEACON_ANSWER_LEN)
        return -EBADMSG;
    answer_tag(tag, data, key);
    if (!secret_equal(tag, data + BEACON_NONCE_LEN + ANSWER_SEALED, TAG_LEN))
        return -EBADMSG;
    memcpy(sealed, data + BEACON_NONCE_LEN, sizeof(sealed));
    seal_answer(sealed, key, data);
    read_note(note, sealed);
    memcpy(sig, sealed + NOTE_LEN, BEACON_SIG_LEN);
    return 0;
}

/* ---- signed beacons ---- */

void beacon_signed_write(uint8_t out[static BEACON_SIGNED_LEN], const struct beacon_signed *b)
{
    struct writer w = writer_over(out, BEACON_SIGNED_LEN - BEACON_SIG_LEN);
    char id[ID_TEXT_LEN + 1];
    uint8_t address[16] = {0};
    size_t ip_len;
    const uint8_t *ip = addr_ip(&b->prefix.addr, &ip_len);

    memcpy(address, ip, ip_len);
    write_bytes(&w, magic, sizeof(magic));
    write_bytes(&w, b->network, BEACON_NETWORK_LEN);
    write_bytes(&w, text_z32(id, b->id, BEACON_ID_LEN), ID_TEXT_LEN);
    write_be64(&w, b->time_s);
    write_be16(&w, b->port);
    write_bytes(&w, b->instance, BEACON_INSTANCE_LEN);
    write_u8(&w, b->flags);
    write_u8(&w, ip_len == 4 ? 4 : 6);
    write_u8(&w, (uint8_t)b->prefix.bits);
    write_bytes(&w, address, sizeof(address));
    assert(!w.failed && w.left == 0);
}

void beacon_signed_text(uint8_t out[static BEACON_SIGNED_TEXT_LEN],
                        const uint8_t datagram[static BEACON_SIGNED_LEN])
{
    memcpy(out, "overlay-lan-beacon-1", 20);
    memcpy(out + 20, datagram, BEACON_SIGNED_LEN - BEACON_SIG_LEN);
}

static int read_prefix(struct addr_prefix *out, struct reader *r)
{
    uint8_t family = read_u8(r), bits = read_u8(r);
    const uint8_t *ip = read_bytes(r, 16);

    if (!ip || (family != 4 && family != 6) || bits > (family == 4 ? 32 : 128))
        return -EBADMSG;
    *out = (struct addr_prefix){.addr = family == 4 ? addr_v4(ip, 0) : addr_v6(ip, 0, 0),
                                .bits = bits};
    return 0;
}

int beacon_signed_read(struct beacon_signed *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    struct beacon_signed b = {0};

    const uint8_t *start = read_bytes(&r, sizeof(magic));
    if (len != BEACON_SIGNED_LEN || memcmp(start, magic, sizeof(magic)) != 0)
        return -EBADMSG;
    read_copy(&r, b.network, BEACON_NETWORK_LEN);
    const uint8_t *id = read_bytes(&r, ID_TEXT_LEN);
    if (text_z32_decode(b.id, BEACON_ID_LEN, (const char *)id, ID_TEXT_LEN) < 0)
        return -EBADMSG;
    b.time_s = read_be64(&r);
    b.port = read_be16(&r);
    read_copy(&r, b.instance, BEACON_INSTANCE_LEN);
    b.flags = read_u8(&r);
    if (read_prefix(&b.prefix, &r) < 0)
        return -EBADMSG;
    *out = b;
    return 0;
}
