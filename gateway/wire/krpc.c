#include "gateway/wire/krpc.h"

#include <errno.h>
#include <string.h>

#include "gateway/wire/bencode.h"

static const char *const METHOD[] = {
    [KRPC_PING] = "ping",
    [KRPC_FIND_NODE] = "find_node",
    [KRPC_GET_PEERS] = "get_peers",
    [KRPC_ANNOUNCE_PEER] = "announce_peer",
    [KRPC_GET] = "get",
    [KRPC_PUT] = "put",
    [KRPC_SAMPLE_INFOHASHES] = "sample_infohashes",
};

/* ---- addresses ---- */

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

struct addr krpc_compact_addr(const uint8_t *at, size_t len)
{
    if (len == 6)
        return addr_v4(at, be16(at + 4));
    if (len == 18)
        return addr_v6(at, be16(at + 16), 0);
    return (struct addr){0};
}

static void put_addr(struct writer *w, const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    write_bytes(w, ip, len);
    write_be16(w, addr_port(a));
}

bool krpc_next_node(struct krpc_bytes *in, bool v6, const uint8_t **id, struct addr *addr)
{
    size_t len = v6 ? KRPC_NODE6_LEN : KRPC_NODE4_LEN;

    if (in->len < len)
        return false;
    *id = in->at;
    *addr = krpc_compact_addr(in->at + KRPC_ID_LEN, len - KRPC_ID_LEN);
    in->at += len;
    in->len -= len;
    return true;
}

size_t krpc_put_node(uint8_t out[static KRPC_NODE6_LEN], const uint8_t id[static KRPC_ID_LEN],
                     const struct addr *addr)
{
    struct writer w = writer_over(out, KRPC_NODE6_LEN);

    write_bytes(&w, id, KRPC_ID_LEN);
    put_addr(&w, addr);
    return writer_len(&w, out);
}

bool krpc_next_peer(struct krpc_bytes *in, struct addr *addr)
{
    struct reader r = reader_over(in->at, in->len);
    struct bencode item;

    while (bencode_next(&r, &item)) {
        *in = (struct krpc_bytes){r.at, r.left};
        *addr =
            item.kind == BENCODE_BYTES ? krpc_compact_addr(item.data, item.len) : (struct addr){0};
        if (addr_port(addr) != 0)
            return true;
    }
    return false;
}

size_t krpc_put_peer(uint8_t out[static 21], const struct addr *addr)
{
    uint8_t compact[18];
    struct writer w = writer_over(compact, sizeof(compact));
    struct writer entry = writer_over(out, 21);

    put_addr(&w, addr);
    bencode_put_bytes(&entry, compact, writer_len(&w, compact));
    return writer_len(&entry, out);
}

/* ---- reading ---- */

/* Bytes under a key; absent if there are none or something else is there. */
static struct krpc_bytes bytes_of(const struct bencode *dict, const char *key)
{
    struct bencode v;

    if (!bencode_find(dict, key, &v) || v.kind != BENCODE_BYTES)
        return (struct krpc_bytes){0};
    return (struct krpc_bytes){v.data, v.len};
}

static const uint8_t *exactly(const struct bencode *dict, const char *key, size_t len)
{
    struct krpc_bytes b = bytes_of(dict, key);
    return b.len == len ? b.at : NULL;
}

static bool number_of(const struct bencode *dict, const char *key, int64_t *out)
{
    struct bencode v;

    if (!bencode_find(dict, key, &v) || v.kind != BENCODE_NUMBER)
        return false;
    *out = v.number;
    return true;
}

/* Whole entries of `size` bytes; a rest means that it is something else. */
static struct krpc_bytes entries_of(const struct bencode *dict, const char *key, size_t size)
{
    struct krpc_bytes b = bytes_of(dict, key);
    return b.len % size == 0 ? b : (struct krpc_bytes){0};
}

static bool has_key(const struct bencode *dict, const char *key)
{
    struct bencode v;
    return bencode_find(dict, key, &v);
}

/* What get replies and put queries share. */
static void read_item(struct krpc *m, const struct bencode *dict)
{
    struct bencode v;

    m->token = bytes_of(dict, "token");
    if (m->token.len > KRPC_TOKEN_MAX)
        m->token = (struct krpc_bytes){0};
    if (bencode_find(dict, "v", &v))
        m->value = (struct krpc_bytes){v.raw, v.raw_len};
    m->key = exactly(dict, "k", KRPC_KEY_LEN);
    m->sig = exactly(dict, "sig", KRPC_SIG_LEN);
    m->has_seq = number_of(dict, "seq", &m->seq);
}

static void read_want(struct krpc *m, const struct bencode *args)
{
    struct bencode list, item;

    if (!bencode_find(args, "want", &list) || list.kind != BENCODE_LIST)
        return;
    struct reader in = reader_over(list.data, list.len);
    while (bencode_next(&in, &item)) {
        if (item.kind != BENCODE_BYTES || item.len != 2)
            continue;
        if (memcmp(item.data, "n4", 2) == 0)
            m->want |= KRPC_WANT_V4;
        else if (memcmp(item.data, "n6", 2) == 0)
            m->want |= KRPC_WANT_V6;
    }
}

static enum krpc_method method_of(struct krpc_bytes name)
{
    for (unsigned i = KRPC_PING; i <= KRPC_SAMPLE_INFOHASHES; i++)
        if (strlen(METHOD[i]) == name.len && memcmp(METHOD[i], name.at, name.len) == 0)
            return (enum krpc_method)i;
    return KRPC_UNKNOWN;
}

static bool wants_info_hash(enum krpc_method method)
{
    return method == KRPC_GET_PEERS || method == KRPC_ANNOUNCE_PEER;
}

static int read_announce(struct krpc *m, const struct bencode *args)
{
    int64_t implied = 0, port = 0;

    m->implied_port = number_of(args, "implied_port", &implied) && implied != 0;
    if (number_of(args, "port", &port) && port > 0 && port <= UINT16_MAX)
        m->port = (uint16_t)port;
    return (m->implied_port || m->port != 0) && m->token.len > 0 ? 0 : -EPROTO;
}

static int read_put(struct krpc *m, const struct bencode *args)
{
    m->salt = bytes_of(args, "salt");
    m->has_cas = number_of(args, "cas", &m->cas);
    if (!m->value.at || m->token.len == 0)
        return -EPROTO;
    if (!has_key(args, "k")) /* immutable */
        return 0;
    return m->key && m->sig && m->has_seq && m->seq >= 0 ? 0 : -EPROTO;
}

static int read_query(struct krpc *m, const struct bencode *top)
{
    struct bencode args;
    struct krpc_bytes name = bytes_of(top, "q");

    m->code = KRPC_PROTOCOL;
    if (!name.at || !bencode_find(top, "a", &args) || args.kind != BENCODE_DICT)
        return -EPROTO;
    m->method = method_of(name);
    m->id = exactly(&args, "id", KRPC_ID_LEN);
    if (!m->id)
        return -EPROTO;
    m->target = exactly(&args, wants_info_hash(m->method) ? "info_hash" : "target", KRPC_ID_LEN);
    read_want(m, &args);
    read_item(m, &args);
    switch (m->method) {
    case KRPC_UNKNOWN:
        /* BEP 5 leaves room for methods to come that are asked as these are. */
        m->code = KRPC_NO_METHOD;
        return -EPROTO;
    case KRPC_PING:
        return 0;
    case KRPC_PUT:
        return read_put(m, &args);
    case KRPC_ANNOUNCE_PEER:
        return m->target ? read_announce(m, &args) : -EPROTO;
    case KRPC_FIND_NODE:
    case KRPC_GET_PEERS:
    case KRPC_GET:
    case KRPC_SAMPLE_INFOHASHES:
        return m->target ? 0 : -EPROTO;
    }
    return -EPROTO;
}

static int read_reply(struct krpc *m, const struct bencode *top)
{
    struct bencode r, list;

    if (!bencode_find(top, "r", &r) || r.kind != BENCODE_DICT)
        return -EBADMSG;
    m->id = exactly(&r, "id", KRPC_ID_LEN);
    if (!m->id)
        return -EBADMSG;
    read_item(m, &r);
    m->nodes = entries_of(&r, "nodes", KRPC_NODE4_LEN);
    m->nodes6 = entries_of(&r, "nodes6", KRPC_NODE6_LEN);
    m->samples = entries_of(&r, "samples", KRPC_ID_LEN);
    m->has_samples = has_key(&r, "samples");
    if (bencode_find(&r, "values", &list) && list.kind == BENCODE_LIST)
        m->values = (struct krpc_bytes){list.data, list.len};
    (void)number_of(&r, "interval", &m->interval);
    (void)number_of(&r, "num", &m->num);
    return 0;
}

static int read_error(struct krpc *m, const struct bencode *top)
{
    struct bencode list, item;

    if (!bencode_find(top, "e", &list) || list.kind != BENCODE_LIST)
        return -EBADMSG;
    struct reader in = reader_over(list.data, list.len);
    if (!bencode_next(&in, &item) || item.kind != BENCODE_NUMBER)
        return -EBADMSG;
    m->code = item.number;
    if (bencode_next(&in, &item) && item.kind == BENCODE_BYTES)
        m->text = (struct krpc_bytes){item.data, item.len};
    return 0;
}

int krpc_read(struct krpc *out, const uint8_t *data, size_t len)
{
    struct bencode top;
    struct krpc_bytes seen, kind;
    int64_t ro;

    memset(out, 0, sizeof(*out));
    if (len == 0 || data[0] != 'd' || bencode_read(&top, data, len) < 0)
        return -EBADMSG;
    out->t = bytes_of(&top, "t");
    out->version = bytes_of(&top, "v");
    kind = bytes_of(&top, "y");
    if (out->t.len == 0 || out->t.len > KRPC_T_MAX || kind.len != 1)
        return -EBADMSG;
    out->read_only = number_of(&top, "ro", &ro) && ro == 1;
    seen = bytes_of(&top, "ip");
    out->seen = krpc_compact_addr(seen.at, seen.len);
    switch (kind.at[0]) {
    case 'q':
        out->kind = KRPC_QUERY;
        return read_query(out, &top);
    case 'r':
        out->kind = KRPC_REPLY;
        return read_reply(out, &top);
    case 'e':
        out->kind = KRPC_ERROR;
        return read_error(out, &top);
    default:
        return -EBADMSG;
    }
}

/* ---- writing: keys in order ---- */

static void put_bytes(struct writer *w, const char *key, const uint8_t *at, size_t len)
{
    if (!at)
        return;
    bencode_put_text(w, key);
    bencode_put_bytes(w, at, len);
}

static void put_number(struct writer *w, const char *key, bool there, int64_t number)
{
    if (!there)
        return;
    bencode_put_text(w, key);
    bencode_put_number(w, number);
}

static void put_raw(struct writer *w, const char *key, struct krpc_bytes raw)
{
    if (!raw.at)
        return;
    bencode_put_text(w, key);
    write_bytes(w, raw.at, raw.len);
}

static void put_want(struct writer *w, unsigned want)
{
    if (want == 0)
        return;
    bencode_put_text(w, "want");
    bencode_begin_list(w);
    if (want & KRPC_WANT_V4)
        bencode_put_text(w, "n4");
    if (want & KRPC_WANT_V6)
        bencode_put_text(w, "n6");
    bencode_end(w);
}

static void put_query(struct writer *w, const struct krpc *m)
{
    bool info_hash = wants_info_hash(m->method), announce = m->method == KRPC_ANNOUNCE_PEER;

    bencode_put_text(w, "a");
    bencode_begin_dict(w);
    put_number(w, "cas", m->has_cas, m->cas);
    put_bytes(w, "id", m->id, KRPC_ID_LEN);
    put_number(w, "implied_port", announce && m->implied_port, 1);
    if (info_hash)
        put_bytes(w, "info_hash", m->target, KRPC_ID_LEN);
    put_bytes(w, "k", m->key, KRPC_KEY_LEN);
    put_number(w, "port", announce, m->port);
    put_bytes(w, "salt", m->salt.len > 0 ? m->salt.at : NULL, m->salt.len);
    put_number(w, "seq", m->has_seq, m->seq);
    put_bytes(w, "sig", m->sig, KRPC_SIG_LEN);
    if (!info_hash)
        put_bytes(w, "target", m->target, KRPC_ID_LEN);
    put_bytes(w, "token", m->token.at, m->token.len);
    put_raw(w, "v", m->value);
    put_want(w, m->want);
    bencode_end(w);
}

static void put_reply(struct writer *w, const struct krpc *m)
{
    bencode_put_text(w, "r");
    bencode_begin_dict(w);
    put_bytes(w, "id", m->id, KRPC_ID_LEN);
    put_number(w, "interval", m->has_samples, m->interval);
    put_bytes(w, "k", m->key, KRPC_KEY_LEN);
    put_bytes(w, "nodes", m->nodes.at, m->nodes.len);
    put_bytes(w, "nodes6", m->nodes6.at, m->nodes6.len);
    put_number(w, "num", m->has_samples, m->num);
    if (m->has_samples)
        put_bytes(w, "samples", m->samples.at ? m->samples.at : (const uint8_t *)"",
                  m->samples.len);
    put_number(w, "seq", m->has_seq, m->seq);
    put_bytes(w, "sig", m->sig, KRPC_SIG_LEN);
    put_bytes(w, "token", m->token.at, m->token.len);
    put_raw(w, "v", m->value);
    if (m->values.at) {
        bencode_put_text(w, "values");
        bencode_begin_list(w);
        write_bytes(w, m->values.at, m->values.len);
        bencode_end(w);
    }
    bencode_end(w);
}

static void put_error(struct writer *w, const struct krpc *m)
{
    bencode_put_text(w, "e");
    bencode_begin_list(w);
    bencode_put_number(w, m->code);
    bencode_put_bytes(w, m->text.at, m->text.len);
    bencode_end(w);
}

static void put_seen(struct writer *w, const struct addr *seen)
{
    uint8_t compact[18];
    struct writer c = writer_over(compact, sizeof(compact));

    if (addr_is_none(seen))
        return;
    put_addr(&c, seen);
    put_bytes(w, "ip", compact, writer_len(&c, compact));
}

size_t krpc_write(const struct krpc *m, uint8_t *out, size_t room)
{
    static const char *const KIND[] = {"q", "r", "e"};
    struct writer w = writer_over(out, room);

    bencode_begin_dict(&w);
    if (m->kind == KRPC_QUERY)
        put_query(&w, m);
    if (m->kind == KRPC_ERROR)
        put_error(&w, m);
    put_seen(&w, &m->seen);
    if (m->kind == KRPC_QUERY)
        put_bytes(&w, "q", (const uint8_t *)METHOD[m->method], strlen(METHOD[m->method]));
    if (m->kind == KRPC_REPLY)
        put_reply(&w, m);
    put_number(&w, "ro", m->kind == KRPC_QUERY && m->read_only, 1);
    put_bytes(&w, "t", m->t.at, m->t.len);
    put_bytes(&w, "v", m->version.at, m->version.len);
    bencode_put_text(&w, "y");
    bencode_put_text(&w, KIND[m->kind]);
    bencode_end(&w);
    return w.failed ? 0 : writer_len(&w, out);
}
