#include "gateway/io/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/timerfd.h>

#include "gateway/base/heap.h"
#include "gateway/base/log.h"

#define BATCH           256  /* events told in one turn */
#define TIMERS_A_TURN   1024 /* then sockets are looked at again */
#define DEFERRED_ROUNDS 4    /* work that queues work runs in the same turn this deep */

/* A caller of the control socket, a file that is saved with its folder, some that are read. With
 * fewer than FILES_FEW in all there is nothing to keep. */
#define FILES_KEPT 8
#define FILES_FEW  64

struct io_loop {
    uv_loop_t uv;
    uv_async_t anchor; /* keeps uv_backend_timeout() from saying "nothing left, return" */
    struct io_watch uv_watch, timer_watch;
    int epoll, spare;
    bool stopping, uv_ready;
    instant last;  /* what the clock said last */
    instant armed; /* when the timerfd goes off, INSTANT_NEVER if it will not */
    struct heap timers;
    struct list again, soon;  /* watches that want another turn, and to be told in this one */
    struct list mark;         /* the end of what is told of one of them */
    struct io_watch *telling; /* whose ready() runs, NULL once it was stopped */
    struct deferred *work, **work_end;
    size_t work_count; /* queued */
    size_t round_left; /* of them, still to run in this round */
    struct epoll_event batch[BATCH];
    uint8_t *many; /* NULL until wanted */
    uint8_t scratch[IO_SCRATCH];
};

/* ---- time ---- */

static instant read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts); /* cannot fail for the clocks used here */
    return SEC((uint64_t)ts.tv_sec) + (uint64_t)ts.tv_nsec;
}

instant io_loop_now(struct io_loop *l)
{
    instant now = read_clock(CLOCK_MONOTONIC);
    /* ngtcp2 aborts the process when time goes backwards, so one broken clock must not. */
    if (now > l->last)
        l->last = now;
    return l->last;
}

int64_t io_wall_us(void)
{
    return (int64_t)(read_clock(CLOCK_REALTIME) / 1000);
}

void io_loop_timer_set(struct io_loop *l, struct timer *t, instant due)
{
    if (heap_set(&l->timers, t, due) == 0)
        return;
    log_error(LOG_IO, "out of memory for a timer");
    abort(); /* a timer lost in silence would hang somebody for ever */
}

void io_loop_timer_stop(struct io_loop *l, struct timer *t)
{
    heap_remove(&l->timers, t);
}

static void fire_timers(struct io_loop *l)
{
    if (l->timers.count == 0)
        return;
    instant now = io_loop_now(l);
    struct timer *t;
    for (unsigned n = 0; n < TIMERS_A_TURN && (t = heap_take_due(&l->timers, now)); n++)
        t->fire(t);
}

/*
 * The timerfd is armed for the earliest deadline. A deadline that moved later leaves it as it is:
 * transport timers move later with every packet, and one wake-up too many is cheaper than a system
 * call for each of them.
 */
static void arm_timer(struct io_loop *l)
{
    instant due = heap_due(&l->timers);
    if (due >= l->armed)
        return;
    if (due == 0)
        due = 1; /* 0 would disarm */
    struct itimerspec spec = {
        .it_value = {.tv_sec = (time_t)(due / SEC(1)), .tv_nsec = (long)(due % SEC(1))},
    };
    if (timerfd_settime(l->timer_watch.fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
        l->armed = due;
}

static void on_timerfd(struct io_watch *w, uint32_t events)
{
    struct io_loop *l = container_of(w, struct io_loop, timer_watch);
    (void)events; /* edge-triggered: there is no need to read the count of expirations */
    l->armed = INSTANT_NEVER;
}

/* ---- deferred work ---- */

void io_loop_defer(struct io_loop *l, struct deferred *work)
{
    if (work->queued)
        return;
    work->queued = true;
    work->next = NULL;
    *l->work_end = work;
    l->work_end = &work->next;
    l->work_count++;
}

static void unlink_work(struct io_loop *l, struct deferred **at)
{
    struct deferred *work = *at;
    *at = work->next;
    if (l->work_end == &work->next)
        l->work_end = at;
    work->next = NULL;
    work->queued = false;
    l->work_count--;
}

void io_loop_undefer(struct io_loop *l, struct deferred *work)
{
    if (!work->queued)
        return;
    struct deferred **at = &l->work;
    size_t place = 0;
    for (; *at && *at != work; at = &(*at)->next)
        place++;
    assert(*at == work);
    unlink_work(l, at);
    if (place < l->round_left)
        l->round_left--;
}

static void run_deferred(struct io_loop *l)
{
    for (unsigned round = 0; round < DEFERRED_ROUNDS && l->work; round++) {
        l->round_left = l->work_count;
        while (l->round_left > 0) {
            struct deferred *work = l->work;
            unlink_work(l, &l->work);
            l->round_left--;
            work->run(work);
        }
    }
}

/* ---- watches ---- */

int io_watch_start(struct io_loop *l, struct io_watch *w, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events | EPOLLET, .data.ptr = w};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        return -errno;
    w->fd = fd;
    w->slot = 0;
    return 0;
}

void io_watch_change(struct io_loop *l, struct io_watch *w, uint32_t events)
{
    struct epoll_event ev = {.events = events | EPOLLET, .data.ptr = w};
    int err = epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &ev);
    assert(err == 0);
    (void)err;
}

void io_watch_again(struct io_loop *l, struct io_watch *w)
{
    if (!list_is_linked(&w->again))
        list_append(&l->again, &w->again);
}

void io_watch_soon(struct io_loop *l, struct io_watch *w)
{
    if (!list_is_linked(&w->again))
        list_append(&l->soon, &w->again);
}

static void forget(struct io_loop *l, struct io_watch *w)
{
    list_remove(&w->again);
    if (w->slot > 0)
        l->batch[w->slot - 1].data.ptr = NULL;
    w->slot = 0;
    if (l->telling == w)
        l->telling = NULL;
}

bool io_watch_survived(const struct io_loop *l)
{
    return l->telling != NULL;
}

void io_watch_stop(struct io_loop *l, struct io_watch *w)
{
    forget(l, w);
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    w->fd = -1;
}

void io_watch_close(struct io_loop *l, struct io_watch *w)
{
    forget(l, w);
    (void)close(w->fd); /* the last close takes it out of the set, which saves a call */
    w->fd = -1;
}

/* ---- turns ---- */

static int wait_ms(struct io_loop *l, instant deadline)
{
    if (l->stopping || l->work || !list_is_empty(&l->again) || !list_is_empty(&l->soon))
        return 0;
    uv_update_time(&l->uv); /* it knows only the time at which it ran last */
    /* 0 also when a handle was started since libuv ran last and must reach its own epoll set. */
    int ms = uv_backend_timeout(&l->uv);
    l->uv_ready = ms == 0;
    if (deadline == INSTANT_NEVER || ms == 0)
        return ms;
    instant now = io_loop_now(l);
    if (deadline <= now)
        return 0;
    instant left = (deadline - now + MSEC(1) - 1) / MSEC(1);
    return ms >= 0 && (instant)ms < left ? ms : left > INT32_MAX ? INT32_MAX : (int)left;
}

static void tell(struct io_loop *l, struct io_watch *w, uint32_t events)
{
    l->telling = w;
    w->ready(w, events);
    l->telling = NULL;
}

/* Those that ask again while they are told are left for the next turn. */
static void tell_listed(struct io_loop *l, struct list *list)
{
    if (list_is_empty(list))
        return;
    list_append(list, &l->mark);
    for (struct list *node; (node = list_first(list)) != &l->mark;) {
        struct io_watch *w = list_entry(node, struct io_watch, again);
        list_remove(node);
        tell(l, w, 0);
    }
    list_remove(&l->mark);
}

/* From here on who is stopped is taken out of the batch: before anybody is told anything. */
static void number_batch(struct io_loop *l, int count)
{
    for (int i = 0; i < count; i++)
        ((struct io_watch *)l->batch[i].data.ptr)->slot = (unsigned)i + 1;
}

static void tell_batch(struct io_loop *l, int count)
{
    for (int i = 0; i < count; i++) {
        struct io_watch *w = l->batch[i].data.ptr;
        if (!w)
            continue;
        w->slot = 0;
        tell(l, w, l->batch[i].events);
    }
}

static void on_uv(struct io_watch *w, uint32_t events)
{
    struct io_loop *l = container_of(w, struct io_loop, uv_watch);
    (void)events;
    l->uv_ready = true;
}

static void run_uv(struct io_loop *l)
{
    if (!l->uv_ready)
        return;
    l->uv_ready = false;
    (void)uv_run(&l->uv, UV_RUN_NOWAIT);
}

void io_loop_turn(struct io_loop *l, instant deadline)
{
    arm_timer(l);
    int ms = wait_ms(l, deadline);
    int count = epoll_wait(l->epoll, l->batch, BATCH, ms);
    if (count == 0 && ms > 0)
        l->uv_ready = true; /* perhaps a timer of libuv ended the wait */
    number_batch(l, count); /* below 0 only for a signal: nobody */
    tell_listed(l, &l->again);
    tell_batch(l, count);
    tell_listed(l, &l->soon);
    run_uv(l);
    fire_timers(l);
    run_deferred(l);
}

void io_loop_run(struct io_loop *l)
{
    do
        io_loop_turn(l, INSTANT_NEVER);
    while (!l->stopping);
    l->stopping = false;
}

void io_loop_stop(struct io_loop *l)
{
    l->stopping = true;
}

/* ---- life ---- */

bool io_fd_is_kept(int fd)
{
    struct rlimit files;

    if (fd < FILES_FEW - FILES_KEPT || getrlimit(RLIMIT_NOFILE, &files) < 0)
        return false;
    return files.rlim_cur >= FILES_FEW && (rlim_t)fd + FILES_KEPT >= files.rlim_cur;
}

bool io_spare_use(struct io_loop *l)
{
    if (l->spare < 0)
        return false;
    (void)close(l->spare);
    l->spare = -1;
    return true;
}

void io_spare_refill(struct io_loop *l)
{
    if (l->spare < 0)
        l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int start_watches(struct io_loop *l)
{
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0)
        return -errno;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer < 0)
        return -errno;
    l->timer_watch.ready = on_timerfd;
    int err = io_watch_start(l, &l->timer_watch, timer, EPOLLIN);
    if (err < 0) {
        (void)close(timer);
        return err;
    }
    l->uv_watch.ready = on_uv;
    /* Level-triggered, unlike all others: libuv takes 1024 events a round and may leave some. */
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &l->uv_watch};
    int uv_fd = uv_backend_fd(&l->uv);
    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, uv_fd, &ev) < 0 ? -errno : 0;
}

int io_loop_new(struct io_loop **out)
{
    struct io_loop *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    int err = uv_loop_init(&l->uv);
    if (err < 0) {
        free(l);
        return err;
    }
    l->epoll = l->timer_watch.fd = l->spare = -1;
    l->armed = INSTANT_NEVER;
    l->work_end = &l->work;
    list_init(&l->again);
    list_init(&l->soon);
    err = uv_async_init(&l->uv, &l->anchor, NULL);
    if (err == 0)
        err = start_watches(l);
    if (err < 0) {
        (void)io_loop_free(l);
        return err;
    }
    io_spare_refill(l);
    *out = l;
    return 0;
}

static void close_anchor(uv_handle_t *handle, void *arg)
{
    struct io_loop *l = arg;
    if (handle == (uv_handle_t *)&l->anchor)
        uv_close(handle, NULL);
}

int io_loop_free(struct io_loop *l)
{
    if (!l)
        return 0;
    uv_walk(&l->uv, close_anchor, l); /* finds it only if it was opened */
    (void)uv_run(&l->uv, UV_RUN_NOWAIT);
    int err = uv_loop_close(&l->uv);
    heap_deinit(&l->timers);
    free(l->many);
    const int fds[] = {l->timer_watch.fd, l->epoll, l->spare};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    if (err == 0) /* else the handles left open point into it */
        free(l);
    return err;
}

uv_loop_t *io_loop_uv(struct io_loop *l)
{
    return &l->uv;
}

uint8_t *io_loop_scratch(struct io_loop *l)
{
    return l->scratch;
}

uint8_t *io_loop_scratch_many(struct io_loop *l)
{
    if (!l->many)
        l->many = malloc((size_t)IO_MANY * IO_SCRATCH); /* touched where it is used */
    return l->many;
}
