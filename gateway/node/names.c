#include "gateway/node/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/node/registry.h"

#define LOCALHOST ".localhost"

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Cuts `tail` off the end of text[0..len). Returns the new length, or `len`. */
static size_t cut_end(const char *text, size_t len, const char *tail)
{
    size_t n = strlen(tail);
    if (n > len || memcmp(text + len - n, tail, n) != 0)
        return len;
    return len - n;
}

/* Copies a host name in lower case, without its final dot. Returns its length, 0 for none. */
static size_t fold(const char *host, char out[static NAMES_HOST_MAX + 1])
{
    size_t len = strnlen(host, NAMES_HOST_MAX + 2);
    if (len > 0 && host[len - 1] == '.')
        len--;
    if (len > NAMES_HOST_MAX)
        return 0;
    for (size_t i = 0; i < len; i++)
        out[i] = lower(host[i]);
    out[len] = '\0';
    return len;
}

/* Leaves in `front` what stands before the suffix, its dot cut. -EDOM: not ours. */
static int split(const char *suffix, const char *host, char front[static NAMES_HOST_MAX + 1])
{
    size_t len = fold(host, front);
    size_t before = cut_end(front, len, suffix);
    if (before == len) {
        len = cut_end(front, len, LOCALHOST);
        before = cut_end(front, len, suffix);
    }
    if (before == len || (before > 0 && front[before - 1] != '.'))
        return -EDOM;
    front[before > 0 ? before - 1 : 0] = '\0';
    /* ".overlay" has an empty label before the suffix, which is no name at all. */
    return before == 1 ? -ENOENT : 0;
}

static int find_peer(struct node *n, const char *label, struct name_target *out)
{
    if (peer_id_parse(&out->peer, label, strlen(label)) == 0)
        return 0;
    if (strlen(label) > ALIAS_MAX)
        return -ENOENT;
    const struct known_peer *known = registry_peer_by_alias(node_registry(n), label);
    if (!known)
        return -ENOENT;
    out->peer = known->id;
    out->by_alias = true;
    return 0;
}

/* "p8080" asks for a service by its port. Returns the port, or 0. */
static uint16_t port_of_label(const char *label)
{
    unsigned port = 0;
    if (label[0] != 'p' || label[1] < '1' || label[1] > '9')
        return 0;
    for (const char *c = label + 1; *c; c++) {
        if (*c < '0' || *c > '9' || c - label > 5)
            return 0;
        port = port * 10 + (unsigned)(*c - '0');
    }
    return (uint16_t)(port <= UINT16_MAX ? port : 0);
}

static const struct remote_service *find_service(const struct peer_view *view, const char *label)
{
    for (size_t i = 0; i < view->service_count; i++)
        if (strcmp(view->services[i].name, label) == 0)
            return &view->services[i];
    uint16_t port = port_of_label(label);
    for (size_t i = 0; port != 0 && i < view->service_count; i++)
        if (view->services[i].port == port)
            return &view->services[i];
    return NULL;
}

static int name_service(struct node *n, const char *label, struct name_target *out)
{
    struct peer_view view;
    if (!preamble_name_ok(label))
        return -ENOENT;
    memcpy(out->service, label, strlen(label) + 1);
    if (!node_peer(n, &out->peer, &view) || !view.services_known) {
        out->kind = NAME_UNSURE;
        return 0;
    }
    const struct remote_service *offered = find_service(&view, label);
    if (!offered)
        return -ENOENT;
    out->kind = NAME_SERVICE;
    out->offered = *offered;
    memcpy(out->service, offered->name, sizeof(out->service));
    return 0;
}

int names_resolve(struct node *n, const char *suffix, const char *host, struct name_target *out)
{
    char front[NAMES_HOST_MAX + 1];
    int err = split(suffix, host, front);
    if (err < 0)
        return err;
    *out = (struct name_target){.kind = NAME_PEER};

    char *dot = strchr(front, '.');
    err = find_peer(n, dot ? dot + 1 : front, out);
    if (err < 0 || !dot)
        return err;
    *dot = '\0';
    return name_service(n, front, out);
}

bool names_is_check(struct node *n, const char *suffix, const char *host)
{
    char front[NAMES_HOST_MAX + 1];
    return split(suffix, host, front) == 0 && strcmp(front, REGISTRY_RESERVED_ALIAS) == 0 &&
           !registry_peer_by_alias(node_registry(n), front);
}

bool names_is_ours(const char *suffix, const char *host)
{
    char front[NAMES_HOST_MAX + 1];
    return split(suffix, host, front) != -EDOM;
}

bool names_suffix_ok(const char *suffix)
{
    size_t label = 0;
    char before = '.';
    if (strnlen(suffix, NAMES_SUFFIX_MAX + 1) > NAMES_SUFFIX_MAX)
        return false;
    for (const char *c = suffix; *c; before = *c++) {
        bool edge = before == '.' || c[1] == '.' || c[1] == '\0';
        if (*c == '.' && label == 0)
            return false;
        if (*c == '-' && edge)
            return false;
        if (*c != '.' && *c != '-' && (*c < 'a' || *c > 'z') && (*c < '0' || *c > '9'))
            return false;
        label = *c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

size_t names_write(struct node *n, const char *suffix, const struct peer_id *peer,
                   const char *service, char *out, size_t max)
{
    char id[PEER_ID_TEXT_MAX];
    const struct known_peer *known = registry_peer(node_registry(n), peer);
    const char *who = known && known->alias[0] ? known->alias : peer_id_print(peer, id);
    bool has = service && service[0];
    int len = snprintf(out, max, "%s%s%s.%s", has ? service : "", has ? "." : "", who, suffix);
    return len > 0 ? (size_t)len : 0;
}
