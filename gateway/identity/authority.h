/**
 * The two files of the local authority (gateway/crypto/local_ca.h) in the gateway's home. While
 * there is a key, the gateway speaks https.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/crypto/local_ca.h"

#define AUTHORITY_KEY         "ca.key"
#define AUTHORITY_CERTIFICATE "ca.crt"

/** Reads it. -ENOENT: there is none; else on error `why` says which file and what is wrong with it.
 */
MUST_USE int authority_load(struct local_ca **out, struct env *env, const char *suffix, char *why,
                            size_t why_len);
/** The same, but makes it where there is none, and renews it when it is old; `fresh` tells of both:
 *  that the certificate is new. */
MUST_USE int authority_make(struct local_ca **out, struct env *env, const char *suffix, bool *fresh,
                            char *why, size_t why_len);
/** Deletes the key, and the certificate too unless `keep_certificate`. */
MUST_USE int authority_forget(struct env *env, bool keep_certificate, char *why, size_t why_len);
