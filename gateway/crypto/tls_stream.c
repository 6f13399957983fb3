#include "gateway/crypto/tls_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/* Tickets would let an observer tell that one client came twice, and cost a record. */
#define TUNNEL_FLAGS    (GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS)
#define TUNNEL_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* Browsers and what is older; the fastest cipher first, as nobody is between. */
#define SERVE_PRIORITY                                                                             \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305:"      \
    "+AES-256-GCM:%SERVER_PRECEDENCE"

struct side {
    uint8_t *data; /* TLS_STREAM_BUFFER */
    size_t at, len;
};

struct tls_stream {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials; /* our own, or NULL */
    struct tls_names names;                       /* of a server for browsers */
    struct tls_identity *identity;                /* what they found */
    struct side in, out;
    bool ended;
    char host[256];
    char reason[160];
};

static void drop(struct side *s, size_t len)
{
    s->at += len;
    if (s->at == s->len)
        s->at = s->len = 0;
}

/* Room behind what is there, after moving that to the front. */
static size_t make_room(struct side *s)
{
    if (s->at > 0) {
        memmove(s->data, s->data + s->at, s->len - s->at);
        s->len -= s->at;
        s->at = 0;
    }
    return TLS_STREAM_BUFFER - s->len;
}

static ssize_t pull(gnutls_transport_ptr_t arg, void *data, size_t len)
{
    struct tls_stream *t = arg;
    size_t left = t->in.len - t->in.at;

    if (left == 0) {
        gnutls_transport_set_errno(t->session, EAGAIN);
        return t->ended ? 0 : -1;
    }
    len = len < left ? len : left;
    memcpy(data, t->in.data + t->in.at, len);
    drop(&t->in, len);
    return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *data, size_t len)
{
    struct tls_stream *t = arg;
    size_t room = make_room(&t->out);

    if (room == 0) {
        gnutls_transport_set_errno(t->session, EAGAIN);
        return -1;
    }
    len = len < room ? len : room;
    memcpy(t->out.data + t->out.len, data, len);
    t->out.len += len;
    return (ssize_t)len;
}

/* Only asked by GnuTLS's own timeouts, of which there are none. */
static int pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
    const struct tls_stream *t = arg;
    (void)ms;
    return t->ended || t->in.len > t->in.at;
}

/* An address is not sent as SNI (RFC 6066 §3). */
static int name_server(struct tls_stream *t)
{
    if (strchr(t->host, ':') || strspn(t->host, "0123456789.") == strlen(t->host))
        return 0;
    return gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, t->host, strlen(t->host));
}

static void use_buffers(struct tls_stream *t)
{
    gnutls_transport_set_ptr(t->session, t);
    gnutls_transport_set_pull_function(t->session, pull);
    gnutls_transport_set_push_function(t->session, push);
    gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
    gnutls_handshake_set_timeout(t->session, GNUTLS_INDEFINITE_TIMEOUT);
}

static int prepare_client(struct tls_stream *t)
{
    if (gnutls_certificate_allocate_credentials(&t->credentials) < 0)
        return -ENOMEM;
    /* A system that trusts nobody shows when the server's certificate is judged. */
    (void)gnutls_certificate_set_x509_system_trust(t->credentials);
    if (gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
        return -ENOMEM;
    if (gnutls_set_default_priority(t->session) < 0 ||
        gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->credentials) < 0 ||
        name_server(t) < 0)
        return -ENOMEM;
    gnutls_session_set_verify_cert(t->session, t->host, 0);
    return 0;
}

/* What a browser offers; the answer is sealed, and neither is spoken. */
static int offer_protocols(gnutls_session_t session)
{
    static unsigned char h2[] = "h2", http[] = "http/1.1";
    const gnutls_datum_t offer[] = {{h2, sizeof(h2) - 1}, {http, sizeof(http) - 1}};
    return gnutls_alpn_set_protocols(session, offer, 2, 0);
}

static int prepare_tunnel(struct tls_stream *t, unsigned role,
                          gnutls_certificate_credentials_t credentials)
{
    if (gnutls_init(&t->session, role | TUNNEL_FLAGS) < 0)
        return -ENOMEM;
    if (gnutls_priority_set_direct(t->session, TUNNEL_PRIORITY, NULL) < 0 ||
        gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, credentials) < 0 ||
        offer_protocols(t->session) < 0)
        return -ENOMEM;
    return 0;
}

static int prepare_enter(struct tls_stream *t)
{
    if (gnutls_certificate_allocate_credentials(&t->credentials) < 0)
        return -ENOMEM;
    int err = prepare_tunnel(t, GNUTLS_CLIENT, t->credentials);
    return err == 0 && t->host[0] && name_server(t) < 0 ? -ENOMEM : err;
}

static struct tls_stream *new_stream(const char *host)
{
    struct tls_stream *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    (void)snprintf(t->host, sizeof(t->host), "%s", host ? host : "");
    t->in.data = malloc(TLS_STREAM_BUFFER);
    t->out.data = malloc(TLS_STREAM_BUFFER);
    if (t->in.data && t->out.data)
        return t;
    tls_stream_free(t);
    return NULL;
}

/* Hands out what was prepared, if it was. */
static int give(struct tls_stream **out, struct tls_stream *t, int err)
{
    if (err < 0) {
        tls_stream_free(t);
        return err;
    }
    use_buffers(t);
    *out = t;
    return 0;
}

int tls_stream_client(struct tls_stream **out, const char *host)
{
    struct tls_stream *t = new_stream(host);
    return give(out, t, t ? prepare_client(t) : -ENOMEM);
}

int tls_stream_enter(struct tls_stream **out, const char *host)
{
    struct tls_stream *t = new_stream(host);
    return give(out, t, t ? prepare_enter(t) : -ENOMEM);
}

int tls_stream_accept(struct tls_stream **out, const struct tls_identity *identity)
{
    struct tls_stream *t = new_stream(NULL);
    int err = -ENOMEM;
    if (t)
        err = prepare_tunnel(t, GNUTLS_SERVER, tls_identity_credentials(identity));
    return give(out, t, err);
}

/* The client's first message is here: whom does it want? */
static int on_hello(gnutls_session_t session)
{
    struct tls_stream *t = gnutls_session_get_ptr(session);
    size_t len = sizeof(t->host) - 1;
    unsigned type;

    if (t->identity) /* a second first message: the answer stays */
        return 0;
    if (gnutls_server_name_get(session, t->host, &len, &type, 0) < 0)
        len = 0;
    t->host[len] = '\0';
    struct tls_identity *found = t->names.find(t->names.arg, t->host);
    if (!found)
        return GNUTLS_E_UNRECOGNIZED_NAME;
    t->identity = tls_identity_keep(found);
    return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls_identity_credentials(found));
}

static int prepare_serve(struct tls_stream *t)
{
    static unsigned char http[] = "http/1.1";
    const gnutls_datum_t offer = {http, sizeof(http) - 1};

    if (gnutls_init(&t->session, GNUTLS_SERVER | TUNNEL_FLAGS) < 0 ||
        gnutls_priority_set_direct(t->session, SERVE_PRIORITY, NULL) < 0 ||
        gnutls_alpn_set_protocols(t->session, &offer, 1, GNUTLS_ALPN_MANDATORY) < 0)
        return -ENOMEM;
    gnutls_session_set_ptr(t->session, t);
    gnutls_handshake_set_post_client_hello_function(t->session, on_hello);
    return 0;
}

int tls_stream_serve(struct tls_stream **out, const struct tls_names *names)
{
    struct tls_stream *t = new_stream(NULL);
    int err = -ENOMEM;
    if (t) {
        t->names = *names;
        err = prepare_serve(t);
    }
    return give(out, t, err);
}

void tls_stream_free(struct tls_stream *t)
{
    if (!t)
        return;
    if (t->session)
        gnutls_deinit(t->session);
    if (t->credentials)
        gnutls_certificate_free_credentials(t->credentials);
    tls_identity_free(t->identity);
    free(t->in.data);
    free(t->out.data);
    free(t);
}

int tls_stream_trust(struct tls_stream *t, const char *pem)
{
    const gnutls_datum_t text = {(unsigned char *)pem, (unsigned)strlen(pem)};
    return gnutls_certificate_set_x509_trust_mem(t->credentials, &text, GNUTLS_X509_FMT_PEM) > 0
               ? 0
               : -EINVAL;
}

uint8_t *tls_stream_area(struct tls_stream *t, size_t *room)
{
    *room = make_room(&t->in);
    return t->in.data + t->in.len;
}

void tls_stream_input(struct tls_stream *t, size_t len)
{
    t->in.len += len;
}

void tls_stream_ended(struct tls_stream *t)
{
    t->ended = true;
}

const uint8_t *tls_stream_output(struct tls_stream *t, size_t *len)
{
    *len = t->out.len - t->out.at;
    return t->out.data + t->out.at;
}

void tls_stream_sent(struct tls_stream *t, size_t len)
{
    drop(&t->out, len);
}

/* Why the certificate was not taken, else what GnuTLS calls the error. */
static void explain(struct tls_stream *t, int err)
{
    gnutls_datum_t text;
    unsigned status = gnutls_session_get_verify_cert_status(t->session);

    if (err == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
        gnutls_certificate_verification_status_print(
            status, gnutls_certificate_type_get(t->session), &text, 0) == 0) {
        (void)snprintf(t->reason, sizeof(t->reason), "TLS: %s", (const char *)text.data);
        gnutls_free(text.data);
    } else {
        (void)snprintf(t->reason, sizeof(t->reason), "TLS: %s", gnutls_strerror(err));
    }
    /* The sentences end in blanks and a full stop, which ours do not. */
    for (size_t len = strlen(t->reason); len > 0 && strchr(" .", t->reason[len - 1]); len--)
        t->reason[len - 1] = '\0';
}

static int judge(struct tls_stream *t, ssize_t result)
{
    if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
        return -EAGAIN;
    if (!gnutls_error_is_fatal((int)result)) /* a warning, a new session ticket */
        return -EAGAIN;
    explain(t, (int)result);
    if (t->names.find)
        (void)gnutls_alert_send_appropriate(t->session, (int)result);
    return -EPROTO;
}

int tls_stream_handshake(struct tls_stream *t)
{
    int err;
    do {
        err = gnutls_handshake(t->session);
    } while (err < 0 && err != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(err));
    return err == 0 ? 0 : judge(t, err);
}

ssize_t tls_stream_read(struct tls_stream *t, void *data, size_t len)
{
    ssize_t n;
    do {
        n = gnutls_record_recv(t->session, data, len);
    } while (n < 0 && n != GNUTLS_E_AGAIN && !gnutls_error_is_fatal((int)n));
    if (n == GNUTLS_E_PREMATURE_TERMINATION)
        return 0;
    return n >= 0 ? n : judge(t, n);
}

ssize_t tls_stream_write(struct tls_stream *t, const void *data, size_t len)
{
    ssize_t n = gnutls_record_send(t->session, data, len);
    return n >= 0 ? n : judge(t, n);
}

int tls_stream_finish(struct tls_stream *t)
{
    int err = gnutls_bye(t->session, GNUTLS_SHUT_WR);
    return err == 0 ? 0 : judge(t, err);
}

const char *tls_stream_reason(const struct tls_stream *t)
{
    return t->reason;
}
