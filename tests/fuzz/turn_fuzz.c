/* A stream of frames, in pieces of any size, gives frames that lie within it and in order. */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t take_frames(struct turn_frames *f, const uint8_t *data, size_t *at)
{
    const uint8_t *frame, *payload;
    size_t len, payload_len;
    uint16_t channel;
    int err;

    while ((err = turn_frames_next(f, &frame, &len)) > 0) {
        if (memcmp(frame, data + *at, len) != 0)
            abort();
        *at += len;
        if (turn_channel_read(frame, len, &channel, &payload, &payload_len) == 0 &&
            (!turn_is_channel(channel) || payload + payload_len > frame + len))
            abort();
    }
    return err < 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct turn_frames f;
    size_t room, told = 0;
    if (len < 1)
        return 0;
    size_t step = data[0] + 1u;

    memset(&f, 0, sizeof(f));
    data++;
    len--;
    for (size_t at = 0; at < len;) {
        uint8_t *area = turn_frames_area(&f, &room);
        size_t n = len - at < step ? len - at : step;
        if (room == 0)
            abort();
        n = n < room ? n : room;
        memcpy(area, data + at, n);
        turn_frames_added(&f, n);
        at += n;
        if (take_frames(&f, data, &told))
            break;
    }
    return 0;
}
