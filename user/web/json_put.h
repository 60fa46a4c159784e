/* SPDX-License-Identifier: GPL-2.0-only */
/* Members of page.json's objects. Texts may be of any bytes. */
#ifndef HEADCOUNT_WEB_JSON_PUT_H
#define HEADCOUNT_WEB_JSON_PUT_H

#include <linux/types.h>
#include <stdio.h>

void json_put_bytes(FILE *out, const char *key, const char *text, size_t length);
void json_put_text(FILE *out, const char *key, const char *text);

/* Behind another one. */
void json_put_count(FILE *out, const char *key, __u64 number);

/* The same; `none` is null. */
void json_put_or_null(FILE *out, const char *key, __u64 number, __u64 none);

#endif
