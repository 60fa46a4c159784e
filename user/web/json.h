/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * page.json: the facts as text, which is at most some hundred kilobytes, whatever there is. It
 * is for the page.js of the same build alone, and changes with it.
 */
#ifndef HEADCOUNT_WEB_JSON_H
#define HEADCOUNT_WEB_JSON_H

#include <stdio.h>

#include "user/web/facts.h"

void web_json_print(FILE *out, const struct web_facts *facts);

#endif
