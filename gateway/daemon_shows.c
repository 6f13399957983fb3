/* What a running gateway shows of itself: the status page, and figures for Prometheus. */
#include "gateway/daemon_parts.h"

#include <stdio.h>
#include <string.h>

#include "adapters/metrics_text.h"

/* ---- the status page ---- */

static char *show(void *arg, bool trusted)
{
    struct daemon *d = arg;
    return d->page ? page_desk_show(d->page, trusted) : NULL;
}

static char *act(void *arg, const char *text, size_t len, bool *done)
{
    struct daemon *d = arg;
    return d->page ? page_desk_act(d->page, text, len, done) : NULL;
}

void daemon_fill_web(struct daemon *d)
{
    d->web = (struct web_source){d, show, act};
}

int daemon_start_page(struct daemon *d, char *why, size_t why_len)
{
    int err = page_desk_new(&d->page, control_server_context(d->control));
    if (err < 0)
        (void)snprintf(why, why_len, "status page: %s", strerror(-err));
    return err;
}

/* ---- figures ---- */

static char *write_figures(void *arg)
{
    struct daemon *d = arg;
    const struct metrics_about about = {.version = OVERLAY_VERSION, .started = d->started_at};
    return metrics_write(d->node, &about);
}

int daemon_start_metrics(struct daemon *d, char *why, size_t why_len)
{
    const struct settings *s = d->options->settings;
    struct metrics_options options = {
        .env = d->env, .users = &d->users, .write = write_figures, .arg = d};

    for (size_t i = 0; i < s->metrics_listen.count && i < METRICS_LISTEN_MAX; i++)
        options.listen[i] = s->metrics_listen.at[i];
    if (s->metrics_listen.count == 0)
        return 0;
    d->started_at = (double)env_wall_us(d->env) / 1e6;
    return metrics_new(&d->metrics, &options, why, why_len);
}
