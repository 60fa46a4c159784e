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
#include "auth-client.h"

#include "headcount.h"

#define TOO_MANY "Too many sessions: close one of yours, then try again."

struct headcount_client {
	union login_client_module_context module_ctx;
	bool over; /* being told so */
};

static MODULE_CONTEXT_DEFINE_INIT(headcount_module, &login_module_register);
#define HEADCOUNT_CLIENT(client) MODULE_CONTEXT_REQUIRE(client, headcount_module)

const char *headcount_plugin_version = DOVECOT_ABI_VERSION;

static bool speaks(const char *protocol)
{
	return strcmp(login_binary->protocol, protocol) == 0;
}

/*
 * POP3 has no farewell: a client would take it for the answer to its next command. The reason
 * is one that adds nothing to the text, nor to Dovecot's log.
 */
static void end_client(struct client *client)
{
	if (!speaks("pop3"))
		client_notify_disconnect(client, CLIENT_DISCONNECT_TIMEOUT, TOO_MANY);
	client_destroy(client, "Too many sessions (headcount)");
}

/* Authentication has succeeded. Dovecot still reads the client when this has returned. */
static bool check_login(struct client *client)
{
	struct headcount_client *ours = HEADCOUNT_CLIENT(client);
	const char *name = client->virtual_user;
	int error;

	if (ours->module_ctx.super.sasl_check_login != NULL &&
	    !ours->module_ctx.super.sasl_check_login(client))
		return FALSE;
	error = name == NULL ? 0 : headcount_label(client->fd, name, strlen(name));
	/* One login process serves many clients: nobody waits for room to be made. */
	if (error != -EDQUOT && error != -EAGAIN) {
		errno = -error;
		if (error != 0)
			e_error(client->event, "headcount does not take the name: %m");
		return TRUE;
	}
	/* Dovecot's auth process is not to wait for the session. */
	auth_client_send_cancel(auth_client, client->master_auth_id);
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
 * Over the cap, in the words of the protocol. Releases differ in what they make of "limit
 * reached"; they agree in that IMAP passes on a text that begins with a code.
 */
static void auth_result(struct client *client, enum client_auth_result result,
			const struct client_auth_reply *reply, const char *text)
{
	struct headcount_client *ours = HEADCOUNT_CLIENT(client);

	if (ours->over && speaks("pop3")) {
		client_send_raw(client, "-ERR [IN-USE] " TOO_MANY "\r\n");
		return;
	}
	if (ours->over && speaks("imap")) {
		result = CLIENT_AUTH_RESULT_AUTHFAILED_REASON;
		text = "[LIMIT] " TOO_MANY;
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
