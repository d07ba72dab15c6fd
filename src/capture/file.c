/* Opens a capture, finds out what it is, and hands its packets out. */
#include "capture/form.h"

#include "base/escape.h"
#include "capture/live.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_LEAST = 12, HEAD_TEXT = 4096 };

int capture_broken(const struct capture *c, struct error *err, const char *format, ...)
{
	char what[300];
	va_list ap;
	va_start(ap, format);
	vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	bool packed = c->bytes.unpack.packing != PACKING_NONE;
	return err_set(err, -EBADMSG, "%s: %s%s", c->bytes.unpack.source.shown, what,
		       packed ? " (bytes counted after decompression)" : "");
}

/* The compression broke: say how far we came. */
static int add_frame(const struct capture *c, struct error *err, int code)
{
	size_t len = err ? strlen(err->text) : 0;
	if (err && c->frame > 0)
		snprintf(err->text + len, sizeof err->text - len, ", after packet %llu",
			 (unsigned long long)c->frame);
	return code;
}

/* A text has no control characters but those of layout, colour and titles, and none of UTF-16's
 * zeros. */
static bool is_text(struct slice head)
{
	for (size_t i = 0; i < head.len; i++) {
		uint8_t ch = head.at[i];
		bool layout = (ch >= '\a' && ch <= '\r') || ch == 0x1b;
		if ((ch < 0x20 && !layout) || ch == 0x7f)
			return false;
	}
	return true;
}

static int not_a_capture(const struct capture *c, struct slice head, struct error *err)
{
	const char *shown = c->bytes.unpack.source.shown, *remedy = "";
	const char *packing = packing_name(c->bytes.unpack.packing);
	const char *what = capture_foreign(head, c->path, &remedy);
	if (head.len == 0)
		return err_set(err, -EBADMSG, "%s: is empty%s%s", shown,
			       *packing ? " inside its " : "", packing);
	if (what)
		return err_set(err, -EBADMSG, "%s: is %s, not a capture%s%s", shown, what,
			       *remedy ? "; " : "", remedy);
	char first[40] = "";
	for (size_t i = 0; i < head.len && i < 8; i++)
		snprintf(first + i * 3, 4, " %02x", head.at[i]);
	return err_set(err, -EBADMSG, "%s: is neither pcap nor pcapng nor text: it begins with%s",
		       shown, first);
}

/* A capture begins at once, and a live one may not go on for a while; only to tell what else it
 * may be do we wait for more. */
static int recognise(struct capture *c, struct error *err)
{
	int ret = bytes_need(&c->bytes, HEAD_LEAST, err);
	if (ret < 0)
		return ret;
	struct slice head = bytes_unread(&c->bytes);
	if (capture_is_pcap(head))
		return capture_begin_pcap(c, err);
	if (capture_is_pcapng(head))
		return capture_begin_pcapng(c, err);
	/* Broken compression behind a readable beginning comes up when that is read. */
	bytes_need(&c->bytes, HEAD_TEXT, NULL);
	head = slice_first(bytes_unread(&c->bytes), HEAD_TEXT);
	const char *remedy;
	if (head.len == 0 || capture_foreign(head, c->path, &remedy) || !is_text(head))
		return not_a_capture(c, head, err);
	c->kind = CAPTURE_TEXT;
	return 0;
}

static int fill_nothing(struct capture *c, struct capture_batch *b, struct error *err)
{
	(void)b;
	return err_set(err, -EBADMSG, "%s: is text, it has no packets",
		       c->bytes.unpack.source.shown);
}

struct capture *capture_open_as(const char *path, const char *name, struct error *err)
{
	struct capture *c = calloc(1, sizeof *c);
	char *copy = strdup(path);
	if (!c || !copy) {
		err_set(err, -ENOMEM, "no memory to open a capture");
		free(copy);
		free(c);
		return NULL;
	}
	c->path = copy;
	c->fill = fill_nothing;
	if (bytes_open(&c->bytes, path, name, err) < 0) {
		free(copy);
		free(c);
		return NULL;
	}
	if (recognise(c, err) < 0) {
		capture_close(c);
		return NULL;
	}
	return c;
}

struct capture *capture_open(const char *path, struct error *err)
{
	char name[160];
	escape_into(name, sizeof name, slice_of(strcmp(path, "-") == 0 ? "standard input" : path));
	return capture_open_as(path, name, err);
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	capture_done_pcapng(c);
	live_free(c->live);
	bytes_close(&c->bytes);
	free(c->text);
	free(c->path);
	free(c);
}

enum capture_kind capture_kind(const struct capture *c)
{
	return c->kind;
}

const char *capture_name(const struct capture *c)
{
	return strcmp(c->path, "-") == 0 ? "standard input" : c->path;
}

uint64_t capture_size(const struct capture *c)
{
	return c->bytes.unpack.source.size;
}

uint64_t capture_offset(const struct capture *c)
{
	return c->bytes.unpack.source.at;
}

struct capture_batch *capture_batch_new(void)
{
	struct capture_batch *b = malloc(sizeof *b);
	if (b) {
		b->count = 0;
		b->bytes = NULL;
	}
	return b;
}

void capture_batch_free(struct capture_batch *b)
{
	if (b)
		capture_bytes_drop(b->bytes);
	free(b);
}

int capture_read(struct capture *c, struct capture_batch *b, struct error *err)
{
	b->count = 0;
	b->until = NO_TIME;
	bytes_release(&c->bytes, &b->bytes);
	int ret = c->fill(c, b, err);
	if (ret > 0)
		bytes_hold(&c->bytes, &b->bytes);
	else if (ret < 0 && c->bytes.unpack.broken.code)
		add_frame(c, err, ret);
	return ret;
}

static int read_all(struct capture *c, size_t limit, struct buffer *text, struct error *err)
{
	for (;;) {
		struct slice part = bytes_unread(&c->bytes);
		if (part.len > limit - text->len)
			return err_set(
				err, -EFBIG,
				"%s: text of more than %zu bytes; cut out the part that matters",
				c->bytes.unpack.source.shown, limit);
		buffer_add(text, part);
		c->bytes.at += part.len;
		if (text->failed)
			return err_set(err, -ENOMEM, "%s: no memory for its text",
				       c->bytes.unpack.source.shown);
		int ret = bytes_need(&c->bytes, 1, err);
		if (ret <= 0)
			return ret;
	}
}

int capture_read_text(struct capture *c, size_t limit, struct slice *ret_text, struct error *err)
{
	if (!c->text) {
		struct buffer text;
		buffer_init(&text, limit);
		int ret = read_all(c, limit, &text, err);
		if (ret < 0) {
			buffer_done(&text);
			return ret;
		}
		c->text = text.at; /* not empty: an empty file was no text */
		c->text_len = text.len;
	}
	*ret_text = (struct slice){ c->text, c->text_len };
	return 0;
}

uint64_t capture_lost(const struct capture *c)
{
	uint64_t lost = c->pcapng.dropped_before;
	if (c->live)
		return capture_live_counts(c).dropped + capture_live_counts(c).dropped_by_interface;
	for (size_t i = 0; i < c->pcapng.count; i++)
		lost += c->pcapng.interface[i].dropped;
	return lost;
}
