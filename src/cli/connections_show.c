/* Connections as two lines each and a line for what is wrong with one, and as JSON. */
#include "cli/connections.h"

#include "base/escape.h"
#include "cli/screen.h"
#include "diagnose/catalogue.h"

#include <pwd.h>
#include <stdlib.h>

enum { PROCESS = 23, SPAN = 11, PIECE = 512 };

/* What such a sign ends as when nothing changes; V_OK: nothing that the catalogue has. */
static enum verdict verdict_of(const struct host_connection *c, enum host_sign s)
{
	switch (s) {
	case HOST_SIGN_SYN_UNANSWERED:
		return V_PROXY_UNREACHABLE;
	case HOST_SIGN_FULL_SEGMENTS_LOST:
		return V_MTU_BLACK_HOLE;
	case HOST_SIGN_RETRANSMITTING:
		return host_knows(c, HOST_KNOWS_SENT) && c->bytes_acked == 0 ? V_REQUEST_LOST
									     : V_TRANSFER_STALLED;
	case HOST_SIGN_ZERO_WINDOW:
		return V_RECEIVER_STALLED;
	case HOST_SIGN_KEEPALIVE_UNANSWERED:
	case HOST_SIGN_GAP:
		return V_TRANSFER_STALLED;
	case HOST_SIGN_MTU_BELOW_MSS:
		return V_MTU_SIGNALLED;
	case HOST_SIGN_NO_ANSWER:
		return V_PROXY_SILENT;
	default:
		return V_OK;
	}
}

static int worst_first(const void *a, const void *b)
{
	const struct host_connection *x = a, *y = b;
	int by_trouble = (int)host_connection_trouble(y) - (int)host_connection_trouble(x);
	int by_place = memcmp(x->remote.ip, y->remote.ip, sizeof x->remote.ip);
	if (by_trouble)
		return by_trouble;
	return by_place ? by_place : x->local.port - y->local.port;
}

void connections_sort(struct connections_page *p)
{
	if (p->list.count)
		qsort(p->list.at, p->list.count, sizeof *p->list.at, worst_first);
}

static nanos idle(const struct host_connection *c)
{
	return c->since_sent < c->since_received ? c->since_sent : c->since_received;
}

/* Before, the kernel has no more than defaults for what the two sides agree on. */
static bool has_connected(const struct host_connection *c)
{
	return c->since_ack != NO_TIME;
}

static uint64_t bytes_up(const struct host_connection *c)
{
	return host_knows(c, HOST_KNOWS_SENT) ? c->bytes_sent - c->bytes_retrans : c->bytes_acked;
}

/* ---- text --------------------------------------------------------------------------------- */

struct page {
	struct buffer *out;
	const struct connections_style *style;
	size_t lines;
};

static void look(struct page *p, const char *code)
{
	if (p->style->colour)
		buffer_printf(p->out, "\033[%sm", code);
}

static void end_line(struct page *p)
{
	buffer_add_byte(p->out, '\n');
	p->lines++;
}

/* Words, in lines that end before the page does; further lines begin at `indent`. */
static void add_wrapped(struct page *p, struct slice text, size_t indent)
{
	size_t column = indent;
	bool first = true;
	while (text.len) {
		struct slice word = slice_cut(&text, ' ');
		size_t wide = escape_columns(word);
		if (!first && column + 1 + wide > p->style->width) {
			end_line(p);
			buffer_add_repeat(p->out, ' ', indent);
			column = indent;
		} else if (!first) {
			buffer_add_byte(p->out, ' ');
			column++;
		}
		buffer_add(p->out, word);
		column += wide;
		first = false;
	}
}

static void add_right(struct buffer *out, struct slice s, size_t width)
{
	size_t wide = escape_columns(s);
	if (wide < width)
		buffer_add_repeat(out, ' ', width - wide);
	buffer_add(out, s);
}

static void add_span(struct buffer *out, nanos span)
{
	struct buffer text;
	buffer_init(&text, PIECE);
	if (span == NO_TIME)
		buffer_add_byte(&text, '-');
	else
		when_add_span(&text, span);
	add_right(out, buffer_slice(&text), SPAN);
	buffer_done(&text);
}

static void add_bytes(struct buffer *out, const struct host_connection *c, uint64_t n)
{
	if (host_knows(c, HOST_KNOWS_BYTES))
		screen_add_size(out, n);
	else
		buffer_add_text(out, "     -");
}

static void add_user(struct buffer *out, uint32_t user)
{
	const struct passwd *u = getpwuid(user);
	if (u)
		escape_text(out, slice_of(u->pw_name));
	else
		buffer_printf(out, "uid %u", user);
}

/* "curl 1234", "nginx 77 (4)" where four share it, "of alice", "-" when there is none any longer.
 */
static void add_process(struct buffer *out, const struct connections_page *page,
			const struct host_connection *c)
{
	const struct host_owner *o = host_processes_of(page->owner, page->owners, c->inode);
	struct buffer text;
	buffer_init(&text, PIECE);
	if (o && o->pid) {
		escape_text(&text, slice_of(o->name));
		buffer_printf(&text, " %d", o->pid);
		if (o->sharing > 1)
			buffer_printf(&text, " (%u)", o->sharing);
	} else if (c->inode) {
		buffer_add_text(&text, "of ");
		add_user(&text, c->user);
	} else {
		buffer_add_byte(&text, '-');
	}
	size_t wide = escape_columns(buffer_slice(&text));
	buffer_add(out, buffer_slice(&text));
	buffer_add_repeat(out, ' ', wide < PROCESS ? PROCESS - wide : 1);
	buffer_done(&text);
}

static void add_mark(struct page *p, enum host_trouble t)
{
	static const char *const marks[2][3] = { { "ok", "!!", "XX" }, { "✓ ", "! ", "✗ " } };
	static const char *const colours[3] = { "32", "33", "31" };
	look(p, colours[t]);
	buffer_add_text(p->out, marks[p->style->utf8][t]);
	look(p, "0");
}

static void add_row(struct page *p, const struct connections_page *page,
		    const struct host_connection *c)
{
	add_mark(p, host_connection_trouble(c));
	buffer_printf(p->out, " %-11s ", host_tcp_state_name(c->state));
	add_process(p->out, page, c);
	add_span(p->out, c->rtt);
	buffer_add_byte(p->out, ' ');
	add_bytes(p->out, c, bytes_up(c));
	buffer_add_byte(p->out, ' ');
	add_bytes(p->out, c, c->bytes_received);
	buffer_add_byte(p->out, ' ');
	add_span(p->out, idle(c));
	end_line(p);
}

static void say_basics(struct buffer *out, const struct host_connection *c)
{
	if (has_connected(c))
		buffer_printf(out, ", MSS %u", c->mss_out);
	if (c->path_mtu)
		buffer_printf(out, ", path MTU %u", c->path_mtu);
	if (has_connected(c))
		buffer_printf(out, ", window %u", c->window_segments);
	buffer_printf(out, ", retransmitted %u", c->retrans);
}

static void add_details(struct page *p, const struct host_connection *c)
{
	struct buffer text;
	buffer_init(&text, PIECE);
	address_add(&text, &c->local);
	buffer_add_text(&text, p->style->utf8 ? " → " : " > ");
	address_add(&text, &c->remote);
	if (host_knows(c, HOST_KNOWS_BASICS))
		say_basics(&text, c);
	if (c->queue_out || c->queue_in)
		buffer_printf(&text, ", queued %u out, %u in", c->queue_out, c->queue_in);
	buffer_add_text(p->out, "   ");
	look(p, "2");
	add_wrapped(p, buffer_slice(&text), 3);
	look(p, "0");
	end_line(p);
	buffer_done(&text);
}

static void add_sign(struct page *p, const struct host_connection *c, enum host_sign s)
{
	struct buffer text;
	enum verdict v = verdict_of(c, s);
	buffer_init(&text, PIECE);
	host_connection_say(&text, c, s);
	if (v != V_OK)
		buffer_printf(&text, " (%s)", verdict_id(v));
	buffer_add_text(p->out, "   ");
	add_mark(p, host_connection_sign(c, s));
	buffer_add_text(p->out, p->style->utf8 ? "" : " ");
	add_wrapped(p, buffer_slice(&text), p->style->utf8 ? 5 : 6);
	end_line(p);
	buffer_done(&text);
}

static void add_connection(struct page *p, const struct connections_page *page,
			   const struct host_connection *c)
{
	add_row(p, page, c);
	add_details(p, c);
	for (int s = 0; s < HOST_SIGNS; s++)
		if (host_connection_sign(c, s) != HOST_FINE)
			add_sign(p, c, s);
}

static void add_sum(struct page *p, const struct connections_page *page)
{
	size_t count[3] = { 0 }, unnamed = 0;
	struct buffer text;
	buffer_init(&text, PIECE);
	for (size_t i = 0; i < page->list.count; i++) {
		const struct host_connection *c = &page->list.at[i];
		const struct host_owner *o = host_processes_of(page->owner, page->owners, c->inode);
		count[host_connection_trouble(c)]++;
		unnamed += c->inode && !(o && o->pid);
	}
	if (page->list.count)
		end_line(p);
	buffer_printf(&text, "%zu connection%s", page->list.count,
		      page->list.count == 1 ? "" : "s");
	if (page->list.count)
		buffer_printf(&text, ": %zu in trouble, %zu worth a look, %zu fine",
			      count[HOST_TROUBLE], count[HOST_DOUBTFUL], count[HOST_FINE]);
	if (page->list.left_out)
		buffer_printf(&text, "; %zu more were left out", page->list.left_out);
	add_wrapped(p, buffer_slice(&text), 0);
	end_line(p);
	buffer_reset(&text);
	if (unnamed && page->hidden) {
		buffer_printf(&text,
			      "The processes of %zu are not for this user to see; root sees them.",
			      unnamed);
		add_wrapped(p, buffer_slice(&text), 0);
		end_line(p);
	}
	buffer_done(&text);
}

void connections_show(struct buffer *out, const struct connections_page *page,
		      const struct connections_style *style)
{
	struct page p = { .out = out, .style = style };
	size_t i = 0;
	if (page->list.count) {
		look(&p, "1");
		buffer_printf(out, "   %-11s %-*s%*s %6s %6s %*s", "STATE", PROCESS, "PROCESS",
			      SPAN, "RTT", "UP", "DOWN", SPAN + 1, "IDLE");
		look(&p, "0");
		end_line(&p);
	}
	for (; i < page->list.count; i++) {
		if (style->lines && p.lines + 6 > style->lines)
			break;
		add_connection(&p, page, &page->list.at[i]);
	}
	if (i < page->list.count) {
		buffer_printf(out, "... and %zu more", page->list.count - i);
		end_line(&p);
	}
	add_sum(&p, page);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void add_number(struct buffer *out, const char *name, uint64_t n)
{
	buffer_printf(out, ",\"%s\":%llu", name, (unsigned long long)n);
}

static void add_ms(struct buffer *out, const char *name, nanos t)
{
	if (t != NO_TIME)
		buffer_printf(out, ",\"%s\":%.3f", name, (double)t / (double)NANOS_PER_MS);
}

static void add_address(struct buffer *out, const char *name, const struct address *a)
{
	buffer_printf(out, ",\"%s\":\"", name);
	address_add(out, a);
	buffer_add_byte(out, '"');
}

static const char *severity_of(enum host_trouble t)
{
	static const enum severity severity[] = { SEVERITY_OK, SEVERITY_WARNING, SEVERITY_FAILURE };
	return severity_name(severity[t]);
}

static void add_owner(struct buffer *out, const struct connections_page *page,
		      const struct host_connection *c)
{
	const struct host_owner *o = host_processes_of(page->owner, page->owners, c->inode);
	if (o && o->pid) {
		escape_json_member(out, "process", slice_of(o->name));
		add_number(out, "pid", (uint64_t)o->pid);
		add_number(out, "processes", o->sharing);
	}
	if (c->inode) {
		add_number(out, "uid", c->user);
		add_number(out, "inode", c->inode);
	}
}

static void add_facts(struct buffer *out, const struct host_connection *c)
{
	add_ms(out, "rtt_ms", c->rtt);
	add_ms(out, "rtt_variance_ms", c->rtt_variance);
	add_ms(out, "rtt_min_ms", c->rtt_min);
	add_ms(out, "idle_ms", idle(c));
	add_ms(out, "since_sent_ms", c->since_sent);
	add_ms(out, "since_received_ms", c->since_received);
	add_ms(out, "since_ack_ms", c->since_ack);
	if (host_knows(c, HOST_KNOWS_BASICS)) {
		if (has_connected(c)) {
			add_number(out, "mss_out", c->mss_out);
			add_number(out, "mss_in", c->mss_in);
			add_number(out, "window_segments", c->window_segments);
		}
		add_number(out, "mss_advertised", c->mss_advertised);
		add_number(out, "path_mtu", c->path_mtu);
		add_number(out, "in_flight_segments", c->in_flight);
		add_number(out, "lost_segments", c->lost);
		add_number(out, "retrans", c->retrans);
	}
	if (host_knows(c, HOST_KNOWS_BYTES)) {
		add_number(out, "bytes_up", bytes_up(c));
		add_number(out, "bytes_down", c->bytes_received);
		add_number(out, "bytes_acked", c->bytes_acked);
		add_number(out, "unsent_bytes", c->bytes_unsent);
	}
	if (host_knows(c, HOST_KNOWS_SENT))
		add_number(out, "retrans_bytes", c->bytes_retrans);
	if (host_knows(c, HOST_KNOWS_GAPS))
		add_number(out, "out_of_order", c->out_of_order);
	if (host_knows(c, HOST_KNOWS_WINDOW) && has_connected(c))
		add_number(out, "peer_window_bytes", c->window_bytes);
	if (c->congestion[0])
		escape_json_member(out, "congestion", slice_of(c->congestion));
}

static void add_timer(struct buffer *out, const struct host_connection *c)
{
	const char *name = host_tcp_timer_name(c->timer);
	if (!name)
		return;
	escape_json_member(out, "timer", slice_of(name));
	add_ms(out, "timer_left_ms", c->timer_left);
	add_number(out, "tries", c->tries);
}

static void add_signs(struct buffer *out, const struct host_connection *c)
{
	bool first = true;
	buffer_add_text(out, ",\"signs\":[");
	for (int s = 0; s < HOST_SIGNS; s++) {
		enum host_trouble t = host_connection_sign(c, s);
		enum verdict v = verdict_of(c, s);
		if (t == HOST_FINE)
			continue;
		buffer_printf(out, "%s{\"sign\":\"%s\",\"severity\":\"%s\"", first ? "" : ",",
			      host_sign_name(s), severity_of(t));
		if (v != V_OK)
			escape_json_member(out, "verdict", slice_of(verdict_id(v)));
		buffer_add_text(out, ",\"what\":\"");
		host_connection_say(out, c, s); /* our own words: nothing to escape */
		buffer_add_text(out, "\"}");
		first = false;
	}
	buffer_add_byte(out, ']');
}

void connections_show_json(struct buffer *out, const struct connections_page *page)
{
	for (size_t i = 0; i < page->list.count; i++) {
		const struct host_connection *c = &page->list.at[i];
		buffer_add_text(out, "{\"v\":1,\"at\":\"");
		when_add_rfc3339(out, page->at);
		buffer_add_byte(out, '"');
		escape_json_member(out, "severity",
				   slice_of(severity_of(host_connection_trouble(c))));
		escape_json_member(out, "state", slice_of(host_tcp_state_name(c->state)));
		add_address(out, "client", &c->local);
		add_address(out, "proxy", &c->remote);
		add_owner(out, page, c);
		add_facts(out, c);
		add_number(out, "queue_out_bytes", c->queue_out);
		add_number(out, "queue_in_bytes", c->queue_in);
		add_timer(out, c);
		add_signs(out, c);
		buffer_add_text(out, "}\n");
	}
}
