/**
 * What the types of options.def are in C, and how large a value of each may be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"

#define OPTION_ADDRS_MAX    8
#define OPTION_RELAYS_MAX   2
#define OPTION_SERVERS_MAX  8
#define OPTION_NAMES_MAX    1024
#define OPTION_PREFIXES_MAX 1024
#define OPTION_NAME_MAX     63  /* characters of a word in a list, and of a text */
#define OPTION_LABEL_MAX    32  /* characters of a service's name or an alias */
#define OPTION_TARGET_MAX   255 /* characters */
#define OPTION_SECRET_MAX   255
#define OPTION_PEER_ID_LEN  52 /* characters */

struct addr_list {
    struct addr at[OPTION_ADDRS_MAX];
    size_t count;
};

/** Words: user names, aliases, peer ids, "*". Owned by whoever owns the field. */
struct name_list {
    char **at;
    size_t count;
};

/** Ranges of addresses. Owned by whoever owns the field. */
struct prefix_list {
    struct addr_prefix *at;
    size_t count;
};

typedef char option_place[128]; /* where a relay or a server is */

struct relay_list {
    option_place at[OPTION_RELAYS_MAX]; /* PEER_ID@HOST:PORT */
    size_t count;
};

/** STUN or TURN servers, each as config/settings/stun_server.h reads it; hosts; URLs. */
struct server_list {
    option_place at[OPTION_SERVERS_MAX];
    size_t count;
};

enum option_type {
    OPTION_ADDRS,    /* list of IP:PORT */
    OPTION_NAMES,    /* list of words */
    OPTION_PREFIXES, /* list of ADDRESS or ADDRESS/BITS */
    OPTION_RELAYS,   /* list of PEER_ID@HOST:PORT */
    OPTION_SERVERS,  /* list of HOST:PORT, see config/settings/stun_server.h */
    OPTION_HOSTS,    /* list of HOST:PORT, the port said */
    OPTION_URLS,     /* list of http://HOST.. or https://HOST.. */
    OPTION_TEXT,     /* anything printable */
    OPTION_SECRET,   /* the same, and longer */
    OPTION_LABEL,    /* a-z 0-9 -, as in an alias */
    OPTION_DOMAIN,   /* labels with dots between */
    OPTION_TARGET,   /* see config/settings/target.h */
    OPTION_PEER_ID,  /* 52 characters of z-base-32; judged further by who uses it */
    OPTION_BOOL,     /* on yes true 1, off no false 0 */
    OPTION_CHOICE,   /* one of the words of its rule; the field is its place there */
    OPTION_NUMBER,   /* within the range of its rule */
    OPTION_SIZE,     /* bytes; K M G */
    OPTION_SECONDS,  /* seconds; s m h d; within the range of its rule */
};

/* The C type of a field, by the type's name in options.def. */
typedef struct addr_list option_field_ADDRS;
typedef struct name_list option_field_NAMES;
typedef struct prefix_list option_field_PREFIXES;
typedef struct relay_list option_field_RELAYS;
typedef struct server_list option_field_SERVERS;
typedef struct server_list option_field_HOSTS;
typedef struct server_list option_field_URLS;
typedef char option_field_TEXT[OPTION_NAME_MAX + 1];
typedef char option_field_SECRET[OPTION_SECRET_MAX + 1];
typedef char option_field_LABEL[OPTION_LABEL_MAX + 1];
typedef char option_field_DOMAIN[OPTION_NAME_MAX + 1];
typedef char option_field_TARGET[OPTION_TARGET_MAX + 1];
typedef char option_field_PEER_ID[OPTION_PEER_ID_LEN + 1];
typedef bool option_field_BOOL;
typedef unsigned option_field_CHOICE;
typedef uint64_t option_field_NUMBER;
typedef uint64_t option_field_SIZE;
typedef uint64_t option_field_SECONDS;
