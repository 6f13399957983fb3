#include "gateway/io/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <sys/socket.h>

#include "gateway/io/anyip.h"
#include "gateway/io/give.h"
#include "gateway/io/http.h"
#include "gateway/io/icmp.h"
#include "gateway/io/inherit.h"
#include "gateway/io/links.h"
#include "gateway/io/listen.h"
#include "gateway/io/mail.h"
#include "gateway/io/owner.h"
#include "gateway/io/resolve.h"
#include "gateway/io/routers.h"
#include "gateway/io/tcp.h"
#include "gateway/io/udp.h"

struct machine {
    struct env env;
    struct io_loop *loop;
    struct owner owner;
    struct inherit inherit;
    struct home home;
    struct resolver *resolver; /* NULL until a name is to be looked up */
    char *servers;             /* NULL: the system's */
    struct io_mail mail;
    struct io_http http;
};

static struct machine *machine_of(struct env *e)
{
    return container_of(e, struct machine, env);
}

static instant now(struct env *e)
{
    return io_loop_now(machine_of(e)->loop);
}

static int64_t wall_us(struct env *e)
{
    (void)e;
    return io_wall_us();
}

static void fill_random(struct env *e, void *out, size_t len)
{
    (void)e;
    randombytes_buf(out, len);
}

static void set_timer(struct env *e, struct timer *t, instant due)
{
    io_loop_timer_set(machine_of(e)->loop, t, due);
}

static void stop_timer(struct env *e, struct timer *t)
{
    io_loop_timer_stop(machine_of(e)->loop, t);
}

static void defer(struct env *e, struct deferred *work)
{
    io_loop_defer(machine_of(e)->loop, work);
}

static void undefer(struct env *e, struct deferred *work)
{
    io_loop_undefer(machine_of(e)->loop, work);
}

static int open_udp(struct env *e, struct udp_socket **out, const struct addr *local,
                    unsigned flags, const struct udp_handler *handler, void *arg)
{
    struct machine *m = machine_of(e);
    int fd = inherit_take(&m->inherit, local, SOCK_DGRAM);
    return io_udp_open(m->loop, out, local, flags, fd, handler, arg);
}

static int open_icmp(struct env *e, struct icmp_socket **out, const struct icmp_handler *handler,
                     void *arg)
{
    return io_icmp_open(machine_of(e)->loop, out, handler, arg);
}

static int listen_tcp(struct env *e, struct sock_listener **out, const struct addr *local,
                      const struct listen_handler *handler, void *arg)
{
    struct machine *m = machine_of(e);
    int fd = inherit_take(&m->inherit, local, SOCK_STREAM);
    return io_tcp_listen(m->loop, out, local, fd, handler, arg);
}

static int listen_shared(struct env *e, struct sock_listener **out, const struct addr *local,
                         const struct listen_handler *handler, void *arg)
{
    return io_tcp_listen_shared(machine_of(e)->loop, out, local, handler, arg);
}

static int listen_lo(struct env *e, struct sock_listener **out, const struct addr *local,
                     bool passed, const struct listen_handler *handler, void *arg)
{
    struct machine *m = machine_of(e);
    int fd = inherit_take(&m->inherit, local, SOCK_STREAM);
    if (fd < 0 && passed)
        return -ENOENT;
    return io_tcp_listen_lo(m->loop, out, local, fd, handler, arg);
}

static int listen_everyone(struct env *e, struct sock_listener **out, const char *path,
                           const struct listen_handler *handler, void *arg)
{
    struct machine *m = machine_of(e);
    int fd = inherit_take_unix(&m->inherit, path);
    return io_unix_listen(m->loop, out, path, fd, true, handler, arg);
}

static int listen_unix(struct env *e, struct sock_listener **out, const char *path,
                       const struct listen_handler *handler, void *arg)
{
    struct machine *m = machine_of(e);
    int fd = inherit_take_unix(&m->inherit, path);
    return io_unix_listen(m->loop, out, path, fd, false, handler, arg);
}

static int connect_tcp(struct env *e, struct sock **out, const struct addr *remote,
                       const struct sock_handler *handler, void *arg)
{
    return io_tcp_connect(machine_of(e)->loop, out, NULL, remote, false, handler, arg);
}

static int connect_tcp_speaking(struct env *e, struct sock **out, const struct addr *remote,
                                const struct sock_handler *handler, void *arg)
{
    return io_tcp_connect(machine_of(e)->loop, out, NULL, remote, true, handler, arg);
}

static int connect_tcp_from(struct env *e, struct sock **out, const struct addr *local,
                            const struct addr *remote, const struct sock_handler *handler,
                            void *arg)
{
    return io_tcp_connect(machine_of(e)->loop, out, local, remote, false, handler, arg);
}

static int connect_unix(struct env *e, struct sock **out, const char *path,
                        const struct sock_handler *handler, void *arg)
{
    return io_unix_connect(machine_of(e)->loop, out, path, handler, arg);
}

static int tcp_owner(struct env *e, const struct addr *client, const struct addr *server,
                     uint32_t *uid)
{
    return owner_of_tcp(&machine_of(e)->owner, client, server, uid);
}

static int udp_owner(struct env *e, const struct addr *client, const struct addr *server,
                     uint32_t *uid)
{
    return owner_of_udp(&machine_of(e)->owner, client, server, uid);
}

static void on_looked_up(void *arg, int err, const struct addr *list, int count)
{
    struct lookup *l = arg;
    l->query = NULL;
    l->done(l, err, list, count);
}

static int look_up(struct env *e, struct lookup *l, const char *host, uint16_t port)
{
    struct machine *m = machine_of(e);
    struct resolve *query = NULL;
    int err = m->resolver ? 0 : resolver_new(&m->resolver, m->loop, NULL);

    if (err == 0)
        err = resolve_start(&query, m->resolver, host, port, 0, on_looked_up, l);
    l->query = query;
    return err;
}

static void cancel_lookup(struct env *e, struct lookup *l)
{
    (void)e;
    if (l->query)
        resolve_cancel(l->query);
    l->query = NULL;
}

static int ask_http(struct env *e, struct http_job *job, const struct http_question *question)
{
    return io_http_ask(&machine_of(e)->http, job, question);
}

static void cancel_http(struct env *e, struct http_job *job)
{
    (void)e;
    io_http_cancel(job);
}

static int send_mail(struct env *e, struct mail_job *job, const struct mail_account *account,
                     const struct mail_letter *letter)
{
    return io_mail_send(&machine_of(e)->mail, job, account, letter);
}

static int fetch_mail(struct env *e, struct mail_job *job, const struct mail_account *account,
                      const struct mail_search *search)
{
    return io_mail_fetch(&machine_of(e)->mail, job, account, search);
}

static void cancel_mail(struct env *e, struct mail_job *job)
{
    (void)e;
    io_mail_cancel(job);
}

static int list_interfaces(struct env *e, struct interface *out, int max)
{
    (void)e;
    return links_list(out, max);
}

static bool is_local(struct env *e, const struct addr *at)
{
    (void)e;
    return anyip_is_local(at);
}

static int list_routers(struct env *e, struct router *out, int max)
{
    (void)e;
    return routers_list(out, max);
}

static int load(struct env *e, const char *name, uint8_t **data, size_t *len)
{
    struct home *h = machine_home(machine_of(e));
    return h ? home_load(h, name, data, len) : -ENOENT;
}

static int save(struct env *e, const char *name, const uint8_t *data, size_t len)
{
    struct home *h = machine_home(machine_of(e));
    return h ? home_save(h, name, data, len) : -EROFS;
}

static int remove_file(struct env *e, const char *name)
{
    struct home *h = machine_home(machine_of(e));
    return h ? home_remove(h, name) : -EROFS;
}

static const struct env_ops OPS = {
    .now = now,
    .wall_us = wall_us,
    .random = fill_random,
    .timer_set = set_timer,
    .timer_stop = stop_timer,
    .defer = defer,
    .undefer = undefer,
    .udp_open = open_udp,
    .udp_send = io_udp_send,
    .udp_join = io_udp_join,
    .udp_local = io_udp_local,
    .udp_close = io_udp_close,
    .udp_detach = io_udp_detach,
    .icmp_open = open_icmp,
    .icmp_send = io_icmp_send,
    .icmp_close = io_icmp_close,
    .sock_listen = listen_tcp,
    .sock_listen_shared = listen_shared,
    .sock_listen_unix = listen_unix,
    .sock_listen_lo = listen_lo,
    .sock_listen_everyone = listen_everyone,
    .listener_local = io_listener_local,
    .listener_close = io_listener_close,
    .sock_connect = connect_tcp,
    .sock_connect_speaking = connect_tcp_speaking,
    .sock_connect_from = connect_tcp_from,
    .sock_connect_unix = connect_unix,
    .sock_attach = io_sock_attach,
    .sock_readv = io_sock_readv,
    .sock_writev = io_sock_writev,
    .sock_error = io_sock_error,
    .sock_finish = io_sock_finish,
    .sock_close = io_sock_close,
    .sock_reset = io_sock_reset,
    .sock_local = io_sock_local,
    .sock_dialled = io_sock_dialled,
    .sock_keep_short = io_sock_keep_short,
    .udp_give = io_udp_give,
    .sock_give = io_sock_give,
    .owner_of_tcp = tcp_owner,
    .owner_of_udp = udp_owner,
    .lookup = look_up,
    .lookup_cancel = cancel_lookup,
    .http_ask = ask_http,
    .http_cancel = cancel_http,
    .mail_send = send_mail,
    .mail_fetch = fetch_mail,
    .mail_cancel = cancel_mail,
    .interfaces = list_interfaces,
    .is_local = is_local,
    .routers = list_routers,
    .load = load,
    .save = save,
    .remove = remove_file,
};

int machine_set_name_servers(struct machine *m, const char *servers, const struct addr *own,
                             size_t count)
{
    if (*servers && !(m->servers = strdup(servers)))
        return -ENOMEM;
    int err = resolver_new(&m->resolver, m->loop, m->servers);
    if (err == 0)
        resolver_avoid(m->resolver, own, count);
    return err;
}

int machine_new(struct machine **out, const char *home)
{
    if (sodium_init() < 0)
        return -ENOSYS;
    struct machine *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->env.ops = &OPS;
    int err = io_loop_new(&m->loop);
    if (err == 0 && home)
        err = home_open(&m->home, home);
    if (err < 0) {
        (void)machine_free(m);
        return err;
    }
    inherit_init(&m->inherit);
    m->http.loop = m->loop;
    m->mail = (struct io_mail){.loop = m->loop, .home = m->home.path};
    *out = m;
    return 0;
}

int machine_free(struct machine *m)
{
    if (!m)
        return 0;
    io_mail_end(&m->mail);
    io_http_end(&m->http);
    resolver_free(m->resolver);
    free(m->servers);
    int err = io_loop_free(m->loop);
    owner_deinit(&m->owner);
    inherit_deinit(&m->inherit);
    home_close(&m->home);
    free(m);
    return err;
}

struct env *machine_env(struct machine *m)
{
    return &m->env;
}

struct io_loop *machine_loop(struct machine *m)
{
    return m->loop;
}

struct home *machine_home(struct machine *m)
{
    return m->home.path ? &m->home : NULL;
}
