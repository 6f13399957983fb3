/**
 * DNS queries for tests, written by hand so that nothing of ours checks itself.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WIRE_ID 0xabcd

struct wire {
    uint8_t data[70000];
    size_t len;
};

static inline void wire_u8(struct wire *w, unsigned value)
{
    assert(w->len < sizeof(w->data));
    w->data[w->len++] = (uint8_t)value;
}

static inline void wire_u16(struct wire *w, unsigned value)
{
    wire_u8(w, value >> 8 & 0xff);
    wire_u8(w, value & 0xff);
}

static inline void wire_bytes(struct wire *w, const void *data, size_t len)
{
    assert(w->len + len <= sizeof(w->data));
    memcpy(w->data + w->len, data, len);
    w->len += len;
}

/** "web.alice.overlay" as labels; "" is the root. */
static inline void wire_name(struct wire *w, const char *name)
{
    while (*name) {
        size_t label = strcspn(name, ".");
        wire_u8(w, (unsigned)label);
        wire_bytes(w, name, label);
        name += label + (name[label] == '.');
    }
    wire_u8(w, 0);
}

static inline void wire_header(struct wire *w, unsigned flags, unsigned questions, unsigned answers,
                               unsigned authority, unsigned additional)
{
    w->len = 0;
    wire_u16(w, WIRE_ID);
    wire_u16(w, flags);
    wire_u16(w, questions);
    wire_u16(w, answers);
    wire_u16(w, authority);
    wire_u16(w, additional);
}

static inline void wire_query(struct wire *w, const char *name, unsigned type)
{
    wire_header(w, 0x0100, 1, 0, 0, 0);
    wire_name(w, name);
    wire_u16(w, type);
    wire_u16(w, 1);
}

/** Appends an OPT and counts it; `options` are whole ones. */
static inline void wire_opt(struct wire *w, unsigned udp_size, unsigned version, unsigned flags,
                            const void *options, size_t len)
{
    w->data[11]++;
    wire_u8(w, 0);
    wire_u16(w, 41);
    wire_u16(w, udp_size);
    wire_u8(w, 0);
    wire_u8(w, version);
    wire_u16(w, flags);
    wire_u16(w, (unsigned)len);
    wire_bytes(w, options, len);
}
