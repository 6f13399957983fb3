#include "adapters/upgrade_watch.h"

#include <string.h>

void upgrade_watch_init(struct upgrade_watch *w)
{
    *w = (struct upgrade_watch){0};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum upgrade_answer judge(struct upgrade_watch *w)
{
    const char *s = w->status;
    if (memcmp(s, "HTTP/1.", 7) != 0 || !is_digit(s[7]) || s[8] != ' ' || s[9] != '1')
        return UPGRADE_REFUSED;
    if (s[10] == '0' && s[11] == '1')
        return UPGRADE_DONE;
    w->in_fields = true;
    w->line_empty = false;
    return UPGRADE_UNKNOWN;
}

/* Passes over the rest of an interim answer, up to its empty line. */
static void skip_byte(struct upgrade_watch *w, char c)
{
    if (c == '\n' && w->line_empty)
        upgrade_watch_init(w);
    else if (c == '\n')
        w->line_empty = true;
    else if (c != '\r')
        w->line_empty = false;
}

enum upgrade_answer upgrade_watch_take(struct upgrade_watch *w, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (w->in_fields) {
            skip_byte(w, (char)data[i]);
            continue;
        }
        w->status[w->len++] = (char)data[i];
        if (w->len < UPGRADE_STATUS_LEN)
            continue;
        enum upgrade_answer answer = judge(w);
        if (answer != UPGRADE_UNKNOWN)
            return answer;
    }
    return UPGRADE_UNKNOWN;
}
