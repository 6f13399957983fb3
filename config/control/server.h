/**
 * The control server: commands for a running gateway, over a unix socket in its home.
 *
 * One JSON object a line each way (config/control/protocol.h). The socket's mode is 0600: who can
 * open it may do everything. What the commands need besides the node (local ports, configuration,
 * the end of the program) is in struct control_services (config/control/services.h), which main.c
 * fills in.
 */
#pragma once

#include "config/control/call.h"
#include "config/control/protocol.h"
#include "config/control/services.h"
#include "gateway/base/attr.h"
#include "gateway/node/node.h"

struct control_options {
    const char *home;    /* absolute path */
    const char *version; /* of the program */
    const char *suffix;  /* of names: "overlay" */
    int pid;
};

struct control_server;

/**
 * Listens on HOME/control.sock. Everything given is borrowed for its life (the strings are copied).
 * -EADDRINUSE: another gateway answers there.
 */
MUST_USE int control_server_new(struct control_server **out, struct node *node,
                                const struct control_services *services,
                                const struct control_options *options);
/** What its commands are given, for others that carry some out: valid as long as it is. */
struct command_context *control_server_context(struct control_server *s);
/** Drops all callers, takes away services that were shared for the life of their caller. */
void control_server_free(struct control_server *s);
