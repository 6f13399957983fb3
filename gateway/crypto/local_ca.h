/**
 * A certificate authority of this user alone, for the names of his gateway: made here, its key
 * never leaves the home, and nobody but the browsers of this machine is asked to believe it.
 *
 * What it can sign is limited by its own certificate (RFC 5280 §4.2.1.10, critical): names under
 * the suffix, no address, no other host, no authority below it. So a stolen key opens no other site
 * to the thief, wherever the certificate was installed.
 *
 * Pure: times are seconds since 1970, files are text in and out. ECDSA P-256, which is what all
 * browsers take.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/crypto/tls_identity.h"

#define LOCAL_CA_DAYS   730 /* how long a certificate is good */
#define LOCAL_CA_RENEW  90  /* days before its end in which a new one is made */
#define LOCAL_CA_LEAF   14  /* days that a server's certificate is good */
#define LOCAL_CA_ID_LEN 8
#define LOCAL_CA_DAY    86400 /* seconds */

enum { LOCAL_CA_SUFFIX_MAX = 63, LOCAL_CA_HOST_MAX = 253, LOCAL_CA_WHY_MAX = 200 };

/** What a certificate says of itself. */
struct local_ca_facts {
    char id[LOCAL_CA_ID_LEN + 1];         /* the start of its key's hash: stays when renewed */
    char suffix[LOCAL_CA_SUFFIX_MAX + 1]; /* "overlay": it is good for names under it */
    int64_t since, until;
};

struct local_ca;

/** Makes one, with a new key. Returns 0, -ENOMEM or -EIO. */
MUST_USE int local_ca_new(struct local_ca **out, const char *suffix, int64_t now);
/** From its two files (PEM). -EBADMSG, and which of `key` and `certificate` it is in `*bad`, "key"
 *  or "certificate", with a sentence for people in `why`. */
MUST_USE int local_ca_read(struct local_ca **out, const char *key, const char *certificate,
                           const char **bad, char why[static LOCAL_CA_WHY_MAX]);
/** Gives it a new certificate for the key that it has. Returns 0, -ENOMEM or -EIO. */
MUST_USE int local_ca_renew(struct local_ca *ca, int64_t now);
void local_ca_free(struct local_ca *ca);

const struct local_ca_facts *local_ca_facts(const struct local_ca *ca);
/** Is it time to renew it? */
bool local_ca_is_old(const struct local_ca *ca, int64_t now);
/** The certificate (PEM), borrowed until it is renewed or freed. */
const char *local_ca_certificate(const struct local_ca *ca);
/** The key (PEM), which the caller wipes and frees. NULL: no memory. */
char *local_ca_key(const struct local_ca *ca);

/**
 * A certificate for `host` and everything one label below it, with a key of its own, in memory
 * only. Good for LOCAL_CA_LEAF days. Returns 0, -EDOM (not a name under the suffix), -EKEYEXPIRED,
 * -ENOMEM or -EIO.
 */
MUST_USE int local_ca_issue(const struct local_ca *ca, const char *host, int64_t now,
                            struct tls_identity **out);

/**
 * Reads a certificate that somebody else may have written, before it is installed: 0 only for one
 * that is limited as ours are, with nothing before or behind it. Else -EBADMSG, and a sentence for
 * people in `why`.
 */
MUST_USE int local_ca_examine(struct local_ca_facts *out, const char *certificate,
                              char why[static LOCAL_CA_WHY_MAX]);
