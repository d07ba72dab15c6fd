/* What first bytes look like: enough to name a protocol, never to read it. */
#include "http/head.h"
#include "observe/observe.h"
#include "tls/record.h"

static bool is_text(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.at[i] < 0x20 && s.at[i] != '\r' && s.at[i] != '\n' && s.at[i] != '\t') ||
		    s.at[i] > 0x7e)
			return false;
	return s.len >= 3;
}

/* "220 host ESMTP" and "220 FTP server ready" begin alike. */
static enum trace_protocol guess_220(struct slice line)
{
	if (slice_find_nocase(line, SLICE("smtp")) < line.len)
		return PROTO_SMTP;
	if (slice_find_nocase(line, SLICE("ftp")) < line.len)
		return PROTO_FTP;
	return PROTO_TEXT;
}

/* A server's first frame: SETTINGS, six bytes each, of stream 0 (RFC 9113, sections 3.4 and 6.5).
 */
static bool begins_http2(struct slice s)
{
	static const uint8_t rest[] = { 4, 0, 0, 0, 0, 0 };
	return s.len >= 9 && s.at[0] == 0 && s.at[1] == 0 && s.at[2] % 6 == 0 &&
	       slice_starts(slice_from(s, 3), (struct slice){ rest, sizeof rest });
}

static bool begins_tls(struct slice s)
{
	struct tls_record r;
	return s.len >= 3 && tls_read_record(s, &r) != TLS_BAD;
}

enum trace_protocol observe_guess(struct slice s)
{
	static const struct {
		struct slice start;
		enum trace_protocol protocol;
	} starts[] = {
		{ SLICE("SSH-"), PROTO_SSH },        { SLICE("PRI * HTTP/2"), PROTO_HTTP2 },
		{ SLICE("EHLO "), PROTO_SMTP },      { SLICE("HELO "), PROTO_SMTP },
		{ SLICE("+OK"), PROTO_POP3 },        { SLICE("* OK"), PROTO_IMAP },
		{ SLICE("\x05\x00"), PROTO_SOCKS },  { SLICE("\x05\x01"), PROTO_SOCKS },
		{ SLICE("\x04\x01"), PROTO_SOCKS },  { SLICE("\x03\x00\x00"), PROTO_RDP },
		{ SLICE("\xff\xfb"), PROTO_TELNET }, { SLICE("\xff\xfd"), PROTO_TELNET },
	};
	if (s.len == 0)
		return PROTO_NONE;
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (slice_starts(s, starts[i].start))
			return starts[i].protocol;
	if (begins_http2(s))
		return PROTO_HTTP2;
	if (begins_tls(s))
		return PROTO_TLS;
	if (http_looks_like_response(s) == HTTP_DONE || http_looks_like_request(s) == HTTP_DONE)
		return PROTO_HTTP;
	struct slice rest = slice_first(s, 128);
	struct slice line = slice_line(&rest);
	if (slice_starts(line, SLICE("220 ")) || slice_starts(line, SLICE("220-")))
		return guess_220(line);
	if (s.len > 5 && s.at[3] == 0 && s.at[4] == 10 && s.at[5] >= '3' && s.at[5] <= '9')
		return PROTO_MYSQL;
	return is_text(slice_first(s, 64)) ? PROTO_TEXT : PROTO_UNKNOWN;
}

enum observe_wish observe_wants(struct slice sofar, bool any_request)
{
	while (sofar.len && (sofar.at[0] == '\r' || sofar.at[0] == '\n'))
		sofar = slice_from(sofar, 1);
	switch (http_looks_like_request(sofar)) {
	case HTTP_BAD:
		return OBSERVE_NO;
	case HTTP_MORE:
		return OBSERVE_MORE;
	case HTTP_DONE:
		break;
	}
	if (any_request || slice_starts(sofar, SLICE("CONNECT ")))
		return OBSERVE_YES;
	size_t space = slice_find_byte(sofar, ' ');
	if (space + 1 >= sofar.len)
		return OBSERVE_MORE;
	uint8_t c = sofar.at[space + 1] | 0x20;
	return c >= 'a' && c <= 'z' ? OBSERVE_YES : OBSERVE_NO;
}

bool observe_is_request(struct slice bytes)
{
	return http_looks_like_request(bytes) == HTTP_DONE &&
	       http_looks_like_response(bytes) != HTTP_DONE;
}

bool observe_is_whole_request(struct slice bytes)
{
	return bytes.len > 4 && slice_find(bytes, SLICE("\r\n\r\n")) == bytes.len - 4;
}

bool observe_is_answer(struct slice bytes)
{
	return http_looks_like_response(bytes) == HTTP_DONE;
}
