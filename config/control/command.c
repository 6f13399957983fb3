#include "config/control/command.h"

#include <string.h>

#include "config/control/commands.h"

#define NONE                                                                                       \
    {                                                                                              \
        NULL, PROTOCOL_STRING, false                                                               \
    }

static const struct protocol_argument NO_ARGUMENTS[] = {NONE};
static const struct protocol_argument PEER[] = {{"peer", PROTOCOL_STRING, true}, NONE};
static const struct protocol_argument PLACE[] = {{"place", PROTOCOL_STRING, true}, NONE};
static const struct protocol_argument PIPE_END[] = {{"pipe", PROTOCOL_NUMBER, true}, NONE};
static const struct protocol_argument CLOSE[] = {{"id", PROTOCOL_STRING, true}, NONE};
static const struct protocol_argument RESOLVE[] = {{"name", PROTOCOL_STRING, true}, NONE};
static const struct protocol_argument UNNAME[] = {{"alias", PROTOCOL_STRING, true}, NONE};
static const struct protocol_argument COMPLETE[] = {{"what", PROTOCOL_STRING, true}, NONE};

static const struct protocol_argument TRUST[] = {{"look", PROTOCOL_BOOL, false}, NONE};
static const struct protocol_argument UNTRUST[] = {{"keep", PROTOCOL_BOOL, false}, NONE};

static const struct protocol_argument LOG[] = {
    {"lines", PROTOCOL_NUMBER, false}, {"follow", PROTOCOL_BOOL, false}, NONE};

static const struct protocol_argument LINES[] = {{"lines", PROTOCOL_LIST, true}, NONE};
static const struct protocol_argument GRANT[] = {
    {"peer", PROTOCOL_STRING, true}, {"service", PROTOCOL_STRING, true}, NONE};

static const struct protocol_argument NAME[] = {
    {"alias", PROTOCOL_STRING, true}, {"id", PROTOCOL_STRING, true}, NONE};

static const struct protocol_argument PEER_ADD[] = {
    {"id", PROTOCOL_STRING, true},       {"alias", PROTOCOL_STRING, false},
    {"addresses", PROTOCOL_LIST, false}, {"relays", PROTOCOL_LIST, false},
    {"mail", PROTOCOL_STRING, false},    NONE};

static const struct protocol_argument SHARE[] = {{"target", PROTOCOL_STRING, true},
                                                 {"as", PROTOCOL_STRING, false},
                                                 {"port", PROTOCOL_NUMBER, false},
                                                 {"to", PROTOCOL_LIST, false},
                                                 {"public", PROTOCOL_BOOL, false},
                                                 {"udp", PROTOCOL_BOOL, false},
                                                 {"both", PROTOCOL_BOOL, false},
                                                 {"for", PROTOCOL_STRING, false},
                                                 {"raw", PROTOCOL_BOOL, false},
                                                 {"proxy_protocol", PROTOCOL_BOOL, false},
                                                 {"peer_header", PROTOCOL_BOOL, false},
                                                 {"off_host", PROTOCOL_BOOL, false},
                                                 {"hold", PROTOCOL_BOOL, false},
                                                 {"invite", PROTOCOL_BOOL, false},
                                                 NONE};

static const struct protocol_argument INVITE[] = {{"service", PROTOCOL_STRING, false},
                                                  {"uses", PROTOCOL_NUMBER, false},
                                                  {"for", PROTOCOL_STRING, false},
                                                  {"wait", PROTOCOL_BOOL, false},
                                                  NONE};

static const struct protocol_argument REVOKE[] = {{"what", PROTOCOL_STRING, true}, NONE};

static const struct protocol_argument OPEN[] = {{"place", PROTOCOL_STRING, true},
                                                {"at", PROTOCOL_STRING, false},
                                                {"udp", PROTOCOL_BOOL, false},
                                                {"hold", PROTOCOL_BOOL, false},
                                                NONE};

static const struct protocol_argument PING[] = {{"peer", PROTOCOL_STRING, true},
                                                {"count", PROTOCOL_NUMBER, false},
                                                {"until_direct", PROTOCOL_BOOL, false},
                                                NONE};

static const struct protocol_argument DHT[] = {{"do", PROTOCOL_STRING, true},
                                               {"what", PROTOCOL_STRING, false},
                                               {"value", PROTOCOL_HEX, false},
                                               {"salt", PROTOCOL_HEX, false},
                                               {"seq", PROTOCOL_NUMBER, false},
                                               {"cas", PROTOCOL_NUMBER, false},
                                               {"key", PROTOCOL_HEX, false},
                                               {"sig", PROTOCOL_HEX, false},
                                               {"port", PROTOCOL_NUMBER, false},
                                               {"immutable", PROTOCOL_BOOL, false},
                                               NONE};

static const struct protocol_argument PUNCH[] = {
    {"peer", PROTOCOL_STRING, true}, {"tcp", PROTOCOL_BOOL, false}, NONE};

static const struct protocol_argument PUNCH_ACCEPT[] = {
    {"peers", PROTOCOL_LIST, false}, {"tcp", PROTOCOL_BOOL, false}, NONE};

static const struct command COMMANDS[] = {
    {"id", true, NO_ARGUMENTS, command_id, NULL},
    {"peer", true, PEER_ADD, command_peer, NULL},
    {"name", true, NAME, command_name, NULL},
    {"accept", true, PEER, command_accept, NULL},
    {"book", true, NO_ARGUMENTS, command_book, NULL},
    {"import", true, LINES, command_import, NULL},
    {"unname", true, UNNAME, command_unname, NULL},
    {"allow", true, GRANT, command_allow, NULL},
    {"deny", true, GRANT, command_deny, NULL},
    {"block", true, PEER, command_block, NULL},
    {"unblock", true, PEER, command_unblock, NULL},
    {"revoke", true, REVOKE, command_revoke, NULL},
    {"resolve", true, RESOLVE, command_resolve, command_resolve_record},
    {"complete", true, COMPLETE, command_complete, NULL},
    {"trust", true, TRUST, command_trust, NULL},
    {"untrust", true, UNTRUST, command_untrust, NULL},
    {"share", false, SHARE, NULL, command_share},
    {"open", false, OPEN, NULL, command_open},
    {"invite", false, INVITE, NULL, command_invite},
    {"ls", false, NO_ARGUMENTS, command_ls, NULL},
    {"close", false, CLOSE, command_close, NULL},
    {"status", false, NO_ARGUMENTS, command_status, NULL},
    {"page", false, NO_ARGUMENTS, command_page, NULL},
    {"doctor", false, NO_ARGUMENTS, command_doctor, NULL},
    {"log", false, LOG, NULL, command_log},
    {"ping", false, PING, NULL, command_ping},
    {"bench", false, PEER, NULL, command_bench},
    {"dht", false, DHT, NULL, command_dht},
    {"punch", false, PUNCH, NULL, command_punch},
    {"punch_accept", false, PUNCH_ACCEPT, NULL, command_punch_accept},
    {"pipe", false, PLACE, NULL, command_pipe},
    {"pipe_end", false, PIPE_END, command_pipe_end, NULL},
    {"reload", false, NO_ARGUMENTS, command_reload, NULL},
    {"mail_send", false, PEER, NULL, command_mail_send},
    {"mail_read", false, LINES, NULL, command_mail_read},
    {"stop", false, NO_ARGUMENTS, command_stop, NULL},
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    return NULL;
}

json_t *command_run(struct command_context *context, const json_t *request)
{
    const struct command *command = command_find(protocol_command(request));

    if (!command || !command->run)
        return protocol_error(CLI_USAGE, NULL, "unknown command");
    if (!command->offline && !context->node)
        return protocol_error(CLI_FAILED, "overlay daemon", "no gateway is running");
    json_t *refusal = protocol_check(request, command->arguments);
    return refusal ? refusal : command->run(context, request);
}
