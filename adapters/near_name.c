#include "adapters/near_name.h"

#include <stdio.h>
#include <string.h>

enum { FAR = NEAR_LABEL_MAX };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned near_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    unsigned rows[3][NEAR_LABEL_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    if (a_len > NEAR_LABEL_MAX || b_len > NEAR_LABEL_MAX)
        return FAR;
    for (unsigned k = 0; k <= b_len; k++)
        above[k] = before[k] = k;
    for (unsigned i = 1; i <= a_len; i++) {
        row[0] = i;
        for (unsigned k = 1; k <= b_len; k++) {
            bool same = a[i - 1] == b[k - 1];
            row[k] = least(above[k - 1] + !same, least(above[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = least(row[k], before[k - 2] + 1);
        }
        unsigned *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b_len];
}

/* The best of the words shown so far. */
struct search {
    const char *wanted;
    const char *best;
    unsigned distance;
};

/* Two letters, but less than half of the word. */
static struct search search_for(const char *wanted)
{
    unsigned half = (unsigned)(strlen(wanted) / 2);
    return (struct search){wanted, NULL, least(half, 2) + 1};
}

static void consider(struct search *s, const char *word)
{
    unsigned distance = near_distance(s->wanted, word);
    if (distance == 0 || distance >= s->distance)
        return;
    s->distance = distance;
    s->best = word;
}

static bool take_label(char out[static NEAR_LABEL_MAX + 1], const char *at, size_t len)
{
    if (len == 0 || len > NEAR_LABEL_MAX || memchr(at, '.', len))
        return false;
    memcpy(out, at, len);
    out[len] = 0;
    return true;
}

/* Returns the tail: ".overlay" or ".overlay.localhost"; NULL: this is no SERVICE.PEER or PEER. */
static const char *take_apart(struct near_name *out, const char *suffix, const char *host)
{
    char tail[NAMES_SUFFIX_MAX + sizeof("..localhost")];
    size_t len = strlen(host);
    for (int local = 0; local <= 1; local++) {
        snprintf(tail, sizeof(tail), ".%s%s", suffix, local ? ".localhost" : "");
        size_t tail_len = strlen(tail);
        if (len <= tail_len || strcmp(host + len - tail_len, tail) != 0)
            continue;
        const char *end = host + len - tail_len;
        const char *dot = memchr(host, '.', len - tail_len);
        const char *peer = dot ? dot + 1 : host;
        bool ok = (!dot || take_label(out->service, host, (size_t)(dot - host))) &&
                  take_label(out->peer, peer, (size_t)(end - peer));
        return ok ? end : NULL;
    }
    return NULL;
}

void near_name_find(struct near_name *out, struct node *n, const char *suffix, const char *host)
{
    struct registry *r = node_registry(n);
    struct peer_view view;
    *out = (struct near_name){.peer_known = false};
    const char *tail = take_apart(out, suffix, host);
    if (!tail)
        return;
    struct search peers = search_for(out->peer), services = search_for(out->service);
    const struct known_peer *known = registry_peer_by_alias(r, out->peer);
    out->peer_known = known != NULL;
    for (size_t i = 0; !known && i < registry_peer_count(r); i++)
        consider(&peers, registry_peer_at(r, i)->alias);
    if (known && out->service[0] && node_peer(n, &known->id, &view) && view.services_known) {
        for (size_t i = 0; i < view.service_count; i++)
            consider(&services, view.services[i].name);
    }
    if (!peers.best && !services.best)
        return;
    const char *service = services.best ? services.best : out->service;
    int len = snprintf(out->name, sizeof(out->name), "%s%s%s%s", service, service[0] ? "." : "",
                       peers.best ? peers.best : out->peer, tail);
    if (len < 0 || (size_t)len >= sizeof(out->name))
        out->name[0] = 0;
}
