/**
 * A QUIC client that is none of ours, to be as rude as a test wants: other protocols, other kinds
 * of key or none, windows of nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include "gateway/base/clock.h"
#include "tests/support/quic_link.h"

enum stranger_key { STRANGER_RAW_KEY, STRANGER_X509, STRANGER_NO_KEY, STRANGER_SMALL_ORDER };

struct stranger_options {
    const char *alpn; /* "overlay/1" when NULL */
    enum stranger_key key;
    bool no_window;   /* the other side may send nothing on streams */
    bool no_datagram; /* takes no datagrams, */
    uint16_t frame;   /* or frames of so many bytes at most; 0: any */
    bool no_params;   /* speaks TLS without QUIC's transport parameters */
};

struct stranger {
    struct quic_link *link;
    struct addr addr;
    ngtcp2_conn *quic;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    ngtcp2_crypto_conn_ref ref;
    bool confirmed;
    int error;           /* of ngtcp2, 0 while it lives */
    uint64_t close_code; /* when the other side closed */
    bool close_is_app;
    uint64_t received; /* bytes on streams */
    /** Writes the frames of a packet anew: `len` bytes of them, padding and all. For
     * stranger_forge(). */
    void (*forge)(struct stranger *s, uint8_t *frames, size_t len);
    void *forge_arg;
    bool forges_all; /* also in stranger_run() */
};

/** Starts to dial side 1 of the link, whose filter it takes. */
void stranger_init(struct stranger *s, struct quic_link *link, const struct stranger_options *o);
void stranger_deinit(struct stranger *s);
/** Lets both talk until nothing happens any more, for at most `duration`. */
void stranger_run(struct stranger *s, instant duration);
/** Opens a stream and writes one packet of data to it. Returns its id. */
int64_t stranger_open(struct stranger *s);
/** Sends packets with frames of the forger's until the congestion window is full. */
void stranger_forge(struct stranger *s);
/** Lets the other side send on streams, if no_window kept it from that. */
void stranger_open_window(struct stranger *s, int64_t stream, uint64_t len);
