// SPDX-License-Identifier: GPL-2.0-only

#include "user/base/escape.h"
#include "user/base/terminal.h"
#include "user/events/text_line.h"

#define NARROWEST 80 /* terminals that are narrower wrap lines */

/* Shown on terminals of `from` to `below` columns. Those without `from` are 80 together; what
 * room there is beyond all of them is taken by those that have `most`, the last one first. */
struct column {
	const char *heading;
	unsigned int width, most;
	bool right;
	unsigned int from, below;
};

static const struct column columns[] = {
	{.heading = "TIME", .width = 8, .below = 132},
	{.heading = "TIME", .width = 12, .from = 132}, /* with milliseconds */
	{.heading = "EVENT", .width = 7},
	{.heading = "DIR", .width = 3},
	{.heading = "SERVICE", .width = 8, .from = 149},
	{.heading = "USER", .width = 13, .most = 43, .from = 112},
	{.heading = "PROCESS", .width = 12, .below = 86}, /* without the PID */
	{.heading = "PROCESS", .width = 18, .from = 86},
	{.heading = "PORT", .width = 5, .right = true, .below = 128}, /* the local one */
	{.heading = "LOCAL", .width = 21, .most = 47, .from = 128},
	{.heading = "REMOTE", .width = 21, .most = 47},
	{.heading = "LASTED", .width = 6, .right = true},
	{.heading = "RX", .width = 5, .right = true, .from = 98},
	{.heading = "TX", .width = 5, .right = true, .from = 98},
	{.heading = "RTT(ms)", .width = 7, .right = true, .from = 140},
	{.heading = "END", .width = 11},
};

#define COLUMNS (sizeof(columns) / sizeof(*columns))
_Static_assert(COLUMNS <= LINE_COLUMNS, "the columns do not fit");

/* Shortens `text`, its last `keep` bytes excepted, to `room` characters; its new length. */
static size_t cut(char *text, size_t length, size_t room, size_t keep)
{
	char *p = text;

	if (text_width(text) <= room)
		return length;
	for (size_t left = room - keep - 1; left; left--)
		do
			p++;
		while ((*p & 0xc0) == 0x80);
	*p++ = '~';
	memmove(p, text + length - keep, keep);
	return p + keep - text;
}

/* Writes outsiders' `text` from the character `place` on, or one space after what
 * is there; on a terminal at most `room` characters of it, the last `keep` among them. */
static void put_at(struct line *line, size_t place, const char *text, size_t room, size_t keep)
{
	size_t length = strlen(text);

	if (line->used && place <= line->used)
		place = line->used + 1;
	memset(line->p, ' ', place - line->used);
	line->p += place - line->used;
	length = escape_text(line->p, 4 * length + 1, text, length);
	if (line->terminal)
		length = cut(line->p, length, room, keep);
	line->p[length] = '\0';
	line->used = place + text_width(line->p);
	line->p += length;
}

static bool is_shown(const struct column *column, unsigned int terminal)
{
	if (!terminal)
		return !column->below;
	return terminal >= column->from && (!column->below || terminal < column->below);
}

static void choose_widths(struct line *line)
{
	unsigned int spare = line->terminal + 1, more;

	for (size_t i = 0; i < COLUMNS; i++)
		if (is_shown(&columns[i], line->terminal)) {
			line->widths[i] = columns[i].width;
			spare -= columns[i].width + 1;
		}
	for (size_t left = COLUMNS; line->terminal && left; left--) {
		size_t i = left - 1;

		if (!line->widths[i] || !columns[i].most)
			continue;
		more = columns[i].most - columns[i].width;
		more = more < spare ? more : spare;
		line->widths[i] += more;
		spare -= more;
	}
}

void put_cell_with(struct line *line, const char *text, const char *tail)
{
	size_t room = line->widths[line->next], width = text_width(text), place = line->place;
	bool right = columns[line->next++].right;

	if (!room)
		return;
	if (right && width < room)
		place += room - width;
	if (*text)
		put_at(line, place, text, room, tail ? strlen(tail) : 0);
	line->place += room + 1;
}

void put_cell(struct line *line, const char *text)
{
	put_cell_with(line, text, NULL);
}

void put_note(struct line *line, const char *text)
{
	size_t place = line->used >= line->place ? line->used + 1 : line->place;

	if (!line->terminal || place < line->terminal)
		put_at(line, place, text, line->terminal - place, 0);
}

bool line_begin(struct line *line, struct print_buffer *out,
		const struct print_context *context, size_t room)
{
	*line = (struct line){.p = print_reserve(out, room), .terminal = context->terminal};
	choose_widths(line);
	return line->p;
}

void line_end(struct line *line, struct print_buffer *out)
{
	*line->p++ = '\n';
	print_commit(out, line->p);
}

unsigned int print_terminal(int fd)
{
	unsigned int width = terminal_width(fd);

	return width && width < NARROWEST ? NARROWEST : width;
}

void line_header(struct line *line)
{
	for (size_t i = 0; i < COLUMNS; i++)
		put_cell(line, columns[i].heading);
}
