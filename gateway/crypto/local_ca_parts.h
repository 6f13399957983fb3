/**
 * What the files of gateway/crypto/local_ca.h share.
 */
#pragma once

#include <errno.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "gateway/base/attr.h"

/* Addresses need an explicit no: a permitted list says nothing of the kinds that are not on it. The
 * constraint for all of a family is this many zeroes. */
enum { LOCAL_CA_ALL_V4 = 8, LOCAL_CA_ALL_V6 = 32 };

/* The other kinds of names that there are may be of a host that cannot be (RFC 6761 §6.4). */
#define LOCAL_CA_NOWHERE "invalid"

static inline int local_ca_error(int err)
{
    return err == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO;
}

/** Reads a certificate (PEM). 0, -EBADMSG, or -ENOMEM. */
MUST_USE int local_ca_import(gnutls_x509_crt_t *out, const char *certificate);
