#include "adapters/https_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/env.h"
#include "gateway/base/log.h"
#include "gateway/node/names.h"

/* Leaves are good for two weeks; half of that leaves room for a clock that is set. */
#define LEAF_USED (LOCAL_CA_LEAF / 2 * (int64_t)LOCAL_CA_DAY)

struct leaf {
    struct list link;
    char host[NAMES_HOST_MAX + 1];
    int64_t since;
    struct tls_identity *identity;
};

void https_names_init(struct https_names *n, struct node *node, const char *suffix,
                      const struct local_ca *ca)
{
    *n = (struct https_names){.node = node, .suffix = suffix, .ca = ca};
    list_init(&n->leaves);
}

static void drop(struct https_names *n, struct leaf *leaf)
{
    list_remove(&leaf->link);
    n->count--;
    tls_identity_free(leaf->identity);
    free(leaf);
}

void https_names_deinit(struct https_names *n)
{
    for (struct list *at = list_first(&n->leaves); at; at = list_first(&n->leaves))
        drop(n, list_entry(at, struct leaf, link));
}

/* The peer's own name in a name below it: both have one certificate. */
static void print_peer(const struct name_target *target, const char *host,
                       char out[static NAMES_HOST_MAX + 1])
{
    const char *dot = target->kind == NAME_PEER ? NULL : strchr(host, '.');
    size_t len = 0;

    for (const char *c = dot ? dot + 1 : host; *c && len < NAMES_HOST_MAX; c++)
        out[len++] = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    if (len > 0 && out[len - 1] == '.')
        len--;
    out[len] = '\0';
}

static struct leaf *kept(struct https_names *n, const char *host, int64_t now)
{
    list_each(at, &n->leaves)
    {
        struct leaf *leaf = list_entry(at, struct leaf, link);
        if (strcmp(leaf->host, host) != 0)
            continue;
        if (now >= leaf->since && now < leaf->since + LEAF_USED &&
            now < local_ca_facts(n->ca)->until)
            return leaf;
        drop(n, leaf);
        return NULL;
    }
    return NULL;
}

static struct leaf *issue(struct https_names *n, const char *host, int64_t now)
{
    struct leaf *leaf = calloc(1, sizeof(*leaf));
    int err = leaf ? local_ca_issue(n->ca, host, now, &leaf->identity) : -ENOMEM;

    if (err < 0) {
        /* -EDOM: a name of another kind, as those below .localhost, which need no certificate. */
        if (err == -EKEYEXPIRED)
            log_warn(LOG_PROXY, "the certificate for https has expired: run overlay trust again");
        free(leaf);
        return NULL;
    }
    (void)snprintf(leaf->host, sizeof(leaf->host), "%s", host);
    leaf->since = now;
    list_append(&n->leaves, &leaf->link);
    n->count++;
    if (n->count > HTTPS_LEAVES_MAX)
        drop(n, list_entry(list_first(&n->leaves), struct leaf, link));
    return leaf;
}

struct tls_identity *https_names_find(struct https_names *n, const char *host, struct peer_id *peer)
{
    char own[NAMES_HOST_MAX + 1];
    struct name_target target;
    int64_t now = env_wall_us(node_env(n->node)) / 1000000;

    if (names_resolve(n->node, n->suffix, host, &target) < 0)
        return NULL;
    *peer = target.peer;
    print_peer(&target, host, own);
    struct leaf *leaf = kept(n, own, now);
    if (!leaf)
        return (leaf = issue(n, own, now)) ? leaf->identity : NULL;
    list_remove(&leaf->link);
    list_append(&n->leaves, &leaf->link);
    return leaf->identity;
}
