/**
 * This machine's files and tools, as `overlay setup` and `unsetup` use them.
 */
#pragma once

#include "config/setup/host.h"

struct setup_host setup_host_machine(void);
