/* Measuring, cutting, wrapping. */
#include "render/layout.h"

#include "base/escape.h"

unsigned layout_width(const struct render_style *s)
{
	return s->width == 0 ? 80 : s->width < 40 ? 40 : s->width;
}

/* The next character: its bytes, and its columns. Bytes that are no UTF-8 count one each. */
static size_t next_character(struct slice text, unsigned *ret_columns)
{
	uint32_t code = 0;
	size_t len = escape_read_utf8(text, &code);
	*ret_columns = len ? escape_width(code) : 1;
	return len ? len : 1;
}

unsigned layout_columns(struct slice text)
{
	return escape_columns(text);
}

/* As much of its start (or end) as fits. */
static struct slice fit(struct slice text, unsigned columns)
{
	size_t n = 0;
	unsigned used = 0;
	while (n < text.len) {
		unsigned more;
		size_t len = next_character(slice_from(text, n), &more);
		if (used + more > columns)
			break;
		used += more;
		n += len;
	}
	return slice_first(text, n);
}

static struct slice fit_end(struct slice text, unsigned columns)
{
	unsigned sum = layout_columns(text);
	while (sum > columns) {
		unsigned less;
		text = slice_from(text, next_character(text, &less));
		sum -= less;
	}
	return text;
}

static struct slice ellipsis(const struct render_style *s)
{
	return s->utf8 ? SLICE("…") : SLICE("...");
}

unsigned layout_add_cut(struct buffer *out, const struct render_style *s, struct slice text,
			unsigned columns)
{
	unsigned sum = layout_columns(text);
	if (sum <= columns) {
		buffer_add(out, text);
		return sum;
	}
	unsigned dots = layout_columns(ellipsis(s));
	struct slice part = fit(text, columns > dots ? columns - dots : 0);
	buffer_add(out, part);
	unsigned used = layout_columns(part);
	if (dots > columns)
		return used;
	buffer_add(out, ellipsis(s));
	return used + dots;
}

unsigned layout_add_middle(struct buffer *out, const struct render_style *s, struct slice text,
			   unsigned columns)
{
	unsigned dots = layout_columns(ellipsis(s));
	if (columns < dots + 6 || layout_columns(text) <= columns)
		return layout_add_cut(out, s, text, columns);
	/* the start tells the host, the end the file: the start gets a little more */
	struct slice start = fit(text, (columns - dots) * 3 / 5);
	unsigned used = layout_columns(start) + dots;
	struct slice end = fit_end(text, columns - used);
	buffer_add(out, start);
	buffer_add(out, ellipsis(s));
	buffer_add(out, end);
	return used + layout_columns(end);
}

void layout_fill(struct buffer *out, unsigned used, unsigned columns)
{
	if (used < columns)
		buffer_add_repeat(out, ' ', columns - used);
}

/* How much of the text must stay on one line: up to a space, or one wide character. */
static size_t unbreakable(struct slice text, unsigned *ret_columns)
{
	size_t n = 0;
	unsigned sum = 0;
	while (n < text.len && text.at[n] != ' ') {
		unsigned columns;
		size_t len = next_character(slice_from(text, n), &columns);
		if (columns == 2 && n > 0)
			break;
		n += len;
		sum += columns;
		if (columns == 2)
			break;
	}
	while (n < text.len) { /* what sits on the character before it */
		unsigned columns;
		size_t len = next_character(slice_from(text, n), &columns);
		if (columns > 0)
			break;
		n += len;
	}
	*ret_columns = sum;
	return n;
}

static void new_line(struct buffer *out, unsigned indent)
{
	buffer_add_byte(out, '\n');
	buffer_add_repeat(out, ' ', indent);
}

void layout_wrap(struct buffer *out, struct slice text, unsigned column, unsigned indent,
		 unsigned width)
{
	bool fresh = true; /* nothing of the text is written yet */
	for (;;) {
		unsigned space = 0;
		for (; text.len > 0 && text.at[0] == ' '; text = slice_from(text, 1))
			space = 1;
		if (text.len == 0)
			return;
		unsigned columns;
		size_t len = unbreakable(text, &columns);
		if (!fresh && column + space + columns > width) {
			new_line(out, indent);
			column = indent;
		} else if (!fresh && space) {
			buffer_add_byte(out, ' ');
			column++;
		}
		while (column + columns > width) { /* longer than a line: break it hard */
			struct slice part = fit(text, width > column ? width - column : 0);
			if (part.len == 0) {
				unsigned ignored;
				part = slice_first(text, next_character(text, &ignored));
			}
			buffer_add(out, part);
			text = slice_from(text, part.len);
			len -= part.len;
			columns -= layout_columns(part);
			new_line(out, indent);
			column = indent;
		}
		buffer_add(out, slice_first(text, len));
		text = slice_from(text, len);
		column += columns;
		fresh = false;
	}
}

void layout_end_line(struct buffer *out)
{
	while (out->len > 0 && out->at[out->len - 1] == ' ')
		out->len--;
	buffer_add_byte(out, '\n');
}

void layout_look(struct buffer *out, const struct render_style *s, enum look look)
{
	static const char *const codes[] = {
		[LOOK_DIM] = "\033[2m",      [LOOK_BOLD] = "\033[1m",     [LOOK_OK] = "\033[32m",
		[LOOK_WARNING] = "\033[33m", [LOOK_FAILURE] = "\033[31m",
	};
	if (s->colour)
		buffer_add_text(out, codes[look]);
}

void layout_plain(struct buffer *out, const struct render_style *s)
{
	if (s->colour)
		buffer_add_text(out, "\033[0m");
}

enum look layout_look_of(enum severity severity)
{
	return severity == SEVERITY_OK        ? LOOK_OK
	       : severity == SEVERITY_WARNING ? LOOK_WARNING
					      : LOOK_FAILURE;
}

unsigned layout_mark_width(const struct render_style *s)
{
	return s->utf8 ? 1 : 4;
}

void layout_add_mark(struct buffer *out, const struct render_style *s, enum verdict verdict,
		     enum severity severity)
{
	static const char *const marks[][2] = {
		[SEVERITY_OK] = { "ok  ", "✓" },
		[SEVERITY_WARNING] = { "!!  ", "!" },
		[SEVERITY_FAILURE] = { "FAIL", "✗" },
	};
	if (verdict == V_UNCLEAR) /* neither well nor ill */
		buffer_add_text(out, s->utf8 ? "?" : "??  ");
	else
		buffer_add_text(out, marks[severity][s->utf8]);
}
