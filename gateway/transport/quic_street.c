#include "gateway/transport/quic_street.h"

uint8_t quic_street_of(const struct quic_endpoint *ep, const struct addr *from)
{
    const struct addr_caller caller = addr_caller(from);
    return (uint8_t)(map_hash(ep->ids.secret, caller.ip, caller.len) % QUIC_STREETS);
}

void quic_street_enter(struct quic_conn *conn)
{
    conn->half_open = true;
    conn->street = quic_street_of(conn->ep, &conn->path.remote);
    conn->ep->half_open++;
    conn->ep->half_open_of[conn->street]++;
}

void quic_street_leave(struct quic_conn *conn)
{
    if (!conn->half_open)
        return;
    conn->half_open = false;
    conn->ep->half_open--;
    conn->ep->half_open_of[conn->street]--;
}
