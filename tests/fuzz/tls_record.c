/* Records, and the alerts and handshake messages in them. */
#include "tls/record.h"

#include "inside.h"

static void check_record(struct slice in)
{
	struct tls_record r;
	enum tls_parse p = tls_read_record(in, &r);
	for (size_t len = 0; len < in.len && len < TLS_RECORD_HEADER; len++) {
		struct tls_record cut;
		enum tls_parse c = tls_read_record(slice_first(in, len), &cut);
		assert(c == TLS_MORE || (c == TLS_BAD && p == TLS_BAD));
	}
	if (p != TLS_DONE)
		return;
	assert(r.content == in.at[0] && r.length <= TLS_MAX_RECORD && in.at[1] == 3);
	tls_version_name((uint16_t)(in.at[1] << 8 | in.at[2]));
}

static void check_handshake(struct slice in)
{
	uint8_t type = 0, cut_type;
	struct slice body = { 0 }, cut_body;
	enum tls_parse p = tls_read_handshake(in, &type, &body);
	if (p == TLS_DONE) {
		assert_inside(body, in);
		assert(type == in.at[0] && body.len + 4 <= in.len);
	}
	for (size_t len = 0; len < in.len; len += 1 + in.len / 64) {
		enum tls_parse c = tls_read_handshake(slice_first(in, len), &cut_type, &cut_body);
		assert(c == TLS_MORE || c == p);
		if (p == TLS_DONE)
			assert((c == TLS_DONE) == (len >= body.len + 4));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { data, size };
	struct tls_alert a;
	check_record(in);
	check_handshake(in);
	check_handshake(slice_from(in, TLS_RECORD_HEADER));
	tls_read_alert(slice_from(in, TLS_RECORD_HEADER), &a);
	return 0;
}
