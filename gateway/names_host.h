/**
 * How names are on this machine, for `overlay doctor`.
 */
#pragma once

#include "config/control/names_host.h"

struct names_host names_host_machine(void);
