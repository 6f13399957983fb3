#include "dns/nss/overlay.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include <netinet/in.h>

#include "dns/nss/ask.h"

/* ---- the caller's buffer ---- */

struct room {
    char *at;
    size_t left;
};

/* The next `size` bytes, aligned, or NULL: there are not so many. */
static void *take(struct room *r, size_t size, size_t align)
{
    size_t gap = (align - (uintptr_t)r->at % align) % align;

    if (r->left < gap || r->left - gap < size)
        return NULL;
    void *area = r->at + gap;
    r->at += gap + size;
    r->left -= gap + size;
    return area;
}

static char *take_text(struct room *r, const char *text)
{
    size_t size = strlen(text) + 1;
    char *area = take(r, size, 1);

    if (area)
        memcpy(area, text, size);
    return area;
}

/* ---- what the C library is told ---- */

static enum nss_status tell(enum nss_status status, int *err, int error, int *h_err, int h_error)
{
    *err = error;
    *h_err = h_error;
    return status;
}

static enum nss_status too_small(int *err, int *h_err)
{
    return tell(NSS_STATUS_TRYAGAIN, err, ERANGE, h_err, NETDB_INTERNAL);
}

static enum nss_status no_data(int *err, int *h_err)
{
    return tell(NSS_STATUS_NOTFOUND, err, ENOENT, h_err, NO_DATA);
}

/* For an outcome other than NSS_FOUND. */
static enum nss_status refuse(enum nss_outcome outcome, int *err, int *h_err)
{
    switch (outcome) {
    case NSS_NONE:
        return tell(NSS_STATUS_NOTFOUND, err, ENOENT, h_err, HOST_NOT_FOUND);
    case NSS_SILENT:
        return tell(NSS_STATUS_UNAVAIL, err, ECONNREFUSED, h_err, NO_RECOVERY);
    case NSS_FOREIGN:
    case NSS_FOUND:
        break;
    }
    /* Programs are told this where we are the last of the line: as if we had not been there. */
    return tell(NSS_STATUS_UNAVAIL, err, EINVAL, h_err, HOST_NOT_FOUND);
}

/* ---- by name ---- */

static size_t length_of(int family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

static size_t count_of(const struct nss_answer *a, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < a->count; i++)
        count += a->address[i].len == len;
    return count;
}

/* Puts the addresses of a length, and a NULL, behind a list of pointers to them. */
static char **take_addresses(struct room *r, const struct nss_answer *a, size_t len)
{
    size_t count = count_of(a, len), at = 0;
    char **list = take(r, (count + 1) * sizeof(*list), alignof(char *));
    /* Callers read them as struct in_addr or in6_addr. */
    char *ip = list ? take(r, count * len, alignof(struct in6_addr)) : NULL;

    if (!ip)
        return NULL;
    for (size_t i = 0; i < a->count; i++) {
        if (a->address[i].len != len)
            continue;
        list[at] = ip + at * len;
        memcpy(list[at++], a->address[i].ip, len);
    }
    list[at] = NULL;
    return list;
}

static bool fill(struct hostent *out, struct room *r, const char *name, int family,
                 const struct nss_answer *a)
{
    char **aliases = take(r, sizeof(*aliases), alignof(char *));
    char **addresses = take_addresses(r, a, length_of(family));
    char *text = take_text(r, name);

    if (!aliases || !addresses || !text)
        return false;
    *aliases = NULL;
    *out = (struct hostent){
        .h_name = text,
        .h_aliases = aliases,
        .h_addrtype = family,
        .h_length = (int)length_of(family),
        .h_addr_list = addresses,
    };
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are the C library's */
enum nss_status _nss_overlay_gethostbyname3_r(const char *name, int family, struct hostent *out,
                                              char *buffer, size_t len, int *err, int *h_err,
                                              int32_t *ttl, char **canonical)
{
    struct room r = {buffer, len};
    struct nss_answer answer;

    if (family == AF_UNSPEC)
        family = AF_INET;
    if (length_of(family) == 0)
        return tell(NSS_STATUS_UNAVAIL, err, EAFNOSUPPORT, h_err, NO_RECOVERY);
    enum nss_outcome outcome = nss_ask_name(name, &answer);
    if (outcome != NSS_FOUND)
        return refuse(outcome, err, h_err);
    if (count_of(&answer, length_of(family)) == 0)
        return no_data(err, h_err);
    if (!fill(out, &r, name, family, &answer))
        return too_small(err, h_err);
    if (ttl)
        *ttl = answer.ttl;
    if (canonical)
        *canonical = out->h_name;
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_overlay_gethostbyname2_r(const char *name, int family, struct hostent *out,
                                              char *buffer, size_t len, int *err, int *h_err)
{
    return _nss_overlay_gethostbyname3_r(name, family, out, buffer, len, err, h_err, NULL, NULL);
}

enum nss_status _nss_overlay_gethostbyname_r(const char *name, struct hostent *out, char *buffer,
                                             size_t len, int *err, int *h_err)
{
    return _nss_overlay_gethostbyname3_r(name, AF_INET, out, buffer, len, err, h_err, NULL, NULL);
}

/* Appends one address to the list whose end is `*end`. The first of them may be the caller's. */
static struct gaih_addrtuple *add_tuple(struct room *r, struct gaih_addrtuple **end, char *name,
                                        const struct nss_address *a)
{
    struct gaih_addrtuple *t = *end ? *end : take(r, sizeof(*t), alignof(struct gaih_addrtuple));

    if (!t)
        return NULL;
    memset(t, 0, sizeof(*t));
    t->name = name;
    t->family = a->len == 4 ? AF_INET : AF_INET6;
    memcpy(t->addr, a->ip, a->len);
    *end = t;
    return t;
}

enum nss_status _nss_overlay_gethostbyname4_r(const char *name, struct gaih_addrtuple **out,
                                              char *buffer, size_t len, int *err, int *h_err,
                                              int32_t *ttl)
{
    struct room r = {buffer, len};
    struct nss_answer answer;
    enum nss_outcome outcome = nss_ask_name(name, &answer);

    if (outcome != NSS_FOUND)
        return refuse(outcome, err, h_err);
    if (answer.count == 0)
        return no_data(err, h_err);
    char *text = take_text(&r, name);
    if (!text)
        return too_small(err, h_err);
    struct gaih_addrtuple **end = out, *given = *out, *last = NULL;
    for (size_t i = 0; i < answer.count; i++) {
        last = add_tuple(&r, end, text, &answer.address[i]);
        if (!last) {
            *out = given; /* the next try has another buffer, and this one is gone */
            return too_small(err, h_err);
        }
        end = &last->next;
    }
    if (ttl)
        *ttl = answer.ttl;
    return NSS_STATUS_SUCCESS;
}

/* ---- by address ---- */

/* NOLINTNEXTLINE(readability-function-size): the parameters are the C library's */
enum nss_status _nss_overlay_gethostbyaddr2_r(const void *address, socklen_t address_len,
                                              int family, struct hostent *out, char *buffer,
                                              size_t len, int *err, int *h_err, int32_t *ttl)
{
    struct room r = {buffer, len};
    struct nss_answer answer;
    uint8_t ip[4];

    if (family != AF_INET || address_len != sizeof(ip))
        return refuse(NSS_FOREIGN, err, h_err);
    memcpy(ip, address, sizeof(ip));
    enum nss_outcome outcome = nss_ask_address(ip, &answer);
    if (outcome == NSS_FOUND && answer.name[0] == '\0')
        outcome = NSS_NONE;
    if (outcome != NSS_FOUND)
        return refuse(outcome, err, h_err);
    answer.count = 1;
    answer.address[0].len = sizeof(ip);
    memcpy(answer.address[0].ip, ip, sizeof(ip));
    if (!fill(out, &r, answer.name, AF_INET, &answer))
        return too_small(err, h_err);
    if (ttl)
        *ttl = answer.ttl;
    return NSS_STATUS_SUCCESS;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are the C library's */
enum nss_status _nss_overlay_gethostbyaddr_r(const void *address, socklen_t address_len, int family,
                                             struct hostent *out, char *buffer, size_t len,
                                             int *err, int *h_err)
{
    return _nss_overlay_gethostbyaddr2_r(address, address_len, family, out, buffer, len, err, h_err,
                                         NULL);
}
