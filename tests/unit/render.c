/* render: whatever an exchange holds, what comes out is safe, fits, and says what it should. */
#include "render_all.h"
#include "render_samples.h"

#include "render/html_style.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <openssl/evp.h>

typedef struct exchange *make_sample(struct diagnosis *d);

static make_sample *const SAMPLES[] = { sample_denied, sample_black_hole, sample_unreachable,
					sample_ok, sample_empty };
enum { SAMPLE_COUNT = sizeof SAMPLES / sizeof *SAMPLES };

static const struct render_style PLAIN = { .width = 80, .utf8 = true };

static bool contains(const struct buffer *b, const char *what)
{
	return slice_find(buffer_slice(b), slice_of(what)) < b->len;
}

static void assert_has(const struct buffer *b, const char *what)
{
	if (!contains(b, what))
		fail_msg("\"%s\" is not in:\n%.*s", what, (int)b->len, (const char *)b->at);
}

static void assert_no_fault(const char *fault, const char *where, unsigned n)
{
	if (fault)
		fail_msg("%s (%s %u)", fault, where, n);
}

/* ---- all renderers, all styles ------------------------------------------------------------- */

static void check_all(struct exchange *x, struct diagnosis *d, unsigned step)
{
	struct all a = { .x = x, .d = d, .tally = tally_new() };
	buffer_init(&a.out, 1 << 24);
	tally_add(a.tally, x, d->verdict, d->severity);
	for (unsigned width = 30; width <= 200; width += step)
		for (unsigned look = 0; look < 4; look++) {
			struct render_style s = { .colour = look & 1,
						  .utf8 = look & 2,
						  .width = width };
			assert_no_fault(all_text(&a, &s), "text at width", width);
			assert_no_fault(all_targets(&a, &s), "targets at width", width);
		}
	assert_no_fault(all_json(&a), "json", 0);
	assert_no_fault(all_markup(&a, &PLAIN), "markup", 0);
	assert_false(a.out.failed);
	buffer_done(&a.out);
	tally_free(a.tally);
}

static void samples_come_out_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct diagnosis d;
		struct exchange *x = SAMPLES[i](&d);
		check_all(x, &d, 1);
		trace_free(x);
	}
}

static const char *const HOSTILE[] = {
	"\x1b[31mred\x1b]0;title\x07",
	"two\nlines\r\nand\ttab",
	"\xe2\x80\xae"
	"esrever\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c",
	"\xff\xfe\x80 no \xc0\xaf UTF-8 \xed\xa0\x80",
	"\"quoted\" 'and' \\ back\\slashed\\x1b",
	"</script></style></title><img src=x onerror=alert(1)>&amp;",
	"]]>--><!-- <?xml ?>",
	"\xef\xbf\xbe\xef\xbf\xbf\xef\xbb\xbf\xe2\x80\xa8",
	"\x01\x02\x7f\xc2\x85\xc2\x9b",
	"日本語のとても長い名前日本語のとても長い名前日本語のとても長い名前日本語のとても長い名前."
	"例",
	"e\xcc\x81\xcc\x81\xcc\x81 combining",
	"https://example.com/a/very/long/path/without/any/space/that/goes/on/and/on/and/on/and/on/"
	"and/on/"
	"and/on/and/on/and/on/and/on/and/on/until/it/is/far/wider/than/any/terminal/in/the/"
	"house.iso",
	"trailing spaces   ",
	" ",
	"",
};
enum { HOSTILE_COUNT = sizeof HOSTILE / sizeof *HOSTILE };

/* Puts the bytes wherever an exchange holds foreign ones. */
static void poison(struct exchange *x, struct slice s)
{
	struct slice *const fields[] = {
		&x->client_name,
		&x->proxy_name,
		&x->heading,
		&x->request.method,
		&x->request.target,
		&x->request.host,
		&x->request.user,
		&x->request.head,
		&x->response.reason,
		&x->response.server,
		&x->response.via,
		&x->response.proxy_agent,
		&x->response.proxy_status,
		&x->response.squid_error,
		&x->response.content_type,
		&x->response.location,
		&x->response.retry_after,
		&x->response.proxy_authenticate,
		&x->response.title,
		&x->response.head,
		&x->tls->sni,
		&x->tls->alpn,
		&x->tls->subject,
		&x->tls->issuer,
		&x->tls->top_issuer,
		&x->tls->names,
		&x->tunnel.banner,
		&x->answer_start,
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		*fields[i] = s;
	x->request.auth = SCHEME_BASIC;
	x->response.status = 403;
}

static void hostile_bytes_never_come_out_raw(void **state)
{
	(void)state;
	for (size_t i = 0; i < HOSTILE_COUNT; i++)
		for (size_t k = 0; k < SAMPLE_COUNT; k++) {
			struct diagnosis d;
			struct exchange *x = SAMPLES[k](&d);
			poison(x, slice_of(HOSTILE[i]));
			/* a diagnosis is escaped already; should one be not, it still does no harm
			 */
			d.summary = d.product = d.answered_by = HOSTILE[i];
			d.evidence[0] = sample_evidence(1, 0, HOSTILE[i]);
			d.cause[0] = d.remedy[0] = HOSTILE[i];
			d.evidences = d.causes = d.remedies = 1;
			check_all(x, &d, 11);
			trace_free(x);
		}
}

/* ---- what they say ------------------------------------------------------------------------- */

static void a_record_holds_what_is_known(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_ok(&d);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_json(&b, x, &d);
	assert_has(&b, "{\"v\":1,\"id\":\"");
	assert_has(&b, "\"source\":\"capture\",\"verdict\":\"ok\",\"severity\":\"ok\","
		       "\"confidence\":\"high\"");
	assert_has(&b, "\"client\":\"10.40.40.1:48720\",\"proxy\":\"10.10.10.1:80\",\"method\":"
		       "\"CONNECT\","
		       "\"target\":\"tools.cisco.com:443\",\"status\":200");
	assert_has(
		&b,
		"\"auth\":{\"scheme\":\"Digest\",\"user\":\"proxyuser\"},\"sni\":\"tools.cisco."
		"com\","
		"\"alpn\":\"http/1.1\",\"tls\":\"1.3\",\"start\":\"2025-03-14T11:30:12.517129Z\","
		"\"duration_ms\":1756.000,\"tcp_ms\":41.200,\"wait_ms\":176.633,"
		"\"tls_ms\":122.970,\"first_byte_ms\":156.376,\"bytes_up\":1893,"
		"\"bytes_down\":130222,\"retrans_up\":0,\"retrans_down\":0,\"rtt_ms\":41.200,"
		"\"mss_client\":1460,\"mss_proxy\":1300,\"closed_by\":\"client\",\"close\":\"fin\","
		"\"first_frame\":5,\"request_frame\":8,\"response_frame\":11,\"frames\":111");
	assert_false(contains(&b, "\"link\""));
	buffer_done(&b);
	trace_free(x);
}

static void a_record_leaves_out_what_is_not(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_empty(&d);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_json(&b, x, &d);
	static const char *const unknown[] = {
		"\"id\"",          "\"stage\"",      "\"client\"",     "\"proxy\"",
		"\"method\"",      "\"status\"",     "\"start\"",      "_ms\"",
		"\"bytes_up\"",    "\"bytes_down\"", "\"retrans_up\"", "\"mss_client\"",
		"\"first_frame\"", "\"frames\"",     "\"summary\"",
	};
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		if (contains(&b, unknown[i]))
			fail_msg("%s in %.*s", unknown[i], (int)b.len, (const char *)b.at);
	buffer_done(&b);
	trace_free(x);
}

static void addresses_and_times_are_written_as_base_has_them(void **state)
{
	(void)state;
	static const char *const addresses[] = {
		"[2001:db8::1]:80",      "[::1]:1",
		"[fe80::]:65535",        "[1:0:0:2:0:0:0:3]:9",
		"[1:2:3:4:5:6:7:8]:443", "[1:0:2:3:4:5:6:7]:2",
		"[0:0:1::]:3",           "[100::dead:beef]:4",
		"255.255.255.255:65535", "0.0.0.1:10",
		"100.20.3.99:100",
	};
	static const nanos times[] = { 0,
				       999,
				       1000,
				       -1,
				       SAMPLE_START,
				       SAMPLE_START + 7,
				       INT64_C(1709164799999999999),
				       INT64_C(-62135596800) };
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		for (size_t k = 0; k < sizeof times / sizeof *times; k++) {
			struct diagnosis d;
			struct exchange *x = sample_empty(&d);
			x->client = sample_address(addresses[i]);
			x->first.at = times[k];
			struct buffer b, want;
			buffer_init(&b, 1 << 20);
			buffer_init(&want, 1000);
			buffer_add_text(&want, "\"client\":\"");
			address_add(&want, &x->client);
			buffer_add_text(&want, "\",\"start\":\"");
			when_add_rfc3339(&want, times[k]);
			buffer_add_text(&want, "\"");
			buffer_add_byte(&want, 0);
			render_json(&b, x, &d);
			assert_has(&b, (const char *)want.at);
			buffer_done(&want);
			buffer_done(&b);
			trace_free(x);
		}
}

static void a_full_buffer_is_no_disaster(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_denied(&d);
	struct buffer whole;
	buffer_init(&whole, 1 << 20);
	render_json(&whole, x, &d);
	for (size_t limit = 0; limit < whole.len + 2200; limit++) {
		struct buffer b;
		buffer_init(&b, limit);
		render_json(&b, x, &d);
		assert_true(b.len <= limit);
		/* a string wants room for what may stand behind it, up to the next one */
		assert_true(b.failed ? limit < whole.len + 2048 : limit >= whole.len);
		buffer_done(&b);
	}
	buffer_done(&whole);
	for (size_t limit = 0; limit < 20000; limit += 97) {
		struct buffer b;
		buffer_init(&b, limit);
		render_card(&b, &PLAIN, x, &d);
		render_html_exchange(&b, &PLAIN, x, &d, true);
		assert_true(b.len <= limit);
		buffer_done(&b);
	}
	trace_free(x);
}

static void a_line_has_its_columns(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_denied(&d);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_line(&b, &PLAIN, x, &d);
	assert_has(&b, "11:30:12 ✗ denied              CONNECT tools.cisco.com:443          403 "
		       "262.1 ms\n");
	buffer_reset(&b);
	render_line(&b, &(struct render_style){ .width = 40 }, x, &d);
	assert_has(&b, "FAIL denied tools.cisco.com:443      403\n");
	buffer_reset(&b);
	render_line(&b, &(struct render_style){ .width = 160, .utf8 = true }, x, &d);
	assert_has(&b, "10.40.40.1:48716 → 10.10.10.1:80");
	buffer_done(&b);
	trace_free(x);
}

static void a_card_tells_the_whole_story(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_denied(&d);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	static const char *const names[] = { "ticket.pcap" };
	struct render_style s = PLAIN;
	s.file_name = names;
	render_card(&b, &s, x, &d);
	static const char *const want[] = {
		"✗ denied  CONNECT tools.cisco.com:443\n",
		"\n    frame 8   11:30:12.560200  CONNECT tools.cisco.com:443 was sent\n",
		"\n    1. An access list of the proxy does not allow this client to reach\n       "
		"tools",
		"\n    proxy    allow CONNECT",
		"\n    client   if the proxy",
		"\n    tcp.port == 48716 && ip.addr == 10.10.10.1\n    frames 5 to 15 of "
		"ticket.pcap\n",
		"403 Forbidden, from the proxy (squid)",
	};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_has(&b, want[i]);
	buffer_done(&b);
	trace_free(x);
}

static void details_are_as_wireshark_has_them(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_denied(&d);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_details(&b, &PLAIN, x);
	assert_has(&b, "    CONNECT tools.cisco.com:443 HTTP/1.1\\r\\n\n");
	assert_has(&b, "    \\r\\n\n    [Full request URI: tools.cisco.com:443]\n    [Response in "
		       "frame: 11]\n");
	assert_has(&b,
		   "    [Time since request: 0.176633000 seconds]\n    [Request in frame: 8]\n");
	buffer_done(&b);
	trace_free(x);
}

/* ---- packets ------------------------------------------------------------------------------- */

static struct render_packet sample_packet(void)
{
	return (struct render_packet){
		.at = SAMPLE_START,
		.frame = 4,
		.from = sample_address("10.40.40.1:41334"),
		.to = sample_address("10.10.10.1:3128"),
		.since_request = NO_TIME,
	};
}

static void packets_look_as_both_tools_print_them(void **state)
{
	(void)state;
	struct render_packet syn = sample_packet(), ask = sample_packet();
	syn.flags = 2;
	syn.seq = 0;
	syn.window = 64240;
	syn.wire_len = 74;
	syn.has_mss = syn.sack_ok = syn.has_timestamp = syn.has_wscale = true;
	syn.mss = 1460;
	syn.wscale = 10;
	syn.tsval = 4041711386;
	ask.flags = 24;
	ask.seq = ask.ack = 1;
	ask.window = 64512;
	ask.payload_len = 132;
	ask.wire_len = 198;
	ask.has_timestamp = true;
	ask.tsval = 4041711407;
	ask.tsecr = 3208368953;
	ask.protocol = PROTO_HTTP;
	ask.info = SLICE("CONNECT x.denied.example.net:443 HTTP/1.1");
	ask.response_frame = 6;
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_packet_tcpdump(&b, &PLAIN, &syn);
	render_packet_tcpdump(&b, &PLAIN, &ask);
	render_packet_wireshark_head(&b, &PLAIN);
	render_packet_wireshark(&b, &PLAIN, &syn, SAMPLE_START);
	render_packet_wireshark(&b, &PLAIN, &ask, SAMPLE_START - 20664000);
	assert_has(
		&b,
		"    4  11:30:12.517129 IP 10.40.40.1.41334 > 10.10.10.1.3128: Flags [S], seq 0, "
		"win 64240, options [mss 1460,sackOK,TS val 4041711386 ecr 0,nop,wscale 10], "
		"length 0\n");
	assert_has(
		&b,
		"Flags [P.], seq 1:133, ack 1, win 64512, options [nop,nop,TS val 4041711407 ecr "
		"3208368953], length 132: HTTP: CONNECT x.denied.example.net:443 HTTP/1.1 "
		"[Response in frame: 6]\n");
	assert_has(&b,
		   "No.     Time           Source                Destination           Protocol "
		   "Length Info\n"
		   "      4 0.000000       10.40.40.1            10.10.10.1            TCP      74 "
		   "    "
		   "41334 → 3128 [SYN] Seq=0 Win=64240 Len=0 MSS=1460 SACK_PERM TSval=4041711386 "
		   "TSecr=0 WS=1024\n"
		   "      4 0.020664       10.40.40.1            10.10.10.1            HTTP     "
		   "198    "
		   "CONNECT x.denied.example.net:443 HTTP/1.1 [Response in frame: 6]\n");
	buffer_done(&b);
}

static void hostile_packets_are_harmless(void **state)
{
	(void)state;
	struct all a = { 0 };
	buffer_init(&a.out, 1 << 20);
	for (size_t i = 0; i < HOSTILE_COUNT; i++)
		for (unsigned look = 0; look < 4; look++) {
			struct render_packet p = sample_packet();
			p.info = p.from_name = p.to_name = slice_of(HOSTILE[i]);
			p.payload_len = 7;
			p.flags = 255;
			p.sack_count = 9;
			p.remark = p.verdict = HOSTILE[i];
			p.icmp = i & 1 ? HOSTILE[i] : NULL;
			p.since_request = INT64_MIN + 1;
			p.request_frame = UINT64_MAX;
			struct render_style s = { .colour = look & 1,
						  .utf8 = look & 2,
						  .width = 80 };
			assert_no_fault(all_packets(&a, &s, &p), "packet", (unsigned)i);
		}
	buffer_done(&a.out);
}

/* ---- counting ------------------------------------------------------------------------------ */

static void count_one(struct tally *t, const char *target, enum verdict v, enum severity s)
{
	struct diagnosis d;
	struct exchange *x = sample_empty(&d);
	x->proxy = sample_address("10.10.10.1:80");
	x->request.is_connect = true;
	x->request.target = slice_of(target);
	tally_add(t, x, v, s);
	trace_free(x);
}

static void tallies_count_and_merge(void **state)
{
	(void)state;
	struct tally *a = tally_new(), *b = tally_new();
	count_one(a, "one.example:443", V_OK, SEVERITY_OK);
	count_one(a, "ONE.example:443", V_DENIED, SEVERITY_FAILURE);
	count_one(b, "one.example:443", V_DENIED, SEVERITY_FAILURE);
	count_one(b, "two.example:443", V_LOSSY, SEVERITY_WARNING);
	tally_merge(a, b);
	assert_int_equal(tally_total(a), 4);
	assert_int_equal(tally_failures(a), 2);
	assert_int_equal(tally_count(a, V_DENIED), 2);
	struct buffer out;
	buffer_init(&out, 1 << 20);
	render_summary_json(&out, a, NULL);
	assert_has(&out, "\"verdicts\":{\"ok\":1,\"denied\":2,\"lossy\":1}");
	assert_has(&out, "\"proxies\":{\"10.10.10.1:80\":{\"exchanges\":4,\"failures\":2}}");
	assert_has(&out, "\"targets\":{\"one.example:443\":{\"exchanges\":3,\"failures\":2},"
			 "\"two.example:443\":{\"exchanges\":1,\"failures\":0}}");
	buffer_reset(&out);
	struct summary_facts facts = { .packets = 1,
				       .bytes = 74,
				       .connections = 1,
				       .ignored_connections = 1,
				       .first = NO_TIME,
				       .last = NO_TIME };
	render_summary(&out, &PLAIN, a, &facts);
	assert_has(&out, "4 exchanges: 2 failures, 1 warning, 1 in good order\n"
			 "1 packet, 74 bytes, 1 connection\n");
	assert_has(&out, "\n  1 connection with no proxy traffic in it\n");
	buffer_done(&out);
	tally_free(a);
	tally_free(b);
	tally_free(NULL);
}

static void a_scan_does_not_fill_memory(void **state)
{
	(void)state;
	struct tally *t = tally_new();
	char target[64];
	for (int i = 0; i < 100; i++)
		count_one(t, "often.example:443", V_OK, SEVERITY_OK);
	for (int i = 0; i < 40000; i++) {
		snprintf(target, sizeof target, "host-%d.example:443", i);
		count_one(t, target, V_DENIED, SEVERITY_FAILURE);
	}
	struct buffer out;
	buffer_init(&out, 1 << 24);
	render_summary_json(&out, t, NULL);
	assert_true(json_is_line(buffer_slice(&out)));
	assert_has(&out, "\"targets\":{\"often.example:443\":{\"exchanges\":100,\"failures\":0}");
	assert_true(out.len < 9000 * 80);
	/* none is lost: those that are not named are among the others */
	uint64_t sum = 0;
	struct slice rest = buffer_slice(&out);
	rest = slice_from(rest, slice_find(rest, SLICE("\"targets\"")));
	for (size_t at; (at = slice_find(rest, SLICE("\"failures\":"))) < rest.len;) {
		rest = slice_from(rest, at + 11);
		size_t digits = 0;
		while (digits < rest.len && rest.at[digits] >= '0' && rest.at[digits] <= '9')
			digits++;
		uint64_t n = 0;
		assert_true(slice_parse_u64(slice_first(rest, digits), 10, &n));
		sum += n;
	}
	assert_int_equal(sum, 40000);
	buffer_reset(&out);
	render_summary(&out, &PLAIN, t, NULL);
	assert_has(&out, "others");
	buffer_done(&out);
	tally_free(t);
}

/* ---- pages --------------------------------------------------------------------------------- */

static void the_page_allows_its_own_style_only(void **state)
{
	(void)state;
	unsigned char digest[EVP_MAX_MD_SIZE], text[100] = "sha256-";
	unsigned len;
	assert_true(EVP_Digest(HTML_STYLE, strlen(HTML_STYLE), digest, &len, EVP_sha256(), NULL));
	EVP_EncodeBlock(text + 7, digest, (int)len);
	assert_string_equal((char *)text, HTML_STYLE_HASH);
	struct diagnosis d;
	struct exchange *x = sample_black_hole(&d);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_html_head(&b, "<title>");
	render_html_exchange(&b, &PLAIN, x, &d, true);
	assert_has(&b, "default-src 'none'; style-src 'sha256-");
	assert_has(&b, "<style>" HTML_STYLE "</style>");
	assert_has(&b, "<title>&lt;title&gt;</title>");
	static const char *const never[] = { "<script", " style=", "javascript:",
					     "url(",    "@import", "href" };
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		assert_false(contains(&b, never[i]));
	buffer_done(&b);
	trace_free(x);
}

static void the_ladder_shows_what_was_lost_and_silent(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_black_hole(&d);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_ladder(&b, x, &d);
	assert_has(&b, "role=\"img\"");
	assert_has(&b, "<title id=");
	assert_has(&b,
		   "client: 1,440 bytes sent again, never acknowledged (did not arrive); 55.0 s of "
		   "silence; client: FIN");
	assert_has(&b, "2,600 bytes lost on the way</text>");
	assert_has(&b, "55.0 s of silence</text>");
	buffer_reset(&b);
	trace_free(x);
	x = sample_ok(&d);
	render_ladder(&b, x, &d);
	assert_has(&b, "1.2 s later"); /* data flowed there */
	assert_false(contains(&b, "silence"));
	buffer_done(&b);
	trace_free(x);
}

static void an_origin_that_was_seen_has_its_lane(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_denied(&d);
	x->onward->seen = true;
	x->onward->origin = sample_address("192.0.2.7:443");
	x->onward->first = sample_mark(9, 50000);
	x->onward->last = sample_mark(10, 90000);
	x->onward->outcome = ONWARD_REFUSED;
	check_all(x, &d, 11);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_ladder(&b, x, &d);
	assert_has(&b, "192.0.2.7:443");
	assert_has(&b, "origin: RST: refused");
	buffer_reset(&b);
	render_json(&b, x, &d);
	assert_has(&b, "\"onward\":{\"origin\":\"192.0.2.7:443\",\"outcome\":\"refused\"}");
	buffer_done(&b);
	trace_free(x);
}

static void text_without_dates_claims_none(void **state)
{
	(void)state;
	struct diagnosis d;
	struct exchange *x = sample_empty(&d);
	x->from_text = true;
	x->first = (struct mark){ .at = 41412517129000, .line = 12 };
	x->first_line = 12;
	x->heading = SLICE("Example");
	struct buffer b;
	buffer_init(&b, 1 << 20);
	render_json(&b, x, &d);
	assert_false(contains(&b, "1970"));
	assert_has(&b, "\"line\":12,\"heading\":\"Example\"");
	buffer_reset(&b);
	render_card(&b, &PLAIN, x, &d);
	assert_false(contains(&b, "1970"));
	assert_has(&b, "from line 12: Example");
	buffer_done(&b);
	trace_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_come_out_whole),
		cmocka_unit_test(hostile_bytes_never_come_out_raw),
		cmocka_unit_test(a_record_holds_what_is_known),
		cmocka_unit_test(a_record_leaves_out_what_is_not),
		cmocka_unit_test(addresses_and_times_are_written_as_base_has_them),
		cmocka_unit_test(a_full_buffer_is_no_disaster),
		cmocka_unit_test(a_line_has_its_columns),
		cmocka_unit_test(a_card_tells_the_whole_story),
		cmocka_unit_test(details_are_as_wireshark_has_them),
		cmocka_unit_test(packets_look_as_both_tools_print_them),
		cmocka_unit_test(hostile_packets_are_harmless),
		cmocka_unit_test(tallies_count_and_merge),
		cmocka_unit_test(a_scan_does_not_fill_memory),
		cmocka_unit_test(the_page_allows_its_own_style_only),
		cmocka_unit_test(the_ladder_shows_what_was_lost_and_silent),
		cmocka_unit_test(an_origin_that_was_seen_has_its_lane),
		cmocka_unit_test(text_without_dates_claims_none),
	};
	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
