/* packet/text.h: each form of text, small; and the whole article that began it all, where it is
 * at hand (VIADUCT_SHARED, or ../shared beside the source). */
#include "packet/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct packet_text *text;
static uint8_t *exact;

static void read_text(const char *s, size_t len)
{
	packet_text_free(text);
	free(exact);
	exact = malloc(len ? len : 1);
	assert_non_null(exact);
	memcpy(exact, s, len);
	text = packet_text_read((struct slice){ exact, len });
	assert_non_null(text);
}

static const struct packet_example *only_example(const char *s)
{
	read_text(s, strlen(s));
	assert_int_equal(packet_text_count(text), 1);
	return packet_text_example(text, 0);
}

static int let_go(void **state)
{
	(void)state;
	packet_text_free(text);
	free(exact);
	text = NULL;
	exact = NULL;
	return 0;
}

static void has_payload(const struct segment *s, const char *want)
{
	assert_int_equal(s->payload.len, strlen(want));
	assert_memory_equal(s->payload.at, want, s->payload.len);
}

static void is(const struct segment *s, uint32_t seq, uint32_t ack, uint8_t flags, uint32_t len)
{
	assert_int_equal(s->flags, flags);
	assert_int_equal(s->seq, seq);
	assert_int_equal(s->ack, ack);
	assert_int_equal(s->payload_len, len);
}

static void tcpdump_numbers_get_one_base(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"06:37:48.948115 IP 10.40.40.1.38432 > 10.10.10.1.3128: Flags [S], seq 3572913213, "
		"win 64240, options [mss 1460,sackOK,TS val 2083228087 ecr 0,nop,wscale 10], "
		"length 0\n"
		"06:37:48.969033 IP 10.10.10.1.3128 > 10.40.40.1.38432: Flags [S.], seq "
		"3041259092, "
		"ack 3572913214, win 65160, options [mss 1300,nop,wscale 7], length 0\n"
		"06:37:48.969072 IP 10.40.40.1.38432 > 10.10.10.1.3128: Flags [.], ack 1, win 63, "
		"options [nop,nop,TS val 2083228129 ecr 820689751], length 0\n"
		"06:37:48.969154 IP 10.40.40.1.38432 > 10.10.10.1.3128: Flags [P.], seq 1:127, ack "
		"1, "
		"win 63, length 126: HTTP: CONNECT a.example:443 HTTP/1.1\n"
		"06:37:49.018340 IP 10.10.10.1.3128 > 10.40.40.1.38432: Flags [.], ack 127, win "
		"64, "
		"options [nop,nop,sack 1 {140:150}], length 0\n");
	assert_int_equal(e->count, 5);
	const struct segment *s = e->segment;
	is(&s[0], 3572913213, 0, TCP_SYN, 0);
	assert_int_equal(s[0].has & 15,
			 SEGMENT_MSS | SEGMENT_WSCALE | SEGMENT_SACK_OK | SEGMENT_TIMESTAMP);
	assert_int_equal(s[0].mss, 1460);
	assert_int_equal(s[0].wscale, 10);
	is(&s[1], 3041259092, 3572913214, TCP_SYN | TCP_ACK, 0);
	assert_int_equal(s[1].mss, 1300);
	is(&s[2], 3572913214, 3041259093, TCP_ACK, 0);
	assert_int_equal(s[2].window, 63);
	is(&s[3], 3572913214, 3041259093, TCP_PSH | TCP_ACK, 126);
	has_payload(&s[3], "CONNECT a.example:443 HTTP/1.1\r\n");
	is(&s[4], 3041259093, 3572913340, TCP_ACK, 0);
	assert_int_equal(s[4].sack[0].left, 3572913353u);
	assert_true(s[3].at - s[0].at == 21039000);
	assert_int_equal(s[4].line, 5);
	for (int i = 0; i < 5; i++)
		assert_false(s[i].has & (SEGMENT_NO_SEQ | SEGMENT_NO_LENGTH));
}

static void lines_that_agree_are_a_capture(void **state)
{
	(void)state;
#define IP_UP   "IP 10.0.0.1.5 > 10.0.0.2.80: Flags "
#define IP_DOWN "IP 10.0.0.2.80 > 10.0.0.1.5: Flags "
	static const char *const lines[] = {
		"1.0 " IP_UP "[S], seq 9000000, win 9, length 0\n",
		"1.1 " IP_DOWN "[S.], seq 8000000, ack 9000001, win 9, length 0\n",
		"1.2 " IP_UP "[.], ack 1, win 9, length 0\n",
		"1.3 " IP_UP "[P.], seq 1:101, ack 1, win 9, length 100\n",
		"1.4 " IP_DOWN "[P.], seq 501:601, ack 101, win 9, length 100\n",
		"1.5 " IP_UP "[.], ack 1, win 9, options [sack 1 {501:601}], length 0\n",
	};
	enum { COUNT = sizeof lines / sizeof *lines };
	for (size_t left_out = 0; left_out <= COUNT; left_out++) {
		char all[2048] = "";
		for (size_t i = 0; i < COUNT; i++)
			if (i != left_out)
				strcat(all, lines[i]);
		const struct packet_example *e = only_example(all);
		assert_int_equal(e->count, COUNT - (left_out < COUNT));
		for (size_t i = 0; i < e->count; i++)
			assert_false(e->segment[i].has & SEGMENT_TEXT);
	}
	char late[2048] = ""; /* without either SYN the numbers hang in the air */
	for (size_t i = 2; i < COUNT; i++)
		strcat(late, lines[i]);
	assert_true(only_example(late)->segment[0].has & SEGMENT_TEXT);
	assert_true(only_example("IP 10.0.0.1.5 > 10.0.0.2.80: Flags [S], seq 5, win 9, length 0\n")
			    ->segment[0]
			    .has &
		    SEGMENT_TEXT); /* no time */
}

static void tcpdump_verbose_has_two_lines_and_the_head(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"2026-11-23 06:39:35.694034 IP (tos 0x0, ttl 61, id 46718, offset 0, flags [DF], "
		"proto TCP (6), length 123)\n"
		"    10.40.40.1.50082 > 10.10.10.1.8080: Flags [P.], cksum 0x94cc (correct), seq "
		"1:69, "
		"ack 1, win 63, length 68: HTTP, length: 68\n"
		"\tCONNECT denied.example.net:443 HTTP/1.1\n"
		"\tHost: denied.example\n"
		"\t\n"
		"2026-11-23 06:39:35.764765 IP (tos 0x0, ttl 62, id 41165, offset 0, flags [DF], "
		"proto TCP (6), length 568)\n"
		"    10.10.10.1.8080 > 10.40.40.1.50082: Flags [P.], seq 1:517, ack 69, win 64, "
		"length 516: HTTP, length: 516\n"
		"\tHTTP/1.1 403 Proxy Error\n"
		"\tContent-Length: 353\n"
		"\t\n"
		"\t<html>\n");
	assert_int_equal(e->count, 2);
	const struct segment *s = e->segment;
	has_payload(&s[0],
		    "CONNECT denied.example.net:443 HTTP/1.1\r\nHost: denied.example\r\n\r\n");
	assert_int_equal(s[0].payload_len, 68);
	assert_int_equal(s[0].ttl, 61);
	assert_int_equal(s[0].ip_id, 46718);
	assert_true(s[0].dont_fragment);
	has_payload(&s[1], "HTTP/1.1 403 Proxy Error\r\nContent-Length: 353\r\n\r\n");
	assert_int_equal(s[1].payload_len, 516);
	struct buffer b;
	buffer_init(&b, 100);
	when_add_rfc3339(&b, s[1].at);
	assert_true(slice_equal(buffer_slice(&b), SLICE("2026-11-23T06:39:35.764765Z")));
	buffer_done(&b);
}

static void tcpdump_prints_content(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"1.5 IP6 2001:db8::1.40000 > 2001:db8::2.3128: Flags [P.], seq 1:60, ack 1, win "
		"63, "
		"length 59\n"
		"`...}...d...CONNECT a.example:443 HTTP/1.1\n"
		"Host: a.example:443\n"
		"\n"
		"2.5 IP 10.1.1.1.4660 > 10.1.1.2.3128: Flags [P.], seq 1:6, ack 1, win 502, length "
		"5\n"
		"\t0x0000:  4500 002d 0007 4000 4006 0000 0a01 0101  E..-..@.@.......\n"
		"\t0x0010:  0a01 0102 1234 0c38 0102 0304 0506 0708  .....4.8........\n"
		"\t0x0020:  5018 01f6 0000 0000 6865 6c6c 6f         P.......hello\n");
	assert_int_equal(e->count, 2);
	has_payload(&e->segment[0],
		    "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
	assert_int_equal(e->segment[0].payload_len, 59);
	assert_false(address_is_v4(&e->segment[0].from));
	has_payload(&e->segment[1], "hello");
	assert_true(e->segment[1].at - e->segment[0].at == NANOS_PER_SECOND);
}

static void icmp_becomes_a_note(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"06:42:21.7 IP 10.40.40.1.49000 > 10.10.10.1.8888: Flags [.], seq 100:1548, ack 1, "
		"win 63, length 1448\n"
		"06:42:21.731329 IP 10.40.40.254 > 10.40.40.1: ICMP 10.10.10.1 unreachable - need "
		"to "
		"frag (mtu 1200), length 556\n"
		"06:42:22 IP (tos 0xc0, ttl 64, id 20076, offset 0, flags [none], proto ICMP (1), "
		"length 576)\n"
		"    192.0.2.2 > 10.40.40.1: ICMP host 10.10.10.1 unreachable - admin prohibited "
		"filter, "
		"length 68\n"
		"\tIP (tos 0x0, ttl 64, id 27000, offset 0, flags [DF], proto TCP (6), length "
		"1500)\n"
		"    10.40.40.1.49000 > 10.10.10.1.8888: Flags [.], seq 7:1455, ack 1, win 63, "
		"length 1448\n");
	assert_int_equal(e->count, 1);
	assert_int_equal(e->notes, 2);
	assert_int_equal(e->note[0].kind, ICMP_TOO_BIG);
	assert_int_equal(e->note[0].mtu, 1200);
	assert_int_equal(e->note[0].from.port, 49000);
	assert_int_equal(e->note[0].to.port, 8888);
	assert_int_equal(e->note[0].seq, 100);
	assert_int_equal(e->note[1].kind, ICMP_UNREACHABLE);
	assert_int_equal(e->note[1].code, 13);
	assert_int_equal(e->note[1].seq, 7);
}

static const char TSHARK[] =
	"    1   0.000000 3e:01:47:d1:6c:58 → Broadcast    ARP 42 Who has 10.40.40.254? Tell "
	"10.40.40.1\n"
	"    2   0.020687   10.40.40.1 → 10.10.10.1   TCP 74 38432 → 3128 [SYN] Seq=0 Win=64240 "
	"Len=0 MSS=1460 SACK_PERM TSval=1 TSecr=0 WS=1024\n"
	"    3   0.041605   10.10.10.1 → 10.40.40.1   TCP 74 3128 → 38432 [SYN, ACK] Seq=0 Ack=1 "
	"Win=65160 Len=0 MSS=1460 SACK_PERM TSval=8 TSecr=2 WS=1024\n"
	"    4   0.041644   10.40.40.1 → 10.10.10.1   TCP 66 38432 → 3128 [ACK] Seq=1 Ack=1 "
	"Win=64512 Len=0 TSval=2 TSecr=8\n"
	"    5   0.041726   10.40.40.1 → 10.10.10.1   HTTP 192 CONNECT a.example:443 HTTP/1.1 \n"
	"    6   0.062810   10.10.10.1 → 10.40.40.1   TCP 1514 3128 → 38432 [ACK] Seq=1 Ack=127 "
	"Win=65536 Len=1448 TSval=8 TSecr=2 [TCP segment of a reassembled PDU]\n"
	"    7   0.064084   10.10.10.1 → 10.40.40.1   HTTP 105 HTTP/1.1 403 Forbidden  "
	"(text/html)\n"
	"    8   0.064105   10.40.40.1 → 10.10.10.1   TCP 66 38432 → 3128 [ACK] Seq=127 Ack=1489 "
	"Win=64512 Len=0 TSval=2 TSecr=8\n";

static void tshark_rows_are_placed(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(TSHARK);
	assert_int_equal(e->count, 7);
	const struct segment *s = e->segment;
	assert_int_equal(s[0].frame, 2);
	assert_int_equal(s[2].window, 63); /* as on the wire */
	is(&s[3], 1, 1, TCP_PSH | TCP_ACK, 126);
	assert_int_equal(s[3].from.port, 38432);
	has_payload(&s[3], "CONNECT a.example:443 HTTP/1.1\r\n");
	/* described in the row of its last segment, begun in its first */
	has_payload(&s[4], "HTTP/1.1 403 Forbidden\r\n");
	is(&s[5], 1449, 127, TCP_PSH | TCP_ACK | TCP_FIN, 39); /* frame 8 acknowledges 40 */
	assert_int_equal(s[5].payload.len, 0);
	is(&s[6], 127, 1489, TCP_ACK, 0);
}

static void tabs_and_time_of_day_will_do(void **state)
{
	(void)state;
	const struct packet_example *e =
		only_example("No.\tTime\tSource\tDestination\tProtocol\tLength\tInfo\n"
			     "7\t23:59:59.5\tclient\tproxy.example\tTCP\t74\t48716 > http(80) "
			     "[SYN] Seq=0 Win=64240 "
			     "Len=0\n"
			     "8\t00:00:00.5\tproxy.example\tclient\tTCP\t60\thttp(80) > 48716 "
			     "[RST, ACK] Seq=1 Ack=1 "
			     "Win=0 Len=0\n");
	assert_int_equal(e->count, 2);
	assert_true(e->segment[1].at - e->segment[0].at == NANOS_PER_SECOND);
	is(&e->segment[1], 1, 1, TCP_RST | TCP_ACK, 0);
	assert_true(slice_equal(packet_text_name(text, &e->segment[0].to), SLICE("proxy.example")));
	assert_true(slice_equal(packet_text_name(text, &e->segment[0].from), SLICE("client")));
	assert_int_equal(e->segment[0].to.ip[0], 1);
	assert_int_equal(e->segment[0].to.port, 80);
}

static void a_table_printed_twice_is_one(void **state)
{
	(void)state;
	static const char HEAD[] = "No. Time Source Destination Protocol Length Info\n";
	static const char ROWS[] =
		"1 0.000000 10.0.0.1 10.0.0.2 TCP 66 1000 → 80 [ACK] Seq=1 Ack=1 Win=5 Len=0\n"
		"2 0.100000 10.0.0.1 10.0.0.2 HTTP 100 GET http://a.example/ HTTP/1.1\n"
		"0.200000 10.0.0.2 10.0.0.1 HTTP 90 HTTP/1.1 200 OK\n";
	char all[4096];
	snprintf(all, sizeof all,
		 "%s%s\n> Frame 2: 100 bytes on wire (800 bits), 100 bytes captured\n"
		 "> Internet Protocol Version 4, Src: 10.0.0.1, Dst: 10.0.0.2\n"
		 "> Transmission Control Protocol, Src Port: 1000, Dst Port: 80, Seq: 1, Ack: 1, "
		 "Len: "
		 "34\n"
		 "< Hypertext Transfer Protocol\n"
		 "  < GET http://a.example/ HTTP/1.1\\r\\n\n    \\r\\n\n\n%s%s",
		 HEAD, ROWS, HEAD, ROWS);
	const struct packet_example *e = only_example(all);
	assert_int_equal(e->count, 3);
	has_payload(&e->segment[1], "GET http://a.example/ HTTP/1.1\r\n\r\n");
	assert_int_equal(e->segment[2].frame, 3);
	assert_int_equal(e->segment[2].payload_len, 24);
}

static void curl_alone_is_an_example(void **state)
{
	(void)state;
	const struct packet_example *e =
		only_example("* Connected to proxy.example port 3128\n"
			     "> CONNECT a.example:443 HTTP/1.1\n"
			     "> Host: a.example:443\n"
			     ">\n"
			     "< HTTP/1.1 407 Proxy Authentication Required\n"
			     "< Proxy-Authenticate: Basic realm=\"x\"\n"
			     "< Content-Length: 10\n"
			     "<\n");
	assert_int_equal(e->count, 2);
	has_payload(&e->segment[0],
		    "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
	assert_int_equal(e->segment[0].from.port, e->segment[1].to.port);
	assert_int_equal(e->segment[1].payload_len, e->segment[1].payload.len + 10);
	assert_true(e->segment[1].has & SEGMENT_NO_SEQ && e->segment[1].has & SEGMENT_NO_LENGTH);
}

static void old_tcpdump_has_letters_for_flags(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"11:30:08.100000 10.40.40.1.1025 > 10.10.10.1.3128: S 4100200300:4100200300(0) win "
		"5840 <mss 1460,sackOK,timestamp 77 0,nop,wscale 2> (DF)\n"
		"11:30:08.120000 IP 10.10.10.1.3128 > 10.40.40.1.1025: S 2500600700:2500600700(0) "
		"ack 4100200301 win 5792 <mss 1380>\n"
		"11:30:08.120100 10.40.40.1.1025 > 10.10.10.1.3128: . ack 1 win 5840 (DF)\n"
		"11:30:08.130000 10.40.40.1.1025 > 10.10.10.1.3128: P 1:100(99) ack 1 win 5840 "
		"<nop,nop,timestamp 78 9> (DF)\n"
		"11:30:08.150000 10.10.10.1.3128 > 10.40.40.1.1025: . ack 100 win 5792 "
		"<nop,nop,sack 1 {110:120}>\n"
		"11:30:08.160000 10.10.10.1.3128 > 10.40.40.1.1025: FP 1:40(39) ack 100 win 5792\n"
		"11:30:08.160100 10.40.40.1.1025 > 10.10.10.1.3128: R 4100200400:4100200400(0) win "
		"0\n"
		"11:30:08.2 IP 10.40.40.1.5 > 10.10.10.1.9: UDP, length 12\n");
	const struct segment *s = e->segment;
	assert_int_equal(e->count, 7);
	is(&s[0], 4100200300, 0, TCP_SYN, 0);
	assert_int_equal(s[0].has & 15,
			 SEGMENT_MSS | SEGMENT_WSCALE | SEGMENT_SACK_OK | SEGMENT_TIMESTAMP);
	assert_int_equal(s[0].mss, 1460);
	assert_int_equal(s[0].tsval, 77);
	is(&s[1], 2500600700, 4100200301, TCP_SYN | TCP_ACK, 0);
	is(&s[2], 4100200301, 2500600701, TCP_ACK, 0);
	is(&s[3], 4100200301, 2500600701, TCP_PSH | TCP_ACK, 99);
	assert_int_equal(s[3].tsecr, 9);
	assert_int_equal(s[4].sack[0].right, 4100200420);
	is(&s[5], 2500600701, 4100200400, TCP_FIN | TCP_PSH | TCP_ACK, 39);
	assert_int_equal(s[6].flags, TCP_RST);
}

static void ports_stand_alone_behind_extension_headers(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"1.0 IP6 2001:db8::1 > 2001:db8::2: DSTOPT 40000 > 3128: Flags [S], seq 7, win "
		"64800, length 0\n"
		"1.1 IP6 2001:db8::2 > 2001:db8::1: HBH DSTOPT 3128 > 40000: Flags [R.], seq 0, "
		"ack 8, win 0, length 0\n"
		"1.2 IP6 2001:db8::2 > 2001:db8::1: DSTOPT ICMP6, echo reply, id 1, seq 2, length "
		"8\n");
	assert_int_equal(e->count, 2);
	is(&e->segment[0], 7, 0, TCP_SYN, 0);
	assert_int_equal(e->segment[0].from.port, 40000);
	assert_int_equal(e->segment[1].ack, 8);
	assert_true(address_equal(&e->segment[0].from, &e->segment[1].to));
}

static void dates_of_wireshark_are_read(void **state)
{
	(void)state;
#define ROW " 10.0.0.1 10.0.0.2 TCP 66 1000 → 80 [ACK] Seq=1 Ack=1 Win=5 Len=0\n"
	static const char *const rows[] = { "3 Mar 14, 2025 11:30:12.517129 UTC" ROW,
					    "Mar 14, 2025 11:30:12.517129000" ROW,
					    "3 2025-03-14 11:30:12.517129" ROW,
					    "3 2025-03-14 11:30:12.517129Z" ROW };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(only_example(rows[i])->segment[0].at == 1741951812517129000);
	static const char *const none[] = { "3 Mar 32, 2025 11:30:12.5 UTC" ROW,
					    "3 arF 14, 2025 11:30:12.5 UTC" ROW,
					    "3 Mar 14 2025 11:30:12.5 UTC" ROW };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		read_text(none[i], strlen(none[i]));
		assert_int_equal(packet_text_count(text), 0);
	}
}

static void wireshark_prints_summary_and_details(void **state)
{
	(void)state;
	static const char HEAD[] =
		"No.     Time           Source                Destination           Protocol "
		"Length Info\n";
	char all[4096];
	snprintf(
		all, sizeof all,
		"%s      7 11:30:12.517129    10.40.40.1            10.10.10.1            TCP      "
		"66     48716 → 80 [ACK] Seq=1 Ack=1 Win=64256 Len=0\n\n"
		"Frame 7: 66 bytes on wire (528 bits), 66 bytes captured (528 bits)\n"
		"Ethernet II, Src: 00:00:5e:00:53:01, Dst: 00:00:5e:00:53:02\n"
		"Internet Protocol Version 4, Src: 10.40.40.1, Dst: 10.10.10.1\n"
		"Transmission Control Protocol, Src Port: 48716, Dst Port: 80, Seq: 1, Ack: 1, "
		"Len: 0\n\n"
		"%s      8 11:30:12.517129    10.40.40.1            10.10.10.1            HTTP     "
		"127    CONNECT a.example:443 HTTP/1.1 \n\n"
		"Frame 8: 127 bytes on wire (1016 bits), 127 bytes captured (1016 bits)\n"
		"Internet Protocol Version 4, Src: 10.40.40.1, Dst: 10.10.10.1\n"
		"Transmission Control Protocol, Src Port: 48716, Dst Port: 80, Seq: 1, Ack: 1, "
		"Len: 61\n"
		"Hypertext Transfer Protocol\n"
		"    CONNECT a.example:443 HTTP/1.1\\r\\n\n"
		"        [Expert Info (Chat/Sequence): CONNECT a.example:443 HTTP/1.1\\r\\n]\n"
		"        Request Method: CONNECT\n"
		"    Host: a.example:443\\r\\n\n"
		"    A: b\\r\\n\n"
		"    \\r\\n\n"
		"    [Full request URI: a.example:443]\n\n"
		"%s      9 11:30:12.6    10.10.10.1            10.40.40.1            TCP      "
		"60     80 → 48716 [RST] Seq=1 Win=0 Len=0\n\n"
		"Frame 9: 60 bytes on wire (480 bits), 60 bytes captured (480 bits)\n",
		HEAD, HEAD, HEAD);
	const struct packet_example *e = only_example(all);
	assert_int_equal(e->count, 3);
	assert_int_equal(e->segment[1].frame, 8);
	assert_int_equal(e->segment[1].payload_len, 61);
	has_payload(&e->segment[1], "CONNECT a.example:443 HTTP/1.1\r\n"
				    "Host: a.example:443\r\nA: b\r\n\r\n");
	assert_int_equal(e->segment[2].flags, TCP_RST);
}

static void details_of_the_last_segment_tell_of_the_first(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"1 0.0 10.0.0.2 → 10.0.0.1 TCP 54 80 → 1000 [ACK] Seq=1 Ack=1 Win=5 Len=0\n"
		"2 0.0 10.0.0.2 → 10.0.0.1 TCP 71 HTTP/1.1 200 OK  [TCP segment of a reassembled "
		"PDU]\n"
		"3 0.1 10.0.0.1 → 10.0.0.2 TCP 54 1000 → 80 [ACK] Seq=1 Ack=18 Win=5 Len=0\n"
		"4 0.2 10.0.0.2 → 10.0.0.1 HTTP 62 HTTP/1.1 200 OK \n"
		"Frame 4: 62 bytes on wire (496 bits), 62 bytes captured (496 bits)\n"
		"Hypertext Transfer Protocol\n"
		"    HTTP/1.1 200 OK\\r\\n\n"
		"    A: bc\\r\\n\n"
		"    \\r\\n\n");
	assert_int_equal(e->count, 4);
	has_payload(&e->segment[1], "HTTP/1.1 200 OK\r\n");
	has_payload(&e->segment[3], "A: bc\r\n\r");
}

static void hex_digits_number_empty_segments(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"1.0 IP 10.1.1.1.4660 > 10.1.1.2.3128: Flags [S], seq 100, win 502, length 0\n"
		"1.1 IP 10.1.1.2.3128 > 10.1.1.1.4660: Flags [S.], seq 200, ack 101, win 502, "
		"length 0\n"
		"1.2 IP 10.1.1.2.3128 > 10.1.1.1.4660: Flags [.], ack 1, win 502, length 0\n"
		"\t0x0000:  4500 0028 0007 4000 4006 0000 0a01 0102  E..(..@.@.......\n"
		"\t0x0010:  0a01 0101 0c38 1234 0000 04b1 0000 0065  .....8.4.......e\n"
		"\t0x0020:  5010 01f6 0000 0000                      P.......\n");
	assert_int_equal(e->count, 3);
	is(&e->segment[2], 1201, 101, TCP_ACK, 0);
}

static void records_of_a_row_are_parted_where_it_tells(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		"1 0.0 10.0.0.1 → 10.0.0.2 TCP 54 1000 → 80 [ACK] Seq=1 Ack=1 Win=5 Len=0\n"
		"2 0.1 10.0.0.1 → 10.0.0.2 TLSv1.3 134 Change Cipher Spec, Application Data\n"
		"3 0.2 10.0.0.1 → 10.0.0.2 TLSv1.2 105 Change Cipher Spec, Encrypted Handshake "
		"Message\n"
		"4 0.3 10.0.0.1 → 10.0.0.2 TLSv1.3 154 Application Data, Application Data\n");
	assert_int_equal(e->count, 4);
	assert_int_equal(e->segment[1].payload.len, 11);
	assert_memory_equal(e->segment[1].payload.at, "\x14\3\3\0\1\1\x17\3\3\0\x45", 11);
	assert_memory_equal(e->segment[2].payload.at, "\x14\3\3\0\1\1\x16\3\3\0\x28", 11);
	assert_memory_equal(e->segment[3].payload.at, "\x17\3\3\0\1", 5); /* out of step behind */
}

static void spans_are_summed(void **state)
{
	(void)state;
	const struct packet_example *e = only_example(
		" 00:00:00.000000 IP 10.0.0.1.5 > 10.0.0.2.80: Flags [S], seq 5, win 1, length 0\n"
		" 00:00:00.020000 IP 10.0.0.2.80 > 10.0.0.1.5: Flags [S.], seq 9, ack 6, win 1, "
		"length 0\n"
		" 00:00:00.000100 IP 10.0.0.1.5 > 10.0.0.2.80: Flags [.], ack 1, win 1, length "
		"0\n");
	assert_true(e->segment[2].at == 20100000);
}

static void a_sent_again_syn_is_no_new_example(void **state)
{
	(void)state;
#define SYN(t) t " IP 10.0.0.1.5 > 10.0.0.2.80: Flags [S], seq 5, win 1, length 0\n"
	assert_int_equal(only_example(SYN("10:00:00.0") SYN("10:00:00.0") SYN("10:00:01.0"))->count,
			 3);
	const char *two = "# One\n" SYN("10:00:00.0") SYN("10:00:01.0") "# Two\n" SYN("10:00:00.0");
	read_text(two, strlen(two));
	assert_int_equal(packet_text_count(text), 2);
	assert_true(slice_equal(packet_text_example(text, 1)->heading, SLICE("Two")));
	const char *back = SYN("10:00:00.0") SYN("10:00:01.0") "prose\n" SYN("10:00:00.0");
	read_text(back, strlen(back));
	assert_int_equal(packet_text_count(text), 2);
}

static void prose_and_commands_are_nothing(void **state)
{
	(void)state;
	static const char PROSE[] = "admin@fmc:~$\ncat /etc/sf/iprep_proxy.conf\niprep_proxy {\n"
				    "  PROXY_HOST 10.10.10.1;\n}\n"
				    "tcp 0 0 10.40.40.1:40220 10.10.10.1:80\nESTABLISHED\n"
				    "curl -x http://10.10.10.1:80 -I https://tools.example.net\n"
				    "HTTP/1.1 200 Connection established\n"
				    "403\tForbidden\nHost: a\n# heading > other: Flags [x\n";
	read_text(PROSE, sizeof PROSE - 1);
	assert_int_equal(packet_text_count(text), 0);
	read_text("", 0);
	assert_int_equal(packet_text_count(text), 0);
}

static void text_may_be_cut_anywhere(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof TSHARK; cut++)
		read_text(TSHARK, cut);
}

/* ---- the article ---- */

static char *article(size_t *ret_len)
{
	char path[512];
	const char *shared = getenv("VIADUCT_SHARED");
	snprintf(path, sizeof path, "%s/seed/000_dd557c17720ce3f4.txt",
		 shared ? shared : SOURCE_ROOT "/../shared");
	FILE *f = fopen(path, "rb");
	if (!f)
		return NULL;
	char *all = calloc(1, 1 << 20);
	*ret_len = all ? fread(all, 1, 1 << 20, f) : 0;
	fclose(f);
	return all;
}

static void the_article_has_five_examples(void **state)
{
	(void)state;
	size_t len;
	char *all = article(&len);
	if (!all) /* skip() says "not ok", which meson takes for a failure */
		return;
	read_text(all, len);
	free(all);
	static const size_t counts[] = { 12, 13, 8, 8, 9 };
	assert_int_equal(packet_text_count(text), 5);
	const struct segment *s[5];
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(packet_text_example(text, i)->count, counts[i]);
		s[i] = packet_text_example(text, i)->segment;
	}
	/* the good exchange: the status line broken over three lines, the hellos, FIN both ways */
	assert_true(
		slice_starts(s[0][3].payload, SLICE("CONNECT tools.cisco.com:443 HTTP/1.1\r\n")));
	has_payload(&s[0][4], "HTTP/1.1 200 Connection established\r\n\r\n");
	assert_int_equal(s[0][5].payload_len, 517);
	assert_memory_equal(s[0][5].payload.at, "\x16\x03\x03\x02\x00\x01", 6);
	assert_int_equal(s[0][9].flags, TCP_FIN | TCP_ACK);
	assert_int_equal(s[0][10].flags, TCP_FIN | TCP_ACK);
	assert_true(slice_equal(packet_text_name(text, &s[0][0].from), SLICE("client")));
	/* the table: frames 8 and 11, 0.1766 s apart, as long as the details say */
	assert_int_equal(s[1][6].frame, 8);
	assert_int_equal(s[1][6].payload_len, 122);
	assert_int_equal(s[1][6].payload.len, 122);
	assert_true(slice_find(s[1][6].payload, SLICE("User-Agent: curl/7.79.1\r\n")) < 122);
	assert_int_equal(s[1][9].frame, 11);
	has_payload(&s[1][9], "HTTP/1.1 200 Connection established\r\n\r\n");
	assert_int_equal(s[1][9].payload_len, 39);
	assert_true(s[1][9].at - s[1][6].at == 176633000);
	assert_int_equal(s[1][4].mss, 1300);
	assert_int_equal(s[1][11].payload.len, 517);
	assert_true(slice_find(s[1][11].payload, SLICE("tools.cisco.com")) < 517);
	/* 403, its body said but not shown */
	assert_true(slice_starts(s[2][4].payload, SLICE("HTTP/1.1 403 Forbidden\r\n")));
	assert_int_equal(s[2][4].payload_len, s[2][4].payload.len + 123);
	/* the stall, and the reset */
	assert_int_equal(s[3][7].payload_len, 1440);
	assert_true(slice_equal(packet_text_name(text, &s[3][7].from), SLICE("fmc")));
	assert_int_equal(s[4][7].payload_len, 1440);
	assert_int_equal(s[4][8].flags, TCP_RST);
	assert_true(s[4][8].has & SEGMENT_NO_SEQ);
}

static void long_text_is_read_in_time(void **state)
{
	(void)state;
	size_t len = 8 << 20, at = 0;
	char *all = malloc(len + 4096);
	if (!all)
		return;
	at += (size_t)sprintf(all, "No. Time Source Destination Protocol Length Info\n");
	for (unsigned i = 0; at < len; i++)
		at += (size_t)sprintf(
			all + at,
			"# h\n%u 0.%06u host%u 10.0.0.%u TCP 60 %u → 80 [SYN] Seq=0 "
			"Win=5 Len=0\nHTTP/1.1\n> Frame %u: 60 bytes\nh > i > j: Flags [\n",
			i + 1, i % 1000000, i, i % 250, i % 60000 + 1, i);
	clock_t start = clock();
	read_text(all, at);
	free(all);
	assert_true(packet_text_count(text) > 0);
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20); /* quadratic would take hours */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(tcpdump_numbers_get_one_base, let_go),
		cmocka_unit_test_teardown(lines_that_agree_are_a_capture, let_go),
		cmocka_unit_test_teardown(tcpdump_verbose_has_two_lines_and_the_head, let_go),
		cmocka_unit_test_teardown(tcpdump_prints_content, let_go),
		cmocka_unit_test_teardown(icmp_becomes_a_note, let_go),
		cmocka_unit_test_teardown(tshark_rows_are_placed, let_go),
		cmocka_unit_test_teardown(tabs_and_time_of_day_will_do, let_go),
		cmocka_unit_test_teardown(a_table_printed_twice_is_one, let_go),
		cmocka_unit_test_teardown(curl_alone_is_an_example, let_go),
		cmocka_unit_test_teardown(old_tcpdump_has_letters_for_flags, let_go),
		cmocka_unit_test_teardown(ports_stand_alone_behind_extension_headers, let_go),
		cmocka_unit_test_teardown(dates_of_wireshark_are_read, let_go),
		cmocka_unit_test_teardown(wireshark_prints_summary_and_details, let_go),
		cmocka_unit_test_teardown(details_of_the_last_segment_tell_of_the_first, let_go),
		cmocka_unit_test_teardown(hex_digits_number_empty_segments, let_go),
		cmocka_unit_test_teardown(records_of_a_row_are_parted_where_it_tells, let_go),
		cmocka_unit_test_teardown(spans_are_summed, let_go),
		cmocka_unit_test_teardown(a_sent_again_syn_is_no_new_example, let_go),
		cmocka_unit_test_teardown(prose_and_commands_are_nothing, let_go),
		cmocka_unit_test_teardown(text_may_be_cut_anywhere, let_go),
		cmocka_unit_test_teardown(the_article_has_five_examples, let_go),
		cmocka_unit_test_teardown(long_text_is_read_in_time, let_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
