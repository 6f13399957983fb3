#include "gateway/io/system_folder.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

bool system_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

int system_unlink(const char *path)
{
    return unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
}

int system_make_folder(const char *path, uint32_t uid)
{
    if (mkdir(path, 0755) < 0)
        return errno == EEXIST ? 0 : -errno;
    /* Whatever the umask was. */
    if (chmod(path, 0755) < 0 || (uid != 0 && chown(path, uid, (gid_t)-1) < 0))
        return -errno;
    return 0;
}

int system_remove_folder(const char *path)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return 0;
    return errno == EEXIST ? -ENOTEMPTY : -errno;
}

bool system_interrupted(void)
{
    const struct timespec at_once = {0};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return sigtimedwait(&set, NULL, &at_once) > 0;
}
