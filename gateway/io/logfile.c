#include "gateway/io/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include "gateway/base/attr.h"

void logfile_put_aside(const char *path)
{
    struct stat s;
    auto_free char *old = NULL;
    if (lstat(path, &s) < 0 || s.st_size <= LOGFILE_MAX)
        return;
    if (asprintf(&old, "%s.old", path) < 0) {
        old = NULL;
        return;
    }
    (void)rename(path, old);
}

int logfile_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

int logfile_append(const char *path, const char *line)
{
    time_t now = time(NULL);
    struct tm local;
    char stamp[24] = "";
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), err = 0;

    if (fd < 0)
        return -errno;
    if (localtime_r(&now, &local))
        (void)strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S ", &local);
    if (dprintf(fd, "%s%s\n", stamp, line) < 0)
        err = -errno;
    (void)close(fd);
    return err;
}

static bool is_open_on(int fd, const char *path, off_t *len)
{
    struct stat mine, named;
    if (fstat(fd, &mine) < 0 || lstat(path, &named) < 0 || !S_ISREG(mine.st_mode))
        return false;
    *len = mine.st_size;
    return mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

void logfile_init(struct logfile *l, int fd, const char *home)
{
    *l = (struct logfile){.fd = fd};
    if (asprintf(&l->path, "%s/" LOGFILE_NAME, home) < 0)
        l->path = NULL;
    if (l->path && !is_open_on(fd, l->path, &l->len))
        logfile_deinit(l);
}

void logfile_deinit(struct logfile *l)
{
    free(l->path);
    l->path = NULL;
}

/* Whatever cannot be done is tried again after as many bytes. */
static void change(struct logfile *l)
{
    logfile_put_aside(l->path);
    int fd = logfile_open(l->path);
    if (fd < 0)
        return;
    (void)dup2(fd, l->fd);
    (void)close(fd);
}

void logfile_wrote(struct logfile *l, size_t len)
{
    if (!l->path)
        return;
    l->len += (off_t)len;
    if (l->len <= LOGFILE_MAX)
        return;
    l->len = 0;
    change(l);
}
