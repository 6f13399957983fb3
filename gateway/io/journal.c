#include "gateway/io/journal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "gateway/io/stamp.h"

/* The line, four texts that are shorter, and names. */
enum { ENTRY_MAX = LOG_LINE_MAX + 1024 };

struct entry {
    char text[ENTRY_MAX];
    size_t len;
};

/* A value ends with its line: there is no newline in any of ours, and none gets in. */
static void put(struct entry *out, const char *name, const char *value)
{
    size_t room = ENTRY_MAX - out->len;
    char *at = out->text + out->len;
    int len = value && *value ? snprintf(at, room, "%s=%s", name, value) : 0;
    if (len <= 0 || (size_t)len + 1 > room)
        return;
    for (char *c = at; (c = strchr(c, '\n'));)
        *c = ' ';
    at[len] = '\n';
    out->len += (size_t)len + 1;
}

void journal_open(struct journal *j, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    j->fd = -1;
    if (!stamp_is_journal() || strlen(path) >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, strlen(path) + 1);
    j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (j->fd >= 0 && connect(j->fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
        journal_close(j);
}

void journal_close(struct journal *j)
{
    if (j->fd >= 0)
        (void)close(j->fd);
    j->fd = -1;
}

bool journal_write(const struct journal *j, const struct log_entry *e)
{
    struct entry out = {.len = 0};
    const char priority[] = {stamp_weight(e->level), '\0'};

    if (j->fd < 0)
        return false;
    put(&out, "MESSAGE", e->line);
    put(&out, "PRIORITY", priority);
    put(&out, "SYSLOG_IDENTIFIER", "overlay");
    put(&out, "OVERLAY_AREA", log_topic_name(e->topic));
    put(&out, "OVERLAY_EVENT", e->about.event);
    put(&out, "OVERLAY_PEER", e->about.peer);
    put(&out, "OVERLAY_ADDRESS", e->about.address);
    return send(j->fd, out.text, out.len, MSG_NOSIGNAL) == (ssize_t)out.len;
}
