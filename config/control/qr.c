#include "config/control/qr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qrencode.h>

int qr_draw(struct qr *out, const char *ticket)
{
    auto_free char *text = strdup(ticket);
    *out = (struct qr){0, NULL};
    for (char *c = text; c && *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c & ~0x20 : *c);
    QRcode *code = text ? QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 0) : NULL;
    if (!code)
        return text && errno == ERANGE ? -EMSGSIZE : -ENOMEM;
    size_t count = (size_t)code->width * (size_t)code->width;
    out->modules = malloc(count);
    for (size_t i = 0; out->modules && i < count; i++)
        out->modules[i] = code->data[i] & 1;
    out->width = code->width;
    QRcode_free(code);
    return out->modules ? 0 : -ENOMEM;
}

void qr_deinit(struct qr *q)
{
    free(q->modules);
    *q = (struct qr){0, NULL};
}

bool qr_is_dark(const struct qr *q, int x, int y)
{
    if (x < 0 || y < 0 || x >= q->width || y >= q->width)
        return false;
    return q->modules[y * q->width + x] != 0;
}

/* How many dark modules stand in a row from here on. */
static int run_at(const struct qr *q, int x, int y)
{
    int n = 0;
    while (qr_is_dark(q, x + n, y))
        n++;
    return n;
}

char *qr_path(const struct qr *q)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    for (int y = 0; y < q->width; y++) {
        for (int x = 0, n; x < q->width; x += n + 1) {
            n = run_at(q, x, y);
            if (n > 0)
                (void)fprintf(out, "M%d %dh%dv1h-%dz", x, y, n, n);
        }
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
