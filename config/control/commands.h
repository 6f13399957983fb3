/**
 * The functions of the table in command.c, by the file they are in. See struct command.
 */
#pragma once

#include "config/control/call.h"

/* commands_registry.c: they work without a gateway too */
json_t *command_id(struct command_context *c, const json_t *request);
json_t *command_peer(struct command_context *c, const json_t *request);
json_t *command_name(struct command_context *c, const json_t *request);
json_t *command_unname(struct command_context *c, const json_t *request);
json_t *command_allow(struct command_context *c, const json_t *request);
json_t *command_deny(struct command_context *c, const json_t *request);
json_t *command_block(struct command_context *c, const json_t *request);
json_t *command_unblock(struct command_context *c, const json_t *request);
json_t *command_complete(struct command_context *c, const json_t *request);

/* commands_names.c: they work without a gateway too */
json_t *command_accept(struct command_context *c, const json_t *request);
json_t *command_book(struct command_context *c, const json_t *request);
json_t *command_import(struct command_context *c, const json_t *request);

/* commands_resolve.c: from the registry alone, without a gateway; and with the record */
json_t *command_resolve(struct command_context *c, const json_t *request);
void command_resolve_record(struct call *call, const json_t *request);

/* commands_share.c */
void command_share(struct call *call, const json_t *request);

/* commands_invite.c */
void command_invite(struct call *call, const json_t *request);
json_t *command_revoke(struct command_context *c, const json_t *request);

/* commands_list.c */
json_t *command_ls(struct command_context *c, const json_t *request);
json_t *command_close(struct command_context *c, const json_t *request);
json_t *command_reload(struct command_context *c, const json_t *request);
json_t *command_stop(struct command_context *c, const json_t *request);

/* commands_trust.c: they work without a gateway too */
json_t *command_trust(struct command_context *c, const json_t *request);
json_t *command_untrust(struct command_context *c, const json_t *request);
/** For `status`: the authority that https is served with, or null. */
json_t *status_trust(struct command_context *c);

/* status.c */
json_t *command_status(struct command_context *c, const json_t *request);
json_t *command_page(struct command_context *c, const json_t *request);
json_t *command_doctor(struct command_context *c, const json_t *request);

/* commands_log.c */
void command_log(struct call *call, const json_t *request);
/* commands_mail.c */
void command_mail_send(struct call *call, const json_t *request);
void command_mail_read(struct call *call, const json_t *request);

/* commands_open.c, commands_ping.c, commands_bench.c, commands_punch.c,
 * commands_pipe.c */
void command_open(struct call *call, const json_t *request);
void command_ping(struct call *call, const json_t *request);
void command_bench(struct call *call, const json_t *request);
/** Over the bare connection, one line and a socket (SCM_RIGHTS) when the caller has sent a byte. */
void command_punch(struct call *call, const json_t *request);
/** The same again and again, until the caller closes it. */
void command_punch_accept(struct call *call, const json_t *request);
void command_pipe(struct call *call, const json_t *request);
/* commands_dht.c */
void command_dht(struct call *call, const json_t *request);
/** A caller of `pipe` that saw the end asks whether it was one. */
json_t *command_pipe_end(struct command_context *c, const json_t *request);
