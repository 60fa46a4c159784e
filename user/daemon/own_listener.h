/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The listeners that packets of who is over a cap are sent to. Nobody else is to find them in
 * his way, now or later:
 *
 *   silent   whatever packet is sent to it vanishes. It is in a network namespace of its own,
 *            made for it, so that it takes no port in any other; sk_lookup does not mind
 *   others   accept, so they have to be where their clients are. They take the highest port
 *            that is free there and not in net.ipv4.ip_local_reserved_ports, at the address
 *            127.104.99.1: a program that listens on another address of loopback does not
 *            mind, and those that listen on all seldom want such a port
 */
#ifndef HEADCOUNT_OWN_LISTENER_H
#define HEADCOUNT_OWN_LISTENER_H

#include <stdbool.h>

/* In the namespace that we are in; if `silent` we are in another one afterwards. It does not
 * block. The descriptor, or a negative errno. */
int own_listener_open(bool silent);

#endif
