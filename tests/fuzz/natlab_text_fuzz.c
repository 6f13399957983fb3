/* Any topology: a line does something or says why not, and the internet it makes can be left. */
#include <stdlib.h>
#include <string.h>

#include "tests/natlab/net.h"
#include "tests/natlab/net_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void deliver(void *arg, struct net_host *h, const uint8_t *data, size_t len)
{
    (void)arg;
    (void)h;
    (void)data;
    (void)len;
}

static void tell(struct net *n, const uint8_t *text, size_t len)
{
    char line[NET_TEXT_MAX], out[NET_TEXT_MAX];
    if (len >= sizeof(line))
        len = sizeof(line) - 1;
    memcpy(line, text, len);
    line[len] = '\0';
    int err = net_tell(n, line, out);
    if (strlen(out) >= sizeof(out) || (err < 0 && out[0] == '\0'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t ping[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0,
                                     0,    1, 1, 1,  1, 1, 8, 0, 0,  0, 0, 7, 0,  0};
    struct net *n = malloc(sizeof(*n));
    if (!n)
        return 0;
    net_init(n, 1, deliver, NULL);
    while (len > 0) {
        const uint8_t *end = memchr(data, '\n', len);
        size_t line = end ? (size_t)(end - data) : len;
        tell(n, data, line);
        line += end != NULL;
        data += line;
        len -= line;
    }
    for (unsigned i = 0; i < n->host_count; i++)
        net_send(n, SEC(i), &n->host[i], ping, sizeof(ping));
    net_run(n, SEC(100));
    net_deinit(n);
    free(n);
    return 0;
}
