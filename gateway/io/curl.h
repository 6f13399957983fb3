/**
 * libcurl, loaded at run time: the functions of it that we use, under their own names.
 */
#pragma once

#include <curl/curl.h>

struct curl_api {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    __typeof__(curl_easy_perform) *easy_perform;
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
};

/** Loads the library. Returns it, to be freed, or NULL: it is not installed. It stays loaded, for
 * the threads of its own that may still run. */
struct curl_api *curl_load(void);
