/**
 * Asks the gateway of this machine what a name or an address means, in 100 ms at most.
 *
 * Runs inside of any program: no heap, no state, no environment, no signal, no descriptor left.
 * Only names of the suffix and addresses of the pool are ever asked about, so that the gateway does
 * not learn what else the programs of all users look up. Both are `overlay` and 198.19.0.0/16
 * unless NSS_CONF, a file of root's that nobody else may write, says "SUFFIX ADDRESS/BITS".
 */
#pragma once

#include "dns/nss/wire.h"

#ifndef NSS_SOCKET
#    define NSS_SOCKET "/run/overlay/names.sock"
#endif
#ifndef NSS_CONF
#    define NSS_CONF "/etc/libnss_overlay.conf"
#endif

enum nss_outcome {
    NSS_FOREIGN, /* not our name: nobody was asked */
    NSS_SILENT,  /* no gateway answers */
    NSS_NONE,    /* there is no such name or address */
    NSS_FOUND,
};

enum nss_outcome nss_ask_name(const char *name, struct nss_answer *out);
enum nss_outcome nss_ask_address(const uint8_t ip[static 4], struct nss_answer *out);
