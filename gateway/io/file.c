#include "gateway/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "gateway/base/env.h"

#define FIRST_ROOM 4096 /* bytes, where the size is not known beforehand */
#define TRIES      1000 /* at a new file that other writers keep finishing before us */

/* ---- reading ---- */

/* Reads until `room` bytes are there or the end is reached. Returns how many are, or an errno. */
static ssize_t fill(int fd, uint8_t *buf, size_t used, size_t room)
{
    while (used < room) {
        ssize_t n = read(fd, buf + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

static int read_whole(int fd, size_t room, uint8_t **data, size_t *len)
{
    uint8_t *buf = NULL;
    ssize_t used = 0;
    for (;;) {
        uint8_t *more = realloc(buf, room + 1);
        if (!more) {
            free(buf);
            return -ENOMEM;
        }
        buf = more;
        used = fill(fd, buf, (size_t)used, room);
        if (used >= 0 && (size_t)used == room && room > FILE_MAX)
            used = -EFBIG;
        if (used < 0) {
            free(buf);
            return (int)used;
        }
        if ((size_t)used < room)
            break;
        room = room * 2 <= FILE_MAX ? room * 2 : FILE_MAX + 1;
    }
    buf[used] = '\0';
    *data = buf;
    *len = (size_t)used;
    return 0;
}

static bool is_key(const char *name)
{
    size_t len = strlen(name);
    return len >= 4 && strcmp(name + len - 4, ".key") == 0;
}

static int check(int fd, const char *name, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (is_key(name) && st.st_mode & (S_IRWXG | S_IRWXO))
        return -EACCES;
    if (st.st_size > (off_t)FILE_MAX)
        return -EFBIG;
    *size = (size_t)st.st_size;
    return 0;
}

static bool belongs_to(int fd, int64_t uid)
{
    struct stat st;
    return uid < 0 || (fstat(fd, &st) == 0 && st.st_uid == (uid_t)uid);
}

/* `uid` below 0: whoever it belongs to. */
static int load(int folder, const char *name, int64_t uid, uint8_t **data, size_t *len)
{
    size_t size = 0;
    /* Nonblocking, so that a FIFO in its place does not hang us. */
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = belongs_to(fd, uid) ? check(fd, name, &size) : -EPERM;
    if (err == 0) /* one more than there is, to see the end without growing */
        err = read_whole(fd, size + 1, data, len);
    (void)close(fd);
    return err;
}

int file_load_at(int folder, const char *name, uint8_t **data, size_t *len)
{
    return load(folder, name, -1, data, len);
}

int file_load_of(const char *path, uint32_t uid, uint8_t **data, size_t *len)
{
    return load(AT_FDCWD, path, uid, data, len);
}

int file_load(const char *path, uint8_t **data, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = file_load_fd(fd, data, len);
    (void)close(fd);
    return err;
}

int file_load_fd(int fd, uint8_t **data, size_t *len)
{
    return read_whole(fd, FIRST_ROOM, data, len);
}

/* ---- writing ---- */

struct new_file {
    char name[ENV_HOME_NAME_MAX + 8];
    int folder, fd;
};

/* Another writer may have renamed it away between our open and our lock. */
static bool still_has_name(const struct new_file *f)
{
    struct stat open_one, named;
    return fstat(f->fd, &open_one) == 0 &&
           fstatat(f->folder, f->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

static bool is_plain_and_ours(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid();
}

/* Whoever saves the same file at the same time waits here. Returns 0, or -EAGAIN to try again. */
static int claim(struct new_file *f)
{
    if (flock(f->fd, LOCK_EX) < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (!still_has_name(f))
        return -EAGAIN;
    if (!is_plain_and_ours(f->fd)) {
        (void)unlinkat(f->folder, f->name, 0);
        return -EAGAIN;
    }
    return ftruncate(f->fd, 0) < 0 || fchmod(f->fd, 0600) < 0 ? -errno : 0;
}

static int try_new(struct new_file *f)
{
    f->fd =
        openat(f->folder, f->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (f->fd < 0 && (errno == ELOOP || errno == ENXIO)) /* a symbolic link, a socket */
        return unlinkat(f->folder, f->name, 0) < 0 ? -errno : -EAGAIN;
    if (f->fd < 0)
        return -errno;
    int err = claim(f);
    if (err < 0)
        (void)close(f->fd);
    return err;
}

/* One name for all attempts, so that a killed writer leaves one file behind and not many. */
static int open_new(struct new_file *f, int folder, const char *name)
{
    f->folder = folder;
    (void)snprintf(f->name, sizeof(f->name), ".%s.new", name);
    int err = -EAGAIN;
    for (unsigned n = 0; n < TRIES && err == -EAGAIN; n++)
        err = try_new(f);
    return err;
}

static int write_whole(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int keep_owner(int fd, const struct stat *like)
{
    if (!like)
        return 0;
    if (fchown(fd, like->st_uid, like->st_gid) < 0 || fchmod(fd, like->st_mode & 07777) < 0)
        return -errno;
    return 0;
}

/* With the mode and owner of `like`; NULL: 0600 and ours. */
static int save_like(int folder, const char *name, const uint8_t *data, size_t len,
                     const struct stat *like)
{
    struct new_file f;
    if (strlen(name) > ENV_HOME_NAME_MAX)
        return -ENAMETOOLONG;
    if (len > FILE_MAX)
        return -EFBIG;
    int err = open_new(&f, folder, name);
    if (err < 0)
        return err;
    err = keep_owner(f.fd, like);
    if (err == 0)
        err = write_whole(f.fd, data, len);
    if (err == 0 && renameat(folder, f.name, folder, name) < 0)
        err = -errno;
    if (err < 0)
        (void)unlinkat(folder, f.name, 0);
    (void)close(f.fd);
    if (err == 0 && fsync(folder) < 0) /* the rename is not safe before */
        err = -errno;
    return err;
}

int file_save_at(int folder, const char *name, const uint8_t *data, size_t len)
{
    return save_like(folder, name, data, len, NULL);
}

/* The folder of an absolute path, which is cut in two. */
static int open_folder_of(char *path, const char **name)
{
    char *slash = strrchr(path, '/');

    *slash = '\0';
    *name = slash + 1;
    int fd = open(*path ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int file_replace(const char *path, const uint8_t *data, size_t len, unsigned mode)
{
    struct stat like = {.st_mode = (mode_t)mode, .st_uid = geteuid(), .st_gid = getegid()};
    const char *name = NULL;
    auto_free char *real = realpath(path, NULL);

    if (!real && errno == ENOENT)
        real = strdup(path);
    if (!real)
        return -errno;
    if (stat(real, &like) < 0 && errno != ENOENT)
        return -errno;
    int folder = open_folder_of(real, &name);
    if (folder < 0)
        return folder;
    int err = save_like(folder, name, data, len, &like);
    (void)close(folder);
    return err;
}

char *file_absolute(const char *path)
{
    char *out = NULL;

    if (path[0] == '/')
        return strdup(path);
    auto_free char *here = getcwd(NULL, 0);
    if (!here || asprintf(&out, "%s/%s", here, path) < 0)
        return NULL;
    return out;
}
