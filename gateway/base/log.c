#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/bucket.h"

/* Lines a second, and at once, that one topic may say. */
#define TOPIC_RATE  10
#define TOPIC_BURST 100

/* The one piece of process state: a log line must be possible anywhere. main sets it at the start,
 * before the first event; only the loop's thread logs. */
static struct {
    struct log_sink sink;
    struct bucket budget[LOG_TOPICS];
    unsigned long left_out[LOG_TOPICS];
} state;

void log_set_sink(const struct log_sink *sink)
{
    memset(&state, 0, sizeof(state));
    if (sink)
        state.sink = *sink;
    for (size_t i = 0; i < LOG_TOPICS; i++)
        state.budget[i] = bucket_of(TOPIC_RATE, TOPIC_BURST);
}

bool log_wants(enum log_level level)
{
    return state.sink.write && level <= state.sink.level;
}

const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "?";
}

const char *log_topic_name(enum log_topic topic)
{
    static const char *const names[LOG_TOPICS] = {
        [LOG_GATEWAY] = "gateway", [LOG_IO] = "io",       [LOG_CONFIG] = "config",
        [LOG_PEER] = "peer",       [LOG_QUIC] = "quic",   [LOG_PATH] = "path",
        [LOG_LAN] = "lan",         [LOG_SERVE] = "serve", [LOG_OPEN] = "open",
        [LOG_PROXY] = "proxy",     [LOG_DNS] = "dns",     [LOG_CONTROL] = "control",
        [LOG_NAT] = "nat",         [LOG_PUNCH] = "punch", [LOG_RELAY] = "relay",
        [LOG_DHT] = "dht",         [LOG_ABUSE] = "abuse",
    };
    return topic < LOG_TOPICS ? names[topic] : "?";
}

/* A newline in a line would let a stranger forge the next one. */
static void one_line(char *line)
{
    for (; *line; line++)
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            *line = '?';
}

static bool within_budget(enum log_level level, enum log_topic topic)
{
    if (level == LOG_LEVEL_DEBUG || !state.sink.now)
        return true;
    if (bucket_take(&state.budget[topic], state.sink.now(state.sink.arg), 1))
        return true;
    state.left_out[topic]++;
    return false;
}

static void pass_on(enum log_level level, enum log_topic topic, const struct log_about *about,
                    const char *line)
{
    const struct log_entry entry = {
        .level = level,
        .topic = topic,
        .about = about ? *about : (struct log_about){0},
        .line = line,
    };
    state.sink.write(state.sink.arg, &entry);
}

static void tell(enum log_level level, enum log_topic topic, const struct log_about *about,
                 const char *format, va_list args)
{
    static const struct log_about LEFT_OUT = {.event = "left_out"};
    char line[LOG_LINE_MAX];

    if (!log_wants(level) || !within_budget(level, topic))
        return;
    if (state.left_out[topic] > 0) {
        (void)snprintf(line, sizeof(line), "%lu lines left out", state.left_out[topic]);
        state.left_out[topic] = 0;
        pass_on(LOG_LEVEL_WARN, topic, &LEFT_OUT, line);
    }
    (void)vsnprintf(line, sizeof(line), format, args);
    one_line(line);
    pass_on(level, topic, about, line);
}

void log_write(enum log_level level, enum log_topic topic, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(level, topic, NULL, format, args);
    va_end(args);
}

void log_event(enum log_level level, enum log_topic topic, const struct log_about *about,
               const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(level, topic, about, format, args);
    va_end(args);
}

const char *log_text(char out[static LOG_TEXT_MAX], const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const size_t end = LOG_TEXT_MAX - sizeof("..."); /* nothing but the dots goes beyond */
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '\\';
        if (at + (plain ? 1 : 4) > end) {
            memcpy(out + at, "...", sizeof("..."));
            return out;
        }
        if (plain) {
            out[at++] = (char)c;
            continue;
        }
        out[at++] = '\\';
        out[at++] = 'x';
        out[at++] = hex[c >> 4];
        out[at++] = hex[c & 15];
    }
    out[at] = '\0';
    return out;
}
