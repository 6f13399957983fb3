#include "gateway/io/stamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

const char *stamp_local(int64_t wall_us, char out[static STAMP_MAX])
{
    time_t when = (time_t)(wall_us / 1000000);
    struct tm local;

    out[0] = '\0';
    if (localtime_r(&when, &local))
        (void)strftime(out, STAMP_MAX, "%Y-%m-%d %H:%M:%S", &local);
    return out;
}

/* The variable is passed on to children, whose standard error may be somewhere else. */
bool stamp_is_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat st;

    if (!text || fstat(STDERR_FILENO, &st) < 0)
        return false;
    (void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(text, own) == 0;
}

char stamp_weight(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return '3';
    case LOG_LEVEL_WARN:
        return '4';
    case LOG_LEVEL_INFO:
        return '6';
    case LOG_LEVEL_DEBUG:
        return '7';
    }
    return '6';
}

const char *stamp_line(int64_t wall_us, enum log_level level, char out[static STAMP_MAX])
{
    if (stamp_is_journal()) {
        (void)snprintf(out, STAMP_MAX, "<%c>", stamp_weight(level));
        return out;
    }
    size_t len = strlen(stamp_local(wall_us, out));
    if (len > 0 && len + 1 < STAMP_MAX)
        memcpy(out + len, " ", sizeof(" "));
    return out;
}
