#include "gateway/setup_host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/io/accounts.h"
#include "gateway/io/file.h"
#include "gateway/io/system_folder.h"
#include "gateway/io/tool.h"

#define TOOL_WITHIN SEC(60) /* systemctl waits until a gateway is ready */

static int read_file(void *arg, const char *path, char **text)
{
    uint8_t *data = NULL;
    size_t len;
    (void)arg;

    int err = file_load(path, &data, &len);
    *text = (char *)data;
    return err;
}

static bool exists(void *arg, const char *path)
{
    (void)arg;
    return system_exists(path);
}

static int write_file(void *arg, const char *path, const char *text, unsigned mode)
{
    (void)arg;
    return file_replace(path, (const uint8_t *)text, strlen(text), mode);
}

static int unlink_file(void *arg, const char *path)
{
    (void)arg;
    return system_unlink(path);
}

static int make_folder(void *arg, const char *path, const char *owner)
{
    uint32_t uid = 0;
    (void)arg;

    if (owner && accounts_uid(owner, &uid) < 0)
        return -ENOENT;
    return system_make_folder(path, uid);
}

static int remove_folder(void *arg, const char *path)
{
    (void)arg;
    return system_remove_folder(path);
}

static int run(void *arg, const char *const argv[], const char *input, struct setup_ran *ran)
{
    struct tool_result r;
    (void)arg;

    int err = tool_run(argv, input, TOOL_WITHIN, &r);
    *ran = (struct setup_ran){.status = r.status, .out = r.out, .error = r.error};
    return err;
}

static bool interrupted(void *arg)
{
    (void)arg;
    return system_interrupted();
}

struct setup_host setup_host_machine(void)
{
    return (struct setup_host){
        .read = read_file,
        .exists = exists,
        .write = write_file,
        .unlink = unlink_file,
        .make_folder = make_folder,
        .remove_folder = remove_folder,
        .run = run,
        .interrupted = interrupted,
    };
}
