/* pip.conf: "proxy = value" in [global], or in a command's section for that command. An indented
 * line continues the value before it, and its end stays in the value. */
#include "settings/said_readers.h"

struct pip {
	struct said_list *list;
	struct slice section;
	struct said *open; /* what an indented line would continue */
};

static bool is_proxy(struct slice key)
{
	if (slice_starts(key, SLICE("--")))
		key = slice_from(key, 2);
	return slice_equal_nocase(key, SLICE("proxy"));
}

static void take_line(struct pip *p, uint32_t number, struct slice line)
{
	size_t end = 0;
	if (line.at[0] == '[') {
		p->section = slice_trim(
			slice_first(slice_from(line, 1), slice_find_byte(line, ']') - 1));
		return;
	}
	while (end < line.len && line.at[end] != '=' && line.at[end] != ':')
		end++;
	if (end == line.len || !is_proxy(slice_trim(slice_first(line, end))))
		return;
	p->open = said_add(p->list, number, SAID_ALL, SLICE("proxy"),
			   slice_trim(slice_from(line, end + 1)));
	if (p->open && !slice_equal(p->section, SLICE("global")))
		p->open->scope = arena_copy(p->list->arena, p->section);
}

static void continue_value(struct pip *p, struct slice more)
{
	if (!p->open)
		return;
	if (p->open->value.len == 0)
		p->open->value = arena_copy(p->list->arena, more);
	p->open->broken = "pip takes the line's end for a part of it: write it behind the =";
}

void said_read_pip(struct slice text, struct said_list *list)
{
	struct pip p = { .list = list };
	struct said_lines l = { .rest = text };
	size_t indent = SIZE_MAX; /* of the last key; a section has none yet */
	while (said_next_line(&l)) {
		struct slice line = slice_trim(l.line);
		size_t in = 0;
		while (in < l.line.len && said_is_blank(l.line.at[in]))
			in++;
		if (line.len == 0 || line.at[0] == '#' || line.at[0] == ';')
			continue;
		if (in > indent) {
			continue_value(&p, line);
			continue;
		}
		p.open = NULL;
		take_line(&p, l.number, line);
		indent = line.at[0] == '[' ? SIZE_MAX : in;
	}
}
