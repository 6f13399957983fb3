#include "gateway/io/watchdog.h"

#include <errno.h>
#include <stdlib.h>

#ifdef HAVE_LIBSYSTEMD
#    include <systemd/sd-daemon.h>
#endif

#include "gateway/io/process.h"

struct watchdog {
    struct io_loop *loop;
    struct timer timer;
    instant interval;
};

static void on_timer(struct timer *t)
{
    struct watchdog *w = container_of(t, struct watchdog, timer);
    process_notify("WATCHDOG=1");
    io_loop_timer_set(w->loop, t, io_loop_now(w->loop) + w->interval);
}

static uint64_t asked_us(void)
{
    uint64_t us = 0;
#ifdef HAVE_LIBSYSTEMD
    if (sd_watchdog_enabled(0, &us) <= 0)
        us = 0;
#endif
    return us;
}

int watchdog_start(struct watchdog **out, struct io_loop *loop)
{
    *out = NULL;
    uint64_t us = asked_us();
    if (us == 0)
        return 0;
    struct watchdog *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->loop = loop;
    w->timer.fire = on_timer;
    w->interval = us * 1000 / 2; /* as sd_watchdog_enabled(3) advises */
    on_timer(&w->timer);
    *out = w;
    return 0;
}

void watchdog_free(struct watchdog *w)
{
    if (!w)
        return;
    io_loop_timer_stop(w->loop, &w->timer);
    free(w);
}
