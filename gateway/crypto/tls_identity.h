/**
 * A server's certificate with its key, in memory only.
 *
 * tls_identity_new() makes one with an Ed25519 key, signed by itself, with no name in it: it lets a
 * TLS connection come about and proves nothing. Whoever connects must know the other end by
 * something inside: for us the QUIC session, whose peers prove their ids. Those that prove a name
 * to browsers are from gateway/crypto/local_ca.h.
 */
#pragma once

#include "gateway/base/attr.h"

struct tls_identity;
struct gnutls_certificate_credentials_st;
struct gnutls_x509_crt_int;
struct gnutls_x509_privkey_int;

/** Returns 0, -ENOMEM or -EIO: GnuTLS does not want to. */
MUST_USE int tls_identity_new(struct tls_identity **out);
/** For gateway/crypto/local_ca.c: copies both. Returns as tls_identity_new(). */
MUST_USE int tls_identity_of(struct tls_identity **out, struct gnutls_x509_crt_int *certificate,
                             struct gnutls_x509_privkey_int *key);
/** One more user of it, who frees it too. Returns it. */
struct tls_identity *tls_identity_keep(struct tls_identity *id);
/** It goes when its last user has freed it. */
void tls_identity_free(struct tls_identity *id);
/** For gateway/crypto/tls_stream.c. */
struct gnutls_certificate_credentials_st *tls_identity_credentials(const struct tls_identity *id);
