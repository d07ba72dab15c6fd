/* tcpdump's lines: "10:20:58.987654 IP a.1 > b.80: Flags [S], seq 0, win 64240, options [mss
 * 1460], length 0: HTTP: GET / HTTP/1.1", with all that may stand in front. */
#include "packet/text_lines.h"

/* "client.54321", "2001:db8::1.443", "proxy.http". */
static bool split_host(struct slice word, struct slice *ret_host, uint16_t *ret_port)
{
	size_t dot = word.len;
	while (dot > 0 && word.at[dot - 1] != '.')
		dot--;
	if (dot < 2 || !text_port(slice_from(word, dot), ret_port))
		return false;
	*ret_host = slice_first(word, dot - 1);
	return true;
}

static uint8_t read_flags(struct slice letters)
{
	static const struct {
		char letter;
		uint8_t flag;
	} known[] = {
		{ 'S', TCP_SYN }, { 'F', TCP_FIN }, { 'R', TCP_RST }, { 'P', TCP_PSH },
		{ '.', TCP_ACK }, { 'U', TCP_URG }, { 'E', TCP_ECE }, { 'W', TCP_CWR },
	};
	uint8_t flags = 0;
	for (size_t i = 0; i < letters.len && !slice_equal(letters, SLICE("none")); i++)
		for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
			if (letters.at[i] == (uint8_t)known[k].letter)
				flags |= known[k].flag;
	return flags;
}

static void read_sack(struct slice s, struct text_packet *p)
{
	uint32_t left, right;
	while (p->sack_count < PACKET_MAX_SACK && text_take(&s, '{') && text_number(&s, &left) &&
	       text_take(&s, ':') && text_number(&s, &right) && text_take(&s, '}')) {
		p->sack[p->sack_count].left = left;
		p->sack[p->sack_count].right = right;
		p->sack_count++;
	}
}

/* "mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 10,sack 1 {2:3}" */
static void read_options(struct slice s, struct text_packet *p)
{
	while (s.len > 0) {
		struct slice option = slice_trim(slice_cut(&s, ',')), rest = option;
		struct slice name = text_word(&rest);
		uint32_t n = 0;
		rest = slice_trim(rest);
		if (slice_equal(name, SLICE("sackOK"))) {
			p->has |= SEGMENT_SACK_OK;
		} else if (slice_equal(name, SLICE("mss")) && text_number(&rest, &n)) {
			p->mss = (uint16_t)n;
			p->has |= SEGMENT_MSS;
		} else if (slice_equal(name, SLICE("wscale")) && text_number(&rest, &n)) {
			p->wscale = n > 14 ? 14 : (uint8_t)n;
			p->has |= SEGMENT_WSCALE;
		} else if (slice_equal(name, SLICE("TS"))) {
			struct slice val, ecr;
			if (text_after(rest, SLICE("val "), &val) && text_number(&val, &p->tsval) &&
			    text_after(rest, SLICE("ecr "), &ecr) && text_number(&ecr, &p->tsecr))
				p->has |= SEGMENT_TIMESTAMP;
		} else if (slice_equal(name, SLICE("timestamp"))) { /* tcpdump 3 */
			if (text_number(&rest, &p->tsval) && text_take(&rest, ' ') &&
			    text_number(&rest, &p->tsecr))
				p->has |= SEGMENT_TIMESTAMP;
		} else if (slice_equal(name, SLICE("sack"))) {
			read_sack(slice_from(rest, slice_find_byte(rest, '{')), p);
		}
	}
}

/* One of the fields that commas part; `length` ends them, for what follows it is the note. */
static bool read_field(struct slice *rest, struct text_packet *p)
{
	struct slice value = *rest, list;
	struct slice name = text_word(&value);
	uint32_t end;
	value = slice_trim(value);
	if (slice_equal(name, SLICE("options")) && text_take(&value, '[')) {
		list = slice_cut(&value, ']');
		read_options(list, p);
		*rest = value;
		text_take(rest, ',');
		return true;
	}
	if (slice_equal(name, SLICE("length"))) {
		p->length_known = text_number(&value, &p->length);
		p->note = slice_trim(value);
		return false;
	}
	slice_cut(rest, ',');
	if (slice_equal(name, SLICE("seq"))) {
		p->seq_known = text_number(&value, &p->seq);
		if (p->seq_known && text_take(&value, ':') && text_number(&value, &end)) {
			p->length = end - p->seq; /* where the line was cut before its length */
			p->length_known = true;
		}
	} else if (slice_equal(name, SLICE("ack"))) {
		p->ack_known = text_number(&value, &p->ack);
	} else if (slice_equal(name, SLICE("win"))) {
		p->window_known = text_number(&value, &p->window);
	}
	return true;
}

/* Behind "Flags [". */
static bool read_tcp_fields(struct slice rest, struct text_packet *p)
{
	p->kind = TEXT_TCP;
	p->flags = read_flags(slice_cut(&rest, ']'));
	for (bool more = true; more;) {
		while (text_take(&rest, ' ') || text_take(&rest, ','))
			;
		more = rest.len > 0 && read_field(&rest, p);
	}
	while (p->note.len && (p->note.at[0] == ':' || p->note.at[0] == ' '))
		p->note = slice_from(p->note, 1);
	if (slice_starts(p->note, SLICE("HTTP: ")))
		p->note = slice_from(p->note, 6);
	return true;
}

static bool read_tcp(struct slice rest, struct text_packet *p)
{
	struct slice from = p->from, to = p->to;
	return split_host(from, &p->from, &p->from_port) && split_host(to, &p->to, &p->to_port) &&
	       read_tcp_fields(rest, p);
}

static bool has(struct slice s, const char *what)
{
	return slice_find(s, slice_of(what)) < s.len;
}

/* "host 10.10.10.1 unreachable - admin prohibited filter", "10.10.10.1 tcp port 80 unreachable",
 * "10.10.10.1 unreachable - need to frag (mtu 1200)", "time exceeded in-transit". */
static bool read_icmp4(struct slice rest, struct text_packet *p)
{
	struct slice mtu, port, words = rest;
	p->about = text_word(&words);
	if (slice_equal(p->about, SLICE("host")) || slice_equal(p->about, SLICE("net")))
		p->about = text_word(&words);
	p->icmp = ICMP_UNREACHABLE;
	if (has(rest, "time exceeded")) {
		p->icmp = ICMP_TIME_EXCEEDED;
		p->about.len = 0;
	} else if (has(rest, "need to frag")) {
		p->icmp = ICMP_TOO_BIG;
		p->icmp_code = 4;
		if (text_after(rest, SLICE("mtu "), &mtu))
			text_number(&mtu, &p->mtu);
	} else if (!has(rest, "unreachable")) {
		return false;
	} else if (has(rest, "admin prohibited filter")) {
		p->icmp_code = 13;
	} else if (has(rest, "admin prohibited")) {
		p->icmp_code = slice_starts(rest, SLICE("net ")) ? 9 : 10;
	} else if (text_after(rest, SLICE(" port "), &port)) {
		struct slice word = text_word(&port);
		p->icmp_code = 3;
		text_port(word, &p->about_port);
	} else {
		p->icmp_code = has(rest, "protocol")                ? 2
			       : slice_starts(rest, SLICE("host ")) ? 1
								    : 0;
	}
	return true;
}

/* "destination unreachable, unreachable route 2001:db8::1", "packet too big, mtu 1280". */
static bool read_icmp6(struct slice rest, struct text_packet *p)
{
	struct slice mtu;
	p->icmp = ICMP_UNREACHABLE;
	if (has(rest, "packet too big")) {
		p->icmp = ICMP_TOO_BIG;
		if (text_after(rest, SLICE("mtu "), &mtu))
			text_number(&mtu, &p->mtu);
	} else if (has(rest, "time exceeded")) {
		p->icmp = ICMP_TIME_EXCEEDED;
	} else if (has(rest, "unreachable")) {
		p->icmp_code = has(rest, "prohibited") ? 1
			       : has(rest, "port")     ? 4
			       : has(rest, "address")  ? 3
						       : 0;
	} else {
		return false;
	}
	return true;
}

/* The word before `at`. */
static struct slice word_before(struct slice line, size_t at)
{
	size_t start = at;
	while (start > 0 && !text_is_blank(line.at[start - 1]))
		start--;
	return slice_first(slice_from(line, start), at - start);
}

/* tcpdump 3, without "Flags": "P 1:100(99) ack 1 win 5840 <nop,nop,timestamp 2 1> (DF)". */
static bool read_tcp3(struct slice rest, struct text_packet *p)
{
	struct slice letters = text_word(&rest), word, behind, list, from = p->from, to = p->to;
	uint32_t end;
	for (size_t i = 0; i < letters.len; i++)
		if (slice_find_byte(SLICE("SFRPEW."), letters.at[i]) == 7)
			return false;
	if (letters.len == 0 || !split_host(from, &p->from, &p->from_port) ||
	    !split_host(to, &p->to, &p->to_port))
		return false;
	p->kind = TEXT_TCP;
	p->flags = read_flags(letters);
	p->length_known = true;
	for (;;) {
		behind = rest = slice_trim(rest);
		word = text_word(&rest);
		if (slice_equal(word, SLICE("ack"))) {
			word = text_word(&rest);
			p->ack_known = text_number(&word, &p->ack);
			p->flags |= TCP_ACK;
		} else if (slice_equal(word, SLICE("win"))) {
			word = text_word(&rest);
			p->window_known = text_number(&word, &p->window);
		} else if (text_number(&word, &p->seq) && text_take(&word, ':') &&
			   text_number(&word, &end) && text_take(&word, '(')) {
			p->seq_known = text_number(&word, &p->length);
		} else {
			break;
		}
	}
	if (word.len > 0 && word.at[0] == '<') {
		list = slice_from(behind, 1);
		read_options(slice_cut(&list, '>'), p);
	}
	return true;
}

/* Behind the extension headers of IPv6 the ports stand alone: "DSTOPT 40000 > 80: Flags [S]". */
static bool read_tcp_behind(struct slice rest, struct text_packet *p)
{
	size_t flags = slice_find(rest, SLICE(": Flags ["));
	size_t arrow = slice_find(slice_first(rest, flags), SLICE(" > "));
	if (flags == rest.len || arrow >= flags)
		return false;
	struct slice from = word_before(rest, arrow);
	struct slice to = slice_first(slice_from(rest, arrow + 3), flags - arrow - 3);
	return text_port(from, &p->from_port) && text_port(to, &p->to_port) &&
	       read_tcp_fields(slice_from(rest, flags + 9), p);
}

static bool read_rest(struct slice rest, struct text_packet *p)
{
	struct slice icmp;
	if (slice_starts(rest, SLICE("Flags [")))
		return read_tcp(slice_from(rest, 7), p);
	if (read_tcp3(rest, p) || read_tcp_behind(rest, p))
		return true;
	p->kind = TEXT_ICMP;
	if (slice_starts(rest, SLICE("ICMP ")) && read_icmp4(slice_from(rest, 5), p))
		return true;
	size_t head = slice_find(slice_first(rest, 40), SLICE("ICMP6, "));
	icmp = slice_from(rest, head);
	if (slice_starts(icmp, SLICE("ICMP6, ")) && read_icmp6(slice_from(icmp, 7), p))
		return true;
	p->kind = TEXT_OTHER;
	return p->at != NO_TIME;
}

/* What stands before the addresses: a number (--number), the time, and with -v in IPv6 or on the
 * first of two lines, facts of the IP header. */
static void read_front(struct slice front, struct text_packet *p)
{
	struct slice rest, ahead;
	uint64_t frame;
	p->at = NO_TIME;
	while (front.len && (front.at[0] == '>' || front.at[0] == '|')) /* quoted in a ticket */
		front = slice_from(front, 1);
	p->indented = front.len > 0 && front.at[0] == ' ';
	ahead = front;
	if (slice_parse_u64(text_word(&ahead), 10, &frame) &&
	    text_time(&ahead, &p->at, &p->clock_only))
		p->frame = frame;
	else
		text_time(&front, &p->at, &p->clock_only);
	uint32_t n;
	if ((text_after(front, SLICE("ttl "), &rest) || text_after(front, SLICE("hlim "), &rest)) &&
	    text_number(&rest, &n))
		p->ttl = (uint8_t)n;
	if (text_after(front, SLICE(", id "), &rest) && text_number(&rest, &n))
		p->ip_id = (uint16_t)n;
	p->dont_fragment = has(front, "flags [DF]") || has(front, "IP6 ");
}

bool text_read_tcpdump(struct slice line, struct text_packet *ret_packet)
{
	struct text_packet p = { .kind = TEXT_OTHER };
	size_t at = 0;
	for (int tries = 0; tries < 3; tries++) { /* with -e the first arrow is Ethernet's */
		at += slice_find(slice_from(line, at), SLICE(" > "));
		if (at >= line.len)
			return false;
		struct slice rest = slice_from(line, at + 3);
		p.from = word_before(line, at);
		p.to = text_word(&rest);
		if (p.from.len > 0 && p.to.len > 1 && p.to.at[p.to.len - 1] == ':') {
			p.to.len--;
			read_front(slice_first(line, (size_t)(p.from.at - line.at)), &p);
			if (read_rest(slice_trim(rest), &p)) {
				*ret_packet = p;
				return true;
			}
		}
		at += 3;
	}
	return false;
}

bool text_read_tcpdump_first(struct slice line, struct text_packet *ret_packet)
{
	struct text_packet p = { .kind = TEXT_OTHER };
	struct slice end = slice_trim(line);
	if (!has(line, "IP (tos ") || !slice_ends(end, SLICE(")")) || has(line, " > "))
		return false;
	read_front(line, &p);
	*ret_packet = p;
	return true;
}

static int hex_value(uint8_t c)
{
	return text_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "	0x0010:  0a0a 0a01 c3a2  E..<": up to eight groups, then two blanks and the characters. */
bool text_read_hex(struct slice line, uint32_t *ret_offset, uint8_t ret_bytes[16], size_t *ret_len)
{
	struct slice rest = slice_trim(line);
	size_t colon = slice_find_byte(slice_first(rest, 12), ':');
	uint64_t offset;
	if (!slice_starts(rest, SLICE("0x")) || colon >= rest.len || colon < 3 ||
	    !slice_parse_u64(slice_first(slice_from(rest, 2), colon - 2), 16, &offset) ||
	    offset > 65536 + 64)
		return false;
	rest = slice_from(rest, colon + 1);
	rest = slice_from(rest, 2);
	size_t n = 0;
	while (n < 16 && rest.len >= 2) {
		int high = hex_value(rest.at[0]), low = hex_value(rest.at[1]);
		if (high < 0 || low < 0)
			break;
		ret_bytes[n++] = (uint8_t)(high << 4 | low);
		rest = slice_from(rest, 2);
		if (rest.len > 1 && rest.at[0] == ' ' && rest.at[1] != ' ')
			rest = slice_from(rest, 1);
	}
	*ret_offset = (uint32_t)offset;
	*ret_len = n;
	return n > 0;
}
