#include "gateway/io/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include "gateway/base/env.h"
#include "gateway/io/file.h"

#define LOCK_NAME    "lock"
#define EDIT_NAME    "registry.lock"
#define EDIT_POLL_MS 5

/* ---- the folder ---- */

static int make_folders(const char *path)
{
    char part[4096];
    size_t len = strlen(path);
    if (len >= sizeof(part))
        return -ENAMETOOLONG;
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST && i == len)
            return -errno;
    }
    return 0;
}

static int open_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int home_open(struct home *h, const char *path)
{
    *h = (struct home){.folder = -1, .lock = -1};
    h->folder = open_folder(path);
    if (h->folder == -ENOENT) {
        int err = make_folders(path);
        if (err < 0)
            return err;
        h->folder = open_folder(path);
    }
    if (h->folder < 0)
        return h->folder;
    h->path = strdup(path);
    if (!h->path) {
        (void)close(h->folder);
        return -ENOMEM;
    }
    return 0;
}

void home_close(struct home *h)
{
    if (!h->path)
        return;
    if (h->lock >= 0)
        (void)close(h->lock);
    (void)close(h->folder);
    free(h->path);
    *h = (struct home){.folder = -1, .lock = -1};
}

/* ---- files ---- */

static bool is_plain(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= ENV_HOME_NAME_MAX && name[0] != '.' && !strchr(name, '/');
}

int home_load(const struct home *h, const char *name, uint8_t **data, size_t *len)
{
    return is_plain(name) ? file_load_at(h->folder, name, data, len) : -EINVAL;
}

int home_save(const struct home *h, const char *name, const uint8_t *data, size_t len)
{
    return is_plain(name) ? file_save_at(h->folder, name, data, len) : -EINVAL;
}

int home_remove(const struct home *h, const char *name)
{
    if (!is_plain(name))
        return -EINVAL;
    return unlinkat(h->folder, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* ---- locks ---- */

static int open_lock(const struct home *h, const char *name)
{
    int fd = openat(h->folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

static pid_t read_pid(int fd)
{
    char text[16] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/* Locks of the open file, so that a question about one (F_OFD_GETLK) does not take it. Returns 0,
 * -EBUSY, or an errno. */
static int lock_whole(int fd, int command)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, command, &whole) < 0)
        return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
    return command == F_OFD_GETLK && whole.l_type != F_UNLCK ? -EBUSY : 0;
}

/* Takes the gateway's lock. Returns its descriptor, -EBUSY, or an errno. */
static int take_lock(const struct home *h, pid_t *pid)
{
    int fd = open_lock(h, LOCK_NAME);
    if (fd < 0)
        return fd;
    int err = lock_whole(fd, F_OFD_SETLK);
    if (err == 0)
        return fd;
    *pid = read_pid(fd);
    (void)close(fd);
    return err;
}

int home_lock(struct home *h, pid_t *pid)
{
    char text[16];
    *pid = 0;
    int fd = take_lock(h, pid);
    if (fd < 0)
        return fd;
    int len = snprintf(text, sizeof(text), "%-10d\n", (int)getpid());
    /* The lock is what counts; the number, always of one length, is for people: a full disk must
     * not stop us. */
    ssize_t written = pwrite(fd, text, (size_t)len, 0);
    (void)written;
    h->lock = fd;
    return 0;
}

int home_probe(const struct home *h, pid_t *pid)
{
    *pid = 0;
    int fd = openat(h->folder, LOCK_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int err = lock_whole(fd, F_OFD_GETLK);
    if (err == -EBUSY)
        *pid = read_pid(fd);
    (void)close(fd);
    return err;
}

int home_edit_begin(const struct home *h, unsigned wait_ms)
{
    int fd = open_lock(h, EDIT_NAME);
    if (fd < 0)
        return fd;
    int err = lock_whole(fd, F_OFD_SETLK);
    for (unsigned waited = 0; err == -EBUSY && waited < wait_ms; waited += EDIT_POLL_MS) {
        const struct timespec pause = {.tv_nsec = (long)MSEC(EDIT_POLL_MS)};
        (void)nanosleep(&pause, NULL);
        err = lock_whole(fd, F_OFD_SETLK);
    }
    if (err < 0) {
        (void)close(fd);
        return err;
    }
    return fd;
}

void home_edit_end(int edit)
{
    if (edit >= 0)
        (void)close(edit);
}
