// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "user/base/address.h"
#include "user/base/log.h"
#include "user/base/number.h"
#include "user/config/parser.h"
#include "user/sessions/label_order.h"

bool label_words_set(struct label_words *words, const char *key, const char *value)
{
	const struct {
		const char *key, **value;
	} places[] = {
		{"fd", &words->fd},       {"id", &words->id},       {"remote", &words->remote},
		{"local", &words->local}, {"netns", &words->netns},
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strcmp(places[i].key, key))
			continue;
		*places[i].value = value;
		return true;
	}
	return false;
}

bool label_words_select(const struct label_words *words)
{
	return words->fd || words->id || words->remote || words->local || words->netns;
}

static int parse_end(const char *option, const char *text, __u8 address[16], __u16 *port)
{
	struct config_listen end;

	if (!text)
		return 0;
	if (config_parse_listen(text, &end) || end.port != end.last ||
	    !address_is_known(end.address))
		return hc_error("label: %s %s: write IPV4:PORT or [IPV6]:PORT", option, text);
	memcpy(address, end.address, sizeof(end.address));
	*port = end.port;
	return 0;
}

static int parse_ends(const struct label_words *words, struct label_order *order)
{
	struct hc_label_socket *ends = &order->ends;
	int error = parse_end("remote", words->remote, ends->remote, &ends->remote_port);

	order->by = LABEL_BY_ENDS;
	order->netns = words->netns;
	return error ?: parse_end("local", words->local, ends->local, &ends->local_port);
}

static int parse_name(const struct label_words *words, struct label_order *order)
{
	if (!words->name || !words->length)
		return hc_error("label: the name is empty");
	if (words->length > HC_LABEL_MAX)
		return hc_error("label: the name has %zu bytes, at most %d fit", words->length,
				HC_LABEL_MAX);
	if (memchr(words->name, '\0', words->length))
		return hc_error("label: a name has no NUL");
	memcpy(order->label.text, words->name, words->length);
	order->length = words->length;
	return 0;
}

int label_order_parse(const struct label_words *words, struct label_order *order)
{
	__u32 fd;

	*order = (struct label_order){.kill = words->kill};
	if (!!words->fd + !!words->id + !!words->remote != 1)
		return hc_error("label: say which session by one of fd, id and remote");
	if ((words->local || words->netns) && !words->remote)
		return hc_error("label: local and netns go with remote");
	if (words->remote) {
		if (parse_ends(words, order))
			return -EINVAL;
	} else if (words->id) {
		order->by = LABEL_BY_ID;
		if (number_parse_id(words->id, &order->id))
			return hc_error("label: id %s: a session's id is a number", words->id);
	} else {
		order->by = LABEL_BY_FD;
		if (number_parse(words->fd, 0, INT_MAX, &fd))
			return hc_error("label: fd %s: a descriptor is a number", words->fd);
		order->fd = fd;
	}
	return parse_name(words, order);
}
