#include "gateway/io/jump.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/timerfd.h>

#define WORTH_TELLING SEC(1)
#define FAR_AWAY      (INT64_C(10) * 365 * 86400) /* seconds: the timer only waits to be cancelled */

struct jump {
    struct io_watch watch;
    struct io_loop *loop;
    void (*on_wake)(void *arg, instant slept);
    void *arg;
    instant asleep; /* since the machine started */
};

static instant read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return SEC((uint64_t)ts.tv_sec) + (uint64_t)ts.tv_nsec;
}

static instant difference(instant boottime, instant monotonic)
{
    return boottime > monotonic ? boottime - monotonic : 0;
}

static int arm(int fd)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const struct itimerspec spec = {.it_value.tv_sec = now.tv_sec + FAR_AWAY};
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    return timerfd_settime(fd, flags, &spec, NULL) < 0 ? -errno : 0;
}

void jump_check(struct jump *j, instant boottime, instant monotonic)
{
    instant asleep = difference(boottime, monotonic);
    instant slept = asleep > j->asleep ? asleep - j->asleep : 0;
    j->asleep = asleep;
    if (slept >=
        WORTH_TELLING) /* else only the wall clock was set, on which no connection depends */
        j->on_wake(j->arg, slept);
}

static void on_clock_set(struct io_watch *w, uint32_t events)
{
    struct jump *j = container_of(w, struct jump, watch);
    uint64_t expirations;
    (void)events;
    /* The read fails with ECANCELED, which is the news, and has to be done to hear the next. */
    ssize_t n = read(w->fd, &expirations, sizeof(expirations));
    (void)n;
    (void)arm(w->fd);
    instant monotonic = read_clock(CLOCK_MONOTONIC);
    jump_check(j, read_clock(CLOCK_BOOTTIME), monotonic);
}

static int open_timer(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    int err = arm(fd);
    if (err < 0) {
        (void)close(fd);
        return err;
    }
    return fd;
}

int jump_watch(struct jump **out, struct io_loop *loop, void (*on_wake)(void *arg, instant slept),
               void *arg)
{
    int fd = open_timer();
    if (fd < 0)
        return fd;
    struct jump *j = calloc(1, sizeof(*j));
    int err = j ? 0 : -ENOMEM;
    if (j) {
        j->loop = loop;
        j->on_wake = on_wake;
        j->arg = arg;
        instant monotonic = read_clock(CLOCK_MONOTONIC);
        j->asleep = difference(read_clock(CLOCK_BOOTTIME), monotonic);
        j->watch.ready = on_clock_set;
        err = io_watch_start(loop, &j->watch, fd, EPOLLIN);
    }
    if (err < 0) {
        (void)close(fd);
        free(j);
        return err;
    }
    *out = j;
    return 0;
}

void jump_free(struct jump *j)
{
    if (!j)
        return;
    io_watch_close(j->loop, &j->watch);
    free(j);
}
