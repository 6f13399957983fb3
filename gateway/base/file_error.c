#include "gateway/base/file_error.h"

#include <errno.h>
#include <string.h>

const char *file_error_text(int err)
{
    switch (err) {
    case -EACCES: /* keys that others may read are refused too */
        return "must be ours and closed to others (chmod 600)";
    case -ELOOP:
        return "is a symbolic link, which is not followed here";
    case -EINVAL:
        return "is not a plain file";
    default:
        return strerror(-err);
    }
}
