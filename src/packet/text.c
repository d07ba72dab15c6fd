/* Lines of text into examples: which packets belong together, what a head that stands alone was
 * part of, which table is printed twice.
 *
 * One pass, line by line. A line is a packet (text_tcpdump.c, text_wireshark.c), a piece of a
 * packet's content (a head, hex digits, the details pane), a mark that parts things (heading,
 * fence, blank line), or none of our business. What is looked up is looked up in a table, so a
 * text of any length is read in time that grows with it. */
#include "packet/text.h"

#include "packet/layers.h"
#include "packet/text_reading.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 4096, MAX_HEAD = 65536 };

bool text_grow(struct reading *r, void *array, size_t *room, size_t count, size_t size)
{
	void **at = array;
	if (count < *room)
		return true;
	size_t wish = *room ? *room * 2 : 16;
	void *bigger = realloc(*at, wish * size);
	if (!bigger) {
		r->failed = true;
		return false;
	}
	*at = bigger;
	*room = wish;
	return true;
}
static bool read_mark(struct reading *r, struct slice line)
{
	if (line.len == 0) {
		if (r->head.state == HEAD_LINES)
			text_head_finish(r, true);
		text_details_end(r);
		return true;
	}
	if (slice_starts(line, SLICE("```"))) {
		if (r->head.state == HEAD_LINES)
			text_head_finish(r, false);
		text_details_end(r);
		text_hex_finish(r);
		r->fenced = !r->fenced;
		r->in_table = r->attach_near = false;
		return true;
	}
	if (line.at[0] == '#') {
		text_head_finish(r, false);
		text_details_end(r);
		if (!r->fenced) {
			while (line.len && line.at[0] == '#')
				line = slice_from(line, 1);
			r->heading = slice_trim(line);
			r->heading_since = true;
			r->attach = 0;
		}
		return true;
	}
	return slice_equal(line, SLICE("<#root>"));
}

static void read_line(struct reading *r, struct slice raw)
{
	struct slice line = slice_trim(raw);
	r->line++;
	if (read_mark(r, line))
		return;
	if (text_head_broken(r, line) || text_hex_line(r, raw))
		return;
	if (text_tcpdump_line(r, raw) || text_table_line(r, line)) {
		r->in_details = r->details_http = false;
		return;
	}
	if (!text_details_line(r, line))
		text_head_read(r, line);
}

struct packet_text *packet_text_read(struct slice text)
{
	struct packet_text *t = calloc(1, sizeof *t);
	struct reading r = { .t = t };
	if (!t || !(t->arena = arena_new(text.len * 8 + (16 << 20)))) {
		packet_text_free(t);
		return NULL;
	}
	buffer_init(&r.head.bytes, MAX_HEAD);
	buffer_init(&r.hex, MAX_HEAD + 2 * MAX_LINE);
	for (struct slice rest = text; rest.len > 0 && !r.failed;)
		read_line(&r, slice_first(slice_line(&rest), MAX_LINE));
	text_head_finish(&r, false);
	text_hex_finish(&r);
	text_examples_finish(&r);
	buffer_done(&r.head.bytes);
	buffer_done(&r.hex);
	text_map_done(&r.map);
	free(r.flow);
	free(r.row);
	if (r.failed) {
		packet_text_free(t);
		return NULL;
	}
	return t;
}

void packet_text_free(struct packet_text *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t->segment);
	free(t->note);
	free(t->example);
	free(t->name);
	free(t);
}

size_t packet_text_count(const struct packet_text *t)
{
	return t->examples;
}

const struct packet_example *packet_text_example(const struct packet_text *t, size_t index)
{
	return index < t->examples ? &t->example[index] : NULL;
}

struct slice packet_text_name(const struct packet_text *t, const struct address *a)
{
	static const uint8_t made_up[12] = { 1 };
	uint32_t index = load32(a->ip + 12);
	if (memcmp(a->ip, made_up, sizeof made_up) != 0 || index == 0 || index > t->names)
		return (struct slice){ 0 };
	return t->name[index - 1];
}
