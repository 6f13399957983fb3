/* What the server adapter asks of the program: names of targets, and our own local doors, which no
 * service may lead to. */
#include "gateway/daemon_parts.h"

#include <string.h>

#include <sys/stat.h>

/* ---- names ---- */

static void on_looked_up(void *arg, int err, const struct addr *list, int count)
{
    struct serve_lookup *l = arg;
    l->state = NULL;
    l->done(l, err, list, count > 0 ? (size_t)count : 0);
}

static int lookup_start(void *arg, const char *host, struct serve_lookup *l)
{
    struct daemon *d = arg;
    struct resolve *query;
    int err = d->resolver ? 0 : resolver_new(&d->resolver, machine_loop(d->machine), NULL);

    if (err == 0)
        err = resolve_start(&query, d->resolver, host, 0, 0, on_looked_up, l);
    if (err == 0)
        l->state = query;
    return err;
}

static void lookup_cancel(void *arg, struct serve_lookup *l)
{
    (void)arg;
    if (l->state)
        resolve_cancel(l->state);
    l->state = NULL;
}

/* ---- our own doors ---- */

static bool is_among(const struct addr *list, size_t count, const struct addr *a)
{
    for (size_t i = 0; i < count; i++) {
        bool same_host = addr_same_ip(&list[i], a) || addr_is_unspecified(&list[i]);
        if (same_host && addr_port(&list[i]) == addr_port(a))
            return true;
    }
    return false;
}

static bool is_own_address(void *arg, const struct addr *a)
{
    struct daemon *d = arg;
    struct addr found[8];

    if (d->dns && is_among(found, dns_server_addresses(d->dns, found, 8), a))
        return true;
    return d->proxy && is_among(found, proxy_listens(d->proxy, found, 8), a);
}

/* By the file itself: a path can be spelled in many ways. */
static bool is_same_file(const char *own_path, const char *path)
{
    struct stat own, other;

    if (stat(own_path, &own) < 0 || stat(path, &other) < 0)
        return strcmp(own_path, path) == 0;
    return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static bool is_own_path(void *arg, const char *path)
{
    struct daemon *d = arg;

    return is_same_file(d->control_path, path) ||
           is_same_file(d->options->settings->setup_names_socket, path);
}

void daemon_fill_doors(struct daemon *d)
{
    d->lookup = (struct serve_resolver){lookup_start, lookup_cancel, d};
    d->own = (struct serve_own){is_own_address, is_own_path, d};
}
