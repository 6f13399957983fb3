/* The registry as a whole: opened, saved, read again, freed. */
#include "gateway/node/registry_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file_error.h"
#include "gateway/base/log.h"

static int load_file(struct registry *r, char *why, size_t why_len)
{
    auto_free uint8_t *data = NULL;
    size_t len = 0;
    int err = env_load(r->env, REGISTRY_FILE, &data, &len);
    if (err == -ENOENT)
        return 0;
    if (err < 0) {
        (void)snprintf(why, why_len, "%s: %s", REGISTRY_FILE, file_error_text(err));
        return err;
    }
    hash_sha256(r->saved, data, len);
    return registry_read(r, (const char *)data, len, why, why_len);
}

int registry_open(struct registry **out, struct env *env, char *why, size_t why_len)
{
    struct registry *r = calloc(1, sizeof(*r));
    if (!r) {
        (void)snprintf(why, why_len, "%s: %s", REGISTRY_FILE, strerror(ENOMEM));
        return -ENOMEM;
    }
    r->env = env;
    int err = env ? load_file(r, why, why_len) : 0;
    if (err < 0) {
        registry_free(r);
        return err;
    }
    *out = r;
    return 0;
}

static void deinit(struct registry *r)
{
    registry_peers_free(r);
    registry_services_free(r);
    free(r->ports);
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    deinit(r);
    free(r);
}

int registry_save(struct registry *r)
{
    uint8_t hash[HASH_SHA256_LEN];
    size_t len;
    auto_free char *text = registry_write(r, &len);
    if (!text)
        return -ENOMEM;
    hash_sha256(hash, text, len);
    if (memcmp(hash, r->saved, sizeof(hash)) == 0)
        return 0;
    int err = env_save(r->env, REGISTRY_FILE, (const uint8_t *)text, len);
    if (err < 0) {
        log_warn(LOG_CONFIG, "%s cannot be saved: %s", REGISTRY_FILE, strerror(-err));
        return err;
    }
    memcpy(r->saved, hash, sizeof(hash));
    return 0;
}

/* Carries over what the file does not hold: the configuration file's entries, what is shared for a
 * program's life, the counters, and times by the clock of this run. */
static int carry_over(struct registry *fresh, const struct registry *old)
{
    int err = 0;
    for (size_t i = 0; i < old->peer_count && err == 0; i++)
        if (old->peers[i]->peer.from_config)
            err = registry_peer_put_config(fresh, &old->peers[i]->peer);
    for (size_t i = 0; i < old->service_count && err == 0; i++) {
        const struct service_entry *e = old->services[i];
        struct service copy = e->service;
        copy.allow = e->own_allow.id;
        copy.allow_count = e->own_allow.count;
        copy.deny = e->own_deny.id;
        copy.deny_count = e->own_deny.count;
        if (copy.from_config || copy.transient)
            err = registry_service_put(fresh, &copy);
    }
    for (size_t i = 0; i < old->service_count && err == 0; i++) {
        const struct service *s = &old->services[i]->service;
        struct service *now = registry_service(fresh, s->name);
        if (!now || now->from_config != s->from_config)
            continue;
        now->connections = s->connections;
        now->rx_bytes = s->rx_bytes;
        now->tx_bytes = s->tx_bytes;
        if (now->expires_us == s->expires_us)
            now->ends = s->ends;
    }
    return err;
}

int registry_reload(struct registry *r, char *why, size_t why_len)
{
    struct registry *fresh;
    int err = registry_open(&fresh, r->env, why, why_len);
    if (err < 0)
        return err;
    err = carry_over(fresh, r);
    if (err < 0) {
        (void)snprintf(why, why_len, "%s: does not go with the configuration file: %s",
                       REGISTRY_FILE, strerror(-err));
        registry_free(fresh);
        return err;
    }
    struct registry old = *r;
    *r = *fresh;
    *fresh = old;
    registry_free(fresh);
    return 0;
}

void registry_drop_config(struct registry *r)
{
    registry_peers_drop_config(r);
    registry_services_drop_config(r);
}
