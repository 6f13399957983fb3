#include "config/setup/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A word in a unit, whatever is in it; `twice`: the characters that stand for themselves when they
 *  come twice (systemd.syntax(7), systemd.unit(5)). */
static void print_word(FILE *out, const char *word, const char *twice)
{
    (void)fputc('"', out);
    for (const char *c = word; *c; c++) {
        if (*c == '"' || *c == '\\')
            (void)fputc('\\', out);
        if (strchr(twice, *c))
            (void)fputc(*c, out);
        (void)fputc(*c, out);
    }
    (void)fputc('"', out);
}

static void print_path(FILE *out, const char *path)
{
    print_word(out, path, "%");
}

/** Of a command, behind the program: variables are put in there. */
static void print_argument(FILE *out, const char *word)
{
    print_word(out, word, "%$");
}

static char *done(FILE *out, char **text)
{
    if (fclose(out) == 0)
        return *text;
    free(*text);
    return NULL;
}

/** Commands of the plan that are made again at each start. What fails may be there already. */
static void print_commands(FILE *out, const struct setup_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct setup_step *s = &plan->steps[i];
        for (size_t k = 0; s->at_boot && k < s->command_count; k++)
            if (s->trace.kind == TRACE_TABLE)
                (void)fprintf(out, "ExecStart=nft -f " SETUP_RULES "\n");
            else
                (void)fprintf(out, "ExecStart=%s%s\n",
                              strncmp(s->commands[k], "ip link add ", 12) == 0 ? "-" : "",
                              s->commands[k]);
    }
}

char *unit_setup(const struct setup_plan *plan, const struct setup_facts *f)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    (void)fprintf(out,
                  SETUP_MARK "[Unit]\n"
                             "Description=Overlay: addresses and names of the pool\n"
                             "Documentation=man:overlay(1)\n"
                             "After=network-pre.target systemd-resolved.service nftables.service\n"
                             "Before=overlay-gateway.service\n");
    /* Rules of others that are read again begin with throwing ours away. */
    if (f->nft)
        (void)fprintf(out, "ReloadPropagatedFrom=nftables.service\n");
    (void)fprintf(out, "\n[Service]\nType=oneshot\nRemainAfterExit=yes\n");
    print_commands(out, plan);
    if (f->nft)
        (void)fprintf(out, "ExecReload=nft -f " SETUP_RULES "\n");
    (void)fprintf(out, "\n[Install]\nWantedBy=multi-user.target\n");
    return done(out, &text);
}

static void print_service(FILE *out, const struct setup_facts *f)
{
    (void)fprintf(out, "\n[Service]\nType=notify\nExecStart=");
    print_path(out, f->program);
    (void)fprintf(out, " --home ");
    print_argument(out, f->home);
    (void)fprintf(out,
                  " daemon\n"
                  "ExecReload=/bin/kill -HUP $MAINPID\n"
                  "Restart=on-failure\nRestartSec=2\nTimeoutStopSec=10\nWatchdogSec=30\n"
                  "LimitNOFILE=65536\nUser=%s\nUMask=0077\n"
                  "NoNewPrivileges=yes\nCapabilityBoundingSet=\nAmbientCapabilities=\n"
                  "ProtectSystem=strict\nReadWritePaths=",
                  f->user);
    print_path(out, f->home);
    /* No PrivateTmp and no PrivateUsers: services may be unix sockets in /tmp, and which user calls
     * must be told. */
    (void)fprintf(
        out, "\nProtectHome=read-only\nProtectProc=invisible\nProcSubset=pid\n"
             "PrivateDevices=yes\nPrivateMounts=yes\nProtectClock=yes\nProtectControlGroups=yes\n"
             "ProtectHostname=yes\nProtectKernelLogs=yes\nProtectKernelModules=yes\n"
             "ProtectKernelTunables=yes\nLockPersonality=yes\n"
             "MemoryDenyWriteExecute=yes\n"
             "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n"
             "RestrictNamespaces=yes\nRestrictRealtime=yes\nRestrictSUIDSGID=yes\n"
             "SystemCallArchitectures=native\nSystemCallFilter=@system-service\n"
             "SystemCallFilter=~@privileged @resources\nSystemCallErrorNumber=EPERM\n");
}

char *unit_gateway(const struct setup_facts *f)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    (void)fprintf(out,
                  SETUP_MARK "[Unit]\n"
                             "Description=Overlay gateway of %s\n"
                             "Documentation=man:overlay(1) man:overlay.conf(5)\n"
                             "Wants=overlay-setup.service\n"
                             "After=network.target overlay-setup.service\n"
                             "RequiresMountsFor=",
                  f->user);
    print_path(out, f->home);
    /* systemd closes the sockets of a service that it gives up, and the rules lead on to that port:
     * another user could take it. */
    (void)fprintf(out, "\nStartLimitIntervalSec=0\n");
    print_service(out, f);
    (void)fprintf(out, "Sockets=overlay-dns.socket overlay-names.socket%s%s%s",
                  f->nft ? " overlay-pool.socket" : "",
                  !f->nft && f->http_free ? " overlay-http.socket" : "",
                  !f->nft && f->https_free ? " overlay-https.socket" : "");
    (void)fprintf(out, "\n\n[Install]\nWantedBy=multi-user.target\n");
    return done(out, &text);
}

/** A socket unit of the gateway; `body` is its listeners. */
static char *socket_unit(const char *what, const char *body)
{
    char *text = NULL;

    if (asprintf(&text,
                 SETUP_MARK "[Unit]\nDescription=Overlay gateway, %s\n\n[Socket]\n%s"
                            "Service=overlay-gateway.service\n\n"
                            "[Install]\nWantedBy=sockets.target\n",
                 what, body) < 0)
        return NULL;
    return text;
}

char *unit_dns_socket(const struct setup_facts *f)
{
    char at[ADDR_TEXT_MAX], body[256];

    (void)addr_print(&f->dns, at);
    (void)snprintf(body, sizeof(body),
                   "ListenDatagram=%s\nListenStream=%s\nFileDescriptorName=dns\n", at, at);
    return socket_unit("DNS", body);
}

char *unit_names_socket(const struct setup_facts *f)
{
    (void)f;
    return socket_unit("look-up of names",
                       "ListenStream=" SETUP_NAMES "\nSocketMode=0666\nRemoveOnStop=yes\n"
                       "FileDescriptorName=names\n");
}

/** A port of every address, open to this machine alone. */
static char *loopback_socket(unsigned port, const char *name)
{
    char body[128];

    (void)snprintf(body, sizeof(body),
                   "ListenStream=0.0.0.0:%u\nBindToDevice=lo\nFileDescriptorName=%s\n", port, name);
    return socket_unit(name, body);
}

char *unit_pool_socket(const struct setup_facts *f)
{
    return loopback_socket(f->redirect_port, "pool");
}

char *unit_http_socket(const struct setup_facts *f)
{
    (void)f;
    return loopback_socket(80, "pool-http");
}

char *unit_https_socket(const struct setup_facts *f)
{
    (void)f;
    return loopback_socket(443, "pool-https");
}
