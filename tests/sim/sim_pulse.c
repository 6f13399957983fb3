#include "tests/sim/sim_pulse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_program.h"

static void give_up(struct sim_pulse *p)
{
    timer_stop(p->env, &p->timer);
    if (p->sock)
        sock_close(p->env, p->sock);
    p->sock = NULL;
    p->ended = true;
}

static void say(struct sim_pulse *p)
{
    uint8_t data[SIM_PULSE_BYTES];
    struct iovec area = {data, sizeof(data)};

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = sim_program_byte(p->sent + i);
    ssize_t wrote = sock_writev(p->env, p->sock, &area, 1);
    if (wrote < 0 && wrote != -EAGAIN)
        give_up(p);
    else if (wrote > 0)
        p->sent += (uint64_t)wrote;
}

static void on_timer(struct timer *timer)
{
    struct sim_pulse *p = container_of(timer, struct sim_pulse, timer);
    timer_set(p->env, &p->timer, env_now(p->env) + SIM_PULSE_EVERY);
    say(p);
}

static void check(struct sim_pulse *p, const uint8_t *data, size_t len)
{
    instant now = env_now(p->env);

    for (size_t i = 0; i < len; i++)
        p->corrupt |= data[i] != sim_program_byte(p->received + i);
    p->received += len;
    p->silence = sim_pulse_silence(p);
    p->heard = now;
    p->first = p->first ? p->first : now;
}

static void on_connect(void *arg, int err)
{
    struct sim_pulse *p = arg;
    if (err < 0)
        give_up(p);
    else
        on_timer(&p->timer);
}

static void on_ready(void *arg)
{
    struct sim_pulse *p = arg;
    uint8_t data[4096];

    while (p->sock) {
        struct iovec area = {data, sizeof(data)};
        ssize_t n = sock_readv(p->env, p->sock, &area, 1);
        if (n == -EAGAIN)
            return;
        if (n <= 0)
            give_up(p);
        else
            check(p, data, (size_t)n);
    }
}

void sim_pulse_start(struct sim_pulse *p, struct env *env, const struct addr *to)
{
    static const struct sock_handler handler = {on_connect, on_ready};

    memset(p, 0, sizeof(*p));
    p->env = env;
    p->timer.fire = on_timer;
    p->began = env_now(env);
    assert_int_equal(sock_connect(env, &p->sock, to, &handler, p), 0);
}

void sim_pulse_deinit(struct sim_pulse *p)
{
    if (p->env)
        give_up(p);
}

bool sim_pulse_answered(void *pulse)
{
    const struct sim_pulse *p = pulse;
    return p->first > 0 || p->ended;
}

bool sim_pulse_is_well(const struct sim_pulse *p)
{
    return p->sock && !p->corrupt;
}

instant sim_pulse_silence(const struct sim_pulse *p)
{
    instant quiet = p->first > 0 ? env_now(p->env) - p->heard : 0;
    return quiet > p->silence ? quiet : p->silence;
}

void sim_pulse_measure(struct sim_pulse *p)
{
    p->heard = env_now(p->env);
    p->silence = 0;
}
