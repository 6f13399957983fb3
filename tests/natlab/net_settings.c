#include "tests/natlab/net_settings.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/text.h"

int net_number(uint64_t *out, const char *text, uint64_t max)
{
    return text_parse_u64(out, text, strlen(text), max);
}

int net_choice(const char *value, const char *const choices[])
{
    for (int i = 0; choices[i]; i++)
        if (strcmp(choices[i], value) == 0)
            return i;
    return -EINVAL;
}

static const char *const mappings[] = {"none", "ei", "ad", "apd", "linux", NULL};
static const char *const filters[] = {"ei", "ad", "apd", NULL};
static const char *const port_rules[] = {"preserve", "random", "sequential", "block", NULL};
static const char *const hairpins[] = {"off", "internal", "external", NULL};
static const char *const inputs[] = {"drop", "accept", NULL};
static const char *const tcps[] = {"drop", "reset", NULL};
static const char *const udps[] = {"on", "off", NULL};
static const char *const v6s[] = {"stateful", "open", NULL};
static const char *const refreshes[] = {"both", "out", NULL};
static const char *const ups[] = {"up", "down", NULL};

/* The rules that are one of some words. Returns -ENOENT when it is another rule. */
static int set_word_rule(struct nat_config *c, const char *key, const char *value)
{
    static const struct {
        const char *key;
        const char *const *choices;
    } rules[] = {{"mapping", mappings}, {"filter", filters}, {"ports", port_rules},
                 {"hairpin", hairpins}, {"input", inputs},   {"tcp", tcps},
                 {"udp", udps},         {"v6", v6s},         {"refresh", refreshes}};
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strcmp(rules[i].key, key) != 0)
            continue;
        int is = net_choice(value, rules[i].choices);
        if (is < 0)
            return is;
        switch (i) {
        case 0:
            c->mapping = (enum nat_mapping)is;
            return 0;
        case 1:
            c->filter = (enum nat_filter)is;
            return 0;
        case 2:
            c->ports = (enum nat_ports)is;
            return 0;
        case 3:
            c->hairpin = (enum nat_hairpin)is;
            return 0;
        default:
            break;
        }
        bool *const flag[] = {&c->input_accepts, &c->refuses_tcp, &c->udp_blocked, &c->open_v6,
                              &c->keeps_on_out_only};
        *flag[i - 4] = is == 1;
        return 0;
    }
    return -ENOENT;
}

static int set_number_rule(struct nat_config *c, const char *key, const char *value)
{
    uint64_t number;
    int err = net_number(&number, value, 1000000000);
    bool is_port = strcmp(key, "min") == 0 || strcmp(key, "max") == 0 || strcmp(key, "block") == 0;
    if (strcmp(key, "unreplied") == 0)
        c->unreplied = err < 0 ? 0 : MSEC(number);
    else if (strcmp(key, "stream") == 0)
        c->stream = err < 0 ? 0 : MSEC(number);
    else if (strcmp(key, "flows") == 0)
        c->flows_max = err < 0 ? 0 : number;
    else if (!is_port)
        return -ENOENT;
    if (err < 0 || number == 0 || (is_port && number > UINT16_MAX))
        return -EINVAL;
    if (strcmp(key, "min") == 0)
        c->port_min = (uint16_t)number;
    else if (strcmp(key, "max") == 0)
        c->port_max = (uint16_t)number;
    else if (is_port)
        c->block = (uint16_t)number;
    return 0;
}

int net_set_rule(struct nat_config *c, const char *key, const char *value)
{
    int err = set_word_rule(c, key, value);
    return err == -ENOENT ? set_number_rule(c, key, value) : err;
}

int net_set_line(struct sim_link *l, const char *key, const char *value)
{
    uint64_t number = 0;
    static const char *const keys[] = {"delay", "jitter", "loss",  "repeat", "reorder",
                                       "mtu",   "rate",   "queue", NULL};
    int which = net_choice(key, keys);
    if (strcmp(key, "is") == 0) {
        int is = net_choice(value, ups);
        l->down = is == 1;
        return is < 0 ? is : 0;
    }
    if (which < 0)
        return -ENOENT;
    if (net_number(&number, value, UINT32_MAX) < 0 || (which >= 2 && which <= 4 && number > 1000))
        return -EINVAL;
    instant *const times[] = {&l->delay, &l->jitter};
    unsigned *const chances[] = {&l->loss, &l->repeat, &l->reorder};
    if (which < 2)
        *times[which] = MSEC(number);
    else if (which < 5)
        *chances[which - 2] = (unsigned)number;
    else if (which == 5)
        l->mtu = number;
    else if (which == 6)
        l->bandwidth = number;
    else
        l->queue = number;
    return 0;
}
