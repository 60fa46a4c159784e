// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "user/base/print_buffer.h"

char *print_reserve(struct print_buffer *out, size_t bytes)
{
	size_t room = out->room ? out->room : 65536;
	char *data;

	if (out->room - out->length >= bytes)
		return out->data + out->length;
	while (room - out->length < bytes)
		room *= 2;
	data = realloc(out->data, room);
	if (!data)
		return NULL;
	out->data = data;
	out->room = room;
	return data + out->length;
}

void print_buffer_free(struct print_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct print_buffer){0};
}
