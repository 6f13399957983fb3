/* The program: what the command line needs of this machine, and nothing else. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "adapters/pages.h"
#include "config/control/cli.h"
#include "config/control/protocol.h"
#include "gateway/base/log_ring.h"
#include "gateway/crypto/secret.h"
#include "gateway/daemon.h"
#include "gateway/io/accounts.h"
#include "gateway/io/file.h"
#include "gateway/io/handover.h"
#include "gateway/io/journal.h"
#include "gateway/io/logfile.h"
#include "gateway/io/machine.h"
#include "gateway/io/process.h"
#include "gateway/io/stamp.h"
#include "gateway/io/tcp.h"
#include "gateway/io/terminal.h"
#include "gateway/names_host.h"
#include "gateway/setup_host.h"
#include "gateway/stun_test.h"

struct program {
    struct machine *machine;
    struct handover handover;
    int edit; /* lock of the registry, or -1 */
    struct logfile log;
    struct log_ring ring;
    struct journal journal;
    enum log_level written; /* to standard error; the ring has the operator's day in any case */
};

static const char *get_environment(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

static char *absolute(void *arg, const char *path)
{
    (void)arg;
    return file_absolute(path);
}

static int write_text(void *arg, int fd, const char *text, size_t len)
{
    (void)arg;
    if (fd == STDERR_FILENO)
        process_complain(text, len);
    return terminal_write(fd, text, len);
}

static bool is_terminal(void *arg, int fd)
{
    (void)arg;
    return isatty(fd) == 1;
}

static unsigned columns(void *arg)
{
    (void)arg;
    return terminal_columns(STDOUT_FILENO);
}

static unsigned rows(void *arg)
{
    (void)arg;
    return terminal_rows(STDOUT_FILENO);
}

static int read_text(void *arg, const char *path, char **text, size_t *len)
{
    uint8_t *data = NULL;
    (void)arg;

    int err = strcmp(path, "-") == 0 ? file_load_fd(STDIN_FILENO, &data, len)
                                     : file_load(path, &data, len);
    *text = (char *)data;
    return err;
}

static int open_home(void *arg, const char *home, bool create, struct env **env)
{
    struct program *p = arg;

    if (!create && access(home, F_OK) < 0)
        return -errno;
    int err = machine_new(&p->machine, home);
    if (err == 0)
        *env = machine_env(p->machine);
    return err;
}

static void loop_run(void *arg)
{
    struct program *p = arg;
    io_loop_run(machine_loop(p->machine));
}

static void loop_stop(void *arg)
{
    struct program *p = arg;
    io_loop_stop(machine_loop(p->machine));
}

static int lock(void *arg, int *pid)
{
    struct program *p = arg;
    pid_t holder = 0;
    int err = home_lock(machine_home(p->machine), &holder);
    *pid = (int)holder;
    return err;
}

static void edit_end(void *arg)
{
    struct program *p = arg;
    home_edit_end(p->edit);
    p->edit = -1;
}

/* Other edits take moments. */
#define EDIT_WAIT_MS 5000

static int edit_begin(void *arg, int *pid)
{
    struct program *p = arg;
    pid_t holder = 0;
    *pid = 0;
    /* In this order: a gateway that starts meanwhile waits with reading until the edit has ended.
     */
    p->edit = home_edit_begin(machine_home(p->machine), EDIT_WAIT_MS);
    if (p->edit < 0)
        return p->edit;
    int err = home_probe(machine_home(p->machine), &holder);
    *pid = (int)holder;
    if (err < 0)
        edit_end(arg);
    return err;
}

/* ---- a gateway here, or in the background ---- */

static void write_log(void *arg, const struct log_entry *e)
{
    char out[LOG_LINE_MAX + 64], stamp[STAMP_MAX];
    struct program *p = arg;
    int64_t wall_us = env_wall_us(machine_env(p->machine));

    log_ring_add(&p->ring, wall_us, e);
    if (e->level > p->written || journal_write(&p->journal, e))
        return;
    int len = snprintf(out, sizeof(out), "%s%s %s: %s\n", stamp_line(wall_us, e->level, stamp),
                       log_level_name(e->level), log_topic_name(e->topic), e->line);
    /* Nobody is left to tell when the log itself cannot be written. */
    if (len > 0 && terminal_write(STDERR_FILENO, out, (size_t)len) == 0)
        logfile_wrote(&p->log, (size_t)len);
}

static instant log_now(void *arg)
{
    struct program *p = arg;
    return env_now(machine_env(p->machine));
}

/* Beside `share -f` a person wants to see what matters, not the operator's day. */
static enum log_level log_level_of(const struct cli_daemon *options)
{
    if (options->verbosity < 0)
        return LOG_LEVEL_ERROR;
    if (options->verbosity > 0)
        return LOG_LEVEL_DEBUG;
    return options->foreground ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
}

static int run_daemon(void *arg, const struct cli_daemon *options, char *why, size_t why_len)
{
    struct program *p = arg;
    p->written = log_level_of(options);
    log_ring_init(&p->ring);
    const struct log_sink sink = {
        .level = p->written > LOG_LEVEL_INFO ? p->written : LOG_LEVEL_INFO,
        .write = write_log,
        .now = log_now,
        .arg = p,
    };
    logfile_init(&p->log, STDERR_FILENO, options->home);
    journal_open(&p->journal, JOURNAL_SOCKET);
    log_set_sink(&sink);
    process_prepare();
    int err = daemon_run(p->machine, options, &p->ring, why, why_len);
    log_set_sink(NULL);
    log_ring_deinit(&p->ring);
    journal_close(&p->journal);
    logfile_deinit(&p->log);
    return err < 0 ? CLI_FAILED : CLI_OK;
}

static int spawn_daemon(void *arg, const struct cli_spawn *spawn, char *why, size_t why_len)
{
    const struct program *p = arg;
    pid_t holder;
    const struct process_daemon options = {
        .home = spawn->home,
        .config = spawn->config,
        .input = spawn->input,
        .input_len = spawn->input_len,
        .verbosity = spawn->verbosity,
    };
    int err = process_spawn_daemon(&options, why, why_len);
    if (err == -ESRCH && home_probe(machine_home(p->machine), &holder) == -EBUSY)
        return -EBUSY;
    return err;
}

static int join_stdio(void *arg, struct sock *sock, const uint8_t *early, size_t len)
{
    struct program *p = arg;
    return terminal_join(machine_loop(p->machine), machine_env(p->machine), sock, early, len);
}

static char *write_pac(void *arg, const char *suffix, const struct addr *proxy)
{
    char text[PAGE_MAX], host[ADDR_TEXT_MAX];
    (void)arg;

    size_t len = pac_file_write(suffix, addr_print(proxy, host), text);
    return strndup(text, len);
}

static bool is_user(void *arg, const char *name)
{
    uint32_t uid;
    (void)arg;
    return accounts_uid(name, &uid) == 0;
}

/* ---- sockets for programs ---- */

_Static_assert(CLI_PROGRAM_FD == HANDOVER_FD, "what programs are told is where their socket is");

static int hand_begin(void *arg, struct sock *sock)
{
    struct program *p = arg;
    return handover_begin(&p->handover, io_sock_release(sock));
}

static int hand_wait(void *arg, struct cli_handed *out)
{
    struct program *p = arg;
    struct handover_event event;
    int err = handover_wait(&p->handover, &event);

    out->what = event.what == HANDOVER_SOCKET    ? CLI_HANDED_SOCKET
                : event.what == HANDOVER_PROGRAM ? CLI_HANDED_PROGRAM
                : event.what == HANDOVER_SIGNAL  ? CLI_HANDED_SIGNAL
                                                 : CLI_HANDED_OVER;
    if (err == 0 && event.what == HANDOVER_SOCKET)
        memcpy(out->text, event.text, sizeof(out->text));
    out->fd = event.fd;
    out->pid = event.pid;
    out->status = event.status;
    out->number = event.number;
    out->typed = event.typed;
    secret_wipe(&event, sizeof(event));
    return err;
}

static void hand_enough(void *arg)
{
    struct program *p = arg;
    handover_enough(&p->handover);
}

static void hand_end(void *arg)
{
    struct program *p = arg;
    handover_end(&p->handover);
}

static int hand_start(void *arg, const struct cli_program *program)
{
    struct program *p = arg;
    const struct handover_program what = {
        .argv = program->argv,
        .environment = program->environment,
        .fd = program->release ? -1 : program->fd,
    };
    int err = program->peer && !program->release ? handover_connect(program->fd, program->peer) : 0;

    if (err < 0 || program->release)
        (void)close(program->fd);
    return err < 0 ? err : handover_start(&p->handover, &what);
}

static void hand_kill(void *arg, int pid, int number)
{
    (void)arg;
    handover_kill(pid, number);
}

static void hand_drop(void *arg, int fd)
{
    (void)arg;
    (void)close(fd);
}

static int append(void *arg, const char *path, const char *line)
{
    (void)arg;
    return logfile_append(path, line);
}

static int browse(void *arg, const char *url)
{
    (void)arg;
    return process_browse(url);
}

static int read_owned(void *arg, const char *path, const char *user, char **text)
{
    uint32_t uid = accounts_own_uid();
    uint8_t *data = NULL;
    size_t len;
    (void)arg;

    if (user && accounts_uid(user, &uid) < 0)
        return -ENOENT;
    int err = file_load_of(path, uid, &data, &len);
    *text = (char *)data;
    return err;
}

static bool is_root(void *arg)
{
    (void)arg;
    return geteuid() == 0;
}

static char *user_home(void *arg, const char *name)
{
    (void)arg;
    return accounts_home(name);
}

static char *own_path(void *arg)
{
    (void)arg;
    return realpath("/proc/self/exe", NULL);
}

static const char *local_time(void *arg, int64_t wall_us, char *out, size_t room)
{
    char stamp[STAMP_MAX];
    (void)arg;

    (void)snprintf(out, room, "%s", stamp_local(wall_us, stamp));
    return out;
}

static int stun_ask(void *arg, struct cli_stun *list, size_t count,
                    void (*waiting)(void *front, const struct cli_stun *entry), void *front)
{
    (void)arg;
    return stun_test_ask(list, count, waiting, front);
}

int main(int argc, char **argv)
{
    struct program program = {.edit = -1};
    const struct setup_host setup = setup_host_machine();
    const struct names_host names = names_host_machine();
    const struct cli_host host = {
        .version = OVERLAY_VERSION,
        .arg = &program,
        .getenv = get_environment,
        .absolute = absolute,
        .write = write_text,
        .is_terminal = is_terminal,
        .columns = columns,
        .rows = rows,
        .read_text = read_text,
        .open_home = open_home,
        .loop_run = loop_run,
        .loop_stop = loop_stop,
        .lock = lock,
        .edit_begin = edit_begin,
        .edit_end = edit_end,
        .daemon = run_daemon,
        .spawn = spawn_daemon,
        .join_stdio = join_stdio,
        .pac = write_pac,
        .is_user = is_user,
        .stun_ask = stun_ask,
        .local_time = local_time,
        .hand_begin = hand_begin,
        .hand_wait = hand_wait,
        .hand_enough = hand_enough,
        .hand_end = hand_end,
        .hand_start = hand_start,
        .hand_kill = hand_kill,
        .hand_drop = hand_drop,
        .append = append,
        .browse = browse,
        .setup = &setup,
        .names = &names,
        .read_owned = read_owned,
        .is_root = is_root,
        .user_home = user_home,
        .program = own_path,
    };
    terminal_open_missing();
    if (crypto_start() < 0) {
        (void)fprintf(stderr, "overlay: no randomness from this system\n");
        return CLI_FAILED;
    }
    int code = cli_run(argc, argv, &host);
    if (program.machine && machine_free(program.machine) < 0)
        code = code ? code : CLI_FAILED;
    return code;
}
