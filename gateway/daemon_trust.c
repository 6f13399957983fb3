/* https: the local authority's files, as they are now, become the proxy's certificates. */
#include "gateway/daemon_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/identity/authority.h"

static int take(struct daemon *d, struct local_ca *fresh, char *why, size_t why_len)
{
    int err = proxy_set_https(d->proxy, fresh);

    if (err < 0)
        (void)snprintf(why, why_len, "https: %s", strerror(-err));
    local_ca_free(d->authority);
    d->authority = err < 0 ? NULL : fresh;
    if (err < 0)
        local_ca_free(fresh);
    return err;
}

static int trust_changed(void *arg, char *why, size_t why_len)
{
    struct daemon *d = arg;
    struct local_ca *fresh = NULL;
    int err = authority_load(&fresh, d->env, d->suffix, why, why_len);

    if (err == -ENOENT)
        return take(d, NULL, why, why_len);
    return err < 0 ? err : take(d, fresh, why, why_len);
}

static bool trust(void *arg, struct local_ca_facts *out)
{
    const struct daemon *d = arg;

    if (d->authority)
        *out = *local_ca_facts(d->authority);
    return d->authority != NULL;
}

void daemon_fill_trust(struct daemon *d)
{
    d->services.trust_changed = trust_changed;
    d->services.trust = trust;
}

void daemon_start_trust(struct daemon *d)
{
    char why[512] = "";

    if (trust_changed(d, why, sizeof(why)) < 0)
        log_error(LOG_PROXY, "no https: %s/%s", d->options->home, why);
}

bool daemon_has_https(void *arg, const struct peer_id *peer)
{
    struct daemon *d = arg;
    return d->pool_doors && pool_doors_https(d->pool_doors, peer);
}

void daemon_stop_trust(struct daemon *d)
{
    local_ca_free(d->authority);
    d->authority = NULL;
}
