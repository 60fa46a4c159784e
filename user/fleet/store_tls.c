// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "user/base/log.h"
#include "user/fleet/store_tls.h"

static const char *reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = ERR_reason_error_string(code);

	return text ?: "not as it should be";
}

static int fail(SSL_CTX **context, const char *what, const char *path)
{
	hc_error("store: cannot use %s %s: %s", what, path, reason());
	SSL_CTX_free(*context);
	*context = NULL;
	return -EINVAL;
}

int store_tls_new(SSL_CTX **context, const char *ca, const char *cert, const char *key)
{
	ERR_clear_error();
	*context = SSL_CTX_new(TLS_client_method());
	if (!*context)
		return hc_error_errno(ENOMEM, "store: TLS");
	SSL_CTX_set_min_proto_version(*context, TLS1_2_VERSION);
	SSL_CTX_set_verify(*context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_options(*context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(*context,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (ca && SSL_CTX_load_verify_locations(*context, ca, NULL) != 1)
		return fail(context, "the authorities of", ca);
	if (!ca && SSL_CTX_set_default_verify_paths(*context) != 1)
		return fail(context, "the authorities of", "the system");
	if (cert && SSL_CTX_use_certificate_chain_file(*context, cert) != 1)
		return fail(context, "the certificate", cert);
	if (key && (SSL_CTX_use_PrivateKey_file(*context, key, SSL_FILETYPE_PEM) != 1 ||
		    SSL_CTX_check_private_key(*context) != 1))
		return fail(context, "the key", key);
	return 0;
}

static bool is_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

SSL *store_tls_begin(SSL_CTX *context, int fd, const char *host)
{
	SSL *tls = SSL_new(context);
	int good;

	if (!tls)
		return NULL;
	good = SSL_set_fd(tls, fd);
	if (is_address(host))
		good = good && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host);
	else
		good = good && SSL_set1_host(tls, host) && SSL_set_tlsext_host_name(tls, host);
	if (good) {
		SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		SSL_set_connect_state(tls);
		return tls;
	}
	SSL_free(tls);
	return NULL;
}

void store_tls_why(SSL *tls, char *why, size_t size)
{
	long verified = SSL_get_verify_result(tls);

	if (verified != X509_V_OK)
		snprintf(why, size, "its certificate is not believed: %s",
			 X509_verify_cert_error_string(verified));
	else
		snprintf(why, size, "TLS: %s", reason());
}
