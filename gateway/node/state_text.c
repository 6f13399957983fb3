#include "gateway/node/node.h"

const char *peer_state_text(enum peer_state state)
{
    switch (state) {
    case PEER_IDLE:
        return "idle";
    case PEER_FINDING:
        return "finding";
    case PEER_RELAYED:
        return "relayed";
    case PEER_DIRECT:
        return "direct";
    case PEER_UNREACHABLE:
        return "unreachable";
    case PEER_BLOCKED:
        return "blocked";
    }
    return "unknown";
}
