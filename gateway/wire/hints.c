#include "gateway/wire/hints.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { KIND_ADDR = 1, KIND_RELAY = 2, KIND_SERVICE = 3, KIND_NICK = 4 };

static void write_text(struct writer *w, uint8_t kind, const char *text)
{
    if (!text[0])
        return;
    write_u8(w, kind);
    write_u8(w, (uint8_t)strlen(text));
    write_bytes(w, text, strlen(text));
}

void hints_write(struct writer *w, const struct hints *hints)
{
    assert(hints->addrs <= HINTS_ADDRS_MAX && hints->relays <= HINTS_RELAYS_MAX);
    for (size_t i = 0; i < hints->addrs; i++) {
        size_t ip_len;
        const uint8_t *ip = addr_ip(&hints->addr[i], &ip_len);
        write_u8(w, KIND_ADDR);
        write_u8(w, (uint8_t)(2 + ip_len));
        write_be16(w, addr_port(&hints->addr[i]));
        write_bytes(w, ip, ip_len);
    }
    for (size_t i = 0; i < hints->relays; i++) {
        size_t len = strlen(hints->relay[i].host);
        write_u8(w, KIND_RELAY);
        write_u8(w, (uint8_t)(HINTS_ID_LEN + len));
        write_bytes(w, hints->relay[i].id, HINTS_ID_LEN);
        write_bytes(w, hints->relay[i].host, len);
    }
    write_text(w, KIND_SERVICE, hints->service);
    write_text(w, KIND_NICK, hints->nick);
}

static void read_addr(struct hints *t, struct reader *r)
{
    uint16_t port = read_be16(r);

    if (r->failed || t->addrs == HINTS_ADDRS_MAX || port == 0)
        return;
    if (r->left == 4)
        t->addr[t->addrs++] = addr_v4(r->at, port);
    else if (r->left == 16)
        t->addr[t->addrs++] = addr_v6(r->at, port, 0);
}

/* Text that is shown and stored later: visible ASCII only. */
static bool read_text(char *out, size_t max, struct reader *r)
{
    if (r->failed || r->left == 0 || r->left > max)
        return false;
    for (size_t i = 0; i < r->left; i++)
        if (r->at[i] <= ' ' || r->at[i] > '~')
            return false;
    memcpy(out, r->at, r->left);
    out[r->left] = '\0';
    return true;
}

static void read_relay(struct hints *t, struct reader *r)
{
    struct hints_relay *relay = &t->relay[t->relays];

    if (t->relays == HINTS_RELAYS_MAX)
        return;
    read_copy(r, relay->id, sizeof(relay->id));
    if (read_text(relay->host, HINTS_HOST_MAX, r))
        t->relays++;
    else
        memset(relay, 0, sizeof(*relay));
}

int hints_read(struct hints *out, struct reader *r)
{
    memset(out, 0, sizeof(*out));
    while (r->left > 0) {
        uint8_t kind = read_u8(r), len = read_u8(r);
        const uint8_t *content = read_bytes(r, len);
        if (!content)
            return -EBADMSG;
        struct reader inner = reader_over(content, len);
        if (kind == KIND_ADDR)
            read_addr(out, &inner);
        else if (kind == KIND_RELAY)
            read_relay(out, &inner);
        else if (kind == KIND_SERVICE)
            (void)read_text(out->service, HINTS_SERVICE_MAX, &inner);
        else if (kind == KIND_NICK)
            (void)read_text(out->nick, HINTS_NICK_MAX, &inner);
    }
    return 0;
}
