// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "record.h"
#include "user/base/address.h"
#include "user/base/words.h"
#include "user/kernel/service_text.h"

char *service_user_format(const struct hc_service *service, char text[SERVICE_USER_TEXT])
{
	if (service->identify == HC_BY_UID)
		return strcpy(text, "uid");
	if (service->identify == HC_BY_CGROUP)
		return strcpy(text, "cgroup");
	if (service->identify == HC_BY_LABEL)
		return strcpy(text, "label");
	snprintf(text, SERVICE_USER_TEXT, "client/%u/%u", service->prefix4, service->prefix6);
	return text;
}

char *service_emit_format(__u8 mute, const char *between, char text[SERVICE_EMIT_TEXT])
{
	*text = '\0';
	for (int type = HC_OPENED; type <= HC_REFUSED; type++) {
		if (mute & MUTE_OF_ACTION(type))
			continue;
		if (*text)
			strcat(text, between);
		strcat(text, word_of_action(type));
	}
	return *text ? text : strcpy(text, "none");
}

char *directions_format(__u32 directions, const char *between, char text[DIRECTIONS_TEXT])
{
	const bool inbound = directions & 1u << HC_INBOUND,
		   outbound = directions & 1u << HC_OUTBOUND;

	snprintf(text, DIRECTIONS_TEXT, "%s%s%s", inbound ? "inbound" : "",
		 inbound && outbound ? between : "", outbound ? "outbound" : "");
	return text;
}

char *redirect_format(const struct hc_redirect *redirect, char text[REDIRECT_TEXT])
{
	if (redirect->port)
		return listen_format(redirect->address, redirect->port, redirect->port, text);
	snprintf(text, REDIRECT_TEXT, "%s%s", redirect->answer ? "answer:" : "",
		 word_of_answer(redirect->answer));
	return text;
}

char *listen_format(const __u8 address[16], __u16 first, __u16 last, char text[LISTEN_TEXT])
{
	char *p;

	if (!address_is_known(address) && !address_is_ipv4(address))
		p = put_number(text, first);
	else
		p = put_end(text, address, first);
	if (last != first) {
		*p++ = '-';
		p = put_number(p, last);
	}
	*p = '\0';
	return text;
}
