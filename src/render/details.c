/* The heads of request and answer, as Wireshark's details pane shows them. */
#include "render/layout.h"
#include "render/say.h"

enum { INDENT = 4 };

static void add_frame(struct buffer *out, const struct render_style *s, const struct exchange *x,
		      const struct mark *m, bool up)
{
	layout_look(out, s, LOOK_BOLD);
	if (m->frame)
		buffer_printf(out, "Frame %llu: ", (unsigned long long)m->frame);
	else if (m->line)
		buffer_printf(out, "Line %u: ", m->line);
	(up ? say_client : say_proxy)(out, x, s->utf8);
	buffer_add_text(out, s->utf8 ? " → " : " -> ");
	(up ? say_proxy : say_client)(out, x, s->utf8);
	if (mark_is(m)) {
		buffer_add_text(out, ", ");
		say_moment(out, x, m->at);
	}
	layout_plain(out, s);
	layout_end_line(out);
	buffer_add_text(out, "Hypertext Transfer Protocol\n");
}

/* Each line with its end as \r\n or \n, the empty one too. */
static void add_head(struct buffer *out, const struct render_style *s, struct slice head)
{
	while (head.len > 0) {
		size_t len = slice_find_byte(head, '\n');
		bool ended = len < head.len;
		bool cr = ended && len > 0 && head.at[len - 1] == '\r';
		buffer_add_repeat(out, ' ', INDENT);
		say_foreign(out, slice_first(head, len - cr), s->utf8);
		buffer_add_text(out, cr ? "\\r\\n" : ended ? "\\n" : "");
		layout_end_line(out);
		head = slice_from(head, len + 1);
	}
}

static void begin_note(struct buffer *out, const struct render_style *s, const char *text)
{
	buffer_add_repeat(out, ' ', INDENT);
	layout_look(out, s, LOOK_DIM);
	buffer_add_byte(out, '[');
	buffer_add_text(out, text);
}

static void end_note(struct buffer *out, const struct render_style *s)
{
	buffer_add_byte(out, ']');
	layout_plain(out, s);
	buffer_add_byte(out, '\n');
}

static void note_frame(struct buffer *out, const struct render_style *s, const char *text,
		       const struct mark *m)
{
	if (!m->frame)
		return;
	begin_note(out, s, text);
	buffer_add_u64(out, m->frame);
	end_note(out, s);
}

/* Wireshark's own figure: from the frame that completed the request. */
static void note_time(struct buffer *out, const struct render_style *s, const struct exchange *x)
{
	const struct mark *from = mark_is(&x->request_end) ? &x->request_end : &x->request_start;
	if (!mark_is(from) || !mark_is(&x->response_start) || x->response_start.at < from->at)
		return;
	nanos span = x->response_start.at - from->at;
	begin_note(out, s, "Time since request: ");
	buffer_printf(out, "%lld.%09lld seconds", (long long)(span / NANOS_PER_SECOND),
		      (long long)(span % NANOS_PER_SECOND));
	end_note(out, s);
}

static void note_slice(struct buffer *out, const struct render_style *s, const char *text,
		       struct slice what)
{
	if (what.len == 0)
		return;
	begin_note(out, s, text);
	say_foreign(out, what, s->utf8);
	end_note(out, s);
}

/* Where the head was not kept, its first line can still be told. */
static void add_request_line(struct buffer *out, const struct render_style *s,
			     const struct exchange *x)
{
	buffer_add_repeat(out, ' ', INDENT);
	say_request(out, x, s->utf8);
	buffer_printf(out, " HTTP/1.%u\n", x->request.minor);
}

static void add_status_line(struct buffer *out, const struct render_style *s,
			    const struct exchange *x)
{
	buffer_add_repeat(out, ' ', INDENT);
	buffer_printf(out, "HTTP/1.%u ", x->response.minor);
	say_status(out, x, s->utf8);
	layout_end_line(out);
}

static void add_request(struct buffer *out, const struct render_style *s, const struct exchange *x)
{
	const struct mark *m = mark_is(&x->request_end) ? &x->request_end : &x->request_start;
	add_frame(out, s, x, m, true);
	if (x->request.head.len)
		add_head(out, s, x->request.head);
	else
		add_request_line(out, s, x);
	note_slice(out, s, "Full request URI: ", x->request.target);
	note_frame(out, s, "Response in frame: ", &x->response_start);
}

static void add_response(struct buffer *out, const struct render_style *s, const struct exchange *x)
{
	add_frame(out, s, x, &x->response_start, false);
	if (x->response.head.len)
		add_head(out, s, x->response.head);
	else
		add_status_line(out, s, x);
	note_time(out, s, x);
	note_frame(out, s, "Request in frame: ",
		   mark_is(&x->request_end) ? &x->request_end : &x->request_start);
	note_slice(out, s, "Request URI: ", x->request.target);
	note_slice(out, s, "Title of the page: ", x->response.title);
}

void render_details(struct buffer *out, const struct render_style *s, const struct exchange *x)
{
	bool asked = x->request.head.len || x->request.method.len;
	bool answered = x->response.head.len || x->response.status;
	if (asked)
		add_request(out, s, x);
	if (asked && answered)
		buffer_add_byte(out, '\n');
	if (answered)
		add_response(out, s, x);
}
