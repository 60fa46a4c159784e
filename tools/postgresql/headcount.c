// SPDX-License-Identifier: GPL-2.0-only
/*
 * A library for PostgreSQL's shared_preload_libraries: tells headcount whose session it is,
 * after authentication and before the session begins. What comes by a Unix socket is no TCP
 * session.
 */
#include "postgres.h"
#include "fmgr.h"
#undef ENABLE_GSS /* whose headers are not needed: struct Port is the same without it */
#include "libpq/auth.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"

#include "headcount.h"

#define PATIENCE_MS 2000 /* while a stale session makes room */

PG_MODULE_MAGIC;

static ClientAuthentication_hook_type previous_hook;

/* Runs in the session's own process, which ends with FATAL; the server does not. */
static void label_session(Port *port, int status)
{
	int error;

	if (previous_hook)
		previous_hook(port, status);
	if (status != STATUS_OK ||
	    (port->raddr.addr.ss_family != AF_INET && port->raddr.addr.ss_family != AF_INET6))
		return;
	error = headcount_label_wait(port->sock, port->user_name, strlen(port->user_name),
				     PATIENCE_MS);
	if (error == -EDQUOT)
		ereport(FATAL,
			(errcode(ERRCODE_TOO_MANY_CONNECTIONS),
			 errmsg("too many sessions for role \"%s\"", port->user_name),
			 errdetail_log("The cap is headcount's: see \"headcount users\".")));
	if (error) {
		errno = -error;
		ereport(LOG, (errmsg("headcount does not take the name of role \"%s\": %m",
				     port->user_name)));
	}
}

void _PG_init(void);

void _PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("headcount must be loaded by shared_preload_libraries")));
	previous_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = label_session;
}
