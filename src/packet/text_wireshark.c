/* Wireshark's and tshark's packet list: columns parted by tabs or blanks, with or without the
 * number, and the one line of the details pane that has numbers in it. */
#include "packet/text_lines.h"

static bool equal_any(struct slice word, const char *const *list)
{
	for (; *list; list++)
		if (slice_equal_nocase(word, slice_of(*list)))
			return true;
	return false;
}

bool text_is_table_head(struct slice line)
{
	struct slice words[3] = { { 0 } };
	for (int i = 0; i < 3; i++)
		words[i] = text_word(&line);
	int first = slice_equal(words[0], SLICE("No.")) ? 1 : 0;
	return slice_equal(words[first], SLICE("Time")) &&
	       slice_equal(words[first + 1], SLICE("Source"));
}

static uint8_t read_flags(struct slice list)
{
	static const struct {
		const char *name;
		uint8_t flag;
	} known[] = {
		{ "SYN", TCP_SYN }, { "ACK", TCP_ACK }, { "FIN", TCP_FIN },
		{ "RST", TCP_RST }, { "PSH", TCP_PSH }, { "URG", TCP_URG },
		{ "ECE", TCP_ECE }, { "ECN", TCP_ECE }, { "CWR", TCP_CWR },
	};
	uint8_t flags = 0;
	while (list.len > 0) {
		struct slice name = slice_trim(slice_cut(&list, ','));
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			if (slice_equal(name, slice_of(known[i].name)))
				flags |= known[i].flag;
	}
	return flags;
}

static void read_wscale(struct text_packet *p, uint32_t factor)
{
	p->wscale = 0;
	while (factor > 1 && p->wscale < 14) {
		factor >>= 1;
		p->wscale++;
	}
	p->has |= SEGMENT_WSCALE;
}

/* "Seq=0", "MSS=1460", "SACK_PERM", ... */
static void read_value(struct slice word, struct text_packet *p)
{
	struct slice value = word;
	struct slice name = slice_cut(&value, '=');
	uint32_t n = 0;
	bool number = text_number(&value, &n);
	if (slice_equal(name, SLICE("SACK_PERM")))
		p->has |= SEGMENT_SACK_OK;
	if (!number)
		return;
	if (slice_equal(name, SLICE("Seq"))) {
		p->seq = n;
		p->seq_known = true;
	} else if (slice_equal(name, SLICE("Ack"))) {
		p->ack = n;
		p->ack_known = p->flags & TCP_ACK;
	} else if (slice_equal(name, SLICE("Win"))) {
		p->window = n;
		p->window_known = p->window_scaled = true;
	} else if (slice_equal(name, SLICE("Len"))) {
		p->length = n;
		p->length_known = true;
	} else if (slice_equal(name, SLICE("MSS"))) {
		p->mss = (uint16_t)n;
		p->has |= SEGMENT_MSS;
	} else if (slice_equal(name, SLICE("WS"))) {
		read_wscale(p, n);
	} else if (slice_equal(name, SLICE("TSval"))) {
		p->tsval = n;
	} else if (slice_equal(name, SLICE("TSecr"))) {
		p->tsecr = n;
		p->has |= SEGMENT_TIMESTAMP;
	} else if (slice_equal(name, SLICE("SLE")) && p->sack_count < PACKET_MAX_SACK) {
		p->sack[p->sack_count].left = n;
	} else if (slice_equal(name, SLICE("SRE")) && p->sack_count < PACKET_MAX_SACK) {
		p->sack[p->sack_count++].right = n;
	}
}

/* "48716", "http(80)". */
static bool read_info_port(struct slice word, uint16_t *ret_port)
{
	size_t open = slice_find_byte(word, '(');
	if (open < word.len && slice_ends(word, SLICE(")"))) {
		word = slice_from(word, open + 1);
		word.len--;
	}
	return text_port(word, ret_port);
}

/* "[TCP Retransmission] 48716 → 80 [PSH, ACK] Seq=1 Ack=1 Win=501 Len=29 ..." */
static bool read_tcp_info(struct slice info, struct text_packet *p)
{
	while (info.len > 0 && info.at[0] == '[') {
		slice_cut(&info, ']');
		info = slice_trim(info);
	}
	struct slice from = text_word(&info), arrow = text_word(&info), to = text_word(&info);
	info = slice_trim(info);
	if (!text_is_arrow(arrow) || !read_info_port(from, &p->from_port) ||
	    !read_info_port(to, &p->to_port) || info.len == 0 || info.at[0] != '[')
		return false;
	info = slice_from(info, 1);
	p->flags = read_flags(slice_cut(&info, ']'));
	p->part = slice_find(info, SLICE("segment of a reassembled PDU")) < info.len;
	for (int i = 0; i < 32; i++)
		read_value(text_word(&info), p);
	return true;
}

static void read_icmp_info(struct slice info, bool v6, struct text_packet *p)
{
	struct slice what = slice_from(info, slice_find_byte(info, '('));
	p->kind = TEXT_ICMP;
	p->icmp = ICMP_UNREACHABLE;
	if (slice_find_nocase(info, SLICE("fragmentation needed")) < info.len ||
	    slice_find_nocase(info, SLICE("packet too big")) < info.len) {
		p->icmp = ICMP_TOO_BIG;
		p->icmp_code = v6 ? 0 : 4;
	} else if (slice_find_nocase(info, SLICE("time-to-live exceeded")) < info.len ||
		   slice_find_nocase(info, SLICE("time exceeded")) < info.len) {
		p->icmp = ICMP_TIME_EXCEEDED;
	} else if (slice_find_nocase(info, SLICE("unreachable")) == info.len) {
		p->kind = TEXT_OTHER;
	} else if (slice_find_nocase(what, SLICE("filtered")) < what.len ||
		   slice_find_nocase(what, SLICE("prohibited")) < what.len) {
		p->icmp_code = v6 ? 1 : 13;
	} else if (slice_find_nocase(what, SLICE("port")) < what.len) {
		p->icmp_code = v6 ? 4 : 3;
	} else if (slice_find_nocase(what, SLICE("host")) < what.len) {
		p->icmp_code = v6 ? 3 : 1;
	}
}

/* Protocols that never ride on TCP, or whose rows say nothing of it. */
static bool is_no_tcp(struct slice protocol)
{
	static const char *const list[] = {
		"ARP",   "UDP",  "DNS",  "MDNS",   "NTP",    "QUIC",   "DHCP", "DHCPv6",  "SSDP",
		"LLMNR", "NBNS", "SNMP", "IGMPv2", "IGMPv3", "STP",    "LLDP", "CDP",     "ESP",
		"IPv4",  "IPv6", "OSPF", "VRRP",   "RADIUS", "Syslog", "TFTP", "BROWSER", NULL
	};
	return equal_any(protocol, list) || slice_find(protocol, SLICE("QUIC")) < protocol.len;
}

/* "HTTP/1.1 403 Forbidden  (text/html)": the type is Wireshark's. So is what stands in brackets
 * where the message goes on in the next segments. */
static void set_note(struct text_packet *p, struct slice info)
{
	size_t bracket = slice_find(info, SLICE("[TCP segment of a reassembled PDU]"));
	p->part = bracket < info.len;
	info = slice_trim(slice_first(info, bracket));
	if (slice_starts(info, SLICE("HTTP/")))
		info = slice_first(info, slice_find(info, SLICE("  (")));
	p->note = slice_trim(info);
}

static void read_info(struct slice protocol, struct slice info, struct text_packet *p)
{
	if (slice_equal(protocol, SLICE("ICMP")) || slice_equal(protocol, SLICE("ICMPv6"))) {
		read_icmp_info(info, protocol.len > 4, p);
	} else if (is_no_tcp(protocol)) {
		p->kind = TEXT_OTHER;
	} else if (read_tcp_info(info, p)) {
		p->kind = TEXT_TCP;
	} else {
		p->kind = TEXT_DATA;
		p->flags = TCP_PSH | TCP_ACK;
		set_note(p, info);
	}
}

static bool is_host(struct slice word, bool in_table)
{
	struct address a;
	if (address_parse(word, &a))
		return a.port == 0;
	return in_table && word.len > 0 && word.len < 256;
}

static bool is_mac(struct slice word)
{
	return word.len == 17 && word.at[2] == ':' && word.at[5] == ':' && word.at[14] == ':';
}

static bool is_protocol(struct slice word)
{
	if (word.len == 0 || word.len > 24)
		return false;
	uint8_t c = word.at[0] | 0x20;
	return c >= 'a' && c <= 'z';
}

bool text_read_row(struct slice line, bool in_table, struct text_packet *ret_packet)
{
	struct text_packet p = { .kind = TEXT_OTHER };
	struct slice rest = line, ahead = line;
	uint64_t number;
	if (slice_parse_u64(text_word(&ahead), 10, &number) && number > 0) {
		p.frame = number;
		rest = ahead;
	}
	if (!text_time(&rest, &p.at, &p.clock_only))
		return false;
	p.from = text_word(&rest);
	ahead = rest;
	bool arrow = text_is_arrow(text_word(&ahead));
	if (arrow)
		rest = ahead;
	p.to = text_word(&rest);
	struct slice protocol = text_word(&rest);
	struct slice length = text_word(&rest);
	bool known = is_mac(p.from) ||
		     (is_host(p.from, in_table || arrow) && is_host(p.to, in_table || arrow));
	if (!known || !is_protocol(protocol) || !text_number(&length, &p.frame_length) ||
	    length.len)
		return false;
	read_info(protocol, slice_trim(rest), &p);
	*ret_packet = p;
	return true;
}

/* The value of "Src Port: 48716," or "Src Port: http (80),". */
static bool read_detail(struct slice line, const char *key, uint32_t *ret_value)
{
	struct slice rest;
	if (!text_after(line, slice_of(key), &rest))
		return false;
	struct slice value = slice_trim(slice_cut(&rest, ','));
	size_t open = slice_find_byte(value, '(');
	if (open < value.len)
		value = slice_from(value, open + 1);
	return text_number(&value, ret_value);
}

bool text_read_tcp_details(struct slice line, struct text_packet *ret_packet)
{
	struct text_packet p = *ret_packet;
	uint32_t from = 0, to = 0;
	if (!slice_starts(line, SLICE("Transmission Control Protocol, ")) ||
	    !read_detail(line, "Src Port: ", &from) || !read_detail(line, "Dst Port: ", &to))
		return false;
	p.from_port = (uint16_t)from;
	p.to_port = (uint16_t)to;
	p.seq_known = read_detail(line, "Seq: ", &p.seq);
	p.ack_known = read_detail(line, "Ack: ", &p.ack);
	p.length_known = read_detail(line, "Len: ", &p.length);
	p.kind = TEXT_TCP;
	*ret_packet = p;
	return true;
}
