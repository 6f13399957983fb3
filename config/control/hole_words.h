/**
 * What a program is told of the hole that it gets: in its arguments, where it asks for it, and in
 * its environment.
 *
 *     %inner% %outer% %peer%    our address, ours as seen outside, the peer's: IP:PORT; and each
 *                               split: %innerip% %innerport% ...
 *     %hostid% %peerid%         the ids of both gateways
 *     %proto% %role%            "udp" or "tcp"; "ask" on the side that asked, else "accept"
 *
 * The same is in the environment as OVERLAY_INNER, OVERLAY_INNERIP and so on. The secret is there
 * alone, as OVERLAY_SECRET: 64 hexadecimal digits, the same on both sides. OVERLAY_FD is the number
 * of the inherited socket.
 *
 * A program that was given no arguments of its own gets six: IP and port of inner, outer and peer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"
#include "gateway/identity/peer_id.h"

#define HOLE_SECRET_HEX 64

struct hole_words {
    struct addr inner, outer, peer;
    char hostid[PEER_ID_TEXT_MAX], peerid[PEER_ID_TEXT_MAX];
    char name[64]; /* of the peer, for people */
    char secret[HOLE_SECRET_HEX + 1];
    bool tcp, asked;
};

/** Reads the line that comes with a socket. Returns 0 or -EBADMSG. */
MUST_USE int hole_words_read(struct hole_words *out, const char *line);

/** A list of strings, NULL at the end, that hole_list_free() frees. NULL: no memory. */
char **hole_arguments(const struct hole_words *w, const char *program, char *const *args,
                      size_t count);
/** `fd` -1: there is none. */
char **hole_environment(const struct hole_words *w, int fd);
/** Wipes it too. */
void hole_list_free(char **list);
