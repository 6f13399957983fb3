#include "config/setup/rules.h"

#include <stdio.h>
#include <stdlib.h>

static void print_chains(FILE *out, const struct setup_facts *f)
{
    char pool[ADDR_PREFIX_TEXT_MAX];

    (void)addr_prefix_print(&f->pool, pool);
    (void)fprintf(out,
                  "\tchain output {\n"
                  "\t\ttype nat hook output priority -100; policy accept;\n"
                  "\t\tip daddr %s meta l4proto tcp redirect to :%u\n"
                  "\t}\n",
                  pool, (unsigned)f->redirect_port);
    /* Local addresses are answered on every device: a neighbour with a route could ask, too. */
    (void)fprintf(out,
                  "\tchain input {\n"
                  "\t\ttype filter hook input priority 0; policy accept;\n"
                  "\t\tiifname != \"lo\" ip daddr %s drop\n"
                  "\t}\n",
                  pool);
}

char *rules_print(const struct setup_facts *f)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    /* Made and deleted first, in the same transaction: the old one is replaced. */
    (void)fprintf(out, SETUP_MARK "table " SETUP_TABLE "\ndelete table " SETUP_TABLE
                                  "\ntable " SETUP_TABLE " {\n");
    print_chains(out, f);
    (void)fprintf(out, "}\n");
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
