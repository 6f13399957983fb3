#include "gateway/io/curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Debian's with GnuTLS, which we have loaded already; any other. Both are of one interface, which
 * has not changed since 2006. */
static const char *const LIBRARY[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};

static void *open_library(void)
{
    void *library = NULL;

    for (size_t i = 0; !library && i < sizeof(LIBRARY) / sizeof(LIBRARY[0]); i++)
        library = dlopen(LIBRARY[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

static bool find(void *library, struct curl_api *api)
{
    const struct {
        const char *name;
        void *at; /* a pointer to a function */
    } wanted[] = {
        {"curl_global_init", &api->global_init},   {"curl_easy_init", &api->easy_init},
        {"curl_easy_setopt", &api->easy_setopt},   {"curl_easy_perform", &api->easy_perform},
        {"curl_easy_getinfo", &api->easy_getinfo}, {"curl_easy_reset", &api->easy_reset},
        {"curl_easy_cleanup", &api->easy_cleanup}, {"curl_easy_strerror", &api->easy_strerror},
        {"curl_slist_append", &api->slist_append}, {"curl_slist_free_all", &api->slist_free_all},
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        void *found = dlsym(library, wanted[i].name);
        if (!found)
            return false;
        *(void **)wanted[i].at = found; /* POSIX: dlsym() gives functions, too */
    }
    return true;
}

struct curl_api *curl_load(void)
{
    void *library = open_library();
    struct curl_api *api = calloc(1, sizeof(*api));

    if (library && api && find(library, api) && api->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        return api;
    free(api);
    return NULL;
}
