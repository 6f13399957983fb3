/**
 * What the gateway says about itself: `log_info(LOG_PEER, "%s: connected", alias)`.
 *
 * error: someone must act. warn: we act. info: the operator's ordinary day. debug: ours. Keys and
 * payload stay out, and strings from outside go through log_text().
 *
 * One sink for the process, set by main before anything runs and never from a thread: with
 * the sink unset (as in most tests) nothing is said. Each topic has a budget for all levels but
 * debug, so that a stranger cannot fill the disk; what was left out is counted and said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

enum log_topic {
    LOG_GATEWAY, /* start, stop, the whole */
    LOG_IO,      /* sockets, files, the loop */
    LOG_CONFIG,  /* settings and registry */
    LOG_PEER,    /* one peer's life */
    LOG_QUIC,    /* sessions */
    LOG_PATH,    /* real paths below them */
    LOG_LAN,     /* discovery on the local network */
    LOG_SERVE,   /* the server adapter */
    LOG_OPEN,    /* the browser adapter: local ports */
    LOG_PROXY,   /* the Host-routing, SOCKS and CONNECT proxy */
    LOG_DNS,     /* the DNS server */
    LOG_CONTROL, /* the control socket */
    LOG_NAT,     /* what our NAT is; port mappings */
    LOG_PUNCH,   /* hole punching */
    LOG_RELAY,   /* relays, ours and others' */
    LOG_DHT,     /* the DHT and records */
    LOG_ABUSE,   /* what others do that they should not */
    LOG_TOPICS
};

#define LOG_LINE_MAX 512 /* bytes of one line with its NUL; longer ones are cut */
#define LOG_TEXT_MAX 128 /* bytes of log_text()'s result with its NUL */

/** What a line is about, for programs that read it. Each may be NULL. */
struct log_about {
    const char *event;   /* a word that stays: "connected" */
    const char *peer;    /* its id in full */
    const char *address; /* IP:PORT, or an address alone */
};

struct log_entry {
    enum log_level level;
    enum log_topic topic;
    struct log_about about;
    const char *line; /* without a newline, printable but for UTF-8 of our own */
};

struct log_sink {
    enum log_level level; /* what is less important is not even formatted */
    /** Takes one line, borrowed. Must not log. */
    void (*write)(void *arg, const struct log_entry *entry);
    /** The time, for the budgets. */
    instant (*now)(void *arg);
    void *arg;
};

/** Sets the sink (copied), or none with NULL. Budgets start full. */
void log_set_sink(const struct log_sink *sink);
/** Would a line of this level be shown? */
bool log_wants(enum log_level level);

/** "error", "quic": as log lines and filters show them. */
const char *log_level_name(enum log_level level);
const char *log_topic_name(enum log_topic topic);

/** One line; call it by the macros below. */
void log_write(enum log_level level, enum log_topic topic, const char *format, ...)
    PRINTF_LIKE(3, 4);
/** The same, and what it is about. */
void log_event(enum log_level level, enum log_topic topic, const struct log_about *about,
               const char *format, ...) PRINTF_LIKE(4, 5);

#define log_error(topic, ...) log_write(LOG_LEVEL_ERROR, topic, __VA_ARGS__)
#define log_warn(topic, ...)  log_write(LOG_LEVEL_WARN, topic, __VA_ARGS__)
#define log_info(topic, ...)  log_write(LOG_LEVEL_INFO, topic, __VA_ARGS__)
/** Costs one test when nobody listens. */
#define log_debug(topic, ...)                                                                      \
    do {                                                                                           \
        if (log_wants(LOG_LEVEL_DEBUG))                                                            \
            log_write(LOG_LEVEL_DEBUG, topic, __VA_ARGS__);                                        \
    } while (0)

/**
 * Makes bytes from outside fit to be shown: printable ASCII but '\\' as it is, the rest as \xHH,
 * cut with "..." to LOG_TEXT_MAX. Returns `out`.
 */
const char *log_text(char out[static LOG_TEXT_MAX], const char *text, size_t len);
