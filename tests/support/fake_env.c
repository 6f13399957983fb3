#include "tests/support/fake_env.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

struct addr fake_bound(struct fake_env *f, const struct addr *local)
{
    struct addr a = *local;
    if (addr_port(&a) == 0)
        addr_set_port(&a, f->next_port++);
    return a;
}

static instant now_of(struct env *env)
{
    return fake_env_of(env)->now;
}

static int64_t wall_of(struct env *env)
{
    return fake_env_of(env)->wall_us + (int64_t)(fake_env_of(env)->now / 1000);
}

static void draw(struct env *env, void *out, size_t len)
{
    random_fill(&fake_env_of(env)->seed, out, len);
}

static void set_timer(struct env *env, struct timer *timer, instant due)
{
    assert_int_equal(heap_set(&fake_env_of(env)->timers, timer, due), 0);
}

static void stop_timer(struct env *env, struct timer *timer)
{
    heap_remove(&fake_env_of(env)->timers, timer);
}

static void defer(struct env *env, struct deferred *work)
{
    struct fake_env *f = fake_env_of(env);
    if (work->queued)
        return;
    work->queued = true;
    work->next = NULL;
    *f->deferred_end = work;
    f->deferred_end = &work->next;
}

static void undefer(struct env *env, struct deferred *work)
{
    struct fake_env *f = fake_env_of(env);
    struct deferred **at = &f->deferred;
    if (!work->queued)
        return;
    while (*at != work)
        at = &(*at)->next;
    *at = work->next;
    if (f->deferred_end == &work->next)
        f->deferred_end = at;
    work->queued = false;
}

static int interfaces(struct env *env, struct interface *out, int max)
{
    struct fake_env *f = fake_env_of(env);
    int count = f->interface_count < max ? f->interface_count : max;
    memcpy(out, f->interface, (size_t)count * sizeof(*out));
    return count;
}

static int owner(struct env *env, const struct addr *client, const struct addr *server,
                 uint32_t *uid)
{
    struct fake_env *f = fake_env_of(env);
    (void)client;
    (void)server;
    if (f->owner_error == 0)
        *uid = f->owner_uid;
    return f->owner_error;
}

static int load(struct env *env, const char *name, uint8_t **data, size_t *len)
{
    struct fake_env *f = fake_env_of(env);
    return f->load_error < 0 ? f->load_error : fake_file_load(f->file, name, data, len);
}

static int save(struct env *env, const char *name, const uint8_t *data, size_t len)
{
    struct fake_env *f = fake_env_of(env);
    if (f->save_error < 0)
        return f->save_error;
    fake_file_put(f->file, name, data, len);
    f->saves++;
    return 0;
}

static int remove_file(struct env *env, const char *name)
{
    struct fake_env *f = fake_env_of(env);
    if (f->save_error < 0)
        return f->save_error;
    fake_file_remove(f->file, name);
    return 0;
}

static int routers(struct env *env, struct router *out, int max)
{
    const struct fake_env *h = fake_env_of(env);
    int count = 0;
    for (int i = 0; i < h->router_count && count < max; i++)
        out[count++] = h->router[i];
    return count;
}

static int look_up(struct env *env, struct lookup *l, const char *host, uint16_t port)
{
    return fake_names_lookup(&fake_env_of(env)->names, env, l, host, port);
}

/* There is no mail server. */
static int send_mail(struct env *env, struct mail_job *job, const struct mail_account *account,
                     const struct mail_letter *letter)
{
    (void)env, (void)job, (void)account, (void)letter;
    return -EOPNOTSUPP;
}

static int fetch_mail(struct env *env, struct mail_job *job, const struct mail_account *account,
                      const struct mail_search *search)
{
    (void)env, (void)job, (void)account, (void)search;
    return -EOPNOTSUPP;
}

static void cancel_mail(struct env *env, struct mail_job *job)
{
    (void)env, (void)job;
}

static bool is_local(struct env *env, const struct addr *at)
{
    (void)at;
    return fake_env_of(env)->all_local;
}

static struct interface interface_of(unsigned index, const char *name, const char *ip,
                                     unsigned prefix_bits)
{
    struct interface i = {.index = index, .prefix_bits = prefix_bits};
    strcpy(i.name, name);
    assert_int_equal(addr_parse_ip(&i.addr, ip, 0), 0);
    i.loopback = addr_is_loopback(&i.addr);
    i.multicast = !i.loopback;
    return i;
}

void fake_env_init(struct fake_env *f)
{
    static struct env_ops ops; /* the same for all, filled in anew each time */
    ops = (struct env_ops){
        .now = now_of,
        .wall_us = wall_of,
        .random = draw,
        .timer_set = set_timer,
        .timer_stop = stop_timer,
        .defer = defer,
        .undefer = undefer,
        .owner_of_tcp = owner,
        .owner_of_udp = owner,
        .lookup = look_up,
        .lookup_cancel = fake_names_cancel,
        .mail_send = send_mail,
        .mail_fetch = fetch_mail,
        .mail_cancel = cancel_mail,
        .interfaces = interfaces,
        .is_local = is_local,
        .routers = routers,
        .load = load,
        .save = save,
        .remove = remove_file,
    };
    fake_udp_ops(&ops);
    fake_net_ops(&ops);

    *f = (struct fake_env){
        .env.ops = &ops,
        .now = SEC(3600),
        .wall_us = INT64_C(1767225600000000),
        .seed = 1,
        .next_port = 40000,
        .owner_uid = 1000,
        .interface_count = 3,
    };
    f->deferred_end = &f->deferred;
    list_init(&f->udp_sockets);
    list_init(&f->socks);
    list_init(&f->listeners);
    f->sent = calloc(FAKE_SENT_MAX, sizeof(*f->sent));
    assert_non_null(f->sent);
    f->interface[0] = interface_of(1, "lo", "127.0.0.1", 8);
    f->interface[1] = interface_of(2, "eth0", "192.0.2.7", 24);
    f->interface[2] = interface_of(2, "eth0", "fe80::7%2", 64);
    assert_int_equal(addr_parse_ip(&f->interface[1].broadcast, "192.0.2.255", 0), 0);
}

void fake_env_deinit(struct fake_env *f)
{
    assert_true(list_is_empty(&f->udp_sockets));
    fake_net_deinit(f);
    assert_null(f->deferred);
    assert_int_equal(f->timers.count, 0);
    heap_deinit(&f->timers);
    fake_files_free(f->file);
    free(f->sent);
}

static void run_deferred(struct fake_env *f)
{
    while (f->deferred) {
        struct deferred *work = f->deferred;
        undefer(&f->env, work);
        work->run(work);
    }
}

void fake_env_settle(struct fake_env *f)
{
    struct timer *timer;
    run_deferred(f);
    while ((timer = heap_take_due(&f->timers, f->now))) {
        timer->fire(timer);
        run_deferred(f);
    }
}

void fake_env_advance(struct fake_env *f, instant by)
{
    instant until = f->now + by;
    fake_env_settle(f);
    while (heap_due(&f->timers) <= until) {
        f->now = heap_due(&f->timers);
        fake_env_settle(f);
    }
    f->now = until;
}

void fake_env_put_file(struct fake_env *f, const char *name, const char *text)
{
    if (text)
        fake_file_put(f->file, name, text, strlen(text));
    else
        fake_file_remove(f->file, name);
}

const char *fake_env_file(const struct fake_env *f, const char *name)
{
    const struct fake_file *file = fake_file_find(f->file, name);
    return file ? (const char *)file->data : NULL;
}
