#include "gateway/io/unixpath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

static int through_folder(struct unixpath *u, const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof(folder))
        return -ENAMETOOLONG;
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(len > 0 ? len : 1), slash ? path : ".");
    u->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (u->folder < 0)
        return -errno;
    int n = snprintf(u->sun.sun_path, sizeof(u->sun.sun_path), "/proc/self/fd/%d/%s", u->folder,
                     slash ? slash + 1 : path);
    if (n < (int)sizeof(u->sun.sun_path))
        return 0;
    unixpath_deinit(u);
    return -ENAMETOOLONG;
}

int unixpath_init(struct unixpath *u, const char *path)
{
    *u = (struct unixpath){
        .sun.sun_family = AF_UNIX,
        .len = sizeof(u->sun),
        .folder = -1,
    };
    size_t len = strlen(path);
    if (len == 0)
        return -ENOENT; /* an empty name would be an abstract address */
    if (len >= sizeof(u->sun.sun_path))
        return through_folder(u, path);
    memcpy(u->sun.sun_path, path, len);
    return 0;
}

void unixpath_deinit(struct unixpath *u)
{
    if (u->folder >= 0)
        (void)close(u->folder);
    u->folder = -1;
}

int unixpath_connect(int fd, const char *path)
{
    struct unixpath u;
    int err = unixpath_init(&u, path);
    if (err < 0)
        return err;
    if (connect(fd, (struct sockaddr *)&u.sun, u.len) < 0)
        err = -errno;
    unixpath_deinit(&u);
    return err;
}

/* A socket file that nobody listens at any more, as a killed process leaves it. */
static bool is_stale(const struct unixpath *u)
{
    struct stat st;
    if (lstat(u->sun.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    int err = connect(fd, (const struct sockaddr *)&u->sun, u->len);
    bool stale = err < 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return stale;
}

/* Where others may write into the folder a chmod() afterwards could change another file, which they
 * have put there meanwhile: so it is the umask that gives way, while no file of ours is made. */
static int bind_as(int fd, const struct unixpath *u, mode_t mode)
{
    bool wide = mode & ~S_IRWXU;
    mode_t before = wide ? umask(0777 & ~mode) : 0;
    int err = bind(fd, (const struct sockaddr *)&u->sun, u->len);

    if (wide)
        (void)umask(before);
    return err;
}

int unixpath_listen(int fd, const char *path, mode_t mode, int backlog)
{
    struct unixpath u;
    int err = unixpath_init(&u, path);
    if (err < 0)
        return err;
    /* Linux creates the file with the mode of the socket, so there is no moment in which others
     * could connect, whatever the umask. */
    err = fchmod(fd, mode);
    if (err == 0)
        err = bind_as(fd, &u, mode);
    if (err < 0 && errno == EADDRINUSE) {
        if (is_stale(&u) && unlink(u.sun.sun_path) == 0)
            err = bind_as(fd, &u, mode);
        else
            errno = EADDRINUSE;
    }
    if (err == 0)
        err = listen(fd, backlog);
    err = err < 0 ? -errno : 0;
    unixpath_deinit(&u);
    return err;
}
