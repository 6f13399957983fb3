#include "config/settings/option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings/option_list.h"
#include "config/settings/target.h"
#include "gateway/base/text.h"

static bool is_label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool label_ok(const char *text)
{
    size_t len = strlen(text);

    if (len < 1 || len > OPTION_LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_label_char(text[i]))
            return false;
    return true;
}

int number_parse(uint64_t *out, const char *text, uint64_t min, uint64_t max)
{
    uint64_t n;

    if (text_parse_u64(&n, text, strlen(text), max) < 0 || n < min)
        return -EINVAL;
    *out = n;
    return 0;
}

/** A number with an optional one-letter unit. */
static int scaled_parse(uint64_t *out, const char *text, const char *units, const uint64_t *factor)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t n, times = 1;

    if (text[digits]) {
        const char *unit = strchr(units, text[digits]);
        if (!unit || text[digits + 1])
            return -EINVAL;
        times = factor[unit - units];
    }
    if (text_parse_u64(&n, text, digits, (uint64_t)INT64_MAX / times) < 0)
        return -EINVAL;
    *out = n * times;
    return 0;
}

int duration_parse(uint64_t *seconds, const char *text)
{
    static const uint64_t factor[] = {1, 60, 3600, 86400};
    return scaled_parse(seconds, text, "smhd", factor);
}

static int size_parse(uint64_t *bytes, const char *text)
{
    static const uint64_t factor[] = {1 << 10, 1 << 20, 1 << 30, 1 << 10, 1 << 20, 1 << 30};
    return scaled_parse(bytes, text, "KMGkmg", factor);
}

static int set_text(char *field, size_t size, const char *text, struct complaint *why)
{
    size_t len = strlen(text);

    if (len >= size)
        return option_complain(why, "longer than %zu characters", size - 1);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return option_complain(why, "control characters in the value");
    memcpy(field, text, len + 1);
    return 0;
}

static int set_label(char *field, const char *text, struct complaint *why)
{
    if (*text && !label_ok(text))
        return option_complain(why, "'%.40s' is not a name; use a-z, 0-9 and '-', at most %d", text,
                               OPTION_LABEL_MAX);
    return set_text(field, OPTION_LABEL_MAX + 1, text, why);
}

static bool domain_ok(const char *text)
{
    size_t label = 0;
    char last = '.';

    for (; *text; last = *text++) {
        if (*text != '.' && !is_label_char(*text))
            return false;
        if ((*text == '.' || *text == '-') && last == '.')
            return false;
        if (*text == '.' && last == '-')
            return false;
        label = *text == '.' ? 0 : label + 1;
        if (label > OPTION_NAME_MAX)
            return false;
    }
    return last != '.' && last != '-';
}

static int set_domain(char *field, const char *text, struct complaint *why)
{
    if (!domain_ok(text))
        return option_complain(why, "'%.70s' is not a domain name in lower case", text);
    return set_text(field, OPTION_NAME_MAX + 1, text, why);
}

static int set_target(char *field, const char *text, struct complaint *why)
{
    struct share_target target;

    if (*text && share_target_parse(&target, text) < 0)
        return option_complain(why, "'%.70s' is not a target; write %s", text, SHARE_TARGET_FORMS);
    return set_text(field, OPTION_TARGET_MAX + 1, text, why);
}

static int set_peer_id(char *field, const char *text, struct complaint *why)
{
    static const char ALPHABET[] = "ybndrfg8ejkmcpqxot1uwisza345h769YBNDRFGEJKMCPQXOTUWISZAH";

    if (*text &&
        (strlen(text) != OPTION_PEER_ID_LEN || strspn(text, ALPHABET) != OPTION_PEER_ID_LEN))
        return option_complain(why, "'%.60s' is not a peer id (52 characters, see `overlay id`)",
                               text);
    return set_text(field, OPTION_PEER_ID_LEN + 1, text, why);
}

static int set_bool(bool *field, const char *text, struct complaint *why)
{
    static const char *const word[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};

    for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
        if (strcmp(text, word[i]) == 0) {
            *field = i & 1;
            return 0;
        }
    }
    return option_complain(why, "'%.40s' is neither on nor off", text);
}

static int set_choice(unsigned *field, const char *rule, const char *text, struct complaint *why)
{
    const char *at = rule;
    size_t len = strlen(text);

    for (unsigned place = 0;; place++) {
        size_t n = strcspn(at, "|");
        if (n == len && memcmp(at, text, n) == 0) {
            *field = place;
            return 0;
        }
        if (!at[n])
            return option_complain(why, "'%.40s' is none of %s", text, rule);
        at += n + 1;
    }
}

static int set_number(uint64_t *field, const char *rule, const char *text,
                      int (*parse)(uint64_t *, const char *), struct complaint *why)
{
    uint64_t min = 0, max = UINT64_MAX, n;

    if (*rule) { /* "1-65535", our own text */
        char *dash;
        min = strtoull(rule, &dash, 10);
        max = strtoull(dash + 1, NULL, 10);
    }
    if (!*text) {
        *field = 0;
        return 0;
    }
    if (parse(&n, text) < 0)
        return option_complain(why, "'%.40s' is not a number", text);
    if (n < min || n > max)
        return option_complain(why, "%.40s is not within %s", text, rule);
    *field = n;
    return 0;
}

static int any_number(uint64_t *out, const char *text)
{
    return number_parse(out, text, 0, UINT64_MAX);
}

int option_set(const struct option *o, void *base, const char *text, char *why, size_t why_len)
{
    void *field = (char *)base + o->offset;
    struct complaint c = {why, why_len};

    switch (o->type) {
    case OPTION_ADDRS:
    case OPTION_NAMES:
    case OPTION_PREFIXES:
    case OPTION_RELAYS:
    case OPTION_SERVERS:
    case OPTION_HOSTS:
    case OPTION_URLS:
        return option_list_add(o->type, field, text, &c);
    case OPTION_TEXT:
        return set_text(field, OPTION_NAME_MAX + 1, text, &c);
    case OPTION_SECRET:
        return set_text(field, OPTION_SECRET_MAX + 1, text, &c);
    case OPTION_LABEL:
        return set_label(field, text, &c);
    case OPTION_DOMAIN:
        return set_domain(field, text, &c);
    case OPTION_TARGET:
        return set_target(field, text, &c);
    case OPTION_PEER_ID:
        return set_peer_id(field, text, &c);
    case OPTION_BOOL:
        return set_bool(field, text, &c);
    case OPTION_CHOICE:
        return set_choice(field, o->rule, text, &c);
    case OPTION_NUMBER:
        return set_number(field, o->rule, text, any_number, &c);
    case OPTION_SIZE:
        return set_number(field, o->rule, text, size_parse, &c);
    case OPTION_SECONDS:
        return set_number(field, o->rule, text, duration_parse, &c);
    }
    return -EINVAL;
}

bool option_is_list(const struct option *o)
{
    return o->type == OPTION_ADDRS || o->type == OPTION_NAMES || o->type == OPTION_PREFIXES ||
           o->type == OPTION_RELAYS || o->type == OPTION_SERVERS || o->type == OPTION_HOSTS ||
           o->type == OPTION_URLS;
}

void option_clear(const struct option *o, void *base)
{
    if (option_is_list(o))
        option_list_clear(o->type, (char *)base + o->offset);
}

bool option_equal(const struct option *o, const void *a, const void *b)
{
    const void *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;

    switch (o->type) {
    case OPTION_ADDRS:
    case OPTION_NAMES:
    case OPTION_PREFIXES:
    case OPTION_RELAYS:
    case OPTION_SERVERS:
    case OPTION_HOSTS:
    case OPTION_URLS:
        return option_list_equal(o->type, x, y);
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_LABEL:
    case OPTION_DOMAIN:
    case OPTION_TARGET:
    case OPTION_PEER_ID:
        return strcmp(x, y) == 0;
    case OPTION_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case OPTION_CHOICE:
        return *(const unsigned *)x == *(const unsigned *)y;
    case OPTION_NUMBER:
    case OPTION_SIZE:
    case OPTION_SECONDS:
        return *(const uint64_t *)x == *(const uint64_t *)y;
    }
    return false;
}

const char *option_form(const struct option *o)
{
    switch (o->type) {
    case OPTION_ADDRS:
        return "IP:PORT, ..";
    case OPTION_NAMES:
        return "NAME, ..";
    case OPTION_PREFIXES:
        return "ADDRESS/BITS, ..";
    case OPTION_RELAYS:
        return "PEER_ID@HOST:PORT, ..";
    case OPTION_SERVERS:
    case OPTION_HOSTS:
        return "HOST:PORT, ..";
    case OPTION_URLS:
        return "URL, ..";
    case OPTION_TEXT:
    case OPTION_SECRET:
        return "TEXT";
    case OPTION_LABEL:
        return "NAME";
    case OPTION_DOMAIN:
        return "DOMAIN";
    case OPTION_TARGET:
        return "TARGET";
    case OPTION_PEER_ID:
        return "PEER_ID";
    case OPTION_BOOL:
        return "on|off";
    case OPTION_CHOICE:
        return o->rule;
    case OPTION_NUMBER:
        return "NUMBER";
    case OPTION_SIZE:
        return "BYTES";
    case OPTION_SECONDS:
        return "SECONDS";
    }
    return "";
}
