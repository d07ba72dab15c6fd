/* The longest common subsequence of lines, behind what is the same at begin and end. */
#include "settings/diff.h"

#include "base/escape.h"

#include <stdlib.h>

enum { MAX_CELLS = 1 << 22 }; /* beyond, all between begin and end counts as changed */

/* ---- secrets ------------------------------------------------------------------------------- */

static const char *const SECRET[] = { "proxy-user", "proxy_passw", "proxy-passw", "proxypassw",
				      "\"auth\"",   "token",       "_auth",       "_password" };

/* Where what is secret in the line begins; its length if nothing is. */
static size_t secret_begin(struct slice line)
{
	size_t begin = line.len;
	if (slice_starts(slice_trim(line), SLICE("-U"))) /* curl's, for the proxy's user */
		begin = slice_find(line, SLICE("-U")) + 2;
	for (size_t i = 0; i < sizeof SECRET / sizeof *SECRET; i++) {
		struct slice word = slice_of(SECRET[i]);
		size_t at = slice_find_nocase(line, word);
		if (at + word.len < begin)
			begin = at + word.len;
	}
	return begin;
}

static bool ends_url(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == ';' || c == ',';
}

/* Tabs stay: they are how files are indented, and do a terminal no harm. */
static void add_shown(struct buffer *out, struct slice s)
{
	while (s.len > 0) {
		size_t tab = slice_find_byte(s, '\t');
		escape_text(out, slice_first(s, tab));
		if (tab < s.len)
			buffer_add_byte(out, '\t');
		s = slice_from(s, tab + 1);
	}
}

/* Passwords are found up to the last @ of a URL: one that was not escaped may hold others. */
static void add_without_passwords(struct buffer *out, struct slice line)
{
	size_t at;
	while ((at = slice_find(line, SLICE("://"))) < line.len) {
		at += 3;
		size_t end = at, last = 0, colon = 0;
		for (; end < line.len && !ends_url(line.at[end]); end++) {
			if (line.at[end] == '@')
				last = end;
			if (line.at[end] == ':' && !colon)
				colon = end;
		}
		bool hides = last && colon && colon < last;
		add_shown(out, slice_first(line, hides ? colon + 1 : end));
		if (hides)
			buffer_add_text(out, "***");
		line = slice_from(line, hides ? last : end);
	}
	add_shown(out, line);
}

/* A line, safe to show: the password of a URL, and all that follows a word for a secret, is "***".
 */
static void add_masked(struct buffer *out, struct slice line)
{
	size_t begin = secret_begin(line);
	add_without_passwords(out, slice_first(line, begin));
	if (begin < line.len)
		buffer_add_text(out, " ***");
}

/* ---- lines --------------------------------------------------------------------------------- */

struct text {
	struct slice *line;
	size_t count;
};

static bool split(struct slice s, struct text *ret_text)
{
	struct slice rest = s;
	size_t count = 0;
	while (rest.len > 0) {
		slice_cut(&rest, '\n');
		count++;
	}
	ret_text->line = calloc(count + 1, sizeof *ret_text->line);
	ret_text->count = ret_text->line ? count : 0;
	for (size_t i = 0; i < ret_text->count; i++)
		ret_text->line[i] = slice_cut(&s, '\n');
	return ret_text->line != NULL;
}

static void add_lines(struct buffer *out, char sign, const struct text *t, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		buffer_add_byte(out, (uint8_t)sign);
		add_masked(out, t->line[i]);
		buffer_add_byte(out, '\n');
	}
}

static void add_hunk(struct buffer *out, const struct text *a, const struct text *b, size_t a_from,
		     size_t a_to, size_t b_from, size_t b_to)
{
	if (a_from == a_to && b_from == b_to)
		return;
	buffer_printf(out, "@@ -%zu +%zu @@\n", a_from + 1, b_from + 1);
	add_lines(out, '-', a, a_from, a_to);
	add_lines(out, '+', b, b_from, b_to);
}

/* length[i][j]: of the longest common subsequence of a behind i and b behind j, within the middle.
 */
static uint32_t *measure(const struct text *a, const struct text *b, size_t start, size_t rows,
			 size_t columns)
{
	if (rows == 0 || columns == 0 || (rows + 1) * (columns + 1) > MAX_CELLS)
		return NULL;
	size_t width = columns + 1;
	uint32_t *length = calloc((rows + 1) * width, sizeof *length);
	for (size_t i = rows; length && i-- > 0;)
		for (size_t j = columns; j-- > 0;) {
			uint32_t down = length[(i + 1) * width + j];
			uint32_t right = length[i * width + j + 1];
			length[i * width + j] = slice_equal(a->line[start + i], b->line[start + j])
							? length[(i + 1) * width + j + 1] + 1
						: down > right ? down
							       : right;
		}
	return length;
}

static void add_middle(struct buffer *out, const struct text *a, const struct text *b, size_t start,
		       size_t rows, size_t columns)
{
	uint32_t *length = measure(a, b, start, rows, columns);
	size_t i = 0, j = 0, from_i = 0, from_j = 0, width = columns + 1;
	while (length && i < rows && j < columns) {
		if (slice_equal(a->line[start + i], b->line[start + j])) {
			add_hunk(out, a, b, start + from_i, start + i, start + from_j, start + j);
			from_i = ++i;
			from_j = ++j;
		} else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) {
			i++;
		} else {
			j++;
		}
	}
	add_hunk(out, a, b, start + from_i, start + rows, start + from_j, start + columns);
	free(length);
}

void diff_add(struct buffer *out, struct slice before, struct slice after)
{
	struct text a = { 0 }, b = { 0 };
	if (split(before, &a) && split(after, &b)) {
		size_t start = 0, end = 0;
		size_t least = a.count < b.count ? a.count : b.count;
		while (start < least && slice_equal(a.line[start], b.line[start]))
			start++;
		while (end < least - start &&
		       slice_equal(a.line[a.count - end - 1], b.line[b.count - end - 1]))
			end++;
		add_middle(out, &a, &b, start, a.count - start - end, b.count - start - end);
	} else {
		out->failed = true;
	}
	free(a.line);
	free(b.line);
}
