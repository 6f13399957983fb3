#include "tests/natlab/nat.h"

#include <string.h>

/* A home router made of Linux's masquerade; with INPUT accepting it can be poisoned. */
#define LINUX_HOME .mapping = NAT_MAP_LINUX, .filter = NAT_FILTER_APD, .ports = NAT_PORTS_PRESERVE

static const struct nat_preset presets[] = {
    {"public", 1, {{.mapping = NAT_MAP_NONE, .filter = NAT_FILTER_EI, .open_v6 = true}}},
    {"full_cone", 1, {{.mapping = NAT_MAP_EI, .hairpin = NAT_HAIRPIN_EXTERNAL}}},
    {"address_restricted", 1, {{.mapping = NAT_MAP_EI, .filter = NAT_FILTER_AD}}},
    {"port_restricted", 1, {{.mapping = NAT_MAP_EI, .filter = NAT_FILTER_APD}}},
    {"poisonable", 1, {{LINUX_HOME, .input_accepts = true, .refuses_tcp = true}}},
    {"sym_seq",
     1,
     {{.mapping = NAT_MAP_APD, .filter = NAT_FILTER_APD, .ports = NAT_PORTS_SEQUENTIAL}}},
    {"sym_random",
     1,
     {{.mapping = NAT_MAP_APD, .filter = NAT_FILTER_APD, .ports = NAT_PORTS_RANDOM}}},
    {"sym_block512",
     1,
     {{.mapping = NAT_MAP_APD, .filter = NAT_FILTER_APD, .ports = NAT_PORTS_BLOCK, .block = 512}}},
    {"linux", 1, {{LINUX_HOME}}},
    /* RFC 6888: a carrier's NAT is endpoint independent and turns packets round. */
    {"cgnat",
     2,
     {{LINUX_HOME},
      {.mapping = NAT_MAP_EI,
       .filter = NAT_FILTER_APD,
       .ports = NAT_PORTS_RANDOM,
       .hairpin = NAT_HAIRPIN_EXTERNAL}}},
    {"udp_blocked", 1, {{LINUX_HOME, .udp_blocked = true}}},
};

const struct nat_preset *nat_preset_at(size_t index)
{
    return index < sizeof(presets) / sizeof(presets[0]) ? &presets[index] : NULL;
}

const struct nat_preset *nat_preset_find(const char *name)
{
    const struct nat_preset *p;
    for (size_t i = 0; (p = nat_preset_at(i)); i++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
