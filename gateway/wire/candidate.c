#include "gateway/wire/candidate.h"

const char *nat_class_text(enum nat_class class)
{
    static const char *const TEXT[NAT_CLASSES] = {
        [NAT_UNKNOWN] = "unknown",
        [NAT_PUBLIC] = "public",
        [NAT_CONE] = "cone",
        [NAT_SEQUENTIAL] = "symmetric",
        [NAT_BLOCK] = "symmetric_block",
        [NAT_RANDOM] = "symmetric_random",
        [NAT_BLOCKED] = "udp_blocked",
    };
    return class < NAT_CLASSES ? TEXT[class] : "unknown";
}
