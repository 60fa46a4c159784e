/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HEADCOUNT_COMMUNITY_ID_H
#define HEADCOUNT_COMMUNITY_ID_H

#include "policy.h"

#define COMMUNITY_ID_SIZE 31 /* "1:" + 28 of base64 + NUL */

/*
 * Community ID v1 (seed 0) of a TCP connection. Addresses are 16 bytes, IPv4 as IPv4-mapped;
 * ports in host order. The two directions give the same text.
 */
void community_id(char text[COMMUNITY_ID_SIZE], const __u8 source[16], __u16 source_port,
		  const __u8 destination[16], __u16 destination_port);

#endif
