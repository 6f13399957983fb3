/* Any host name is ours or not, and means something or nothing, without a second opinion. */
#include <errno.h>
#include <stdlib.h>

#include "gateway/node/names.h"
#include "tests/support/lone_node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct node *the_node(void)
{
    static struct node node;
    static bool ready;
    if (!ready) {
        lone_node_init(&node);
        lone_node_offer(&node, "web", 80);
        ready = true;
    }
    return &node;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct name_target t;
    char host[600];
    if (len < 1 || len > sizeof(host) - 1)
        return 0;
    struct node *n = the_node();
    n->view.services_known = data[0] & 1;
    const char *suffix = data[0] & 2 ? "overlay" : "a.localhost";
    memcpy(host, data + 1, len - 1);
    host[len - 1] = '\0';

    int err = names_resolve(n, suffix, host, &t);
    if ((err == -EDOM) == names_is_ours(suffix, host))
        abort();
    if (err != 0 && err != -EDOM && err != -ENOENT)
        abort();
    if (err == 0 && t.kind != NAME_PEER && !preamble_name_ok(t.service))
        abort();
    if (err == 0 && t.kind == NAME_PEER && t.service[0] != '\0')
        abort();
    return 0;
}
