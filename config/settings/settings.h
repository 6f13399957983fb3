/**
 * What a person decided in overlay.conf, as values: defaults where nothing was said.
 *
 * Fields, table and documentation come from options.def. A field is called SECTION_NAME; whether it
 * was written or is a default matters (a default port may give way, a written one may not) and is
 * told by settings_is_set(). config/settings/parse.h fills it from the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/settings/option.h"
#include "gateway/base/attr.h"

#define SETTINGS_SECTIONS_MAX 1024 /* of [service NAME], and of [peer ALIAS] */

/* Values of the choices, in the order of options.def. */
enum settings_port { SETTINGS_PORT_KEPT, SETTINGS_PORT_RANDOM };
enum settings_lan { SETTINGS_LAN_PRIVATE, SETTINGS_LAN_PUBLIC, SETTINGS_LAN_OFF };
enum settings_dht {
    SETTINGS_DHT_ADAPTIVE,
    SETTINGS_DHT_CLIENT,
    SETTINGS_DHT_SERVER,
    SETTINGS_DHT_OFF
};
enum settings_relay { SETTINGS_RELAY_OFF, SETTINGS_RELAY_FRIENDS, SETTINGS_RELAY_OPEN };
enum settings_punch { SETTINGS_PUNCH_ON, SETTINGS_PUNCH_OFF };
enum settings_portmap { SETTINGS_PORTMAP_ON, SETTINGS_PORTMAP_OFF };
enum settings_proto { SETTINGS_TCP, SETTINGS_UDP, SETTINGS_BOTH };

/** Every option of the sections that come once: SET_gateway_listen, ... */
enum settings_option {
#define OPTION(section, name, type, rule, def, help) SET_##section##_##name,
#include "config/settings/options.def"
    SETTINGS_OPTION_COUNT
};

/** One [service NAME]. */
struct service_settings {
    char name[OPTION_LABEL_MAX + 1];
    int line; /* of its section, for messages */
#define SERVICE_OPTION(name, type, rule, def, help) option_field_##type name;
#include "config/settings/options.def"
};

/** One [peer ALIAS]. */
struct peer_settings {
    char alias[OPTION_LABEL_MAX + 1];
    int line;
#define PEER_OPTION(name, type, rule, def, help) option_field_##type name;
#include "config/settings/options.def"
};

struct settings {
#define OPTION(section, name, type, rule, def, help) option_field_##type section##_##name;
#include "config/settings/options.def"
    struct service_settings *services;
    size_t service_count;
    struct peer_settings *peers;
    size_t peer_count;
    int line[SETTINGS_OPTION_COUNT]; /* where it was written, 0: nowhere */
};

/** Puts the defaults in. -ENOMEM. Give it back by settings_deinit() in any case. */
MUST_USE int settings_init(struct settings *s);
void settings_deinit(struct settings *s);

/** Was it written in the file (or is it a default)? */
static inline bool settings_is_set(const struct settings *s, enum settings_option option)
{
    return s->line[option] > 0;
}

/** A new section of these at the end of their array, holding the defaults, or NULL: no memory. */
struct service_settings *settings_add_service(struct settings *s);
struct peer_settings *settings_add_peer(struct settings *s);

/** Which sections there are. */
enum settings_section { SECTION_ONCE, SECTION_SERVICE, SECTION_PEER };

/** The options of the sections that come once (`i` is enum settings_option too), of [service NAME]
 *  or of [peer ALIAS], one after another; NULL at the end. */
const struct option *settings_option(enum settings_section kind, size_t i);

/**
 * Lists in `out` the options that differ and that a running gateway cannot change ("restart the
 * gateway for: [dns] listen, ..."), or nothing. Returns how many.
 */
size_t settings_later(const struct settings *now, const struct settings *fresh, char *out,
                      size_t out_len);

/** Writes a configuration file with every option at its default, explained and commented out. */
void settings_print_default(FILE *out);
