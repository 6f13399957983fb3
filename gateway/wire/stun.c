#include "gateway/wire/stun.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/crypto/digest.h"
#include "gateway/crypto/secret.h"

#define COOKIE           UINT32_C(0x2112a442) /* RFC 8489 §5 */
#define FINGERPRINT_MASK UINT32_C(0x5354554e) /* RFC 8489 §14.7 */
#define ATTR_HEADER_LEN  4
#define SHA256_SHORTEST  16 /* RFC 8489 §14.6 */

enum { FAMILY_V4 = 1, FAMILY_V6 = 2 };

static size_t padded(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

/* CRC-32 of ITU V.42, as RFC 8489 §14.7 wants it; none of our libraries offers it. */
static uint32_t crc32(const uint8_t *data, size_t len)
{
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

/* ---- reading ---- */

/* May this attribute follow those that were read? (RFC 8489 §14.5 to §14.7) */
static bool is_vouched_for(const struct stun_message *m, uint16_t type)
{
    if (type == STUN_FINGERPRINT || stun_has(m, STUN_MESSAGE_INTEGRITY_SHA256))
        return type == STUN_FINGERPRINT;
    return type == STUN_MESSAGE_INTEGRITY_SHA256 || !stun_has(m, STUN_MESSAGE_INTEGRITY);
}

static bool fingerprint_is_right(const struct stun_message *m, const struct stun_attribute *a)
{
    size_t before = (size_t)(a->data - m->bytes) - ATTR_HEADER_LEN;
    struct reader r = reader_over(a->data, a->len);

    return a->len == 4 && before + ATTR_HEADER_LEN + 4 == m->len &&
           read_be32(&r) == (crc32(m->bytes, before) ^ FINGERPRINT_MASK);
}

static int read_attribute(struct stun_message *m, struct reader *r)
{
    struct stun_attribute a = {.type = read_be16(r)};

    a.len = read_be16(r);
    a.data = read_bytes(r, padded(a.len));
    if (r->failed)
        return -EBADMSG;
    if (a.type == STUN_FINGERPRINT) {
        if (!fingerprint_is_right(m, &a))
            return -EBADMSG;
        m->fingerprint = true;
    }
    if (!is_vouched_for(m, a.type))
        return 0;
    if (m->count == STUN_ATTRS_MAX)
        return -EBADMSG;
    m->attr[m->count++] = a;
    return 0;
}

int stun_frame_len(const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    uint16_t type = read_be16(&r);
    size_t body = read_be16(&r);
    uint32_t cookie = read_be32(&r);

    if (len >= 2 && type >> 14 != 0)
        return -EBADMSG;
    if (len >= 4 && (body % 4 != 0 || STUN_HEADER_LEN + body > STUN_MAX))
        return -EBADMSG;
    if (len >= 8 && cookie != COOKIE)
        return -EBADMSG;
    return len >= 8 ? (int)(STUN_HEADER_LEN + body) : 0;
}

int stun_read(struct stun_message *m, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);

    if (len < STUN_HEADER_LEN || stun_frame_len(data, len) != (int)len)
        return -EBADMSG;
    uint16_t type = read_be16(&r);
    (void)read_be16(&r); /* length and cookie were looked at above */
    (void)read_be32(&r);
    m->bytes = data;
    m->len = len;
    m->count = 0;
    m->fingerprint = false;
    /* RFC 8489 §5: the two bits of the class sit between those of the method. */
    m->class = (enum stun_class)((type >> 4 & 1) | (type >> 7 & 2));
    m->method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80));
    read_copy(&r, m->id, STUN_ID_LEN);
    while (r.left > 0)
        if (read_attribute(m, &r) < 0)
            return -EBADMSG;
    return 0;
}

const struct stun_attribute *stun_find(const struct stun_message *m, enum stun_attr type)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->attr[i].type == type)
            return &m->attr[i];
    return NULL;
}

static bool is_disguised(enum stun_attr type)
{
    return type == STUN_XOR_MAPPED_ADDRESS || type == STUN_XOR_PEER_ADDRESS ||
           type == STUN_XOR_RELAYED_ADDRESS;
}

/* RFC 8489 §14.2: port and address are combined with cookie and transaction id. */
static void disguise(uint8_t *port_and_ip, size_t len, const uint8_t *id)
{
    static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};

    port_and_ip[0] ^= cookie[0];
    port_and_ip[1] ^= cookie[1];
    for (size_t i = 2; i < len; i++)
        port_and_ip[i] ^= i < 6 ? cookie[i - 2] : id[i - 6];
}

int stun_get_address(const struct stun_message *m, enum stun_attr type, struct addr *out)
{
    const struct stun_attribute *a = stun_find(m, type);
    uint8_t value[18];

    if (!a)
        return -ENOENT;
    if (a->len != 8 && a->len != 20)
        return -EBADMSG;
    if (a->data[1] != (a->len == 8 ? FAMILY_V4 : FAMILY_V6))
        return -EBADMSG;
    memcpy(value, a->data + 2, a->len - 2u);
    if (is_disguised(type))
        disguise(value, a->len - 2u, m->id);
    uint16_t port = (uint16_t)(value[0] << 8 | value[1]);
    *out = a->len == 8 ? addr_v4(value + 2, port) : addr_v6(value + 2, port, 0);
    return 0;
}

int stun_get_u32(const struct stun_message *m, enum stun_attr type, uint32_t *out)
{
    const struct stun_attribute *a = stun_find(m, type);

    if (!a)
        return -ENOENT;
    if (a->len != 4)
        return -EBADMSG;
    struct reader r = reader_over(a->data, 4);
    *out = read_be32(&r);
    return 0;
}

int stun_get_u16(const struct stun_message *m, enum stun_attr type, uint16_t *out)
{
    uint32_t value;
    int err = stun_get_u32(m, type, &value);
    if (err == 0)
        *out = (uint16_t)(value >> 16);
    return err;
}

static void copy_text(char *out, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(data[i] < 0x20 || data[i] == 0x7f ? '?' : data[i]);
    out[len] = '\0';
}

int stun_get_text(const struct stun_message *m, enum stun_attr type, char *out, size_t room)
{
    const struct stun_attribute *a = stun_find(m, type);

    if (!a)
        return -ENOENT;
    if (a->len > STUN_TEXT_MAX || a->len >= room)
        return -EBADMSG;
    copy_text(out, a->data, a->len);
    return 0;
}

int stun_get_error(const struct stun_message *m, unsigned *code, char *reason, size_t room)
{
    const struct stun_attribute *a = stun_find(m, STUN_ERROR_CODE);

    if (!a)
        return -ENOENT;
    if (a->len < 4)
        return -EBADMSG;
    unsigned class = a->data[2] & 7u, number = a->data[3];
    if (class < 3 || class > 6 || number > 99)
        return -EBADMSG;
    *code = class * 100 + number;
    if (room > 0) {
        size_t len = a->len - 4u;
        copy_text(reason, a->data + 4, len < room ? len : room - 1);
    }
    return 0;
}

bool stun_offers_algorithm(const struct stun_message *m, enum stun_algorithm algorithm)
{
    const struct stun_attribute *a = stun_find(m, STUN_PASSWORD_ALGORITHMS);
    if (!a)
        return false;
    struct reader r = reader_over(a->data, a->len);
    while (r.left > 0 && !r.failed) {
        uint16_t kind = read_be16(&r), len = read_be16(&r);
        (void)read_bytes(&r, padded(len));
        if (!r.failed && kind == algorithm && len == 0)
            return true;
    }
    return false;
}

bool stun_is_known(uint16_t type)
{
    static const uint16_t REQUIRED[] = {
        STUN_MAPPED_ADDRESS,
        STUN_CHANGE_REQUEST,
        STUN_USERNAME,
        STUN_MESSAGE_INTEGRITY,
        STUN_ERROR_CODE,
        STUN_UNKNOWN_ATTRIBUTES,
        STUN_CHANNEL_NUMBER,
        STUN_LIFETIME,
        STUN_XOR_PEER_ADDRESS,
        STUN_DATA,
        STUN_REALM,
        STUN_NONCE,
        STUN_XOR_RELAYED_ADDRESS,
        STUN_REQUESTED_ADDRESS_FAMILY,
        STUN_EVEN_PORT,
        STUN_REQUESTED_TRANSPORT,
        STUN_DONT_FRAGMENT,
        STUN_MESSAGE_INTEGRITY_SHA256,
        STUN_PASSWORD_ALGORITHM,
        STUN_USERHASH,
        STUN_XOR_MAPPED_ADDRESS,
        STUN_RESERVATION_TOKEN,
        STUN_PRIORITY,
        STUN_USE_CANDIDATE,
        STUN_PADDING,
        STUN_RESPONSE_PORT,
    };
    for (size_t i = 0; i < sizeof(REQUIRED) / sizeof(*REQUIRED); i++)
        if (REQUIRED[i] == type)
            return true;
    return type >= 0x8000; /* may be ignored, which is as good */
}

size_t stun_unknown(const struct stun_message *m, bool (*known)(uint16_t type), uint16_t *out,
                    size_t max)
{
    size_t count = 0;
    for (unsigned i = 0; i < m->count && count < max; i++) {
        uint16_t type = m->attr[i].type;
        if (type < 0x8000 && !(known ? known : stun_is_known)(type))
            out[count++] = type;
    }
    return count;
}

/* The MAC of a message whose MAC attribute, with a value of `mac_len` bytes, begins at `before`:
 * the header's length counts up to the end of that attribute (RFC 8489 §14.5). */
static void compute_integrity(uint8_t out[static DIGEST_MAX], enum stun_integrity kind,
                              const uint8_t *bytes, size_t before, size_t mac_len,
                              const struct digest_part *key)
{
    uint8_t header[STUN_HEADER_LEN];
    struct writer w = writer_over(header + 2, 2);

    memcpy(header, bytes, sizeof(header));
    write_be16(&w, (uint16_t)(before + ATTR_HEADER_LEN + mac_len - STUN_HEADER_LEN));
    const struct digest_part parts[] = {
        {header, sizeof(header)},
        {bytes + STUN_HEADER_LEN, before - STUN_HEADER_LEN},
    };
    digest_hmac(kind == STUN_INTEGRITY_SHA1 ? DIGEST_SHA1 : DIGEST_SHA256, out, key->data, key->len,
                parts, 2);
}

int stun_check_integrity(const struct stun_message *m, enum stun_integrity kind, const uint8_t *key,
                         size_t key_len)
{
    bool sha1 = kind == STUN_INTEGRITY_SHA1;
    const struct stun_attribute *a =
        stun_find(m, sha1 ? STUN_MESSAGE_INTEGRITY : STUN_MESSAGE_INTEGRITY_SHA256);
    uint8_t mac[DIGEST_MAX];

    if (!a)
        return -ENOENT;
    if (sha1 ? a->len != DIGEST_SHA1_LEN
             : a->len < SHA256_SHORTEST || a->len > DIGEST_SHA256_LEN || a->len % 4 != 0)
        return -EACCES;
    size_t before = (size_t)(a->data - m->bytes) - ATTR_HEADER_LEN;
    compute_integrity(mac, kind, m->bytes, before, a->len, &(struct digest_part){key, key_len});
    return secret_equal(mac, a->data, a->len) ? 0 : -EACCES;
}

/* ---- writing ---- */

void stun_begin(struct stun_writer *s, uint8_t *out, size_t room, enum stun_class class,
                uint16_t method, const uint8_t id[static STUN_ID_LEN])
{
    unsigned c = class;
    *s = (struct stun_writer){writer_over(out, room < STUN_MAX ? room : STUN_MAX), out};
    write_be16(&s->w, (uint16_t)((method & 0xfu) | (method & 0x70u) << 1 | (method & 0xf80u) << 2 |
                                 (c & 1) << 4 | (c & 2) << 7));
    write_be16(&s->w, 0); /* the length: see stun_end() */
    write_be32(&s->w, COOKIE);
    write_bytes(&s->w, id, STUN_ID_LEN);
}

void stun_put(struct stun_writer *s, enum stun_attr type, const void *data, size_t len)
{
    static const uint8_t zeros[3];

    if (len > STUN_MAX)
        s->w.failed = true;
    write_be16(&s->w, (uint16_t)type);
    write_be16(&s->w, (uint16_t)len);
    write_bytes(&s->w, data, len);
    write_bytes(&s->w, zeros, padded(len) - len);
}

void stun_put_text(struct stun_writer *s, enum stun_attr type, const char *text)
{
    stun_put(s, type, text, strlen(text));
}

void stun_put_u32(struct stun_writer *s, enum stun_attr type, uint32_t value)
{
    uint8_t data[4];
    struct writer w = writer_over(data, sizeof(data));
    write_be32(&w, value);
    stun_put(s, type, data, sizeof(data));
}

void stun_put_u16(struct stun_writer *s, enum stun_attr type, uint16_t value)
{
    stun_put_u32(s, type, (uint32_t)value << 16);
}

void stun_put_address(struct stun_writer *s, enum stun_attr type, const struct addr *a)
{
    uint8_t data[20];
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    struct writer w = writer_over(data, sizeof(data));

    assert(len > 0);
    write_u8(&w, 0);
    write_u8(&w, len == 4 ? FAMILY_V4 : FAMILY_V6);
    write_be16(&w, addr_port(a));
    write_bytes(&w, ip, len);
    if (is_disguised(type) && !s->w.failed)
        disguise(data + 2, len + 2, s->start + 8);
    stun_put(s, type, data, len + 4);
}

void stun_put_error(struct stun_writer *s, unsigned code, const char *reason)
{
    uint8_t data[4 + STUN_TEXT_MAX] = {0, 0, (uint8_t)(code / 100), (uint8_t)(code % 100)};
    size_t len = strnlen(reason, STUN_TEXT_MAX);
    memcpy(data + 4, reason, len);
    stun_put(s, STUN_ERROR_CODE, data, 4 + len);
}

void stun_put_unknown(struct stun_writer *s, const uint16_t *types, size_t count)
{
    uint8_t data[2 * STUN_ATTRS_MAX];
    struct writer w = writer_over(data, sizeof(data));
    for (size_t i = 0; i < count; i++)
        write_be16(&w, types[i]);
    stun_put(s, STUN_UNKNOWN_ATTRIBUTES, data, writer_len(&w, data));
}

static void set_length(struct stun_writer *s, size_t total)
{
    struct writer w = writer_over(s->start + 2, 2);
    write_be16(&w, (uint16_t)(total - STUN_HEADER_LEN));
}

void stun_put_integrity(struct stun_writer *s, enum stun_integrity kind, const uint8_t *key,
                        size_t key_len)
{
    bool sha1 = kind == STUN_INTEGRITY_SHA1;
    size_t before = writer_len(&s->w, s->start), len = sha1 ? DIGEST_SHA1_LEN : DIGEST_SHA256_LEN;
    uint8_t mac[DIGEST_MAX] = {0};

    if (!s->w.failed)
        compute_integrity(mac, kind, s->start, before, len, &(struct digest_part){key, key_len});
    stun_put(s, sha1 ? STUN_MESSAGE_INTEGRITY : STUN_MESSAGE_INTEGRITY_SHA256, mac, len);
}

void stun_put_fingerprint(struct stun_writer *s)
{
    size_t before = writer_len(&s->w, s->start);

    if (s->w.failed)
        return;
    set_length(s, before + ATTR_HEADER_LEN + 4);
    stun_put_u32(s, STUN_FINGERPRINT, crc32(s->start, before) ^ FINGERPRINT_MASK);
}

size_t stun_end(struct stun_writer *s)
{
    size_t total = writer_len(&s->w, s->start);

    if (s->w.failed)
        return 0;
    set_length(s, total);
    return total;
}

/* ---- long-term credentials ---- */

size_t stun_long_term_key(uint8_t out[static STUN_KEY_MAX], enum stun_algorithm algorithm,
                          const char *user, const char *realm, const char *password)
{
    enum digest_kind kind = algorithm == STUN_ALGORITHM_MD5 ? DIGEST_MD5 : DIGEST_SHA256;
    const struct digest_part parts[] = {
        {user, strlen(user)},         {":", 1}, {realm, strlen(realm)}, {":", 1},
        {password, strlen(password)},
    };
    digest(kind, out, parts, sizeof(parts) / sizeof(*parts));
    return digest_len(kind);
}

void stun_userhash(uint8_t out[static 32], const char *user, const char *realm)
{
    const struct digest_part parts[] = {{user, strlen(user)}, {":", 1}, {realm, strlen(realm)}};
    digest(DIGEST_SHA256, out, parts, 3);
}
