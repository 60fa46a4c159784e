// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for Dovecot's login processes, which hold the client's socket, under TLS too: it
 * tells headcount whose session it is, after authentication and before the session is handed
 * on.
 */
#include "login-common.h"
#include "ioloop.h"
#include "module-context.h"
#include "client-common.h"

#include "headcount.h"

#define TOO_MANY "Too many sessions: close one of yours, then try again."

struct headcount_client {
	union login_client_module_context module_ctx;
	bool over; /* being told so */
};

static MODULE_CONTEXT_DEFINE_INIT(headcount_module, &login_module_register);
#define HEADCOUNT_CLIENT(client) MODULE_CONTEXT_REQUIRE(client, headcount_module)

const char *headcount_plugin_version = DOVECOT_ABI_VERSION;

static void end_client(struct client *client)
{
	client_notify_disconnect(client, CLIENT_DISCONNECT_RESOURCE_CONSTRAINT, TOO_MANY);
	client_destroy(client, "Too many sessions (headcount)");
}

/* Authentication has succeeded. The client may not be destroyed in here: Dovecot still reads
 * it. */
static bool check_login(struct client *client)
{
	struct headcount_client *ours = HEADCOUNT_CLIENT(client);
	const char *name = client->virtual_user;
	int error;

	if (ours->module_ctx.super.sasl_check_login != NULL &&
	    !ours->module_ctx.super.sasl_check_login(client))
		return FALSE;
	error = name == NULL ? 0 : headcount_label(client->fd, name, strlen(name));
	if (error != -EDQUOT) {
		errno = -error;
		if (error != 0)
			e_error(client->event, "headcount does not take the name: %m");
		return TRUE;
	}
	ours->over = TRUE;
	client_auth_fail(client, TOO_MANY);
	ours->over = FALSE;
	if (!client->destroyed) {
		timeout_remove(&client->to_disconnect);
		client->to_disconnect = timeout_add_short(0, end_client, client);
	}
	return FALSE;
}

/*
 * Writes what each protocol says: IMAP passes on a text that begins with a code; POP3 puts
 * [AUTH] before some results' text, but nothing before this one's. To others it is a failure
 * that passes.
 */
static void auth_result(struct client *client, enum client_auth_result result,
			const struct client_auth_reply *reply, const char *text)
{
	struct headcount_client *ours = HEADCOUNT_CLIENT(client);

	if (ours->over && strcmp(login_binary->protocol, "imap") == 0) {
		result = CLIENT_AUTH_RESULT_AUTHFAILED_REASON;
		text = "[LIMIT] " TOO_MANY;
	} else if (ours->over && strcmp(login_binary->protocol, "pop3") == 0) {
		result = CLIENT_AUTH_RESULT_LIMIT_REACHED;
		text = "[IN-USE] " TOO_MANY;
	} else if (ours->over) {
		result = CLIENT_AUTH_RESULT_TEMPFAIL;
	}
	ours->module_ctx.super.auth_result(client, result, reply, text);
}

static void client_allocated(struct client *client)
{
	struct headcount_client *ours = p_new(client->pool, struct headcount_client, 1);
	struct client_vfuncs *v = client->vlast;

	ours->module_ctx.super = *v;
	client->vlast = &ours->module_ctx.super;
	v->sasl_check_login = check_login;
	v->auth_result = auth_result;
	MODULE_CONTEXT_SET(client, headcount_module, ours);
}

static const struct login_client_hooks hooks = {.client_allocated = client_allocated};

void headcount_plugin_init(struct module *module);
void headcount_plugin_deinit(void);

void headcount_plugin_init(struct module *module)
{
	login_client_hooks_add(module, &hooks);
}

void headcount_plugin_deinit(void)
{
	login_client_hooks_remove(&hooks);
}
