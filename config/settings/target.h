/**
 * What `share` and [service NAME] may point at: a port of this machine, an address, a unix socket.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define SHARE_TARGET_MAX   255 /* characters */
#define SHARE_TARGET_FORMS "PORT, 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:/PATH"

struct share_target {
    char text[SHARE_TARGET_MAX + 1]; /* IP:PORT, NAME:PORT, "localhost:PORT" or "unix:/path" */
    uint16_t port;                   /* 0 for a unix socket */
    bool off_host;                   /* another address than loopback, or a name but localhost */
};

/**
 * Reads PORT, IP:PORT, localhost:PORT, NAME:PORT or unix:/PATH. Returns 0, or -EINVAL: none of
 * these, port 0, or a relative path.
 */
MUST_USE int share_target_parse(struct share_target *out, const char *text);
