/* The packet list, a line a packet: what tcpdump prints with --number, and Wireshark's columns.
 *
 * Both are as those tools have them, so that eyes and scripts that know them feel at home; what is
 * ours (which answer belongs to which request, the verdict) stands in brackets at the end. */
#include "render/packets.h"

#include "render/layout.h"
#include "render/say.h"

#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

/* ---- parts of both ------------------------------------------------------------------------- */

static void say_host(struct buffer *out, struct slice name, const struct address *a, bool utf8)
{
	if (name.len > 0)
		say_foreign(out, name, utf8);
	else
		address_add_host(out, a);
}

static bool is_v6(const struct render_packet *p)
{
	return !address_is_v4(&p->from) && p->from_name.len == 0;
}

/* "0.176633000 seconds", as Wireshark has it */
static void say_seconds(struct buffer *out, nanos span)
{
	const char *sign = span < 0 ? "-" : "";
	uint64_t n = span < 0 ? 0 - (uint64_t)span : (uint64_t)span;
	buffer_printf(out, "%s%llu.%09llu", sign, (unsigned long long)(n / 1000000000),
		      (unsigned long long)(n % 1000000000));
}

static void add_links(struct buffer *out, const struct render_style *s,
		      const struct render_packet *p)
{
	if (!p->response_frame && !p->request_frame && p->since_request == NO_TIME)
		return;
	layout_look(out, s, LOOK_DIM);
	if (p->response_frame)
		buffer_printf(out, " [Response in frame: %llu]",
			      (unsigned long long)p->response_frame);
	if (p->request_frame)
		buffer_printf(out, " [Request in frame: %llu]",
			      (unsigned long long)p->request_frame);
	if (p->since_request != NO_TIME) {
		buffer_add_text(out, " [Time since request: ");
		say_seconds(out, p->since_request);
		buffer_add_text(out, " seconds]");
	}
	layout_plain(out, s);
}

static void add_verdict(struct buffer *out, const struct render_style *s,
			const struct render_packet *p)
{
	if (!p->verdict)
		return;
	layout_look(out, s, LOOK_FAILURE);
	buffer_add_text(out, s->utf8 ? " ← " : " <- ");
	say_own(out, p->verdict, s->utf8);
	layout_plain(out, s);
}

/* ---- tcpdump ------------------------------------------------------------------------------- */

static void add_tcpdump_host(struct buffer *out, const struct render_style *s, struct slice name,
			     const struct address *a, bool with_port)
{
	say_host(out, name, a, s->utf8);
	if (with_port)
		buffer_printf(out, ".%u", a->port);
}

/* In tcpdump's order and letters; an ACK beside others is a dot, no flag at all "none". */
static void add_tcpdump_flags(struct buffer *out, uint8_t flags)
{
	static const struct {
		uint8_t flag;
		char letter;
	} letters[] = { { FIN, 'F' }, { SYN, 'S' }, { RST, 'R' },
			{ PSH, 'P' }, { ACK, '.' }, { URG, 'U' } };
	buffer_add_text(out, "Flags [");
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
		if (flags & letters[i].flag)
			buffer_add_byte(out, (uint8_t)letters[i].letter);
	if (!(flags & 63))
		buffer_add_text(out, "none");
	buffer_add_byte(out, ']');
}

static void add_numbers(struct buffer *out, const struct render_packet *p)
{
	if (p->payload_len > 0)
		buffer_printf(out, ", seq %u:%u", p->seq, p->seq + p->payload_len);
	else if (p->flags & (SYN | FIN | RST))
		buffer_printf(out, ", seq %u", p->seq);
	if (p->flags & ACK)
		buffer_printf(out, ", ack %u", p->ack);
	buffer_printf(out, ", win %u", p->window);
}

static void add_option(struct buffer *out, bool *first, const char *text)
{
	buffer_add_text(out, *first ? ", options [" : ",");
	buffer_add_text(out, text);
	*first = false;
}

static void add_times(struct buffer *out, bool *first, const struct render_packet *p)
{
	if (!p->has_timestamp)
		return;
	if (!(p->flags & SYN))
		add_option(out, first, "nop,nop");
	add_option(out, first, "TS val ");
	buffer_printf(out, "%u ecr %u", p->tsval, p->tsecr);
}

static void add_options(struct buffer *out, const struct render_packet *p)
{
	bool first = true;
	if (p->has_mss) {
		add_option(out, &first, "mss ");
		buffer_add_u64(out, p->mss);
	}
	if (p->sack_ok)
		add_option(out, &first, "sackOK");
	add_times(out, &first, p);
	if (p->has_wscale) {
		add_option(out, &first, "nop,wscale ");
		buffer_add_u64(out, p->wscale);
	}
	unsigned blocks = p->sack_count < 4 ? p->sack_count : 4;
	if (blocks) {
		add_option(out, &first, "nop,nop,sack ");
		buffer_printf(out, "%u ", blocks);
	}
	for (unsigned i = 0; i < blocks; i++)
		buffer_printf(out, "{%u:%u}", p->sack_left[i], p->sack_right[i]);
	if (!first)
		buffer_add_byte(out, ']');
}

static void add_tcpdump_payload(struct buffer *out, const struct render_style *s,
				const struct render_packet *p)
{
	buffer_printf(out, ", length %u", p->payload_len);
	if (p->info.len == 0)
		return;
	buffer_add_text(out, ": ");
	if (p->protocol != PROTO_UNKNOWN && p->protocol != PROTO_NONE) {
		buffer_add_text(out, trace_protocol_name(p->protocol));
		buffer_add_text(out, ": ");
	}
	say_foreign(out, p->info, s->utf8);
}

void render_packet_tcpdump(struct buffer *out, const struct render_style *s,
			   const struct render_packet *p)
{
	buffer_printf(out, "%5llu  ", (unsigned long long)p->frame);
	layout_look(out, s, LOOK_DIM);
	if (p->at == NO_TIME)
		buffer_add_text(out, "-");
	else
		when_add_clock(out, p->at);
	layout_plain(out, s);
	buffer_add_text(out, is_v6(p) ? " IP6 " : " IP ");
	add_tcpdump_host(out, s, p->from_name, &p->from, !p->icmp);
	buffer_add_text(out, " > ");
	add_tcpdump_host(out, s, p->to_name, &p->to, !p->icmp);
	buffer_add_text(out, ": ");
	if (p->icmp) {
		buffer_add_text(out, is_v6(p) ? "ICMP6, " : "ICMP ");
		say_own(out, p->icmp, s->utf8);
		buffer_printf(out, ", length %u", p->payload_len);
	} else {
		add_tcpdump_flags(out, p->flags);
		add_numbers(out, p);
		add_options(out, p);
		add_tcpdump_payload(out, s, p);
	}
	if (p->remark) {
		layout_look(out, s, LOOK_WARNING);
		buffer_add_text(out, " [");
		say_own(out, p->remark, s->utf8);
		buffer_add_byte(out, ']');
		layout_plain(out, s);
	}
	add_links(out, s, p);
	add_verdict(out, s, p);
	layout_end_line(out);
}

/* ---- Wireshark ----------------------------------------------------------------------------- */

enum { HOST_COLUMNS = 21 };

void render_packet_wireshark_head(struct buffer *out, const struct render_style *s)
{
	layout_look(out, s, LOOK_BOLD);
	buffer_add_text(out, "No.     Time           Source                Destination           "
			     "Protocol Length Info");
	layout_plain(out, s);
	buffer_add_byte(out, '\n');
}

/* A host in its column; a long IPv6 address pushes the rest aside, as it does in Wireshark's
 * own text export. */
static void add_column(struct buffer *out, const struct render_style *s, struct slice name,
		       const struct address *a)
{
	struct buffer text;
	buffer_init(&text, 1 << 16);
	say_host(&text, name, a, s->utf8);
	buffer_add(out, buffer_slice(&text));
	layout_fill(out, layout_columns(buffer_slice(&text)), HOST_COLUMNS);
	buffer_add_byte(out, ' ');
	buffer_done(&text);
}

static const char *protocol_column(const struct render_packet *p)
{
	if (p->icmp)
		return is_v6(p) ? "ICMPv6" : "ICMP";
	if (p->payload_len == 0 || p->protocol == PROTO_UNKNOWN || p->protocol == PROTO_NONE ||
	    p->protocol == PROTO_TEXT)
		return "TCP";
	return trace_protocol_name(p->protocol);
}

static void add_wireshark_flags(struct buffer *out, uint8_t flags)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} names[] = { { FIN, "FIN" }, { SYN, "SYN" }, { RST, "RST" },
		      { PSH, "PSH" }, { ACK, "ACK" }, { URG, "URG" } };
	const char *comma = "";
	buffer_add_text(out, " [");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!(flags & names[i].flag))
			continue;
		buffer_add_text(out, comma);
		buffer_add_text(out, names[i].name);
		comma = ", ";
	}
	buffer_add_text(out, flags & 63 ? "]" : "<None>]");
}

static void add_tcp_info(struct buffer *out, const struct render_style *s,
			 const struct render_packet *p)
{
	buffer_printf(out, "%u %s %u", p->from.port, s->utf8 ? "→" : "->", p->to.port);
	add_wireshark_flags(out, p->flags);
	buffer_printf(out, " Seq=%u", p->seq);
	if (p->flags & ACK)
		buffer_printf(out, " Ack=%u", p->ack);
	buffer_printf(out, " Win=%u Len=%u", p->window, p->payload_len);
	if (p->has_mss)
		buffer_printf(out, " MSS=%u", p->mss);
	if (p->sack_ok)
		buffer_add_text(out, " SACK_PERM");
	if (p->has_timestamp)
		buffer_printf(out, " TSval=%u TSecr=%u", p->tsval, p->tsecr);
	if (p->has_wscale)
		buffer_printf(out, " WS=%u", p->wscale < 15 ? 1u << p->wscale : 1u << 14);
	for (unsigned i = 0; i < p->sack_count && i < 4; i++)
		buffer_printf(out, " SLE=%u SRE=%u", p->sack_left[i], p->sack_right[i]);
}

static void add_remark(struct buffer *out, const struct render_style *s,
		       const struct render_packet *p)
{
	if (!p->remark)
		return;
	layout_look(out, s, LOOK_WARNING);
	buffer_add_text(out, "[TCP ");
	say_own(out, p->remark, s->utf8);
	buffer_add_byte(out, ']');
	layout_plain(out, s);
	buffer_add_byte(out, ' ');
}

void render_packet_wireshark(struct buffer *out, const struct render_style *s,
			     const struct render_packet *p, nanos zero)
{
	struct buffer time;
	buffer_init(&time, 64);
	if (p->at != NO_TIME && zero != NO_TIME) {
		nanos micros = (p->at - zero) / 1000;
		buffer_printf(&time, "%s%lld.%06lld", micros < 0 ? "-" : "",
			      (long long)(micros < 0 ? -micros : micros) / 1000000,
			      (long long)(micros < 0 ? -micros : micros) % 1000000);
	}
	buffer_printf(out, "%7llu ", (unsigned long long)p->frame);
	buffer_add(out, buffer_slice(&time));
	layout_fill(out, (unsigned)time.len, 15);
	buffer_done(&time);
	add_column(out, s, p->from_name, &p->from);
	add_column(out, s, p->to_name, &p->to);
	buffer_printf(out, "%-8s %-6u ", protocol_column(p), p->wire_len);
	add_remark(out, s, p);
	if (p->icmp)
		say_own(out, p->icmp, s->utf8);
	else if (p->info.len > 0 && p->payload_len > 0)
		say_foreign(out, p->info, s->utf8);
	else
		add_tcp_info(out, s, p);
	add_links(out, s, p);
	add_verdict(out, s, p);
	layout_end_line(out);
}
