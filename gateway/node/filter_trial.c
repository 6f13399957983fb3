#include "gateway/node/filter_trial.h"

static void close_socket(struct filter_trial *f)
{
    if (f->refresh.via != 0)
        hub_close_extra(f->stun->node->hub, f->refresh.via);
    f->refresh.via = 0;
}

static enum nat_rule judge(const struct filter_trial *f)
{
    bool far_came = f->far_result == REACH_PORT || f->far_result == REACH_YES;

    if (far_came || f->near_result == REACH_YES)
        return NAT_RULE_EI;
    if (f->near_result == REACH_PORT)
        return f->far_result == REACH_NO || f->near_check.far ? NAT_RULE_AD : NAT_RULE_UNKNOWN;
    return f->near_result == REACH_NO ? NAT_RULE_APD : NAT_RULE_UNKNOWN;
}

static void end(struct filter_trial *f, enum nat_rule rule)
{
    close_socket(f);
    f->running = false;
    f->done(f, rule);
}

static void count_down(struct filter_trial *f)
{
    if (--f->waiting == 0)
        end(f, judge(f));
}

static void on_near(struct reach_check *c, enum reach result)
{
    struct filter_trial *f = container_of(c, struct filter_trial, near_check);
    f->near_result = result;
    count_down(f);
}

static void on_far(struct reach_check *c, enum reach result)
{
    struct filter_trial *f = container_of(c, struct filter_trial, far_check);
    f->far_result = result;
    count_down(f);
}

static void verify(struct filter_trial *f, struct reach_check *c, const struct addr *helper)
{
    c->via = f->refresh.via;
    c->helper = *helper;
    f->waiting++;
    reach_desk_verify(f->reach, c, &f->refresh.query.mapped);
}

static void on_mapped(struct stun_refresh *r, uint16_t port)
{
    struct filter_trial *f = container_of(r, struct filter_trial, refresh);

    if (port == 0) {
        end(f, NAT_RULE_UNKNOWN);
        return;
    }
    verify(f, &f->near_check, &f->near);
    if (!addr_is_none(&f->far))
        verify(f, &f->far_check, &f->far);
}

void filter_trial_start(struct filter_trial *f, struct stun_desk *stun, struct reach_desk *reach,
                        const struct addr *near, const struct addr *far)
{
    filter_trial_stop(f);
    f->stun = stun;
    f->reach = reach;
    f->near = *near;
    f->far = *far;
    f->running = true;
    f->waiting = 0;
    f->near_result = f->far_result = REACH_UNKNOWN;
    f->near_check.done = on_near;
    f->far_check.done = on_far;
    f->refresh.done = on_mapped;
    f->refresh.server = *near;
    f->refresh.keeps = true;
    stun_desk_refresh(stun, &f->refresh);
}

void filter_trial_stop(struct filter_trial *f)
{
    if (!f->running)
        return;
    stun_desk_refresh_cancel(f->stun, &f->refresh);
    reach_desk_cancel(f->reach, &f->near_check);
    reach_desk_cancel(f->reach, &f->far_check);
    close_socket(f);
    f->running = false;
}
