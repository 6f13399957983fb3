/**
 * The client's end of a TLS connection, without a socket: ciphered bytes in and out, plain bytes in
 * and out.
 *
 *     tls_client_new(&t, "relay.example.net");
 *     loop:  tls_client_output() to the network, tls_client_sent(); what it sends to
 *            tls_client_input(); tls_client_handshake() until it is 0; then read and write
 *
 * The server must prove the name by a certificate that this system trusts.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "gateway/base/attr.h"

#define TLS_CLIENT_BUFFER (64 * 1024) /* bytes kept for each direction: more than a record */

struct tls_client;

/** `host` is a name or an address. Returns 0 or -ENOMEM. */
MUST_USE int tls_client_new(struct tls_client **out, const char *host);
void tls_client_free(struct tls_client *t);
/** Trusts these certificates (PEM) too. Returns 0 or -EINVAL. */
MUST_USE int tls_client_trust(struct tls_client *t, const char *pem);

/** Where to put bytes from the network, at most `*room` (0: read first), and how many came. */
uint8_t *tls_client_area(struct tls_client *t, size_t *room);
void tls_client_input(struct tls_client *t, size_t len);
/** The network's end of data. */
void tls_client_ended(struct tls_client *t);
/** Bytes for the network, and how many of them went. */
const uint8_t *tls_client_output(struct tls_client *t, size_t *len);
void tls_client_sent(struct tls_client *t, size_t len);

/** 0: done; -EAGAIN: goes on when bytes have gone or come; -EPROTO: failed, see
 *  tls_client_reason(). */
MUST_USE int tls_client_handshake(struct tls_client *t);
/** Returns how many bytes, 0 at the end of data, -EAGAIN or -EPROTO. */
MUST_USE ssize_t tls_client_read(struct tls_client *t, void *data, size_t len);
/** Returns how many bytes were taken, -EAGAIN (send what is there first) or -EPROTO. */
MUST_USE ssize_t tls_client_write(struct tls_client *t, const void *data, size_t len);

/** Why it failed, for people. */
const char *tls_client_reason(const struct tls_client *t);
