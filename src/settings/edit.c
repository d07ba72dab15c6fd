/* Changes one entry in the settings' text and not a byte beside it. */
#include "settings/edit.h"

#include "base/escape.h"

#include <errno.h>

static const char BLOCK[] = "iprep_proxy";
static const char INDENT[] = "  ";

enum { ROOM = 1 << 22 }; /* for the tree of the largest text */

static int twice(const struct grammar_word *w, struct error *err)
{
	char shown[80];
	return err_set(err, -EINVAL, "line %u, column %u: %s is there twice", w->line, w->column,
		       escape_into(shown, sizeof shown, w->text));
}

static int find_entries(struct edit_entries *found, struct error *err)
{
	for (const struct grammar_entry *e = found->block->first; e; e = e->next)
		for (size_t i = 0; i < SETTINGS_NAMES; i++) {
			if (!slice_equal(e->word[0].text,
					 slice_of(settings_entry_name((enum settings_name)i))))
				continue;
			if (found->entry[i])
				return twice(&e->word[0], err);
			if (e->block)
				return err_set(err, -EINVAL,
					       "line %u, column %u: %s takes one value, no block",
					       e->word[0].line, e->word[0].column,
					       settings_entry_name((enum settings_name)i));
			found->entry[i] = e;
		}
	return 0;
}

int edit_find(struct slice text, struct arena *arena, struct edit_entries *ret_found,
	      struct error *err)
{
	struct grammar_entry *first;
	struct edit_entries found = { 0 };
	if (text.len > SETTINGS_MAX_TEXT)
		return err_set(err, -EFBIG, "the settings have %zu bytes, more than %d", text.len,
			       SETTINGS_MAX_TEXT);
	int code = grammar_read(text, arena, &first, err);
	for (const struct grammar_entry *e = first; code == 0 && e; e = e->next) {
		if (!slice_equal(e->word[0].text, slice_of(BLOCK)))
			continue;
		if (found.block)
			return twice(&e->word[0], err);
		if (!e->block || e->words > 1)
			return err_set(err, -EINVAL, "line %u, column %u: %s is to be a block, { }",
				       e->word[0].line, e->word[0].column, BLOCK);
		found.block = e;
		code = find_entries(&found, err);
	}
	if (code == 0)
		*ret_found = found;
	return code;
}

/* ---- places in the text -------------------------------------------------------------------- */

static size_t word_begin(struct slice text, const struct grammar_word *w)
{
	size_t at = slice_starts(text, SLICE("\xef\xbb\xbf")) ? 3 : 0;
	for (uint32_t line = 1; line < w->line; line++)
		at += slice_find_byte(slice_from(text, at), '\n') + 1;
	return at + w->column - 1;
}

static size_t word_end(struct slice text, const struct grammar_word *w)
{
	size_t at = word_begin(text, w);
	if (!w->quoted)
		return at + w->text.len;
	for (at++; text.at[at] != '"'; at++)
		at += text.at[at] == '\\';
	return at + 1;
}

/* Behind the first such byte that stands in no comment. */
static size_t behind_byte(struct slice text, size_t at, uint8_t byte)
{
	while (text.at[at] != byte)
		at += text.at[at] == '#' ? slice_find_byte(slice_from(text, at), '\n') : 1;
	return at + 1;
}

static size_t entry_end(struct slice text, const struct grammar_entry *e)
{
	return behind_byte(text, word_end(text, &e->word[e->words - 1]), ';');
}

/* Whether nothing or a comment follows on the line; *ret_end is the line's end. */
static bool ends_line(struct slice text, size_t at, size_t *ret_end)
{
	struct slice rest = slice_from(text, at);
	struct slice line = slice_first(rest, slice_find_byte(rest, '\n'));
	struct slice trimmed = slice_trim(line);
	*ret_end = at + line.len;
	return trimmed.len == 0 || trimmed.at[0] == '#';
}

/* ---- changes ------------------------------------------------------------------------------- */

static int add_entry(struct buffer *out, enum settings_name name, struct slice value,
		     struct error *err)
{
	buffer_add_text(out, settings_entry_name(name));
	buffer_add_byte(out, ' ');
	if (!grammar_add_word(out, value))
		return err_set(err, -EINVAL, "the value has a control character in it");
	buffer_add_byte(out, ';');
	return 0;
}

static int replace_value(struct slice text, const struct grammar_entry *e, struct slice value,
			 struct buffer *out, struct error *err)
{
	size_t from = e->words > 1 ? word_begin(text, &e->word[1]) : word_end(text, &e->word[0]);
	size_t to = word_end(text, &e->word[e->words - 1]);
	buffer_add(out, slice_first(text, from));
	if (e->words == 1)
		buffer_add_byte(out, ' ');
	if (!grammar_add_word(out, value))
		return err_set(err, -EINVAL, "the value has a control character in it");
	buffer_add(out, slice_from(text, to));
	return 0;
}

/* Behind the nearest entry that stands before it in the order of names, or at the block's begin. */
static size_t place_for(struct slice text, const struct edit_entries *found,
			enum settings_name name)
{
	for (size_t i = name; i-- > 0;)
		if (found->entry[i])
			return entry_end(text, found->entry[i]);
	return behind_byte(text, word_end(text, &found->block->word[0]), '{');
}

static int insert(struct slice text, const struct edit_entries *found, enum settings_name name,
		  struct slice value, struct buffer *out, struct error *err)
{
	size_t line_end, at = place_for(text, found, name);
	bool own_line = ends_line(text, at, &line_end);
	if (own_line)
		at = line_end;
	buffer_add(out, slice_first(text, at));
	buffer_add_text(out, own_line ? "\n" : " ");
	buffer_add_text(out, own_line ? INDENT : "");
	int code = add_entry(out, name, value, err);
	buffer_add(out, slice_from(text, at));
	return code;
}

static int append_block(struct slice text, enum settings_name name, struct slice value,
			struct buffer *out, struct error *err)
{
	buffer_add(out, text);
	if (text.len > 0 && text.at[text.len - 1] != '\n')
		buffer_add_byte(out, '\n');
	buffer_add_text(out, BLOCK);
	buffer_add_text(out, " {\n");
	buffer_add_text(out, INDENT);
	int code = add_entry(out, name, value, err);
	buffer_add_text(out, "\n}\n");
	return code;
}

/* The entry with its blanks; the line, too, where nothing else stands on it. */
static void drop(struct slice text, const struct grammar_entry *e, struct buffer *out)
{
	size_t from = word_begin(text, &e->word[0]), to = entry_end(text, e);
	while (from > 0 && (text.at[from - 1] == ' ' || text.at[from - 1] == '\t'))
		from--;
	struct slice rest = slice_from(text, to);
	size_t blank = slice_find_byte(rest, '\n');
	bool alone = from == 0 || text.at[from - 1] == '\n';
	if (alone && blank < rest.len && slice_trim(slice_first(rest, blank)).len == 0)
		to += blank + 1;
	buffer_add(out, slice_first(text, from));
	buffer_add(out, slice_from(text, to));
}

static int change(struct slice text, enum settings_name name, const struct slice *value,
		  struct buffer *out, struct error *err)
{
	struct arena *arena = arena_new(ROOM);
	struct edit_entries found = { 0 };
	int code = arena ? edit_find(text, arena, &found, err)
			 : err_set(err, -ENOMEM, "out of memory");
	if (code < 0)
		goto out;
	const struct grammar_entry *e = found.entry[name];
	if (value)
		code = e             ? replace_value(text, e, *value, out, err)
		       : found.block ? insert(text, &found, name, *value, out, err)
				     : append_block(text, name, *value, out, err);
	else if (e)
		drop(text, e, out);
	else
		buffer_add(out, text);
	if (code == 0 && out->failed)
		code = err_set(err, -ENOMEM, "out of memory");
out:
	arena_free(arena);
	return code;
}

int settings_set(struct slice text, enum settings_name name, struct slice value, struct buffer *out,
		 struct error *err)
{
	return change(text, name, &value, out, err);
}

int settings_unset(struct slice text, enum settings_name name, struct buffer *out,
		   struct error *err)
{
	return change(text, name, NULL, out, err);
}
