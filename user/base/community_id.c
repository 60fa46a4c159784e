// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hash's input is the seed, the two ends ordered by address and then port,
 * and the protocol, all in network byte order:
 *
 *   seed:16  address  address  protocol:8  0:8  port:16  port:16
 *
 * At 40 bytes for IPv6 it is one block of SHA-1.
 */
#include <stdbool.h>
#include <string.h>
#include <netinet/in.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>

#include "user/base/address.h"
#include "user/base/community_id.h"

static __u8 *put_port(__u8 *to, __u16 port)
{
	*to++ = port >> 8;
	*to++ = port & 0xff;
	return to;
}

void community_id(char text[COMMUNITY_ID_SIZE], const __u8 source[16], __u16 source_port,
		  const __u8 destination[16], __u16 destination_port)
{
	bool ipv4 = address_is_ipv4(source) && address_is_ipv4(destination);
	size_t skip = ipv4 ? 12 : 0, bytes = 16 - skip;
	__u8 input[40] = {0}, digest[SHA1_DIGEST_SIZE], *to = input + 2;
	const __u8 *low = source, *high = destination;
	__u16 low_port = source_port, high_port = destination_port;
	struct sha1_ctx sha1;
	int order;

	order = memcmp(source, destination, 16);
	if (order > 0 || (order == 0 && source_port > destination_port)) {
		low = destination;
		high = source;
		low_port = destination_port;
		high_port = source_port;
	}

	to = mempcpy(to, low + skip, bytes);
	to = mempcpy(to, high + skip, bytes);
	*to++ = IPPROTO_TCP;
	*to++ = 0;
	to = put_port(to, low_port);
	to = put_port(to, high_port);

	sha1_init(&sha1);
	sha1_update(&sha1, to - input, input);
	sha1_digest(&sha1, sizeof(digest), digest);

	memcpy(text, "1:", 2);
	base64_encode_raw(text + 2, sizeof(digest), digest);
	text[COMMUNITY_ID_SIZE - 1] = '\0';
}
