/* Whatever stands in the files that setup reads: our word goes in and comes out again, a journal is
 * read back as it was, and the readers of resolv.conf, ip(8) and /proc stay within their text. */
#include <stdlib.h>
#include <string.h>

#include "config/setup/facts.h"
#include "config/setup/journal.h"
#include "config/setup/nsswitch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void edit(const char *text)
{
    auto_free char *added = nsswitch_add(text);
    auto_free char *removed = added ? nsswitch_remove_line(added) : NULL;
    auto_free char *again = removed ? nsswitch_remove(removed) : NULL;

    if (!added || !removed || !again || !nsswitch_has(added, "overlay"))
        abort();
    /* Where we were not named it is as it was, byte by byte; brackets may be malformed. */
    if (nsswitch_has_hosts(text) && !nsswitch_has(text, "overlay")) {
        auto_free char *plain = nsswitch_remove(added);
        if (nsswitch_has(plain, "overlay") || (!strchr(text, '[') && strcmp(plain, text) != 0))
            abort();
    }
}

static void read_journal(const char *text)
{
    struct journal j, copy;

    if (journal_parse(&j, text) < 0)
        return;
    auto_free char *printed = journal_print(&j);
    if (!printed || journal_parse(&copy, printed) < 0 || copy.count != j.count ||
        copy.complete != j.complete)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct addr_prefix pool;
    char what[FACTS_TEXT];
    auto_free char *text = strndup((const char *)data, len);

    if (!text || addr_prefix_parse(&pool, "198.19.0.0/16") < 0)
        abort();
    edit(text);
    read_journal(text);
    (void)facts_is_stub(text);
    (void)facts_is_local(text);
    (void)facts_version(text);
    (void)facts_nm_mode(text);
    (void)facts_port_free(text, 80);
    if (facts_overlap(&pool, text, text, what) && !memchr(what, '\0', sizeof(what)))
        abort();
    return 0;
}
