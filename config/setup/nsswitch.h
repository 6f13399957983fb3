/**
 * Our word in nsswitch.conf(5): `hosts: files overlay [NOTFOUND=return] dns`.
 *
 * The module says "not found" of our names only (dns/nss/overlay.h): what is in brackets keeps
 * names of ours that do not exist, and those without an IPv6 address, from being asked of others.
 *
 * One word goes in, and the same word comes out again; whatever else is written there, before or
 * meanwhile, stays as it is, byte by byte. Texts are returned new; the caller frees them. NULL: no
 * memory.
 */
#pragma once

#include <stdbool.h>

#define NSSWITCH_PATH "/etc/nsswitch.conf"
#define NSSWITCH_LINE "hosts:          files overlay [NOTFOUND=return] dns\n"

/** Is there a line for host names at all? */
bool nsswitch_has_hosts(const char *text);
/** Is a module asked for host names? */
bool nsswitch_has(const char *text, const char *module);
/** Puts `overlay` behind `files` (and what is to be done after it, in brackets), or in front where
 *  there is no `files`. Where there is no line for hosts NSSWITCH_LINE becomes the first. */
char *nsswitch_add(const char *text);
/** Takes `overlay` out, with the brackets behind it. */
char *nsswitch_remove(const char *text);
/** Takes NSSWITCH_LINE out, as it was put there. */
char *nsswitch_remove_line(const char *text);
