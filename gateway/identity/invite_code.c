#include "gateway/identity/invite_code.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/identity/words.h"

#define SEPARATORS "- "

void invite_code_make(struct invite_code *out, const uint8_t random[static 8])
{
    uint32_t wide = 0;

    /* Of 2^32 values to 9,999 numbers: the favoured ones are likelier by a few in a million. */
    for (unsigned i = 0; i < 4; i++)
        wide = wide << 8 | random[i];
    out->number = (uint16_t)(1 + wide % INVITE_NUMBER_MAX);
    for (unsigned i = 0; i < 2; i++)
        out->words[i] = (uint16_t)((random[4 + 2 * i] << 8 | random[5 + 2 * i]) % WORDS_COUNT);
}

/* The next part of the code; NULL where there is none. */
static const char *next_part(const char **at, size_t *len)
{
    const char *part = *at + strspn(*at, SEPARATORS);

    *len = strcspn(part, SEPARATORS);
    *at = part + *len;
    return *len > 0 ? part : NULL;
}

int invite_code_parse(struct invite_code *out, const char *text, const char **word,
                      size_t *word_len)
{
    const char *at = text, *parts[3];
    size_t lens[3];
    uint64_t number;

    *word = NULL;
    *word_len = 0;
    for (unsigned i = 0; i < 3; i++)
        if (!(parts[i] = next_part(&at, &lens[i])))
            return -EINVAL;
    if (at[strspn(at, SEPARATORS)] != '\0' ||
        text_parse_u64(&number, parts[0], lens[0], INVITE_NUMBER_MAX) || number == 0)
        return -EINVAL;
    out->number = (uint16_t)number;
    for (unsigned i = 0; i < 2; i++) {
        int found = words_find(parts[i + 1], lens[i + 1]);
        if (found < 0) {
            *word = parts[i + 1];
            *word_len = lens[i + 1];
            return -ENOENT;
        }
        out->words[i] = (uint16_t)found;
    }
    return 0;
}

const char *invite_code_print(const struct invite_code *code, char out[static INVITE_CODE_MAX])
{
    (void)snprintf(out, INVITE_CODE_MAX, "%u-%s-%s", code->number, words_at(code->words[0]),
                   words_at(code->words[1]));
    return out;
}

const char *invite_code_words(const struct invite_code *code, char out[static INVITE_CODE_MAX])
{
    (void)snprintf(out, INVITE_CODE_MAX, "%s-%s", words_at(code->words[0]),
                   words_at(code->words[1]));
    return out;
}
