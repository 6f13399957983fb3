/**
 * A server's certificate, made at start and kept in memory only: an Ed25519 key, signed by itself,
 * with no name in it.
 *
 * It lets a TLS connection come about and proves nothing. Whoever connects must know the other end
 * by something inside: for us the QUIC session, whose peers prove their ids.
 */
#pragma once

#include "gateway/base/attr.h"

struct tls_identity;
struct gnutls_certificate_credentials_st;

/** Returns 0, -ENOMEM or -EIO: GnuTLS does not want to. */
MUST_USE int tls_identity_new(struct tls_identity **out);
/** When no connection uses it any more. */
void tls_identity_free(struct tls_identity *id);
/** For gateway/crypto/tls_stream.c. */
struct gnutls_certificate_credentials_st *tls_identity_credentials(const struct tls_identity *id);
