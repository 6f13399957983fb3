#include "gateway/wire/turn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/wire/stun.h"

_Static_assert(TURN_FRAME_MAX >= STUN_MAX, "a whole STUN message fits a frame");

void turn_channel_header(uint8_t out[static TURN_CHANNEL_HEADER], uint16_t channel, size_t len)
{
    struct writer w = writer_over(out, TURN_CHANNEL_HEADER);

    assert(turn_is_channel(channel) && len <= TURN_DATA_MAX);
    write_be16(&w, channel);
    write_be16(&w, (uint16_t)len);
}

int turn_channel_read(const uint8_t *frame, size_t len, uint16_t *channel, const uint8_t **data,
                      size_t *data_len)
{
    struct reader r = reader_over(frame, len);
    uint16_t number = read_be16(&r);
    uint16_t n = read_be16(&r);
    const uint8_t *bytes = read_bytes(&r, n);

    if (r.failed || !turn_is_channel(number))
        return -EBADMSG;
    *channel = number;
    *data = bytes;
    *data_len = n;
    return 0;
}

int turn_frame_len(const uint8_t *data, size_t len)
{
    if (len > 0 && data[0] >> 6 == 0)
        return stun_frame_len(data, len);
    struct reader r = reader_over(data, len);
    uint16_t channel = read_be16(&r);
    size_t n = read_be16(&r);

    if (len >= 2 && !turn_is_channel(channel))
        return -EBADMSG;
    if (len >= 1 && data[0] >> 4 != TURN_CHANNEL_FIRST >> 12)
        return -EBADMSG;
    size_t whole = TURN_CHANNEL_HEADER + n + turn_padding(n);
    if (len < TURN_CHANNEL_HEADER)
        return 0;
    return whole <= TURN_FRAME_MAX ? (int)whole : -EBADMSG;
}

uint8_t *turn_frames_area(struct turn_frames *f, size_t *room)
{
    if (f->told > 0) {
        memmove(f->data, f->data + f->told, f->len - f->told);
        f->len -= f->told;
        f->told = 0;
    }
    *room = sizeof(f->data) - f->len;
    return f->data + f->len;
}

void turn_frames_added(struct turn_frames *f, size_t n)
{
    assert(n <= sizeof(f->data) - f->len);
    f->len += n;
}

int turn_frames_next(struct turn_frames *f, const uint8_t **frame, size_t *len)
{
    const uint8_t *data = f->data + f->told;
    size_t left = f->len - f->told;
    int whole = turn_frame_len(data, left);

    if (whole < 0)
        return -EBADMSG;
    if (whole == 0 || (size_t)whole > left)
        return 0;
    *frame = data;
    *len = (size_t)whole;
    f->told += (size_t)whole;
    return 1;
}
