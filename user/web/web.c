// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/web/assets.h"
#include "user/web/host.h"
#include "user/web/json.h"
#include "user/web/web.h"

#define JSON_URL  "/page.json"
#define JSON_NS   NS_PER_SECOND        /* so old may an answer be that another one gets, too */
#define NOTE_NS   (10 * NS_PER_SECOND) /* how often the counters are noted */
#define UNSEEN_NS (60 * NS_PER_SECOND) /* after so long nobody looks any more */

/* Nothing comes from elsewhere, nothing goes there, nobody puts us into a frame. */
#define POLICY                                                                                 \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "        \
	"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct web {
	struct web_gather gather;
	struct web_facts facts;
	struct MHD_Response *json; /* the answer for all, or NULL */
	__u64 json_ns, noted_ns, seen_ns;
	atomic_bool served;
	atomic_uint programs;
};

static const struct header {
	const char *name, *value;
} headers[] = {
	{"Content-Security-Policy", POLICY},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"X-Frame-Options", "DENY"}, /* for those that do not know frame-ancestors */
	{"Connection", "close"},
};

/* With all headers that each answer has; NULL if that is not possible. Frees the text where the
 * mode says so. */
static struct MHD_Response *make(const char *text, size_t size,
				 enum MHD_ResponseMemoryMode mode, const char *type,
				 const char *cache)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(size, (void *)text, mode);
	bool whole = response;

	if (!response && mode == MHD_RESPMEM_MUST_FREE)
		free((void *)text);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]) && whole; i++)
		whole = MHD_add_response_header(response, headers[i].name, headers[i].value);
	whole = whole && MHD_add_response_header(response, "Content-Type", type) &&
		MHD_add_response_header(response, "Cache-Control", cache);
	if (whole)
		return response;
	if (response)
		MHD_destroy_response(response);
	return NULL;
}

enum MHD_Result web_queue(struct MHD_Connection *connection, unsigned int status,
			  struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned int status,
			   const char *text)
{
	return web_queue(connection, status,
			 make(text, strlen(text), MHD_RESPMEM_PERSISTENT,
			      "text/plain; charset=utf-8", "no-store"));
}

static enum MHD_Result send_asset(struct MHD_Connection *connection,
				  const struct web_asset *asset)
{
	const char *known =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
	struct MHD_Response *response;
	char tag[WEB_TAG];
	bool same = known && strstr(known, web_asset_tag(asset, tag));

	web_asset_tag(asset, tag);
	response = make(asset->start, same ? 0 : asset->end - asset->start,
			MHD_RESPMEM_PERSISTENT, asset->type, "no-cache");
	if (response && !MHD_add_response_header(response, "ETag", tag)) {
		MHD_destroy_response(response);
		response = NULL;
	}
	return web_queue(connection, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response);
}

static void forget_json(struct web *web)
{
	if (web->json)
		MHD_destroy_response(web->json);
	web->json = NULL;
}

/* The facts as they are now, or NULL. */
static struct MHD_Response *make_json(struct web *web)
{
	char *text = NULL;
	size_t size;
	FILE *out;
	bool bad;

	if (web_gather_all(&web->gather, &web->facts))
		return NULL;
	web->noted_ns = web->facts.now_ns;
	web->facts.programs = web->programs;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	web_json_print(out, &web->facts);
	bad = ferror(out);
	if (!fclose(out) && !bad)
		return make(text, size, MHD_RESPMEM_MUST_FREE,
			    "application/json; charset=utf-8", "no-store");
	free(text);
	return NULL;
}

static enum MHD_Result send_json(struct web *web, struct MHD_Connection *connection)
{
	__u64 now = clock_monotonic_ns();

	web->seen_ns = now;
	if (!web->json || now >= web->json_ns + JSON_NS) {
		forget_json(web);
		web->json = make_json(web);
		web->json_ns = now;
	}
	if (!web->json)
		return say(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
			   "the state cannot be read\n");
	return MHD_queue_response(connection, MHD_HTTP_OK, web->json);
}

struct web *web_new(const struct headcount_bpf *object, const struct web_walk *walk)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web) {
		hc_error_errno(ENOMEM, "cannot serve the page");
		return NULL;
	}
	web->gather = (struct web_gather){.object = object, .walk = *walk};
	uname(&web->facts.system);
	return web;
}

void web_free(struct web *web)
{
	if (!web)
		return;
	forget_json(web);
	web_gather_forget(&web->gather);
	free(web);
}

void web_show(struct web *web, bool served, unsigned int programs)
{
	web->served = served;
	web->programs = programs;
}

bool web_has(const struct web *web, const char *url)
{
	return web->served && (!strcmp(url, JSON_URL) || web_asset_find(url));
}

enum MHD_Result web_answer(struct web *web, struct MHD_Connection *connection, const char *url,
			   bool any_host)
{
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

	if (!any_host && !web_host_is_ours(host, web->facts.system.nodename))
		return say(
			connection, MHD_HTTP_MISDIRECTED_REQUEST,
			"ask for this page by an address, as localhost, or by the host's own "
			"name\n");
	return strcmp(url, JSON_URL) ? send_asset(connection, web_asset_find(url))
				     : send_json(web, connection);
}

int web_tick(struct web *web)
{
	__u64 now = clock_monotonic_ns();

	if (!web->served)
		return -1;
	if (web->json && now >= web->seen_ns + UNSEEN_NS) {
		forget_json(web);
		web_gather_forget(&web->gather);
	}
	if (now >= web->noted_ns + NOTE_NS) {
		web_gather_counts(&web->gather, &web->facts); /* else the next time */
		web->noted_ns = now;
	}
	return (web->noted_ns + NOTE_NS - now) / NS_PER_MS + 1;
}
