#include "gateway/crypto/local_ca.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "gateway/base/text.h"
#include "gateway/crypto/local_ca_parts.h"
#include "gateway/crypto/secret.h"

#define P256_BITS GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)

/* Clocks of the machines on which this runs jump, but seldom by more than this. */
#define SLACK LOCAL_CA_DAY

enum { SERIAL_LEN = 16, SUBJECT_MAX = 64 };

struct local_ca {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    char *text;
    struct local_ca_facts facts;
};

/* ---- what all certificates have ---- */

/* RFC 5280 §4.1.2.2: positive, at most 20 bytes; unpredictable as well. */
static int set_serial(gnutls_x509_crt_t c)
{
    uint8_t serial[SERIAL_LEN];
    int err = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    return err < 0 ? err : gnutls_x509_crt_set_serial(c, serial, sizeof(serial));
}

static int set_frame(gnutls_x509_crt_t c, gnutls_x509_privkey_t key, int64_t since, int64_t until)
{
    uint8_t id[64];
    size_t len = sizeof(id);
    int err = gnutls_x509_crt_set_version(c, 3);

    if (err == 0)
        err = set_serial(c);
    if (err == 0)
        err = gnutls_x509_crt_set_activation_time(c, (time_t)since);
    if (err == 0)
        err = gnutls_x509_crt_set_expiration_time(c, (time_t)until);
    if (err == 0)
        err = gnutls_x509_crt_set_key(c, key);
    if (err == 0)
        err = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA1, id, &len);
    if (err == 0)
        err = gnutls_x509_crt_set_subject_key_id(c, id, len);
    if (err == 0)
        err = gnutls_x509_crt_set_key_purpose_oid(c, GNUTLS_KP_TLS_WWW_SERVER, 0);
    return err;
}

static int set_name(gnutls_x509_crt_t c, const char *oid, const char *text)
{
    return gnutls_x509_crt_set_dn_by_oid(c, oid, 0, text, (unsigned)strlen(text));
}

static gnutls_datum_t datum(const void *data, size_t len)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)data, (unsigned)len};
}

static gnutls_datum_t datum_of(const char *text)
{
    return datum(text, strlen(text));
}

/* ---- its own certificate ---- */

static int limit(gnutls_x509_name_constraints_t limits, const char *suffix)
{
    gnutls_datum_t name = datum_of(suffix), nowhere = datum_of(LOCAL_CA_NOWHERE);
    static const uint8_t all[LOCAL_CA_ALL_V6]; /* zeroes: address and mask */
    gnutls_datum_t v4 = datum(all, LOCAL_CA_ALL_V4), v6 = datum(all, LOCAL_CA_ALL_V6);
    int err = gnutls_x509_name_constraints_add_permitted(limits, GNUTLS_SAN_DNSNAME, &name);

    if (err == 0)
        err = gnutls_x509_name_constraints_add_permitted(limits, GNUTLS_SAN_RFC822NAME, &nowhere);
    if (err == 0)
        err = gnutls_x509_name_constraints_add_permitted(limits, GNUTLS_SAN_URI, &nowhere);
    if (err == 0)
        err = gnutls_x509_name_constraints_add_excluded(limits, GNUTLS_SAN_IPADDRESS, &v4);
    if (err == 0)
        err = gnutls_x509_name_constraints_add_excluded(limits, GNUTLS_SAN_IPADDRESS, &v6);
    return err;
}

static int set_limits(gnutls_x509_crt_t c, const char *suffix)
{
    gnutls_x509_name_constraints_t limits;
    int err = gnutls_x509_name_constraints_init(&limits);

    if (err < 0)
        return err;
    err = limit(limits, suffix);
    if (err == 0)
        err = gnutls_x509_crt_set_name_constraints(c, limits, 1);
    gnutls_x509_name_constraints_deinit(limits);
    return err;
}

static int fill_own(gnutls_x509_crt_t c, const struct local_ca *ca, const char *subject)
{
    int err = set_frame(c, ca->key, ca->facts.since, ca->facts.until);

    if (err == 0)
        err = set_name(c, GNUTLS_OID_X520_ORGANIZATION_NAME, "Overlay");
    if (err == 0)
        err = set_name(c, GNUTLS_OID_X520_COMMON_NAME, subject);
    if (err == 0)
        err = gnutls_x509_crt_set_basic_constraints(c, 1, 0);
    if (err == 0)
        err = gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_KEY_CERT_SIGN);
    if (err == 0)
        err = set_limits(c, ca->facts.suffix);
    if (err == 0)
        err = gnutls_x509_crt_sign2(c, c, ca->key, GNUTLS_DIG_SHA256, 0);
    return err;
}

static int print(gnutls_x509_crt_t c, char **out)
{
    gnutls_datum_t text;
    int err = gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &text);

    if (err < 0)
        return err;
    *out = strndup((const char *)text.data, text.size);
    gnutls_free(text.data);
    return *out ? 0 : GNUTLS_E_MEMORY_ERROR;
}

static void take(struct local_ca *ca, gnutls_x509_crt_t c, char *text)
{
    if (ca->certificate)
        gnutls_x509_crt_deinit(ca->certificate);
    free(ca->text);
    ca->certificate = c;
    ca->text = text;
}

int local_ca_renew(struct local_ca *ca, int64_t now)
{
    char subject[SUBJECT_MAX], *text = NULL;
    gnutls_x509_crt_t c;
    struct local_ca_facts before = ca->facts;
    int err = gnutls_x509_crt_init(&c);

    if (err < 0)
        return local_ca_error(err);
    ca->facts.since = now - SLACK;
    ca->facts.until = now + (int64_t)LOCAL_CA_DAYS * LOCAL_CA_DAY;
    (void)snprintf(subject, sizeof(subject), "Overlay local authority %s", ca->facts.id);
    err = fill_own(c, ca, subject);
    if (err == 0)
        err = print(c, &text);
    if (err < 0) {
        ca->facts = before;
        gnutls_x509_crt_deinit(c);
        return local_ca_error(err);
    }
    take(ca, c, text);
    return 0;
}

/* ---- making and reading ---- */

static int make_key(struct local_ca *ca)
{
    uint8_t hash[64];
    size_t len = sizeof(hash);
    int err = gnutls_x509_privkey_init(&ca->key);

    if (err == 0)
        err = gnutls_x509_privkey_generate(ca->key, GNUTLS_PK_ECDSA, P256_BITS, 0);
    if (err == 0)
        err = gnutls_x509_privkey_get_key_id(ca->key, GNUTLS_KEYID_USE_SHA256, hash, &len);
    if (err < 0)
        return local_ca_error(err);
    (void)text_hex(ca->facts.id, hash, LOCAL_CA_ID_LEN / 2);
    return 0;
}

int local_ca_new(struct local_ca **out, const char *suffix, int64_t now)
{
    struct local_ca *ca = calloc(1, sizeof(*ca));

    if (!ca)
        return -ENOMEM;
    (void)snprintf(ca->facts.suffix, sizeof(ca->facts.suffix), "%s", suffix);
    int err = make_key(ca);
    if (err == 0)
        err = local_ca_renew(ca, now);
    if (err < 0) {
        local_ca_free(ca);
        return err;
    }
    *out = ca;
    return 0;
}

void local_ca_free(struct local_ca *ca)
{
    if (!ca)
        return;
    if (ca->certificate)
        gnutls_x509_crt_deinit(ca->certificate);
    if (ca->key)
        gnutls_x509_privkey_deinit(ca->key);
    free(ca->text);
    free(ca);
}

/* Does the certificate belong to the key? */
static bool is_of_key(gnutls_x509_crt_t c, gnutls_x509_privkey_t key)
{
    uint8_t a[64], b[64];
    size_t a_len = sizeof(a), b_len = sizeof(b);

    return gnutls_x509_crt_get_key_id(c, GNUTLS_KEYID_USE_SHA256, a, &a_len) == 0 &&
           gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, b, &b_len) == 0 &&
           a_len == b_len && memcmp(a, b, a_len) == 0;
}

static int say(char why[static LOCAL_CA_WHY_MAX], const char *text)
{
    (void)snprintf(why, LOCAL_CA_WHY_MAX, "%s", text);
    return -EBADMSG;
}

static int read_key(struct local_ca *ca, const char *key, char why[static LOCAL_CA_WHY_MAX])
{
    gnutls_datum_t text = datum_of(key);
    int err = gnutls_x509_privkey_init(&ca->key);

    if (err < 0)
        return local_ca_error(err);
    err = gnutls_x509_privkey_import2(ca->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    return err < 0 ? say(why, "it holds no private key that can be read") : 0;
}

static int read_certificate(struct local_ca *ca, const char *text,
                            char why[static LOCAL_CA_WHY_MAX])
{
    int err = local_ca_examine(&ca->facts, text, why);

    if (err == 0)
        err = local_ca_import(&ca->certificate, text);
    if (err < 0)
        return err;
    if (!is_of_key(ca->certificate, ca->key))
        return say(why, "it is not the certificate of the key beside it");
    ca->text = strdup(text);
    return ca->text ? 0 : -ENOMEM;
}

int local_ca_read(struct local_ca **out, const char *key, const char *certificate, const char **bad,
                  char why[static LOCAL_CA_WHY_MAX])
{
    struct local_ca *ca = calloc(1, sizeof(*ca));

    if (!ca)
        return -ENOMEM;
    *bad = "key";
    int err = read_key(ca, key, why);
    if (err == 0) {
        *bad = "certificate";
        err = read_certificate(ca, certificate, why);
    }
    if (err < 0) {
        local_ca_free(ca);
        return err;
    }
    *out = ca;
    return 0;
}

const struct local_ca_facts *local_ca_facts(const struct local_ca *ca)
{
    return &ca->facts;
}

bool local_ca_is_old(const struct local_ca *ca, int64_t now)
{
    return now > ca->facts.until - (int64_t)LOCAL_CA_RENEW * LOCAL_CA_DAY;
}

const char *local_ca_certificate(const struct local_ca *ca)
{
    return ca->text;
}

char *local_ca_key(const struct local_ca *ca)
{
    gnutls_datum_t text;

    if (gnutls_x509_privkey_export2_pkcs8(ca->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                          &text) < 0)
        return NULL;
    char *out = strndup((const char *)text.data, text.size);
    secret_wipe(text.data, text.size);
    gnutls_free(text.data);
    return out;
}

/* ---- leaves ---- */

static int fill_leaf(gnutls_x509_crt_t c, gnutls_x509_privkey_t key, const struct local_ca *ca,
                     const char *host, int64_t now)
{
    char below[LOCAL_CA_HOST_MAX + 3];
    uint8_t id[64];
    size_t len = sizeof(id);
    int64_t until = now + (int64_t)LOCAL_CA_LEAF * LOCAL_CA_DAY;

    (void)snprintf(below, sizeof(below), "*.%s", host);
    int err = set_frame(c, key, now - SLACK, until < ca->facts.until ? until : ca->facts.until);
    if (err == 0)
        err = set_name(c, GNUTLS_OID_X520_ORGANIZATION_NAME, "Overlay");
    if (err == 0)
        err = gnutls_x509_crt_set_basic_constraints(c, 0, -1);
    if (err == 0)
        err = gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (err == 0)
        err = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, host,
                                                   (unsigned)strlen(host), GNUTLS_FSAN_SET);
    if (err == 0)
        err = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, below,
                                                   (unsigned)strlen(below), GNUTLS_FSAN_APPEND);
    if (err == 0)
        err = gnutls_x509_privkey_get_key_id(ca->key, GNUTLS_KEYID_USE_SHA1, id, &len);
    if (err == 0)
        err = gnutls_x509_crt_set_authority_key_id(c, id, len);
    if (err == 0)
        err = gnutls_x509_crt_sign2(c, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0);
    return err;
}

static int issue(const struct local_ca *ca, const char *host, int64_t now, gnutls_x509_crt_t c,
                 gnutls_x509_privkey_t key, struct tls_identity **out)
{
    int err = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, P256_BITS, 0);

    if (err == 0)
        err = fill_leaf(c, key, ca, host, now);
    return err < 0 ? local_ca_error(err) : tls_identity_of(out, c, key);
}

/* "alice.overlay" and no wildcard over the suffix itself, which browsers refuse. */
static bool is_under(const char *host, const char *suffix)
{
    size_t len = strlen(host), tail = strlen(suffix);

    return len <= LOCAL_CA_HOST_MAX && len > tail + 1 && host[0] != '.' && !strchr(host, '*') &&
           host[len - tail - 1] == '.' && strcmp(host + len - tail, suffix) == 0;
}

int local_ca_issue(const struct local_ca *ca, const char *host, int64_t now,
                   struct tls_identity **out)
{
    gnutls_x509_crt_t c = NULL;
    gnutls_x509_privkey_t key = NULL;

    if (!is_under(host, ca->facts.suffix))
        return -EDOM;
    if (now >= ca->facts.until)
        return -EKEYEXPIRED;
    int err = -ENOMEM;
    if (gnutls_x509_crt_init(&c) == 0 && gnutls_x509_privkey_init(&key) == 0)
        err = issue(ca, host, now, c, key, out);
    if (c)
        gnutls_x509_crt_deinit(c);
    if (key)
        gnutls_x509_privkey_deinit(key);
    return err;
}
