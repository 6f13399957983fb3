#include "config/settings/settings.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct option ONCE[] = {
#define OPTION(section, name, type, rule, def, help)                                               \
    {#section, #name, OPTION_##type, rule, def, help, offsetof(struct settings, section##_##name)},
#include "config/settings/options.def"
};

static const struct option OF_SERVICE[] = {
#define SERVICE_OPTION(name, type, rule, def, help)                                                \
    {"service NAME",                                                                               \
     #name,                                                                                        \
     OPTION_##type,                                                                                \
     rule,                                                                                         \
     def,                                                                                          \
     help,                                                                                         \
     offsetof(struct service_settings, name)},
#include "config/settings/options.def"
};

static const struct option OF_PEER[] = {
#define PEER_OPTION(name, type, rule, def, help)                                                   \
    {"peer ALIAS", #name, OPTION_##type, rule, def, help, offsetof(struct peer_settings, name)},
#include "config/settings/options.def"
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

const struct option *settings_option(enum settings_section kind, size_t i)
{
    switch (kind) {
    case SECTION_ONCE:
        return i < LENGTH(ONCE) ? &ONCE[i] : NULL;
    case SECTION_SERVICE:
        return i < LENGTH(OF_SERVICE) ? &OF_SERVICE[i] : NULL;
    case SECTION_PEER:
        return i < LENGTH(OF_PEER) ? &OF_PEER[i] : NULL;
    }
    return NULL;
}

static int set_defaults(enum settings_section kind, void *base)
{
    char why[128];
    const struct option *o;

    for (size_t i = 0; (o = settings_option(kind, i)); i++) {
        int err = option_set(o, base, o->standard, why, sizeof(why));
        assert(err != -EBADMSG); /* a default in options.def that its own type refuses */
        if (err < 0)
            return err;
    }
    return 0;
}

static void clear(enum settings_section kind, void *base)
{
    const struct option *o;

    for (size_t i = 0; (o = settings_option(kind, i)); i++)
        option_clear(o, base);
}

int settings_init(struct settings *s)
{
    memset(s, 0, sizeof(*s));
    return set_defaults(SECTION_ONCE, s);
}

void settings_deinit(struct settings *s)
{
    for (size_t i = 0; i < s->service_count; i++)
        clear(SECTION_SERVICE, &s->services[i]);
    for (size_t i = 0; i < s->peer_count; i++)
        clear(SECTION_PEER, &s->peers[i]);
    free(s->services);
    free(s->peers);
    clear(SECTION_ONCE, s);
    memset(s, 0, sizeof(*s));
}

struct service_settings *settings_add_service(struct settings *s)
{
    void *grown = realloc(s->services, (s->service_count + 1) * sizeof(*s->services));
    if (!grown)
        return NULL;
    s->services = grown;

    struct service_settings *added = &s->services[s->service_count++];
    memset(added, 0, sizeof(*added));
    return set_defaults(SECTION_SERVICE, added) == 0 ? added : NULL;
}

struct peer_settings *settings_add_peer(struct settings *s)
{
    void *grown = realloc(s->peers, (s->peer_count + 1) * sizeof(*s->peers));
    if (!grown)
        return NULL;
    s->peers = grown;

    struct peer_settings *added = &s->peers[s->peer_count++];
    memset(added, 0, sizeof(*added));
    return set_defaults(SECTION_PEER, added) == 0 ? added : NULL;
}

/* ---- what differs ---- */

/** Users of local ports are looked up anew; they and lists of addresses take effect at once. */
static bool is_live(size_t option)
{
    return option == SET_local_users || option == SET_gateway_allow_from ||
           option == SET_gateway_block_from;
}

size_t settings_later(const struct settings *now, const struct settings *fresh, char *out,
                      size_t out_len)
{
    size_t count = 0, used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < LENGTH(ONCE); i++) {
        if (is_live(i) || option_equal(&ONCE[i], now, fresh))
            continue;
        int n = snprintf(out + used, out_len - used, "%s[%s] %s",
                         count ? ", " : "restart the gateway for: ", ONCE[i].section, ONCE[i].name);
        if (n > 0 && (size_t)n < out_len - used)
            used += (size_t)n;
        count++;
    }
    return count;
}

/* ---- the default file ---- */

static void print_wrapped(FILE *out, const char *text)
{
    const size_t width = 76;

    while (*text) {
        size_t len = strlen(text);
        if (len > width) {
            len = width;
            while (len > 0 && text[len] != ' ')
                len--;
        }
        (void)fprintf(out, "# %.*s\n", (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
}

static void print_section(FILE *out, enum settings_section kind, const char *comment)
{
    const struct option *o;
    const char *section = "";

    for (size_t i = 0; (o = settings_option(kind, i)); i++) {
        if (strcmp(section, o->section) != 0)
            (void)fprintf(out, "\n%s[%s]\n", comment, o->section);
        section = o->section;
        print_wrapped(out, o->help);
        (void)fprintf(out, "#%s =%s%s\n", o->name, *o->standard ? " " : "", o->standard);
    }
}

void settings_print_default(FILE *out)
{
    (void)fputs(
        "# overlay.conf: every option, at its default. See overlay.conf(5).\n"
        "# Lines have at most 190 characters; an option that takes a list may be written again\n"
        "# to add to it.\n",
        out);
    print_section(out, SECTION_ONCE, "");
    print_section(out, SECTION_SERVICE, "#");
    print_section(out, SECTION_PEER, "#");
}
