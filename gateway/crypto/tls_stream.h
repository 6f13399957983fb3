/**
 * One end of a TLS connection, without a socket: ciphered bytes in and out, plain bytes in and out.
 *
 *     tls_stream_client(&t, "relay.example.net");
 *     loop:  tls_stream_output() to the network, tls_stream_sent(); what it sends to
 *            tls_stream_input(); tls_stream_handshake() until it is 0; then read and write
 *
 * A client's server must prove the name by a certificate that this system trusts. The two ends of a
 * tunnel prove nothing: they only look to whoever is between as TLS does (1.3 alone), and what goes
 * through has to be sealed and known by itself.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "gateway/base/attr.h"
#include "gateway/crypto/tls_identity.h"

#define TLS_STREAM_BUFFER (64 * 1024) /* bytes kept for each direction: more than a record */

struct tls_stream;

/** `host` is a name or an address. Returns 0 or -ENOMEM. */
MUST_USE int tls_stream_client(struct tls_stream **out, const char *host);
/** The client's end of a tunnel; any server will do. `host` as above, or NULL: it names none. */
MUST_USE int tls_stream_enter(struct tls_stream **out, const char *host);
/** The server's end of a tunnel; `identity` is borrowed for its life. */
MUST_USE int tls_stream_accept(struct tls_stream **out, const struct tls_identity *identity);

/** Whose certificates a server has, by the name that a client asks for. */
struct tls_names {
    /** `name` as the client wrote it (SNI, RFC 6066 §3), empty if it named none. NULL: nobody is
     *  called so, which the client is told. The stream becomes one of the identity's users. */
    struct tls_identity *(*find)(void *arg, const char *name);
    void *arg;
};
/** The server's end for browsers: TLS 1.2 or later, HTTP/1.1. `names` is asked once, from inside
 *  tls_stream_handshake(), and copied. When that fails, what is to be sent tells the client why. */
MUST_USE int tls_stream_serve(struct tls_stream **out, const struct tls_names *names);
void tls_stream_free(struct tls_stream *t);
/** A client trusts these certificates (PEM) too. Returns 0 or -EINVAL. */
MUST_USE int tls_stream_trust(struct tls_stream *t, const char *pem);

/** Where to put bytes from the network, at most `*room` (0: read first), and how many came. */
uint8_t *tls_stream_area(struct tls_stream *t, size_t *room);
void tls_stream_input(struct tls_stream *t, size_t len);
/** The network's end of data. */
void tls_stream_ended(struct tls_stream *t);
/** Bytes for the network, and how many of them went. */
const uint8_t *tls_stream_output(struct tls_stream *t, size_t *len);
void tls_stream_sent(struct tls_stream *t, size_t len);

/** 0: done; -EAGAIN: goes on when bytes have gone or come; -EPROTO: failed, see
 *  tls_stream_reason(). */
MUST_USE int tls_stream_handshake(struct tls_stream *t);
/** Returns how many bytes, 0 at the end of data, -EAGAIN or -EPROTO. */
MUST_USE ssize_t tls_stream_read(struct tls_stream *t, void *data, size_t len);
/** Returns how many bytes were taken, -EAGAIN (send what is there first) or -EPROTO. */
MUST_USE ssize_t tls_stream_write(struct tls_stream *t, const void *data, size_t len);

/** Says that no more will be written. 0, -EAGAIN (send what is there first) or -EPROTO. */
MUST_USE int tls_stream_finish(struct tls_stream *t);

/** Why it failed, for people. */
const char *tls_stream_reason(const struct tls_stream *t);
