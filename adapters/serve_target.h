/**
 * Where a service of ours really is: reads a target and says what may be dialled for it.
 *
 *     localhost:3000, 127.0.0.1:3000     127.0.0.1, and ::1 when that one refuses
 *     127.0.0.53:53, [::1]:3000          that address
 *     192.0.2.1:80                       another host: only with off_host
 *     printer.lan:80                     the same, once its name was looked up
 *     unix:/run/app.sock                 a unix socket
 *
 * Never dialled, whatever a service says: the addresses where clouds keep their credentials,
 * addresses of nobody or of groups, and our own local doors (the owner says which these are).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/node/registry.h"

#define SERVE_ADDRESSES_MAX 4
#define SERVE_HOST_MAX      253

enum serve_target_kind { SERVE_ADDRESSES, SERVE_UNIX, SERVE_NAME };

struct serve_target {
    enum serve_target_kind kind;
    struct addr address[SERVE_ADDRESSES_MAX]; /* in the order to be tried */
    size_t count;
    const char *path;              /* SERVE_UNIX: within the service's target */
    char host[SERVE_HOST_MAX + 1]; /* SERVE_NAME: to be looked up, then serve_target_allows() */
    uint16_t port;                 /* of SERVE_NAME */
};

/**
 * Reads a service's target. Returns 0, -EINVAL (nothing that can be read), or -EPERM (another host,
 * and the service does not say off_host; or an address that is never dialled).
 */
MUST_USE int serve_target_read(struct serve_target *out, const struct service *service);

/** False for addresses that are never dialled, or not without `off_host`. */
bool serve_target_allows(const struct addr *a, bool off_host);
