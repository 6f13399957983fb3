#include "adapters/web_files.h"

#include <string.h>

/* The assembler puts a file between two labels. Its path is from the root of the sources, where
 * make runs; the Makefile says that this object is made of those files too. */
#define EMBED(name, path)                                                                          \
    __asm__(".pushsection .rodata\n" #name ":\n.incbin \"" path "\"\n" #name                       \
            "_end:\n.byte 0\n.popsection\n");                                                      \
    extern const uint8_t name[] __attribute__((visibility("hidden")));                             \
    extern const uint8_t name##_end[] __attribute__((visibility("hidden")))

/* Two labels are no array to a compiler: their distance is one of addresses. */
#define SIZE(name) ((size_t)((uintptr_t)name##_end - (uintptr_t)(name)))

EMBED(web_file_html, "adapters/web/status.html");
EMBED(web_file_css, "adapters/web/status.css");
EMBED(web_file_parts, "adapters/web/parts.js");
EMBED(web_file_js, "adapters/web/status.js");
EMBED(web_file_icon, "adapters/web/icon.svg");
EMBED(web_file_check, "adapters/web/check.html");
EMBED(web_file_check_js, "adapters/web/check.js");

static struct web_file find(const struct web_file *files, size_t count, struct http_text path)
{
    for (size_t i = 0; i < count; i++) {
        if (path.len == strlen(files[i].path) && memcmp(path.at, files[i].path, path.len) == 0)
            return files[i];
    }
    return (struct web_file){NULL, NULL, NULL, 0};
}

struct web_file web_file(struct http_text path)
{
    const struct web_file files[] = {
        {"/", "text/html; charset=utf-8", web_file_html, SIZE(web_file_html)},
        {"/status.css", "text/css; charset=utf-8", web_file_css, SIZE(web_file_css)},
        {"/parts.js", "text/javascript; charset=utf-8", web_file_parts, SIZE(web_file_parts)},
        {"/status.js", "text/javascript; charset=utf-8", web_file_js, SIZE(web_file_js)},
        {"/icon.svg", "image/svg+xml", web_file_icon, SIZE(web_file_icon)},
    };
    return find(files, sizeof(files) / sizeof(files[0]), path);
}

struct web_file web_file_of_check(struct http_text path)
{
    const struct web_file files[] = {
        {"/", "text/html; charset=utf-8", web_file_check, SIZE(web_file_check)},
        {"/status.css", "text/css; charset=utf-8", web_file_css, SIZE(web_file_css)},
        {"/check.js", "text/javascript; charset=utf-8", web_file_check_js, SIZE(web_file_check_js)},
        {"/icon.svg", "image/svg+xml", web_file_icon, SIZE(web_file_icon)},
    };
    return find(files, sizeof(files) / sizeof(files[0]), path);
}
