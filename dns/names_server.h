/**
 * Look-ups by libnss_overlay: a unix socket that every user of this machine may connect to.
 *
 * Says what the DNS server would say, in the words of dns/nss/wire.h, and does nothing else.
 * Anybody may ask, so nothing that is asked costs more than an answer: a client has NAMES_IDLE for
 * its next question, and NAMES_CLIENTS_MAX clients are served, of whom the one that was silent
 * longest makes room for a newcomer.
 */
#pragma once

#include "dns/answer.h"
#include "gateway/base/attr.h"
#include "gateway/base/env.h"

#define NAMES_CLIENTS_MAX 64
#define NAMES_IDLE        SEC(2)

struct names_server;

/** `path` and `suffix` are copied, `arg` is the source's. Errors as sock_listen_everyone(). */
MUST_USE int names_server_new(struct names_server **out, struct env *env, const char *path,
                              const char *suffix, const struct answer_source *source, void *arg);
void names_server_free(struct names_server *s);
