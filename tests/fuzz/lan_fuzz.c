/* Any datagram and any multicast DNS message, with right tags and signatures or without. */
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/discovery/lan.h"
#include "gateway/discovery/lan_contacts.h"
#include "gateway/wire/beacon.h"
#include "tests/support/keys_numbered.h"

#define WALL INT64_C(1700000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void any_bytes(void *arg, void *out, size_t len)
{
    uint8_t *count = arg;
    memset(out, ++*count, len);
}

static void drain(struct lan *l, size_t question)
{
    struct lan_tx tx;
    struct lan_event e;

    for (unsigned n = 0; lan_output(l, SEC(100), WALL, &tx); n++)
        if (n > 64 || tx.len > LAN_DATAGRAM_MAX ||
            (tx.socket == LAN_SOCKET_MAIN && !addr_is_multicast(&tx.to) && tx.len > question))
            abort();
    while (lan_next_event(l, &e))
        if (addr_is_none(&e.addr))
            abort();
}

/* Turns the input into a beacon that `us` will recognise, so that what is behind gets its share. */
static size_t disguise(uint8_t *out, const struct keys *us, const struct keys *them,
                       const uint8_t *data, size_t len)
{
    const uint8_t network[LAN_NETWORK_LEN] = {0};
    struct lan_contacts c;
    struct beacon_note note = {.time_s = (uint32_t)(WALL / 1000000)};
    uint8_t key[1][BEACON_KEY_LEN];

    lan_contacts_init(&c, them, network);
    if (lan_contacts_set(&c, &us->id, 1) < 0)
        abort();
    if (data[0] & 1)
        memcpy(key[0], lan_contacts_find(&c, &us->id)->key_out, BEACON_KEY_LEN);
    else
        lan_contacts_ask_key(&c, &us->id, false, key[0]);
    memcpy(&note.port, data, len < 6 ? len : 6);
    memset(out, 7, BEACON_MIN);
    memcpy(out, data, len < BEACON_MIN ? len : BEACON_MIN);
    beacon_write(out, &note, (const uint8_t(*)[BEACON_KEY_LEN])key, 1);
    lan_contacts_deinit(&c);
    return BEACON_MIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2 || crypto_start() < 0)
        return 0;
    struct keys us = keys_numbered(1), them = keys_numbered(2);
    uint8_t count = 0, made[BEACON_MIN];
    struct lan_options o = {
        .keys = &us, .public = true, .port_v4 = 4433, .random = any_bytes, .arg = &count};
    struct interface one = {.index = 2, .prefix_bits = 24, .multicast = true};
    struct addr from;
    struct lan *l;

    if (addr_parse_ip(&one.addr, "192.0.2.1", 0) < 0 || addr_parse(&from, "192.0.2.9:5353") < 0 ||
        lan_new(&l, &o) < 0 || lan_set_contacts(l, 1, &them.id, 1) < 0)
        abort();
    lan_set_interfaces(l, 1, &one, 1);
    lan_ask(l, SEC(99), &them.id);
    drain(l, BEACON_MAX);
    drain(l, BEACON_MAX);
    if (data[0] & 2)
        lan_input_mdns(l, SEC(100), &from, 2, data + 1, len - 1);
    else if (data[0] & 4)
        lan_input(l, SEC(100), WALL, &from, 2, made, disguise(made, &us, &them, data + 1, len - 1));
    else
        lan_input(l, SEC(100), WALL, &from, 2, data + 1, len - 1);
    drain(l, BEACON_MAX);
    lan_free(l);
    return 0;
}
