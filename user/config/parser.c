// SPDX-License-Identifier: GPL-2.0-only
/* What all parts of the parser do. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "user/base/array.h"
#include "user/base/human.h"
#include "user/base/number.h"
#include "user/config/parser.h"

int config_fail(struct config_parser *parser, unsigned int line, const char *format, ...)
{
	va_list args;
	int length;

	parser->error = -EINVAL;
	parser->error_line = line;
	length = snprintf(parser->why, parser->why_size, "%s:%u: ", parser->path, line);
	if (length < 0 || (size_t)length >= parser->why_size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(parser->why + length, parser->why_size - length, format, args);
	va_end(args);
	return -EINVAL;
}

int config_fail_errno(struct config_parser *parser, int err)
{
	parser->error = -err;
	snprintf(parser->why, parser->why_size, "%s: %s", parser->path, strerror(err));
	return -err;
}

int config_append(struct config_parser *parser, void *items, size_t *count, const void *item,
		  size_t size)
{
	int error = array_append(items, count, item, size);

	return error ? config_fail_errno(parser, -error) : 0;
}

struct config_service *config_current(struct config_parser *parser)
{
	return &parser->config->services[parser->service];
}

int config_set_number(struct config_parser *parser, const char *value, __u32 min, __u32 max,
		      __u32 *number)
{
	if (number_parse(value, min, max, number))
		return config_fail(parser, parser->line, "\"%s\" is not a number from %u to %u",
				   value, min, max);
	return 0;
}

int config_set_seconds(struct config_parser *parser, const char *value, __u32 min, __u32 max,
		       __u32 *seconds)
{
	char least[HUMAN_TEXT], most[HUMAN_TEXT];
	__u64 ms;

	if (number_parse_duration(value, &ms) || ms / 1000 < min || ms / 1000 > max)
		return config_fail(parser, parser->line,
				   "\"%s\" is not a time from %s to %s, like 90, 90s, 15m or "
				   "2h",
				   value, human_duration(min, least),
				   human_duration(max, most));
	*seconds = ms / 1000;
	return 0;
}
