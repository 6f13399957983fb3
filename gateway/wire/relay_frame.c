#include "gateway/wire/relay_frame.h"

#include <errno.h>

#include "gateway/base/bytes.h"

void relay_frame_write(const struct relay_frame *f, uint8_t out[static RELAY_FRAME_HEADER])
{
    struct writer w = writer_over(out, RELAY_FRAME_HEADER);

    write_u8(&w, DEMUX_RELAY);
    write_u8(&w, 0);
    write_be16(&w, 0);
    write_be32(&w, f->circuit);
    write_bytes(&w, f->tag, sizeof(f->tag));
}

int relay_frame_read(struct relay_frame *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);

    if (len <= RELAY_FRAME_HEADER || read_u8(&r) != DEMUX_RELAY || read_u8(&r) != 0 ||
        read_be16(&r) != 0)
        return -EBADMSG;
    out->circuit = read_be32(&r);
    read_copy(&r, out->tag, sizeof(out->tag));
    return 0;
}
