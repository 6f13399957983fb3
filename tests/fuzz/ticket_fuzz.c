/* Tickets: what is read is printed and read again the same. */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[TICKET_TEXT_MAX];
    struct ticket t, again;

    if (ticket_parse(&t, (const char *)data, len) < 0)
        return 0;
    if (ticket_parse(&again, text, ticket_print(&t, text)) < 0 ||
        memcmp(&again, &t, sizeof(t)) != 0)
        abort();
    return 0;
}
