/**
 * TLS 1.3 for sessions: mutual Ed25519 raw public keys (RFC 7250, RFC 8446), ALPN QUIC_ALPN.
 *
 * The other side's key is looked at twice: in GnuTLS's verify callback, so that a dialler tells a
 * wrong peer nothing of itself, and again by quic_tls_peer() when the handshake has completed,
 * because GnuTLS leaves the callback out when a session is resumed.
 */
#pragma once

#include <gnutls/gnutls.h>

#include "gateway/base/attr.h"
#include "gateway/identity/keys.h"
#include "gateway/identity/peer_id.h"
#include "gateway/transport/quic_link.h"

struct quic_tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
};

/** Returns 0, -ENOMEM, or -EINVAL when GnuTLS takes the key or our choice of ciphers not.
 * `chacha20`: prefer it to AES, as on a processor that has no AES. */
MUST_USE int quic_tls_init(struct quic_tls *t, const struct keys *keys, bool chacha20);
void quic_tls_deinit(struct quic_tls *t);

/** Makes a session for a connection; `link` must outlive it. Free it with gnutls_deinit(). */
MUST_USE int quic_tls_session(const struct quic_tls *t, gnutls_session_t *out, bool server,
                              struct quic_tls_link *link);
/** Reads the other side's id. Returns 0, or -EBADMSG: no key, not Ed25519, or of small order. */
MUST_USE int quic_tls_peer(gnutls_session_t session, struct peer_id *out);
/** Keying material for `label` (RFC 8446 §7.5). Returns 0, or -EIO before the handshake is done. */
MUST_USE int quic_tls_export(gnutls_session_t session, const char *label, uint8_t *out, size_t len);
