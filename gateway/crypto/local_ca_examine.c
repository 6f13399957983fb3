/* What a certificate may do, whoever wrote it. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/crypto/local_ca.h"
#include "gateway/crypto/local_ca_parts.h"

int local_ca_import(gnutls_x509_crt_t *out, const char *certificate)
{
    gnutls_datum_t text = {(unsigned char *)(uintptr_t)certificate, (unsigned)strlen(certificate)};
    int err = gnutls_x509_crt_init(out);

    if (err < 0)
        return local_ca_error(err);
    err = gnutls_x509_crt_import(*out, &text, GNUTLS_X509_FMT_PEM);
    if (err < 0)
        gnutls_x509_crt_deinit(*out);
    return err < 0 ? -EBADMSG : 0;
}

static int say(char why[static LOCAL_CA_WHY_MAX], const char *text)
{
    (void)snprintf(why, LOCAL_CA_WHY_MAX, "%s", text);
    return -EBADMSG;
}

/* Is this the certificate, and nothing besides? Whoever takes the file over takes all of it: a
 * second certificate behind the one that was looked at would be believed without limits. */
static bool is_all_of(gnutls_x509_crt_t c, const char *text)
{
    gnutls_datum_t own;

    if (gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &own) < 0)
        return false;
    bool same = strlen(text) == own.size && memcmp(text, own.data, own.size) == 0;
    gnutls_free(own.data);
    return same;
}

/* A domain name in lower case: it is shown at terminals. */
static bool is_suffix(const gnutls_datum_t *name)
{
    if (name->size == 0 || name->size > LOCAL_CA_SUFFIX_MAX || name->data[0] == '.')
        return false;
    for (unsigned i = 0; i < name->size; i++) {
        unsigned char c = name->data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* The limits of one list: how many there are of what we write, and whether there is anything else.
 */
struct limits {
    unsigned dns, v4, v6, nowhere, other;
};

static void count_permitted(struct limits *l, unsigned type, const gnutls_datum_t *name,
                            struct local_ca_facts *out)
{
    if (type == GNUTLS_SAN_DNSNAME && is_suffix(name)) {
        l->dns++;
        memcpy(out->suffix, name->data, name->size);
        out->suffix[name->size] = '\0';
    } else if ((type == GNUTLS_SAN_RFC822NAME || type == GNUTLS_SAN_URI) &&
               name->size == strlen(LOCAL_CA_NOWHERE) &&
               memcmp(name->data, LOCAL_CA_NOWHERE, name->size) == 0) {
        l->nowhere++;
    } else {
        l->other++;
    }
}

static void count_excluded(struct limits *l, unsigned type, const gnutls_datum_t *name)
{
    if (type != GNUTLS_SAN_IPADDRESS)
        return; /* to exclude more is no harm */
    static const uint8_t all[LOCAL_CA_ALL_V6];
    bool fits = name->size == LOCAL_CA_ALL_V4 || name->size == LOCAL_CA_ALL_V6;
    if (fits && memcmp(name->data, all, name->size) == 0)
        *(name->size == LOCAL_CA_ALL_V4 ? &l->v4 : &l->v6) += 1;
}

static bool is_limited(gnutls_x509_crt_t c, struct local_ca_facts *out)
{
    struct limits l = {0};
    gnutls_x509_name_constraints_t limits;
    gnutls_datum_t name;
    unsigned critical = 0, type;

    if (gnutls_x509_name_constraints_init(&limits) < 0)
        return false;
    if (gnutls_x509_crt_get_name_constraints(c, limits, 0, &critical) < 0)
        critical = 0;
    for (unsigned i = 0;
         critical && gnutls_x509_name_constraints_get_permitted(limits, i, &type, &name) == 0; i++)
        count_permitted(&l, type, &name, out);
    for (unsigned i = 0;
         critical && gnutls_x509_name_constraints_get_excluded(limits, i, &type, &name) == 0; i++)
        count_excluded(&l, type, &name);
    gnutls_x509_name_constraints_deinit(limits);
    return critical && l.dns == 1 && l.nowhere == 2 && l.v4 > 0 && l.v6 > 0 && l.other == 0;
}

static bool is_lowest_authority(gnutls_x509_crt_t c)
{
    unsigned critical = 0, authority = 0;
    int path = -1;

    return gnutls_x509_crt_get_basic_constraints(c, &critical, &authority, &path) >= 0 &&
           critical && authority && path == 0;
}

static int examine(struct local_ca_facts *out, gnutls_x509_crt_t c, const char *text,
                   char why[static LOCAL_CA_WHY_MAX])
{
    uint8_t hash[64];
    size_t len = sizeof(hash);

    if (!is_all_of(c, text))
        return say(why, "it holds something besides one certificate");
    if (!is_lowest_authority(c))
        return say(why, "it is not the certificate of an authority that has none below it");
    if (!is_limited(c, out))
        return say(why, "it is not limited to names under one suffix");
    if (gnutls_x509_crt_get_key_id(c, GNUTLS_KEYID_USE_SHA256, hash, &len) < 0)
        return say(why, "its key cannot be read");
    out->since = gnutls_x509_crt_get_activation_time(c);
    out->until = gnutls_x509_crt_get_expiration_time(c);
    (void)text_hex(out->id, hash, LOCAL_CA_ID_LEN / 2);
    return 0;
}

int local_ca_examine(struct local_ca_facts *out, const char *certificate,
                     char why[static LOCAL_CA_WHY_MAX])
{
    gnutls_x509_crt_t c;
    int err = local_ca_import(&c, certificate);

    *out = (struct local_ca_facts){.id = ""};
    if (err == -EBADMSG)
        return say(why, "it holds no certificate that can be read");
    if (err < 0)
        return err;
    err = examine(out, c, certificate, why);
    gnutls_x509_crt_deinit(c);
    return err;
}
