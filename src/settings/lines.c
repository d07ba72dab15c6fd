/* Two passes over a file's lines: which keys are there, then the lines as they are to be. */
#include "settings/lines.h"

enum { MAX_KEYS = 16 };

struct walk {
	const struct lines_form *form;
	struct slice rest;
	bool inside;  /* the section that matters */
	bool dropped; /* the line before went, and takes its continuation along */
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static uint8_t fold(uint8_t c)
{
	return c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool same_key(struct slice a, struct slice b, bool folds)
{
	if (!folds || a.len != b.len)
		return slice_equal(a, b);
	for (size_t i = 0; i < a.len; i++)
		if (fold(a.at[i]) != fold(b.at[i]))
			return false;
	return true;
}

static bool ends_key(uint8_t c, const struct lines_form *form)
{
	return is_blank(c) || strchr(form->ends, c);
}

/* Empty for a comment, a section or a blank line. */
static struct slice key_of(struct slice line, const struct lines_form *form)
{
	line = slice_trim(line);
	if (line.len == 0 || strchr("#;[", line.at[0]))
		return (struct slice){ 0 };
	if (form->prefix && slice_starts(line, slice_of(form->prefix)))
		line = slice_trim(slice_from(line, strlen(form->prefix)));
	while (form->dashes && line.len > 0 && line.at[0] == '-')
		line = slice_from(line, 1);
	size_t end = 0;
	while (end < line.len && line.at[end] && !ends_key(line.at[end], form))
		end++;
	return slice_first(line, end);
}

/* "[http]", "[ http ]", and what may follow it. */
static bool opens_section(struct slice line, const char *name)
{
	line = slice_from(slice_trim(line), 1);
	return slice_equal_nocase(slice_trim(slice_cut(&line, ']')), slice_of(name));
}

/* The next line with its end, and its key's index: -1 for none of them. *ret_header: it opens the
 * section that matters. */
static struct slice next_line(struct walk *w, const struct lines_key *keys, size_t count,
			      int *ret_key, bool *ret_header)
{
	struct slice start = w->rest, line = slice_line(&w->rest);
	struct slice trimmed = slice_trim(line);
	*ret_key = -1;
	*ret_header = false;
	if (w->form->section && trimmed.len > 0 && trimmed.at[0] == '[')
		*ret_header = w->inside = opens_section(line, w->form->section);
	struct slice key = key_of(line, w->form);
	bool continues = w->form->indented && line.len > 0 && is_blank(line.at[0]);
	for (size_t i = 0; w->inside && !continues && key.len > 0 && i < count; i++)
		if (same_key(key, slice_of(keys[i].key), w->form->folds) ||
		    (keys[i].when == LINES_IF_ABSENT &&
		     slice_equal_nocase(key, slice_of(keys[i].key))))
			*ret_key = (int)i;
	return slice_first(start, start.len - w->rest.len);
}

static void add_line(struct buffer *out, struct slice line)
{
	buffer_add(out, line);
	buffer_add_byte(out, '\n');
}

static void add_missing(struct buffer *out, const struct lines_key *keys, size_t count,
			const bool *there)
{
	for (size_t i = 0; i < count; i++)
		if (!there[i] && (keys[i].when == LINES_SET || keys[i].when == LINES_IF_ABSENT))
			add_line(out, keys[i].line);
}

static void end_line(struct buffer *out)
{
	if (out->len > 0 && out->at[out->len - 1] != '\n')
		buffer_add_byte(out, '\n');
}

/* One line on its way from before to after. */
static void pass(struct buffer *out, struct walk *w, struct slice line, const struct lines_key *key,
		 bool *written)
{
	bool continues = w->form->indented && line.len > 0 && is_blank(line.at[0]);
	if (continues && w->dropped)
		return;
	w->dropped = key && key->when != LINES_IF_ABSENT;
	if (!w->dropped)
		buffer_add(out, line);
	else if (key->when != LINES_DROP && !*written)
		add_line(out, key->line);
	if (key)
		*written = true;
}

static bool is_anything_missing(const struct lines_key *keys, size_t count, const bool *there)
{
	for (size_t i = 0; i < count; i++)
		if (!there[i] && (keys[i].when == LINES_SET || keys[i].when == LINES_IF_ABSENT))
			return true;
	return false;
}

void lines_edit(struct slice before, const struct lines_form *form, const struct lines_key *keys,
		size_t count, struct buffer *out)
{
	bool there[MAX_KEYS] = { 0 }, written[MAX_KEYS] = { 0 }, header, placed = false;
	int key;
	struct walk w = { form, before, !form->section, false };
	while (w.rest.len > 0) {
		next_line(&w, keys, count, &key, &header);
		if (key >= 0)
			there[key] = true;
	}
	placed = !is_anything_missing(keys, count, there);
	if (form->at_start && !placed) {
		add_missing(out, keys, count, there);
		placed = true;
	}
	w = (struct walk){ form, before, !form->section, false };
	while (w.rest.len > 0) {
		struct slice line = next_line(&w, keys, count, &key, &header);
		pass(out, &w, line, key < 0 ? NULL : &keys[key], &written[key < 0 ? 0 : key]);
		if (header && !placed) {
			end_line(out);
			add_missing(out, keys, count, there);
			placed = true;
		}
	}
	if (placed)
		return;
	end_line(out);
	if (form->section)
		buffer_printf(out, "[%s]\n", form->section);
	add_missing(out, keys, count, there);
}
