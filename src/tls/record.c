/* Records, alerts and the frames of handshake messages. */
#include "tls/record.h"

#include "base/reader.h"

/* Only application data may be empty (RFC 5246 section 6.2.1, RFC 8446 section 5.1). */
static bool is_length(uint8_t content, uint16_t length)
{
	return length <= TLS_MAX_RECORD && (length > 0 || content == TLS_APPLICATION);
}

enum tls_parse tls_read_record(struct slice in, struct tls_record *ret_record)
{
	const uint8_t *b = in.at;
	if (in.len > 0 && (b[0] < TLS_CHANGE_CIPHER || b[0] > TLS_HEARTBEAT))
		return TLS_BAD;
	if ((in.len > 1 && b[1] != 3) || (in.len > 2 && b[2] > 4))
		return TLS_BAD;
	if (in.len > 3 && b[3] > TLS_MAX_RECORD >> 8)
		return TLS_BAD;
	if (in.len < TLS_RECORD_HEADER)
		return TLS_MORE;
	uint16_t length = (uint16_t)(b[3] << 8 | b[4]);
	if (!is_length(b[0], length))
		return TLS_BAD;
	*ret_record = (struct tls_record){
		.content = (enum tls_content)b[0],
		.length = length,
	};
	return TLS_DONE;
}

bool tls_read_alert(struct slice body, struct tls_alert *ret_alert)
{
	struct reader r = { .left = body };
	uint8_t level = read_u8(&r);
	uint8_t what = read_u8(&r);
	if (r.ran_out || r.left.len != 0)
		return false;
	*ret_alert = (struct tls_alert){ level, what };
	return true;
}

/* The message types that IANA knows. Behind ChangeCipherSpec the bytes are encrypted, and
 * mostly fail here. */
static bool is_handshake_type(uint8_t type)
{
	return type <= 6 || type == 8 || (type >= 11 && type <= 16) || (type >= 20 && type <= 26) ||
	       type == 67;
}

enum tls_parse tls_read_handshake(struct slice in, uint8_t *ret_type, struct slice *ret_body)
{
	struct reader r = { .left = in };
	if (in.len > 0 && !is_handshake_type(in.at[0]))
		return TLS_BAD;
	uint8_t type = read_u8(&r);
	uint32_t length = read_u24(&r);
	if (length > TLS_MAX_HANDSHAKE)
		return TLS_BAD;
	struct slice body = read_bytes(&r, length);
	if (r.ran_out)
		return TLS_MORE;
	*ret_type = type;
	*ret_body = body;
	return TLS_DONE;
}

const char *tls_version_name(uint16_t version)
{
	switch (version) {
	case 0x0002:
		return "SSL 2";
	case 0x0300:
		return "SSL 3";
	case 0x0301:
		return "1.0";
	case 0x0302:
		return "1.1";
	case 0x0303:
		return "1.2";
	case 0x0304:
		return "1.3";
	default:
		return NULL;
	}
}
