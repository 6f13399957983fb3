/**
 * What a person decided in overlay.conf, as values: defaults where nothing was said.
 *
 * Fields, table and documentation come from options.def. A field is called SECTION_NAME; whether it
 * was written or is a default matters (a default port may give way, a written one may not) and is
 * told by settings_is_set(). Zeroed, the struct is empty; settings_init() puts the defaults in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/addr.h"
#include "gateway/base/attr.h"

#define SETTINGS_ADDRS_MAX    8
#define SETTINGS_TEXT_MAX     63  /* characters */
#define SETTINGS_TARGET_MAX   255 /* characters */
#define SETTINGS_NAMES_MAX    1024
#define SETTINGS_RELAYS_MAX   2
#define SETTINGS_SECTIONS_MAX 1024 /* of [service NAME], and of [peer ALIAS] */

struct addr_list {
    struct addr at[SETTINGS_ADDRS_MAX];
    size_t count;
};

/** Words: user names, aliases, peer ids, "*". */
struct name_list {
    char **at;
    size_t count;
};

struct relay_list {
    char at[SETTINGS_RELAYS_MAX][128];
    size_t count;
};

/* The type of a field, by its name in options.def. */
typedef struct addr_list option_addrs;
typedef struct name_list option_names;
typedef struct relay_list option_relays;
typedef char option_text[SETTINGS_TEXT_MAX + 1];
typedef char option_label[33];
typedef char option_domain[SETTINGS_TEXT_MAX + 1];
typedef char option_target[SETTINGS_TARGET_MAX + 1];
typedef char option_peer_id[53];
typedef bool option_bool;
typedef unsigned option_choice; /* place among the choices */
typedef uint64_t option_number;
typedef uint64_t option_size;    /* bytes */
typedef uint64_t option_seconds; /* seconds */

enum option_type {
    OPTION_ADDRS,
    OPTION_NAMES,
    OPTION_RELAYS,
    OPTION_TEXT,
    OPTION_LABEL,
    OPTION_DOMAIN,
    OPTION_TARGET,
    OPTION_PEER_ID,
    OPTION_BOOL,
    OPTION_CHOICE,
    OPTION_NUMBER,
    OPTION_SIZE,
    OPTION_SECONDS,
};

#define OPTION_FIELD_ADDRS   option_addrs
#define OPTION_FIELD_NAMES   option_names
#define OPTION_FIELD_RELAYS  option_relays
#define OPTION_FIELD_TEXT    option_text
#define OPTION_FIELD_LABEL   option_label
#define OPTION_FIELD_DOMAIN  option_domain
#define OPTION_FIELD_TARGET  option_target
#define OPTION_FIELD_PEER_ID option_peer_id
#define OPTION_FIELD_BOOL    option_bool
#define OPTION_FIELD_CHOICE  option_choice
#define OPTION_FIELD_NUMBER  option_number
#define OPTION_FIELD_SIZE    option_size
#define OPTION_FIELD_SECONDS option_seconds

/* Values of the choices, in the order of options.def. */
enum settings_port { SETTINGS_PORT_KEPT, SETTINGS_PORT_RANDOM };
enum settings_lan { SETTINGS_LAN_PRIVATE, SETTINGS_LAN_PUBLIC, SETTINGS_LAN_OFF };
enum settings_proto { SETTINGS_TCP, SETTINGS_UDP, SETTINGS_BOTH };

/** Every option of the sections that come once: SET_gateway_listen, ... */
enum settings_option {
#define OPTION(section, name, type, rule, def, help) SET_##section##_##name,
#include "config/settings/options.def"
    SETTINGS_OPTION_COUNT
};

/** One [service NAME]. */
struct service_settings {
    char name[33];
    int line; /* of its section, for messages */
#define SERVICE_OPTION(name, type, rule, def, help) OPTION_FIELD_##type name;
#include "config/settings/options.def"
};

/** One [peer ALIAS]. */
struct peer_settings {
    char alias[33];
    int line;
#define PEER_OPTION(name, type, rule, def, help) OPTION_FIELD_##type name;
#include "config/settings/options.def"
};

struct settings {
#define OPTION(section, name, type, rule, def, help) OPTION_FIELD_##type section##_##name;
#include "config/settings/options.def"
    struct service_settings *services;
    size_t service_count;
    struct peer_settings *peers;
    size_t peer_count;
    bool set[SETTINGS_OPTION_COUNT];
};

/** Puts the defaults in. -ENOMEM. Give it back by settings_deinit() in any case. */
MUST_USE int settings_init(struct settings *s);
void settings_deinit(struct settings *s);

/** Was it written in the file (or is it a default)? */
static inline bool settings_is_set(const struct settings *s, enum settings_option option)
{
    return s->set[option];
}

/**
 * Reads the text of a configuration file into settings that hold the defaults. `file` is its name
 * for messages. On error (-EBADMSG, -ENOMEM) writes "FILE:LINE: what" to `why`; `s` is then half
 * filled and of no use.
 */
MUST_USE int settings_parse(struct settings *s, const char *file, const char *text, size_t len,
                            char *why, size_t why_len);

/** Writes a configuration file with every option at its default, explained, commented out. */
void settings_print_default(FILE *out);
