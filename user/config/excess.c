// SPDX-License-Identifier: GPL-2.0-only
/* What an attempt over the cap gets: `excess` and the keys that are about it. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "user/base/address.h"
#include "user/base/words.h"
#include "user/config/parser.h"

#define ANSWER "answer:"
#define FILE_  "file:"

int config_set_excess(struct config_parser *parser, const char *value)
{
	int excess = excess_of_word(value);

	parser->excess_line = parser->line;
	if (excess < 0)
		return config_fail(
			parser, parser->line,
			"bad excess \"%s\": reject, observe, wait, redirect or evict", value);
	config_current(parser)->service.excess = excess;
	return 0;
}

int config_set_wait_max(struct config_parser *parser, const char *value)
{
	parser->wait_line = parser->line;
	return config_set_seconds(parser, value, 1, CONFIG_WAIT_MAX,
				  &config_current(parser)->service.wait_max);
}

int config_set_evict_idle(struct config_parser *parser, const char *value)
{
	parser->evict_line = parser->line;
	return config_set_seconds(parser, value, 1, CONFIG_EVICT_IDLE_MAX,
				  &config_current(parser)->service.evict_idle);
}

int config_set_evict_rate(struct config_parser *parser, const char *value)
{
	parser->evict_line = parser->line;
	return config_set_number(parser, value, 1, CONFIG_EVICT_RATE_MAX,
				 &config_current(parser)->service.evict_rate);
}

/* answer:WORD or answer:file:/PATH, after "answer:" */
static int parse_answer(struct config_parser *parser, const char *word)
{
	struct config_service *service = config_current(parser);
	const size_t prefix = strlen(FILE_);
	int answer = answer_of_word(word);

	if (!strncmp(word, FILE_, prefix)) {
		if (word[prefix] != '/' || strlen(word + prefix) >= PATH_MAX)
			return -EINVAL;
		service->service.redirect.answer = HC_ANSWER_FILE;
		service->answer_path = strdup(word + prefix);
		service->answer_line = parser->line;
		return service->answer_path ? 0 : -ENOMEM;
	}
	if (answer < 0 || answer == HC_ANSWER_FILE)
		return -EINVAL;
	service->service.redirect.answer = answer;
	return 0;
}

/* PORT, IPV4:PORT or [IPV6]:PORT */
static int parse_listener(struct config_parser *parser, const char *word)
{
	struct hc_redirect *redirect = &config_current(parser)->service.redirect;
	struct config_listen listen;

	if (config_parse_listen(word, &listen) || listen.last != listen.port)
		return -EINVAL;
	/* For every address the port alone is written. */
	if (strchr(word, ':') && !address_is_known(listen.address))
		return -EINVAL;
	memcpy(redirect->address, listen.address, sizeof(redirect->address));
	redirect->port = listen.port;
	return 0;
}

int config_set_redirect(struct config_parser *parser, const char *value)
{
	const size_t prefix = strlen(ANSWER);
	int error;

	parser->redirect_line = parser->line;
	error = strncmp(value, ANSWER, prefix) ? parse_listener(parser, value)
					       : parse_answer(parser, value + prefix);
	if (error == -ENOMEM)
		return config_fail_errno(parser, ENOMEM);
	if (error)
		return config_fail(
			parser, parser->line,
			"bad redirect \"%s\": PORT, IPV4:PORT, [IPV6]:PORT, or answer: "
			"and imap, pop3, smtp, ftp, http, redis, postgresql, mysql, "
			"ssh or file:/PATH",
			value);
	return 0;
}

/* Who is over the cap would be sent where he came from. */
static bool is_own_port(const struct config_service *service)
{
	const struct hc_redirect *redirect = &service->service.redirect;

	for (size_t i = 0; i < service->listens; i++) {
		const struct config_listen *listen = &service->listen[i];

		if (redirect->port < listen->port || redirect->port > listen->last)
			continue;
		if (!address_is_known(redirect->address) ||
		    !address_is_known(listen->address) ||
		    !memcmp(redirect->address, listen->address, sizeof(listen->address)))
			return true;
	}
	return false;
}

/* The line of an override that has this excess. */
static unsigned int line_of(const struct config_service *service, enum hc_excess excess)
{
	for (size_t i = 0; i < service->override_count; i++)
		if ((service->overrides[i].traits & HC_EXCESS_MASK) == HC_TRAITS_EXCESS(excess))
			return service->overrides[i].line;
	return 0;
}

static int check_outbound(struct config_parser *parser, const struct config_service *service)
{
	for (enum hc_excess excess = HC_WAIT; excess < HC_EXCESS_COUNT; excess++) {
		unsigned int line = service->service.excess == excess
					    ? parser->excess_line
					    : line_of(service, excess);

		if (line)
			return config_fail(parser, line,
					   "excess = %s is of inbound sessions: outbound knows "
					   "reject and observe",
					   word_of_excess(excess));
	}
	return 0;
}

/* A setting that nothing uses is a mistake. */
static int check_uses(struct config_parser *parser, const struct config_service *service)
{
	/* Of a fleet's, whatever `cold` says: a label, and whoever comes while the store is
	 * silent. */
	const bool waits =
		config_service_has_excess(service, HC_WAIT) || service->service.fleet;
	const bool evicts = config_service_has_excess(service, HC_EVICT);

	if (parser->wait_line && !waits && !evicts)
		return config_fail(parser, parser->wait_line,
				   "wait_max, and nothing here has excess = wait or evict, or "
				   "waits for the fleet");
	if (parser->evict_line && !evicts)
		return config_fail(
			parser, parser->evict_line,
			"evict_idle and evict_rate, and nothing here has excess = evict");
	if (parser->redirect_line && !config_service_has_excess(service, HC_REDIRECT))
		return config_fail(parser, parser->redirect_line,
				   "redirect, and nothing here has excess = redirect");
	return 0;
}

int config_check_excess(struct config_parser *parser)
{
	struct config_service *service = config_current(parser);
	unsigned int line;

	if (parser->where == CONFIG_OUTBOUND)
		return check_outbound(parser, service);
	if (check_uses(parser, service))
		return -EINVAL;
	if (!parser->redirect_line && config_service_has_excess(service, HC_REDIRECT)) {
		line = service->service.excess == HC_REDIRECT ? parser->excess_line
							      : line_of(service, HC_REDIRECT);
		return config_fail(parser, line,
				   "excess = redirect needs a line \"redirect = PORT\" (or "
				   "ADDRESS:PORT, or answer:PROTOCOL)");
	}
	if (parser->redirect_line && is_own_port(service))
		return config_fail(parser, parser->redirect_line,
				   "redirect leads back to [service %s]",
				   service->service.name);
	for (enum hc_excess excess = HC_WAIT; excess < HC_EXCESS_COUNT; excess++)
		service->service.holding |= config_service_has_excess(service, excess);
	service->service.holding |= service->service.fleet;
	return 0;
}
