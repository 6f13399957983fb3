#include "gateway/nat/classify_judge.h"

#include <stdlib.h>

#define DELTA_MAX      4    /* steps that can be predicted (class S) */
#define BLOCK_SPAN     2048 /* ports that can be scanned (class B) */
#define BLOCK_EVIDENCE 4    /* samples before a span means anything */

/* The samples under judgement: those of socket 0 that a majority stands behind come first. */
struct bench {
    const struct nat_sample *main[JUDGE_SAMPLES_MAX];
    unsigned mains;
    const struct nat_sample *fresh[JUDGE_SAMPLES_MAX];
    unsigned freshes;
};

typedef bool same_fn(const struct addr *a, const struct addr *b);

/* How many of the list have the same mapped address (or IP) as `s`. */
static unsigned votes_for(const struct nat_sample *s, const struct bench *b, same_fn *same)
{
    unsigned votes = 0;
    for (unsigned i = 0; i < b->mains; i++)
        votes += same(&b->main[i]->mapped, &s->mapped);
    return votes;
}

static const struct nat_sample *most_voted(const struct bench *b, same_fn *same, unsigned *votes)
{
    const struct nat_sample *best = NULL;
    *votes = 0;
    for (unsigned i = 0; i < b->mains; i++) {
        unsigned n = votes_for(b->main[i], b, same);
        if (n > *votes) {
            *votes = n;
            best = b->main[i];
        }
    }
    return best;
}

static void name(struct nat_report *report, const struct nat_sample *s)
{
    if (s->server >= 0)
        report->disagreeing |= 1u << s->server;
}

/* Leaves those that agree with `best`; the others' servers are named. */
static void keep(struct nat_report *report, struct bench *b, const struct nat_sample *best,
                 same_fn *same)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < b->mains; i++) {
        if (same(&b->main[i]->mapped, &best->mapped))
            b->main[kept++] = b->main[i];
        else
            name(report, b->main[i]);
    }
    b->mains = kept;
}

static bool several_ips(const struct bench *b, const struct nat_sample *like)
{
    const struct nat_sample *first = NULL;
    for (unsigned i = 0; i < b->mains; i++) {
        if (!addr_equal(&b->main[i]->mapped, &like->mapped))
            continue;
        if (first && !addr_same_ip(&first->to, &b->main[i]->to))
            return true;
        first = b->main[i];
    }
    return false;
}

/* A port per destination: does it depend on the address alone? Not knowing counts as no. */
static enum nat_rule dependent_rule(const struct bench *b)
{
    bool equal = false;
    for (unsigned i = 0; i < b->mains; i++) {
        for (unsigned j = i + 1; j < b->mains; j++) {
            if (!addr_same_ip(&b->main[i]->to, &b->main[j]->to))
                continue;
            if (!addr_equal(&b->main[i]->mapped, &b->main[j]->mapped))
                return NAT_RULE_APD;
            equal = true;
        }
    }
    return equal ? NAT_RULE_AD : NAT_RULE_APD;
}

static void judge_mapping(struct nat_report *report, struct bench *b)
{
    unsigned votes;
    const struct nat_sample *best = most_voted(b, addr_same_ip, &votes);

    if (!best)
        return;
    if (votes * 2 <= b->mains) { /* nobody has a majority: all are named, none is believed */
        for (unsigned i = 0; i < b->mains; i++)
            name(report, b->main[i]);
        b->mains = 0;
        return;
    }
    keep(report, b, best, addr_same_ip);
    best = most_voted(b, addr_equal, &votes);
    report->public = best->mapped;
    bool ips = several_ips(b, best);
    if (votes == b->mains) {
        report->mapping = ips ? NAT_RULE_EI : NAT_RULE_UNKNOWN;
    } else if (votes * 2 > b->mains && ips) {
        report->mapping = NAT_RULE_EI;
        keep(report, b, best, addr_equal);
    } else {
        report->mapping = dependent_rule(b);
    }
}

static bool keeps_port(const struct nat_sample *s)
{
    return addr_port(&s->local) == addr_port(&s->mapped);
}

static void judge_preserving(struct nat_report *report, const struct bench *b)
{
    unsigned kept = 0, count = b->freshes + (b->mains > 0);
    for (unsigned i = 0; i < b->freshes; i++)
        kept += keeps_port(b->fresh[i]);
    for (unsigned i = 0; i < b->mains; i++) {
        if (keeps_port(b->main[i])) { /* one of a symmetric NAT's may well do */
            kept++;
            break;
        }
    }
    if (count > 0)
        report->preserving = kept * 2 > count ? NAT_YES : NAT_NO;
}

static int by_order(const void *a, const void *b)
{
    const struct nat_sample *const *x = a, *const *y = b;
    return (*x)->order < (*y)->order ? -1 : (*x)->order > (*y)->order;
}

/* The mappings whose ports the NAT chose, in order: preserved ones show nothing of its rule. */
static unsigned chosen_ports(const struct nat_report *report, const struct bench *b,
                             const struct nat_sample *out[static JUDGE_SAMPLES_MAX])
{
    unsigned count = 0;
    unsigned mains = report->mapping == NAT_RULE_EI && b->mains > 0 ? 1 : b->mains;
    for (unsigned i = 0; i < mains; i++)
        if (!keeps_port(b->main[i]))
            out[count++] = b->main[i];
    for (unsigned i = 0; i < b->freshes && count < JUDGE_SAMPLES_MAX; i++)
        if (!keeps_port(b->fresh[i]))
            out[count++] = b->fresh[i];
    qsort(out, count, sizeof(*out), by_order);
    return count;
}

/* The constant step from mapping to mapping within each batch, or 0. */
static int constant_delta(const struct nat_sample *const *s, unsigned count)
{
    int delta = 0;
    unsigned steps = 0;
    for (unsigned i = 1; i < count; i++) {
        if (s[i]->batch != s[i - 1]->batch)
            continue;
        int step = (int)addr_port(&s[i]->mapped) - (int)addr_port(&s[i - 1]->mapped);
        if (steps++ > 0 && step != delta)
            return 0;
        delta = step;
    }
    return steps >= 2 && abs(delta) <= DELTA_MAX ? delta : 0;
}

static unsigned judge_ports(struct nat_report *report, const struct bench *b)
{
    const struct nat_sample *s[JUDGE_SAMPLES_MAX];
    unsigned count = chosen_ports(report, b, s);

    for (unsigned i = 0; i < count; i++) {
        uint16_t port = addr_port(&s[i]->mapped);
        if (report->port_min == 0 || port < report->port_min)
            report->port_min = port;
        if (port > report->port_max)
            report->port_max = port;
    }
    report->span = (unsigned)(report->port_max - report->port_min);
    report->delta = constant_delta(s, count);
    return count;
}

static bool is_untranslated(const struct nat_sample *s)
{
    return addr_equal(&s->local, &s->mapped);
}

static enum nat_class class_of(const struct nat_report *report, const struct bench *b,
                               unsigned chosen)
{
    if (b->mains == 0)
        return NAT_UNKNOWN;
    if (report->mapping == NAT_RULE_AD || report->mapping == NAT_RULE_APD) {
        if (report->delta != 0)
            return NAT_SEQUENTIAL;
        return chosen >= BLOCK_EVIDENCE && report->span < BLOCK_SPAN ? NAT_BLOCK : NAT_RANDOM;
    }
    bool plain = is_untranslated(b->main[0]);
    /* With one server the mapping is anybody's guess; but few NATs that keep the ports of several
     * sockets have one for each destination. */
    bool likely = b->freshes >= 2 && report->preserving == NAT_YES;
    if (report->mapping == NAT_RULE_UNKNOWN && !plain && !likely)
        return NAT_UNKNOWN;
    /* Where filtering is not known: home routers guard IPv6, few guard a public IPv4 address. */
    bool open = report->filtering == NAT_RULE_EI ||
                (plain && report->filtering == NAT_RULE_UNKNOWN && !addr_is_v6(&report->public));
    return open ? NAT_PUBLIC : NAT_CONE;
}

static uint16_t last_port(const struct nat_sample *samples, unsigned count)
{
    const struct nat_sample *last = NULL;

    for (unsigned i = 0; i < count; i++)
        if (!last || samples[i].order > last->order)
            last = &samples[i];
    return last ? addr_port(&last->mapped) : 0;
}

void nat_judge(struct nat_report *report, const struct nat_sample *samples, unsigned count)
{
    struct bench b = {0};

    report->disagreeing = 0;
    report->mapping = NAT_RULE_UNKNOWN;
    for (unsigned i = 0; i < count && i < JUDGE_SAMPLES_MAX; i++) {
        if (samples[i].main)
            b.main[b.mains++] = &samples[i];
        else
            b.fresh[b.freshes++] = &samples[i];
    }
    judge_mapping(report, &b);
    judge_preserving(report, &b);
    report->last_port = last_port(samples, count);
    report->class = class_of(report, &b, judge_ports(report, &b));
}

enum nat_class nat_class_filtered(const struct nat_report *report)
{
    enum nat_class class = report->class;

    if (report->filtering == NAT_RULE_UNKNOWN ||
        (class != NAT_UNKNOWN && class != NAT_PUBLIC && class != NAT_CONE))
        return class;
    if (report->filtering == NAT_RULE_EI)
        return NAT_PUBLIC;
    return class == NAT_PUBLIC ? NAT_CONE : class;
}
