// SPDX-License-Identifier: GPL-2.0-only
/* The commands of Redis that exchange.lua uses, on a small table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <lauxlib.h>
#include <lualib.h>

#include "user/fleet/script.h"
#include "tests/fleet/sim.h"

static lua_State *lua;
static const struct script_run *running;
static const char *const names[] = {"members", "units", "calls"};

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "tests/fleet: %s\n", what);
	exit(2);
}

static struct field *field_find(struct hash *hash, const char *key, size_t length)
{
	for (int i = 0; i < hash->count; i++) {
		struct field *field = &hash->fields[i];

		if (field->key_length == length && !memcmp(field->key, key, length))
			return field;
	}
	return NULL;
}

const struct field *db_find(const struct db *db, int hash, const char *key, size_t length)
{
	return field_find((struct hash *)&db->hashes[hash], key, length);
}

void db_apply(struct db *db, const struct effect *effect)
{
	struct hash *hash;
	struct field *field;

	if (effect->hash < 0) {
		for (int i = 0; i < 3; i++)
			db->hashes[i].count = 0;
		return;
	}
	hash = &db->hashes[effect->hash];
	field = field_find(hash, effect->field.key, effect->field.key_length);
	if (effect->gone) {
		if (field)
			*field = hash->fields[--hash->count];
		return;
	}
	if (!field && hash->count == FIELDS)
		fail("more fields than FIELDS");
	if (!field)
		field = &hash->fields[hash->count++];
	*field = effect->field;
}

static void write_field(int hash, int key, int value)
{
	struct effect effect = {.hash = hash, .gone = !value};
	size_t length;
	const char *text = lua_tolstring(lua, key, &length);

	if (length > sizeof(effect.field.key))
		fail("a key longer than a field's");
	effect.field.key_length = length;
	memcpy(effect.field.key, text, length);
	if (value) {
		text = lua_tolstring(lua, value, &length);
		if (length > sizeof(effect.field.value))
			fail("a value longer than a field's");
		effect.field.value_length = length;
		memcpy(effect.field.value, text, length);
	}
	db_apply(running->db, &effect);
	running->effect(running->ctx, &effect);
}

static void push(const struct field *field)
{
	if (field)
		lua_pushlstring(lua, field->value, field->value_length);
	else
		lua_pushboolean(lua, 0); /* as Redis gives nil */
}

static int hash_of(int argument)
{
	const char *name = luaL_checkstring(lua, argument);

	for (int i = 0; i < 3; i++) {
		if (!strcmp(name, names[i]))
			return i;
	}
	fail("a key that is none");
}

static void push_all(const struct hash *hash)
{
	lua_createtable(lua, 2 * hash->count, 0);
	for (int i = 0; i < hash->count; i++) {
		lua_pushlstring(lua, hash->fields[i].key, hash->fields[i].key_length);
		lua_rawseti(lua, -2, 2 * i + 1);
		push(&hash->fields[i]);
		lua_rawseti(lua, -2, 2 * i + 2);
	}
}

static int hash_command(const char *command, int top)
{
	int number = hash_of(2);
	struct hash *hash = &running->db->hashes[number];
	const char *key = top > 2 ? lua_tostring(lua, 3) : "";
	size_t length = top > 2 ? lua_objlen(lua, 3) : 0;

	if (!strcmp(command, "HGETALL")) {
		push_all(hash);
	} else if (!strcmp(command, "HGET")) {
		push(field_find(hash, key, length));
	} else if (!strcmp(command, "HMGET")) {
		lua_createtable(lua, top - 2, 0);
		for (int i = 3; i <= top; i++) {
			key = lua_tolstring(lua, i, &length);
			push(field_find(hash, key, length));
			lua_rawseti(lua, -2, i - 2);
		}
	} else if (!strcmp(command, "HSET")) {
		for (int i = 3; i < top; i += 2)
			write_field(number, i, i + 1);
		lua_pushinteger(lua, 1);
	} else if (!strcmp(command, "HDEL")) {
		for (int i = 3; i <= top; i++)
			write_field(number, i, 0);
		lua_pushinteger(lua, 1);
	} else if (!strcmp(command, "HINCRBY")) {
		struct field *field = field_find(hash, key, length);
		char value[24] = "";

		if (field)
			memcpy(value, field->value, field->value_length);
		lua_pushfstring(lua, "%d", atoi(value) + 1);
		write_field(number, 3, lua_gettop(lua));
		lua_pushinteger(lua, atoi(value) + 1);
	} else if (!strcmp(command, "HSCAN")) {
		lua_createtable(lua, 2, 0);
		lua_pushliteral(lua, "0");
		lua_rawseti(lua, -2, 1);
		push_all(hash);
		lua_rawseti(lua, -2, 2);
	} else {
		fail(command);
	}
	return 1;
}

static int redis_call(lua_State *state)
{
	const char *command = luaL_checkstring(state, 1);
	int top = lua_gettop(state);

	if (*command == 'H')
		return hash_command(command, top);
	if (!strcmp(command, "INFO")) {
		lua_pushfstring(state,
				"master_replid:%s\r\nsync_full:%d\r\nsync_partial_ok:0\r\n",
				running->replid, (int)running->syncs);
	} else if (!strcmp(command, "UNLINK")) {
		const struct effect effect = {.hash = -1};

		if (top != 4)
			fail("UNLINK of less than all");
		db_apply(running->db, &effect);
		running->effect(running->ctx, &effect);
		lua_pushinteger(state, 3);
	} else if (!strcmp(command, "PUBLISH")) {
		running->publish(running->ctx,
				 strtoull(strchr(lua_tostring(state, 2), ':') + 1, NULL, 16));
		lua_pushinteger(state, 1);
	} else {
		fail(command);
	}
	return 1;
}

/* The script with an error in it: a line that is not there is one of the test. */
static void plant(char **text, unsigned int error, const char *from, const char *to)
{
	char *at, *planted;

	if (!(sim_plants & error))
		return;
	at = strstr(*text, from);
	if (!at ||
	    asprintf(&planted, "%.*s%s%s", (int)(at - *text), *text, to, at + strlen(from)) < 0)
		fail(from);
	free(*text);
	*text = planted;
}

void script_open(void)
{
	char *text = strdup(fleet_script_exchange);

	plant(&text, SIM_PLANT_LOST, "string.match(epoch, '^%d+%.(%x+%.%d+%.%d+)%.') ~= server",
	      "false");
	plant(&text, SIM_PLANT_SYNCS, "replid .. '.' .. full", "replid .. '.' .. 0");
	plant(&text, SIM_PLANT_LEARNED, "local ready = shard.ready == '1'",
	      "local ready = true");
	plant(&text, SIM_PLANT_UNIQUE, "last + 1, server, id, n)", "last + 1, server, 0, 0)");
	plant(&text, SIM_PLANT_SYNCED, "ready = ready and member.synced", "");
	plant(&text, SIM_PLANT_ORDER, "tonumber(n) <= tonumber(me.n)", "n == me.n");
	plant(&text, SIM_PLANT_OVER, "local free = cap - others - have",
	      "local free = cap - others - have + 1");
	plant(&text, SIM_PLANT_SWAPPED, "other.n == ARGV[i + 1] and", "");
	plant(&text, SIM_PLANT_SILENT, "call(tags, '-' .. key)", "");
	lua = luaL_newstate();
	luaL_openlibs(lua);
	lua_newtable(lua);
	lua_pushcfunction(lua, redis_call);
	lua_setfield(lua, -2, "call");
	lua_setglobal(lua, "redis");
	if (luaL_loadbuffer(lua, text, strlen(text), "exchange.lua"))
		fail(lua_tostring(lua, -1));
	free(text);
}

void script_close(void)
{
	lua_close(lua);
}

static void take_reply(struct reply *reply)
{
	size_t used = 0, count = lua_objlen(lua, -1);

	reply->count = 0;
	if (count > sizeof(reply->words) / sizeof(reply->words[0]))
		fail("a reply of too many words");
	for (size_t i = 1; i <= count; i++) {
		struct fleet_word *word = &reply->words[reply->count++];
		const char *text;

		lua_rawgeti(lua, -1, i);
		text = lua_tolstring(lua, -1, &word->length);
		if (word->length > sizeof(reply->text) - used)
			fail("a reply that is too long");
		word->text = memcpy(reply->text + used, text, word->length);
		used += word->length;
		lua_pop(lua, 1);
	}
}

void script_run(const struct script_run *run, const struct fleet_message *message,
		struct reply *reply)
{
	running = run;
	lua_settop(lua, 1); /* the script */
	lua_createtable(lua, 3, 0);
	for (int i = 0; i < 3; i++) {
		lua_pushstring(lua, names[i]);
		lua_rawseti(lua, -2, i + 1);
	}
	lua_setglobal(lua, "KEYS");
	lua_createtable(lua, message->count, 0);
	for (size_t i = 0; i < message->count; i++) {
		lua_pushlstring(lua, message->words[i].text, message->words[i].length);
		lua_rawseti(lua, -2, i + 1);
	}
	lua_setglobal(lua, "ARGV");
	lua_pushvalue(lua, 1);
	if (lua_pcall(lua, 0, 1, 0))
		fail(lua_tostring(lua, -1));
	take_reply(reply);
	lua_settop(lua, 1);
}
