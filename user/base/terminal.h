/* SPDX-License-Identifier: GPL-2.0-only */
/* What a terminal has room for. */
#ifndef HEADCOUNT_TERMINAL_H
#define HEADCOUNT_TERMINAL_H

#include <stddef.h>

/* How wide the terminal is; 0: it is none. */
unsigned int terminal_width(int fd);

/* Characters as a terminal counts them, wide ones aside: UTF-8's continuation bytes take no
 * room. */
size_t text_width(const char *text);

#endif
