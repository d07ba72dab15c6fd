/* Two passes over a file's lines: which keys are there, then the lines as they are to be. */
#include "settings/lines.h"

enum { MAX_KEYS = 16 };

struct walk {
	const struct lines_form *form;
	struct slice rest;
	bool inside;    /* the section that matters */
	bool bare;      /* the line is blank or a comment */
	bool header;    /* the line begins a section */
	bool continues; /* the line belongs to the key before it */
	bool dropped;   /* that key went, and takes such lines along */
	size_t indent;  /* of that key; SIZE_MAX: there is none in this section yet */
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

static size_t indent_of(struct slice line)
{
	size_t n = 0;
	while (n < line.len && is_blank(line.at[n]))
		n++;
	return n;
}

/* What kind of line it is. A section's first line is a key, however far it is indented. */
static void look_at(struct walk *w, struct slice line, struct slice trimmed)
{
	size_t indent = indent_of(line);
	w->bare = trimmed.len == 0 || trimmed.at[0] == '#' || trimmed.at[0] == ';';
	w->continues = w->form->indented && !w->bare && w->indent < indent;
	w->header = w->form->section && !w->bare && !w->continues && trimmed.at[0] == '[';
	if (w->header)
		w->inside = opens_section(line, w->form->section);
	if (!w->bare && !w->continues)
		w->indent = w->header ? SIZE_MAX : indent;
}

/* The next line with its end, and its key's index: -1 for none of them. */
static struct slice next_line(struct walk *w, const struct lines_key *keys, size_t count,
			      int *ret_key)
{
	struct slice start = w->rest, line = slice_line(&w->rest);
	*ret_key = -1;
	look_at(w, line, slice_trim(line));
	struct slice key = key_of(line, w->form);
	for (size_t i = 0; w->inside && !w->continues && key.len > 0 && i < count; i++)
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

static bool is_missing(const struct lines_key *key, bool there)
{
	return !there && (key->when == LINES_SET || key->when == LINES_IF_ABSENT);
}

static void add_missing(struct buffer *out, const struct lines_key *keys, size_t count,
			const bool *there, struct slice indent)
{
	for (size_t i = 0; i < count; i++)
		if (is_missing(&keys[i], there[i])) {
			buffer_add(out, indent);
			add_line(out, keys[i].line);
		}
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
	if (w->continues && w->dropped)
		return;
	if (!w->bare) /* what is bare may stand between a key and its continuation */
		w->dropped = key && key->when != LINES_IF_ABSENT;
	if (w->bare || !w->dropped)
		buffer_add(out, line);
	else if (key->when != LINES_DROP && !*written) {
		if (w->form->indented) /* as far as it was, or what follows is read otherwise */
			buffer_add(out, slice_first(line, indent_of(line)));
		add_line(out, key->line);
	}
	if (key)
		*written = true;
}

static bool is_anything_missing(const struct lines_key *keys, size_t count, const bool *there)
{
	for (size_t i = 0; i < count; i++)
		if (is_missing(&keys[i], there[i]))
			return true;
	return false;
}

/* What is missing goes to a section's end: before a line that is indented it would take that for
 * its continuation. */
void lines_edit(struct slice before, const struct lines_form *form, const struct lines_key *keys,
		size_t count, struct buffer *out)
{
	bool there[MAX_KEYS] = { 0 }, written[MAX_KEYS] = { 0 };
	int key;
	const struct walk begin = {
		.form = form, .rest = before, .inside = !form->section, .indent = SIZE_MAX
	};
	struct walk w = begin;
	while (w.rest.len > 0) {
		next_line(&w, keys, count, &key);
		if (key >= 0)
			there[key] = true;
	}
	bool placed = !is_anything_missing(keys, count, there);
	if (form->at_start && !placed) {
		add_missing(out, keys, count, there, (struct slice){ 0 });
		placed = true;
	}
	w = begin;
	while (w.rest.len > 0) {
		bool was_inside = w.inside;
		struct slice line = next_line(&w, keys, count, &key);
		if (w.header && was_inside && !placed) {
			add_missing(out, keys, count, there,
				    slice_first(line, form->indented ? indent_of(line) : 0));
			placed = true;
		}
		pass(out, &w, line, key < 0 ? NULL : &keys[key], &written[key < 0 ? 0 : key]);
	}
	if (placed)
		return;
	end_line(out);
	if (form->section && !w.inside)
		buffer_printf(out, "[%s]\n", form->section);
	add_missing(out, keys, count, there, (struct slice){ 0 });
}
