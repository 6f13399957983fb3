/**
 * Log lines for systemd's journal, with fields that programs can ask for: journalctl
 * OVERLAY_PEER=.. or OVERLAY_EVENT=connected.
 *
 * The native protocol: a datagram an entry, NAME=value lines. Never waits; where the journal does
 * not take it, the caller writes the line as it would elsewhere.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/log.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal {
    int fd; /* -1: there is none */
};

/** Opens the way to the journal at `path`, if standard error leads there (JOURNAL_STREAM). */
void journal_open(struct journal *j, const char *path);
void journal_close(struct journal *j);
/** Hands one entry over. False: nobody took it. */
bool journal_write(const struct journal *j, const struct log_entry *entry);
