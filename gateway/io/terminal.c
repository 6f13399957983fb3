#include "gateway/io/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <poll.h>
#include <sys/ioctl.h>

#define CHUNK (256 * 1024)

void terminal_open_missing(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

int terminal_write(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            (void)poll(&p, 1, -1); /* somebody made it non-blocking */
            continue;
        }
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

unsigned terminal_columns(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

unsigned terminal_rows(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

/* Standard input to the socket, the socket to standard output. */
struct join {
    struct io_loop *loop;
    struct env *env;
    struct sock *sock;
    struct io_watch input; /* of standard input; a plain file cannot be watched */
    bool watching, input_ready, input_over;
    bool readable, writable, output_over;
    uint8_t held[CHUNK]; /* read from standard input, not yet taken by the socket */
    size_t held_at, held_len;
    uint8_t output[CHUNK];
    int err;
};

static void end(struct join *j, int err)
{
    if (j->err == 0)
        j->err = err;
    j->input_over = j->output_over = true;
    io_loop_stop(j->loop);
}

static void read_input(struct join *j)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

    /* Standard input is shared with the shell, so it stays blocking and is asked first. */
    if (poll(&p, 1, 0) != 1) {
        j->input_ready = false;
        return;
    }
    ssize_t n = read(STDIN_FILENO, j->held, sizeof(j->held));
    if (n > 0) {
        j->held_at = 0;
        j->held_len = (size_t)n;
    } else if (n == 0 || errno != EINTR) {
        j->input_over = true;
        sock_finish(j->env, j->sock);
    }
}

static void send_input(struct join *j)
{
    while (j->writable && !j->input_over && (j->held_len > 0 || j->input_ready)) {
        if (j->held_len == 0)
            read_input(j);
        if (j->held_len == 0)
            continue;
        struct iovec area = {j->held + j->held_at, j->held_len};
        ssize_t n = sock_writev(j->env, j->sock, &area, 1);
        if (n == -EAGAIN) {
            j->writable = false;
        } else if (n < 0) {
            /* The other side no longer reads; what it says still counts. */
            j->input_over = true;
        } else {
            j->held_at += (size_t)n;
            j->held_len -= (size_t)n;
        }
    }
}

static void write_output(struct join *j)
{
    while (j->readable && !j->output_over) {
        struct iovec area = {j->output, sizeof(j->output)};
        ssize_t n = sock_readv(j->env, j->sock, &area, 1);
        if (n == -EAGAIN)
            j->readable = false;
        else if (n < 0)
            end(j, (int)n);
        else if (n == 0)
            j->output_over = true;
        else if (terminal_write(STDOUT_FILENO, (const char *)j->output, (size_t)n) < 0)
            end(j, -EPIPE);
    }
}

static void go_on(struct join *j)
{
    send_input(j);
    write_output(j);
    /* A person at a terminal would have to type one more line to find out. */
    if (j->output_over && (j->input_over || isatty(STDIN_FILENO)))
        io_loop_stop(j->loop);
}

static void on_ready(void *arg)
{
    struct join *j = arg;
    j->readable = j->writable = true;
    go_on(j);
}

static void on_input(struct io_watch *w, uint32_t events)
{
    struct join *j = container_of(w, struct join, input);
    (void)events;
    j->input_ready = true;
    go_on(j);
}

static const struct sock_handler SOCKET = {NULL, on_ready};

int terminal_join(struct io_loop *loop, struct env *env, struct sock *sock, const uint8_t *early,
                  size_t len)
{
    struct join *j = malloc(sizeof(*j));
    if (!j) {
        sock_reset(env, sock);
        return -ENOMEM;
    }
    *j = (struct join){.loop = loop, .env = env, .sock = sock, .writable = true};
    j->err = terminal_write(STDOUT_FILENO, (const char *)early, len);
    j->input.ready = on_input;
    j->watching = io_watch_start(loop, &j->input, STDIN_FILENO, EPOLLIN) == 0;
    j->input_ready = true; /* the first look tells */
    if (j->err == 0) {
        sock_attach(env, sock, &SOCKET, j);
        io_loop_run(loop);
    }
    if (j->watching)
        io_watch_stop(loop, &j->input);
    sock_close(env, sock);
    int err = j->err;
    free(j);
    return err;
}
