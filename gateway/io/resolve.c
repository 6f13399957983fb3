#include "gateway/io/resolve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <ares.h>

#include "gateway/base/list.h"

#define DEFAULT_TIMEOUT SEC(5)
#define QUERY_MS        2000 /* for one server to answer, then the next */
#define QUERY_TRIES     2
#define DNS_PORT        53

/* One descriptor of c-ares'. Level-triggered polling, as c-ares may leave some for later. */
struct ares_socket {
    struct list link;
    struct resolver *resolver;
    uv_poll_t poll;
    ares_socket_t fd;
};

struct resolver {
    struct io_loop *loop;
    const char *servers;
    struct addr own[RESOLVE_OWN_MAX];
    size_t own_count;
    ares_channel channel;
    bool nobody; /* is left to ask */
    bool open;   /* the channel: made for the first look-up, and anew when none is left */
    struct list sockets;
    struct list running; /* struct resolve */
    struct timer timer;
};

struct resolve {
    struct list link;
    struct resolver *resolver;
    void (*done)(void *arg, int err, const struct addr *list, int count);
    void *arg;
    uint16_t port;
    bool asked; /* c-ares still has a pointer to us */
    struct timer timeout;
    struct deferred finish;
    int err;
    int count;
    struct addr found[RESOLVE_MAX];
};

/* ---- c-ares on the loop ---- */

static void set_timer(struct resolver *r)
{
    struct timeval most = {.tv_sec = 60}, left;
    ares_timeout(r->channel, &most, &left);
    instant wait = SEC((uint64_t)left.tv_sec) + MSEC((uint64_t)left.tv_usec / 1000) + MSEC(1);
    if (list_is_empty(&r->sockets))
        io_loop_timer_stop(r->loop, &r->timer);
    else
        io_loop_timer_set(r->loop, &r->timer, io_loop_now(r->loop) + wait);
}

static void on_timer(struct timer *t)
{
    struct resolver *r = container_of(t, struct resolver, timer);
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(r);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct ares_socket *s = container_of(poll, struct ares_socket, poll);
    struct resolver *r = s->resolver;
    bool all = status < 0; /* c-ares sees the error when it tries */
    ares_process_fd(r->channel, all || events & UV_READABLE ? s->fd : ARES_SOCKET_BAD,
                    all || events & UV_WRITABLE ? s->fd : ARES_SOCKET_BAD);
    set_timer(r);
}

static struct ares_socket *find_socket(struct resolver *r, ares_socket_t fd)
{
    list_each(node, &r->sockets)
    {
        struct ares_socket *s = list_entry(node, struct ares_socket, link);
        if (s->fd == fd)
            return s;
    }
    return NULL;
}

static void on_closed(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)handle, struct ares_socket, poll));
}

static struct ares_socket *add_socket(struct resolver *r, ares_socket_t fd)
{
    struct ares_socket *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    if (uv_poll_init(io_loop_uv(r->loop), &s->poll, fd) < 0) {
        free(s);
        return NULL;
    }
    s->resolver = r;
    s->fd = fd;
    list_append(&r->sockets, &s->link);
    return s;
}

/* c-ares wants a descriptor watched for this from now on; for nothing: it will close it. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = arg;
    struct ares_socket *s = find_socket(r, fd);
    if (!readable && !writable) {
        if (!s)
            return;
        list_remove(&s->link);
        uv_close((uv_handle_t *)&s->poll, on_closed);
        return;
    }
    if (!s)
        s = add_socket(r, fd);
    if (s) /* without memory the look-up runs into its timeout */
        (void)uv_poll_start(&s->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                            on_poll);
}

static void close_channel(struct resolver *r)
{
    if (!r->open)
        return;
    r->open = false;
    ares_destroy(r->channel);
    io_loop_timer_stop(r->loop, &r->timer);
}

static bool is_own(const struct resolver *r, const struct ares_addr_port_node *server)
{
    uint16_t port = (uint16_t)(server->udp_port ? server->udp_port : DNS_PORT);
    struct addr a = server->family == AF_INET6
                        ? addr_v6((const uint8_t *)&server->addr.addr6, port, 0)
                        : addr_v4((const uint8_t *)&server->addr.addr4, port);

    for (size_t i = 0; i < r->own_count; i++)
        if (addr_equal(&r->own[i], &a))
            return true;
    return false;
}

/* The functions that c-ares has for this since 1.24 are not in Debian 12. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Takes ourselves out of the servers to ask: we would wait for our own answer. */
static int drop_own(struct resolver *r)
{
    struct ares_addr_port_node *list = NULL, **at = &list, *dropped = NULL;

    if (r->own_count == 0)
        return 0;
    int status = ares_get_servers_ports(r->channel, &list);
    while (status == ARES_SUCCESS && *at) {
        struct ares_addr_port_node *server = *at;
        if (!is_own(r, server)) {
            at = &server->next;
            continue;
        }
        *at = server->next;
        server->next = dropped;
        dropped = server;
    }
    r->nobody = !list;
    if (dropped)
        status = ares_set_servers_ports(r->channel, list);
    *at = dropped; /* given back as the one piece of memory that they were */
    ares_free_data(list);
    return status == ARES_SUCCESS ? 0 : -EIO;
}

#pragma GCC diagnostic pop

static int open_channel(struct resolver *r)
{
    if (r->open)
        return 0;
    struct ares_options options = {
        .timeout = QUERY_MS,
        .tries = QUERY_TRIES,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = r,
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&r->channel, &options, mask);
    if (status != ARES_SUCCESS)
        return status == ARES_ENOMEM ? -ENOMEM : -EIO;
    r->open = true;
    if (r->servers && ares_set_servers_ports_csv(r->channel, r->servers) != ARES_SUCCESS) {
        close_channel(r);
        return -EINVAL;
    }
    int err = drop_own(r);
    if (err < 0)
        close_channel(r);
    return err;
}

/* ---- look-ups ---- */

static int errno_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
    case ARES_ENONAME:
        return -ENOENT;
    case ARES_ETIMEOUT:
        return -ETIMEDOUT;
    case ARES_ENOMEM:
        return -ENOMEM;
    default:
        return -EHOSTUNREACH;
    }
}

static void take_addresses(struct resolve *q, const struct ares_addrinfo *result)
{
    const struct ares_addrinfo_node *n = result ? result->nodes : NULL;
    for (; n && q->count < RESOLVE_MAX; n = n->ai_next) {
        struct addr a = addr_from_sockaddr(n->ai_addr);
        if (addr_is_none(&a))
            continue;
        addr_set_port(&a, q->port);
        q->found[q->count++] = a;
    }
}

/* Comes from inside ares_getaddrinfo() too, for names of the hosts file. */
static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    struct resolve *q = arg;
    (void)timeouts;
    q->asked = false;
    if (q->done) {
        take_addresses(q, result);
        q->err = status == ARES_SUCCESS && q->count == 0 ? -ENOENT : errno_of(status);
        io_loop_defer(q->resolver->loop, &q->finish);
    } else {
        free(q); /* it was cancelled, and c-ares has let go of it now */
    }
    if (result)
        ares_freeaddrinfo(result);
}

/* c-ares keeps its pointer until it calls back: then the memory waits for that. */
static void let_go(struct resolve *q)
{
    struct resolver *r = q->resolver;
    io_loop_timer_stop(r->loop, &q->timeout);
    io_loop_undefer(r->loop, &q->finish);
    list_remove(&q->link);
    q->done = NULL;
    if (!q->asked)
        free(q);
    /* With nobody waiting the channel goes, and the next look-up reads resolv.conf afresh. */
    if (list_is_empty(&r->running))
        close_channel(r);
}

static void finish(struct deferred *work)
{
    struct resolve *q = container_of(work, struct resolve, finish);
    struct resolve copy = *q;
    let_go(q);
    copy.done(copy.arg, copy.err, copy.found, copy.err < 0 ? 0 : copy.count);
}

static void on_timeout(struct timer *t)
{
    struct resolve *q = container_of(t, struct resolve, timeout);
    q->err = -ETIMEDOUT;
    io_loop_defer(q->resolver->loop, &q->finish);
}

/* c-ares 1.18 sends a query even for an address, and adds what it is told. */
static void look_up(struct resolve *q, const char *host)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC};
    if (addr_parse_ip(&q->found[0], host, q->port) == 0) {
        q->count = 1;
        io_loop_defer(q->resolver->loop, &q->finish);
        return;
    }
    if (q->resolver->nobody) { /* c-ares 1.18 leaks memory then */
        q->err = -EHOSTUNREACH;
        io_loop_defer(q->resolver->loop, &q->finish);
        return;
    }
    q->asked = true;
    ares_getaddrinfo(q->resolver->channel, host, NULL, &hints, on_addresses, q);
    set_timer(q->resolver);
}

int resolve_start(struct resolve **out, struct resolver *r, const char *host, uint16_t port,
                  instant timeout,
                  void (*done)(void *arg, int err, const struct addr *list, int count), void *arg)
{
    int err = open_channel(r);
    if (err < 0)
        return err;
    struct resolve *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    *q = (struct resolve){
        .resolver = r,
        .done = done,
        .arg = arg,
        .port = port,
        .timeout.fire = on_timeout,
        .finish.run = finish,
    };
    list_append(&r->running, &q->link);
    io_loop_timer_set(r->loop, &q->timeout,
                      io_loop_now(r->loop) + (timeout ? timeout : DEFAULT_TIMEOUT));
    *out = q;
    look_up(q, host);
    return 0;
}

void resolve_cancel(struct resolve *q)
{
    let_go(q);
}

int resolver_new(struct resolver **out, struct io_loop *loop, const char *servers)
{
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return -ENOMEM;
    struct resolver *r = calloc(1, sizeof(*r));
    if (!r) {
        ares_library_cleanup();
        return -ENOMEM;
    }
    r->loop = loop;
    r->servers = servers;
    r->timer.fire = on_timer;
    list_init(&r->sockets);
    list_init(&r->running);
    *out = r;
    return 0;
}

void resolver_avoid(struct resolver *r, const struct addr *own, size_t count)
{
    r->own_count = count < RESOLVE_OWN_MAX ? count : RESOLVE_OWN_MAX;
    memcpy(r->own, own, r->own_count * sizeof(*own));
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    close_channel(r);
    free(r);
    ares_library_cleanup();
}
