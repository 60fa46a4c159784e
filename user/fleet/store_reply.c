// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <hiredis/hiredis.h>

#include "user/fleet/store_reply.h"

/* NULL ends the reading: there are more than anybody needs, or it is of a kind that nobody
 * asked for. A reply's first part has no parent. */
static struct store_part *next_part(const redisReadTask *task)
{
	struct store_reply *reply = task->privdata;

	if (!task->parent)
		reply->count = reply->used = 0;
	return reply->count < STORE_REPLY_PARTS ? &reply->parts[reply->count++] : NULL;
}

static void *take_text(const redisReadTask *task, char *text, size_t length)
{
	static const enum store_part_kind kinds[] = {
		[REDIS_REPLY_STRING] = STORE_TEXT,
		[REDIS_REPLY_STATUS] = STORE_STATUS,
		[REDIS_REPLY_ERROR] = STORE_ERROR,
	};
	struct store_part *part = next_part(task);
	struct store_reply *reply = task->privdata;

	if (!part || length > STORE_REPLY_TEXT - reply->used ||
	    (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS &&
	     task->type != REDIS_REPLY_ERROR))
		return NULL;
	*part = (struct store_part){.kind = kinds[task->type],
				    .word = {reply->text + reply->used, length}};
	memcpy(reply->text + reply->used, text, length);
	reply->used += length;
	return part;
}

#if HIREDIS_MAJOR < 1
typedef int element_count;
#else
typedef size_t element_count;
#endif

static void *take_list(const redisReadTask *task, element_count count)
{
	struct store_part *part = next_part(task);

	if (!part || task->type != REDIS_REPLY_ARRAY)
		return NULL;
	*part = (struct store_part){.kind = STORE_LIST, .number = count};
	return part;
}

static void *take_number(const redisReadTask *task, long long number)
{
	struct store_part *part = next_part(task);

	if (part)
		*part = (struct store_part){.kind = STORE_NUMBER, .number = number};
	return part;
}

static void *take_nil(const redisReadTask *task)
{
	struct store_part *part = next_part(task);

	if (part)
		*part = (struct store_part){.kind = STORE_NIL};
	return part;
}

#if HIREDIS_MAJOR >= 1
/* Of a protocol that was not asked for. */
static void *refuse_double(const redisReadTask *task, double value, char *text, size_t length)
{
	(void)task;
	(void)value;
	(void)text;
	(void)length;
	return NULL;
}

static void *refuse_bool(const redisReadTask *task, int value)
{
	(void)task;
	(void)value;
	return NULL;
}
#endif

/* Parts are in the reply. */
static void keep_part(void *part)
{
	(void)part;
}

static redisReplyObjectFunctions functions = {
	.createString = take_text,
	.createArray = take_list,
	.createInteger = take_number,
	.createNil = take_nil,
	.freeObject = keep_part,
#if HIREDIS_MAJOR >= 1
	.createDouble = refuse_double,
	.createBool = refuse_bool,
#endif
};

int store_reader_again(struct store_reader *reader)
{
	if (reader->reader)
		redisReaderFree(reader->reader);
	reader->reader = redisReaderCreateWithFunctions(&functions);
	if (!reader->reader)
		return -ENOMEM;
	reader->reader->privdata = reader->reply;
	return 0;
}

int store_reader_open(struct store_reader *reader)
{
	reader->reader = NULL;
	reader->reply = calloc(1, sizeof(*reader->reply));
	return reader->reply ? store_reader_again(reader) : -ENOMEM;
}

void store_reader_close(struct store_reader *reader)
{
	if (reader->reader)
		redisReaderFree(reader->reader);
	free(reader->reply);
	*reader = (struct store_reader){};
}

int store_reader_feed(struct store_reader *reader, const char *bytes, size_t size)
{
	return redisReaderFeed(reader->reader, bytes, size) == REDIS_OK ? 0 : -ENOMEM;
}

int store_reader_next(struct store_reader *reader, const struct store_reply **reply)
{
	void *there = NULL;

	if (redisReaderGetReply(reader->reader, &there) != REDIS_OK)
		return -EPROTO;
	*reply = reader->reply;
	if (there)
		return 1;
	/* Parts that were read are gone from it. */
	return reader->reader->len - reader->reader->pos > STORE_REPLY_PART ? -EPROTO : 0;
}

void store_reader_keep(struct store_reader *reader, struct store_reply **spare)
{
	struct store_reply *kept = reader->reply;

	reader->reply = *spare;
	reader->reader->privdata = reader->reply;
	*spare = kept;
}

bool store_part_begins(const struct store_part *part, enum store_part_kind kind,
		       const char *text)
{
	size_t length = strlen(text);

	return part->kind == kind && part->word.length >= length &&
	       !memcmp(part->word.text, text, length);
}

bool store_part_is(const struct store_part *part, enum store_part_kind kind, const char *text)
{
	return store_part_begins(part, kind, text) && part->word.length == strlen(text);
}
