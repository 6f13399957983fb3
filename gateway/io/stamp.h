/**
 * What stands in front of a line of the log: the time, or for the journal, which has its own, the
 * line's weight.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/log.h"

#define STAMP_MAX 24

/** The local time, "2026-11-20 08:38:01", of a moment since 1970. Returns `out`. */
const char *stamp_local(int64_t wall_us, char out[static STAMP_MAX]);
/** Does standard error lead to the journal (systemd.exec(5), JOURNAL_STREAM)? */
bool stamp_is_journal(void);
/** A line's weight there, as in syslog(3): '3' for an error. */
char stamp_weight(enum log_level level);
/** What a line begins with: "2026-11-20 08:38:01 ", or "<6>" (sd-daemon(3)) if standard error leads
 *  to the journal. Returns `out`. */
const char *stamp_line(int64_t wall_us, enum log_level level, char out[static STAMP_MAX]);
