/**
 * The small internet in words: what a topology file says line by line, and what a test says to a
 * running one. '#' begins a comment; times are in ms, rates in bytes/s, chances per mille.
 *
 *     seed 7                          before the first router
 *     hops 6                          that a packet needs through the internet
 *     silent on|off                   no ICMP errors
 *     nat NAME type=PRESET wan=IP [behind=NAT] [RULE...] [LINE...]
 *     host NAME ip=IP... [behind=NAT] [place=NETNS] [LINE...]
 *     rule NAT RULE...                changes the rules of a router
 *     line NAME [up|down] LINE...     changes a line of a host or router
 *     move HOST ip=IP... [behind=NAT] to another network; without behind=, the internet
 *     reboot NAT [wan=IP]             forgets everything
 *     cut NAME NAME, mend NAME NAME   the internet loses what is between the two
 *     count NAME                      prints counters
 *
 * RULE: mapping=ei|ad|apd|linux|none filter=ei|ad|apd ports=preserve|random|sequential|block
 *       hairpin=off|internal|external input=accept|drop tcp=reset|drop udp=on|off v6=open|stateful
 *       refresh=both|out unreplied=MS stream=MS flows=N min=PORT max=PORT block=N
 * LINE: delay=MS jitter=MS loss=N repeat=N reorder=N mtu=BYTES rate=N queue=BYTES is=up|down
 *
 * A preset of two routers (cgnat) makes NAME and NAME.isp.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/attr.h"
#include "tests/natlab/net.h"

#define NET_TEXT_MAX 512 /* bytes of a line or an answer, with its NUL */

/** Does what a line says. Returns 0, with an answer in `out` (mostly none: ""), or -EINVAL with the
 *  reason there. `line` is changed. */
MUST_USE int net_tell(struct net *n, char *line, char out[static NET_TEXT_MAX]);
