/**
 * What a TLS session knows of its connection; part of the connection.
 */
#pragma once

#include <stdbool.h>

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include "gateway/crypto/packet.h"
#include "gateway/identity/peer_id.h"

struct quic_tls_link {
    ngtcp2_crypto_conn_ref ref; /* set by quic_tls_session(), the rest by the connection */
    ngtcp2_conn *quic;
    struct packet_engine **engine; /* the endpoint's, made when first needed */
    struct peer_id expected;       /* all zero: anyone with a sound key */
    bool wrong_id;                 /* set: a key came that is not the expected one */
    bool own_keys;                 /* set: 1-RTT packets are protected by the engine */
    uint8_t alert;                 /* set: TLS failed for this reason, which GnuTLS cannot know */
    unsigned rx_levels, tx_levels; /* bit n: the keys of ngtcp2's encryption level n are there */
    bool authentic;                /* set whenever a packet was found authentic by it */
};
