#include "gateway/io/system_folder.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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

static bool is_folder_of(const char *path, uint32_t uid)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid;
}

int system_make_folder(const char *path, uint32_t uid)
{
    if (mkdir(path, 0755) < 0)
        return errno == EEXIST && is_folder_of(path, uid) ? 0 : -errno;
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

char *system_list_folder(const char *path)
{
    char *text = NULL;
    size_t len;
    const struct dirent *entry;
    DIR *folder = opendir(path);
    FILE *out = folder ? open_memstream(&text, &len) : NULL;

    while (out && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            (void)fprintf(out, "%s\n", entry->d_name);
    if (folder)
        (void)closedir(folder);
    if (!out || fclose(out) == 0)
        return text;
    free(text);
    return NULL;
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
