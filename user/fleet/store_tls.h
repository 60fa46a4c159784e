/* SPDX-License-Identifier: GPL-2.0-only */
/* TLS with a store's servers: whom it believes, and what it says on error. */
#ifndef HEADCOUNT_FLEET_STORE_TLS_H
#define HEADCOUNT_FLEET_STORE_TLS_H

#include <stddef.h>
#include <openssl/ssl.h>

/* Reads the files of struct store_settings. Returns 0, or a negative errno and has printed why.
 */
int store_tls_new(SSL_CTX **context, const char *ca, const char *cert, const char *key);

/* TLS on a socket that is connected to `host`, whose certificate must be for that name or
 * address. NULL: no memory. */
SSL *store_tls_begin(SSL_CTX *context, int fd, const char *host);

/* Why the last call failed, as OpenSSL says it: one line. */
void store_tls_why(SSL *tls, char *why, size_t size);

#endif
