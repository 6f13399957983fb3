/**
 * What the command line needs of the world, as functions: files, standard streams, locks, other
 * processes. main.c fills them in; a test its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/control/names_host.h"
#include "config/settings/settings.h"
#include "config/settings/stun_server.h"
#include "config/setup/host.h"
#include "gateway/base/addr.h"
#include "gateway/base/env.h"

/** A gateway to be run in this process until it is told to stop. */
struct cli_daemon {
    const char *home; /* absolute path */
    struct env *env;  /* open_home() gave it; its loop is not running yet */
    struct settings *settings;
    const char *config;   /* absolute path of the file that `settings` came from, or "-" */
    bool config_optional; /* nobody named that file: while it is not there, defaults */
    int verbosity;        /* -1: quiet, 0: as usual, 1 or more: debug */
    bool foreground;      /* `-f`: no sd_notify, a command of the terminal */
    /**
     * Everything listens and the control socket answers: call this once, from the loop. May be
     * NULL. sd_notify(READY=1) comes before it.
     */
    void (*ready)(void *arg);
    void *ready_arg;
};

/** A gateway to be started in the background. */
struct cli_spawn {
    const char *home;   /* absolute path */
    const char *config; /* absolute path, "-" (then `input` is its text), or NULL */
    const char *input;
    size_t input_len;
    int verbosity;
};

/** A STUN server to be asked, and what came of it. */
struct cli_stun {
    struct stun_server server;
    int err; /* 0: `seen` is the address it sees */
    struct addr seen;
    char reason[128]; /* else what went wrong, for people */
};

#define CLI_PROGRAM_FD 3

/** A program that gets a socket. */
struct cli_program {
    char *const *argv;        /* its name, to be looked for in PATH, and its arguments */
    char *const *environment; /* "NAME=VALUE" beside ours, NULL at the end */
    int fd;                   /* it inherits it as CLI_PROGRAM_FD; taken */
    bool release;             /* closed instead: the program binds the port itself */
    const struct addr *peer;  /* the UDP socket is connected to it first; NULL: it is not */
};

/** Something happened while sockets are handed over. */
struct cli_handed {
    enum {
        CLI_HANDED_SOCKET,  /* `fd`, with a line of JSON in `text` */
        CLI_HANDED_PROGRAM, /* `pid` has ended with `status`, as a shell tells it */
        CLI_HANDED_SIGNAL,  /* `number` asks us to end; `typed`: programs have got it too */
        CLI_HANDED_OVER,    /* the gateway gives nothing more */
    } what;
    char text[4097];
    int fd, pid, status, number;
    bool typed;
};

struct cli_host {
    const char *version;
    void *arg; /* of every function below */

    /** As getenv(3). */
    const char *(*getenv)(void *arg, const char *name);
    /** Makes a path absolute by the working directory. The caller frees it; NULL: no memory. */
    char *(*absolute)(void *arg, const char *path);
    /** Writes all of it to standard output (1) or standard error (2). 0 or -errno. */
    int (*write)(void *arg, int fd, const char *text, size_t len);
    bool (*is_terminal)(void *arg, int fd);
    /** Width of the terminal at standard output in characters, 0: none. */
    unsigned (*columns)(void *arg);
    /** Its height in lines, 0: none. */
    unsigned (*rows)(void *arg);

    /** Reads a file whole, "-" being standard input. The caller frees `*text`, which has a NUL
     *  behind its `*len` bytes. -ENOENT, -EACCES, -EFBIG (over 1 MiB), ... */
    int (*read_text)(void *arg, const char *path, char **text, size_t *len);

    /**
     * Opens a home, with `create` making it (mode 0700) if need be, and gives the environment whose
     * files are in it. Without `create`, -ENOENT where there is none. Succeeds at most once; the
     * environment lives as long as the program.
     */
    int (*open_home)(void *arg, const char *home, bool create, struct env **env);
    /** Runs the loop of that environment until loop_stop() is called from it. */
    void (*loop_run)(void *arg);
    void (*loop_stop)(void *arg);

    /** Becomes the running gateway of the home until the process ends. Never waits: -EBUSY, and
     *  `*pid` is that of the one that is (0: not known). */
    int (*lock)(void *arg, int *pid);
    /** Locks the registry for one edit while no gateway runs: waits for other edits. -EBUSY as
     *  lock(). */
    int (*edit_begin)(void *arg, int *pid);
    void (*edit_end)(void *arg);

    /** Runs a gateway here; the lock is held. Returns an exit code; with other than 0, `why` has
     *  a line for people. */
    int (*daemon)(void *arg, const struct cli_daemon *daemon, char *why, size_t why_len);
    /**
     * Starts a gateway in the background (this program: `overlay --home HOME [--config FILE]
     * daemon`, its own session, its log to HOME/overlay.log) and waits until it listens or has
     * ended. 0; -EBUSY when somebody else has started one meanwhile, which may not listen yet; or
     * -errno and the last line it wrote in `why`.
     */
    int (*spawn)(void *arg, const struct cli_spawn *spawn, char *why, size_t why_len);

    /**
     * Copies standard input to the socket and the socket to standard output, half-closes kept,
     * until both have ended. `early` was read from the socket already and comes first. Takes the
     * socket. Called outside loop_run(), may block. 0 or -errno (-ECONNRESET: aborted by the other
     * side).
     */
    int (*join_stdio)(void *arg, struct sock *sock, const uint8_t *early, size_t len);
    /** The proxy auto-configuration file for names under `suffix` and a proxy there. The caller
     *  frees it; NULL: no memory. */
    char *(*pac)(void *arg, const char *suffix, const struct addr *proxy);
    /** Writes the local time, "2026-11-20 08:38:01", of a moment since 1970. Returns `out`. */
    const char *(*local_time)(void *arg, int64_t wall_us, char *out, size_t room);
    /** Is there such a user on this machine? */
    bool (*is_user)(void *arg, const char *name);
    /**
     * Asks all of these at once, over UDP from one socket, and waits until each has answered or
     * failed: 40 s at most, and of further addresses of a name 3 s each over UDP. waiting() is told
     * of those that have not after 3 s. 0, or -errno: nothing was asked.
     */
    int (*stun_ask)(void *arg, struct cli_stun *list, size_t count,
                    void (*waiting)(void *front, const struct cli_stun *entry), void *front);
    /**
     * Sockets for programs: begins to take them from the gateway at the other end of `sock`
     * (taken), waits for what happens next, wants no more sockets, and ends. 0 or -errno.
     */
    int (*hand_begin)(void *arg, struct sock *sock);
    int (*hand_wait)(void *arg, struct cli_handed *out);
    void (*hand_enough)(void *arg);
    void (*hand_end)(void *arg);
    /** Starts a program. Its process id, or -errno: -ENOENT, -EACCES as execvp(3). */
    int (*hand_start)(void *arg, const struct cli_program *program);
    void (*hand_kill)(void *arg, int pid, int number);
    /** Closes a socket that no program gets. */
    void (*hand_drop)(void *arg, int fd);
    /** Appends a line with the time before it to a file. 0 or -errno. */
    int (*append)(void *arg, const char *path, const char *line);
    /** Shows a URL in the person's browser (xdg-open), not waiting for it. */
    int (*browse)(void *arg, const char *url);

    /** Files and tools of the system, for setup and unsetup. */
    const struct setup_host *setup;
    /** How names are on this machine, for doctor; NULL: that is not looked at. */
    const struct names_host *names;
    /** Reads a plain file that belongs to a user (NULL: ours), no symbolic link; the caller frees
     *  `*text`. -EPERM: it is somebody else's. */
    int (*read_owned)(void *arg, const char *path, const char *user, char **text);
    /** May it change the machine? */
    bool (*is_root)(void *arg);
    /** The home directory of a user. The caller frees it; NULL: there is no such user. */
    char *(*user_home)(void *arg, const char *name);
    /** The path of this program. The caller frees it; NULL: not known. */
    char *(*program)(void *arg);
};
