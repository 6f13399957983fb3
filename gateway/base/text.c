#include "gateway/base/text.h"

#include <errno.h>
#include <string.h>

static const char HEX[] = "0123456789abcdef";
static const char Z32[] = "ybndrfg8ejkmcpqxot1uwisza345h769";
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char BASE64_URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* The place of `c` in an alphabet of `size` characters, or -1. */
static int value_of(const char *alphabet, size_t size, char c)
{
    const char *at = memchr(alphabet, c, size);
    return at ? (int)(at - alphabet) : -1;
}

char *text_hex(char *out, const uint8_t *data, size_t len)
{
    char *at = out;
    for (size_t i = 0; i < len; i++) {
        *at++ = HEX[data[i] >> 4];
        *at++ = HEX[data[i] & 15];
    }
    *at = '\0';
    return out;
}

int text_hex_decode(uint8_t *out, size_t len, const char *text, size_t text_len)
{
    if (text_len % 2 != 0 || text_len / 2 != len)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        int high = value_of(HEX, 16, lower(text[2 * i]));
        int low = value_of(HEX, 16, lower(text[2 * i + 1]));
        if (high < 0 || low < 0)
            return -EINVAL;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

size_t text_base64(char *out, enum text_base64 kind, const uint8_t *data, size_t len)
{
    const char *alphabet = kind == TEXT_BASE64 ? BASE64 : BASE64_URL;
    char *at = out;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)data[i] << 16;
        if (n > 1)
            group |= (uint32_t)data[i + 1] << 8;
        if (n > 2)
            group |= data[i + 2];
        for (size_t k = 0; k <= n; k++)
            *at++ = alphabet[group >> (18 - 6 * k) & 63];
        for (size_t k = n; k < 3 && kind == TEXT_BASE64; k++)
            *at++ = '=';
    }
    *at = '\0';
    return (size_t)(at - out);
}

int text_base64_decode(uint8_t *out, size_t max, enum text_base64 kind, const char *text,
                       size_t text_len)
{
    const char *alphabet = kind == TEXT_BASE64 ? BASE64 : BASE64_URL;
    if (kind == TEXT_BASE64) {
        if (text_len % 4 != 0)
            return -EINVAL;
        for (int pad = 0; pad < 2 && text_len > 0 && text[text_len - 1] == '='; pad++)
            text_len--;
    }
    size_t len = text_len / 4 * 3 + text_len % 4 * 3 / 4;
    if (text_len % 4 == 1 || len > max || len > INT32_MAX)
        return -EINVAL;

    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text_len; i++) {
        int value = value_of(alphabet, 64, text[i]);
        if (value < 0)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (uint8_t)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0 ? (int)len : -EINVAL; /* spare bits are zero in the one canonical spelling */
}

char *text_z32(char *out, const uint8_t *data, size_t len)
{
    char *at = out;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        have += 8;
        while (have >= 5) {
            have -= 5;
            *at++ = Z32[bits >> have & 31];
        }
        bits &= (1u << have) - 1;
    }
    if (have > 0)
        *at++ = Z32[bits << (5 - have) & 31];
    *at = '\0';
    return out;
}

int text_z32_decode(uint8_t *out, size_t len, const char *text, size_t text_len)
{
    if (len > SIZE_MAX / 16 || text_len != TEXT_Z32_LEN(len))
        return -EINVAL;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text_len; i++) {
        int value = value_of(Z32, 32, lower(text[i]));
        if (value < 0)
            return -EINVAL;
        bits = bits << 5 | (uint32_t)value;
        have += 5;
        if (have >= 8) {
            have -= 8;
            *out++ = (uint8_t)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0 ? 0 : -EINVAL; /* one key has one name */
}

int text_parse_u64(uint64_t *out, const char *text, size_t len, uint64_t max)
{
    uint64_t value = 0;
    if (len == 0 || len > 20 || (len > 1 && text[0] == '0'))
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > max / 10 || digit > max - value * 10)
            return -EINVAL;
        value = value * 10 + digit;
    }
    *out = value;
    return 0;
}

int text_parse_u16(uint16_t *out, const char *text, size_t len)
{
    uint64_t value;
    if (text_parse_u64(&value, text, len, UINT16_MAX) < 0)
        return -EINVAL;
    *out = (uint16_t)value;
    return 0;
}

const char *text_word(const char *line, unsigned n, char *out, size_t size)
{
    static const char BLANKS[] = " \t";
    const char *at = line + strspn(line, BLANKS);

    for (; n > 0; n--) {
        at += strcspn(at, " \t\n");
        at += strspn(at, BLANKS);
    }
    size_t len = strcspn(at, " \t\n");
    len = len < size ? len : size - 1;
    memcpy(out, at, len);
    out[len] = '\0';
    return out;
}
