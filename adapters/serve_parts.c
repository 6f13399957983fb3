#include "adapters/serve_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

/* ---- shares ---- */

static struct serve_party *party_new(struct serve_parts *parts, const struct peer_id *id)
{
    struct serve_party *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->id = *id;
    if (map_insert(&parts->parties, p->id.key, sizeof(p->id.key), p) < 0) {
        free(p);
        return NULL;
    }
    return p;
}

/* Strangers count as one: an identity costs them nothing. */
static struct serve_party *party_of(struct serve_parts *parts, const struct peer_id *peer)
{
    static const struct peer_id strangers;
    const struct peer_id *id = registry_peer(node_registry(parts->node), peer) ? peer : &strangers;
    struct serve_party *p = map_find(&parts->parties, id->key, sizeof(id->key));
    return p ? p : party_new(parts, id);
}

static void leave_party(struct serve_parts *parts, struct serve_party *p)
{
    if (--p->uses > 0)
        return;
    (void)map_remove(&parts->parties, p->id.key, sizeof(p->id.key));
    free(p);
}

/* ---- uses ---- */

int serve_use_init(struct serve_use *use, struct serve_parts *parts, const struct peer_id *peer,
                   const struct service *service)
{
    struct serve_party *party = party_of(parts, peer);
    if (!party)
        return -ENOMEM;
    if (party->uses >= parts->party_max)
        return -EBUSY;
    party->uses++;
    use->parts = parts;
    use->party = party;
    use->peer = *peer;
    memcpy(use->service, service->name, sizeof(use->service));
    struct service *counted = serve_use_service(parts, use);
    if (counted)
        counted->connections++;
    return 0;
}

void serve_use_deinit(struct serve_use *use)
{
    list_remove(&use->link);
    leave_party(use->parts, use->party);
}

struct service *serve_use_service(struct serve_parts *parts, const struct serve_use *use)
{
    return registry_service(node_registry(parts->node), use->service);
}

void serve_use_count(const struct serve_use *use, size_t rx, size_t tx)
{
    struct service *s = serve_use_service(use->parts, use);
    if (!s)
        return;
    s->rx_bytes += rx;
    s->tx_bytes += tx;
}

void serve_take_doomed(struct serve_parts *parts, struct list *uses, serve_doomed doomed,
                       struct list *out)
{
    list_init(out);
    for (struct list *at = uses->next, *next; at != uses; at = next) {
        next = at->next;
        if (!doomed(parts, list_entry(at, struct serve_use, link)))
            continue;
        list_remove(at);
        list_append(out, at);
    }
}

enum preamble_status serve_status(int err, const char **reason)
{
    switch (-err) {
    case ETIMEDOUT:
        *reason = "the service's program did not answer in time";
        return PREAMBLE_TIMED_OUT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL: /* no local port is left */
    case EBUSY:
        *reason = "the gateway has too many connections";
        return PREAMBLE_BUSY;
    case EPERM:
    case EINVAL:
        *reason = "the service points where it may not";
        return PREAMBLE_REFUSED;
    case ECONNREFUSED:
    case ENOENT:
        *reason = "the service's program is not running: connection refused";
        return PREAMBLE_REFUSED;
    default:
        *reason = "the service's program cannot be reached";
        return PREAMBLE_REFUSED;
    }
}

void serve_log(const struct serve_use *use, const char *reason)
{
    char id[9];
    log_info(LOG_SERVE, "%s: %s: %s", peer_id_short(&use->peer, id), use->service, reason);
}
