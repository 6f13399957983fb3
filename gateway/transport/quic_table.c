#include "gateway/transport/quic_table.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/log.h"

void quic_table_init(struct quic_endpoint *ep)
{
    uint8_t secret[MAP_SECRET_LEN];
    ep->options.random(ep->options.arg, secret, sizeof(secret));
    map_init(&ep->ids, secret);
    map_init(&ep->tokens, secret);
    map_init(&ep->by_address, secret);
}

void quic_table_deinit(struct quic_endpoint *ep)
{
    map_deinit(&ep->ids);
    map_deinit(&ep->tokens);
    map_deinit(&ep->by_address);
}

/* ---- connection ids ---- */

static struct quic_id *find_slot(struct quic_conn *conn, const uint8_t *data, size_t len)
{
    for (int i = 0; i < QUIC_IDS_MAX; i++) {
        struct quic_id *id = &conn->ids[i];
        if (id->len == len && (len == 0 || memcmp(id->data, data, len) == 0))
            return id;
    }
    return NULL;
}

int quic_table_add_id(struct quic_conn *conn, const uint8_t *data, size_t len)
{
    struct quic_id *id = find_slot(conn, NULL, 0);
    if (!id || len == 0 || len > sizeof(id->data))
        return -ENOSPC;
    memcpy(id->data, data, len);
    int err = map_insert(&conn->ep->ids, id->data, len, conn);
    if (err == 0)
        id->len = (uint8_t)len;
    return err;
}

void quic_table_remove_id(struct quic_conn *conn, const uint8_t *data, size_t len)
{
    struct quic_id *id = len > 0 ? find_slot(conn, data, len) : NULL;
    if (!id)
        return;
    (void)map_remove(&conn->ep->ids, id->data, id->len);
    id->len = 0;
}

struct quic_conn *quic_table_find_id(const struct quic_endpoint *ep, const uint8_t *data,
                                     size_t len)
{
    return map_find(&ep->ids, data, len);
}

/* ---- probe tokens ---- */

int quic_table_add_token(struct quic_conn *conn)
{
    return map_insert(&conn->ep->tokens, &conn->token, sizeof(conn->token), conn);
}

struct quic_conn *quic_table_find_token(const struct quic_endpoint *ep, uint64_t token)
{
    return map_find(&ep->tokens, &token, sizeof(token));
}

/* ---- addresses ---- */

/* What tells addresses apart, without the kernel's padding. */
static size_t address_key(const struct addr *a, uint8_t key[static QUIC_ADDRESS_KEY_MAX])
{
    size_t len = 0;
    const uint8_t *ip = addr_ip(a, &len);
    uint16_t port = addr_port(a);
    uint32_t scope = addr_is_v6(a) ? a->v6.sin6_scope_id : 0;

    if (len > 0)
        memcpy(key, ip, len);
    memcpy(key + len, &port, sizeof(port));
    memcpy(key + len + sizeof(port), &scope, sizeof(scope));
    return len + sizeof(port) + sizeof(scope);
}

/* The table keeps one connection of each address, the ring of neighbours the others. Its key lives
 * in that connection, so it changes hands when that one leaves. */
static void leave_address(struct quic_conn *conn)
{
    struct quic_endpoint *ep = conn->ep;
    if (!list_is_linked(&conn->neighbours))
        return;

    if (map_find(&ep->by_address, conn->address_key, conn->address_key_len) == conn) {
        (void)map_remove(&ep->by_address, conn->address_key, conn->address_key_len);
        struct quic_conn *heir = quic_table_neighbour(conn);
        if (heir != conn &&
            map_insert(&ep->by_address, heir->address_key, heir->address_key_len, heir) < 0)
            log_debug(LOG_QUIC, "no memory to find sessions by address");
    }
    list_remove(&conn->neighbours);
}

void quic_table_moved(struct quic_conn *conn)
{
    leave_address(conn);
    conn->address_key_len = (uint8_t)address_key(&conn->path.remote, conn->address_key);
    list_init(&conn->neighbours);

    struct quic_conn *first =
        map_find(&conn->ep->by_address, conn->address_key, conn->address_key_len);
    if (first)
        list_append(&first->neighbours, &conn->neighbours);
    else if (map_insert(&conn->ep->by_address, conn->address_key, conn->address_key_len, conn) < 0)
        list_remove(&conn->neighbours);
}

struct quic_conn *quic_table_find_address(const struct quic_endpoint *ep, const struct addr *from)
{
    uint8_t key[QUIC_ADDRESS_KEY_MAX];
    return map_find(&ep->by_address, key, address_key(from, key));
}

struct quic_conn *quic_table_neighbour(struct quic_conn *conn)
{
    return list_entry(conn->neighbours.next, struct quic_conn, neighbours);
}

/* ---- leaving ---- */

void quic_table_forget_paths(struct quic_conn *conn)
{
    if (quic_table_find_token(conn->ep, conn->token) == conn)
        (void)map_remove(&conn->ep->tokens, &conn->token, sizeof(conn->token));
    leave_address(conn);
}

void quic_table_forget(struct quic_conn *conn)
{
    quic_table_forget_paths(conn);
    for (int i = 0; i < QUIC_IDS_MAX; i++)
        if (conn->ids[i].len > 0)
            quic_table_remove_id(conn, conn->ids[i].data, conn->ids[i].len);
}
