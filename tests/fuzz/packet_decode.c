/* Frames of any link type through one decoder. The input is a run of records: link type (two
 * bytes), bytes on the wire beyond those captured (one), captured length (two), the bytes. */
#include "base/reader.h"
#include "packet/decode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t sum; /* reads every byte that is handed out, so that a bad slice is noticed */

static void touch(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		sum += s.at[i];
}

static void decode(struct packet_decoder *d, const struct packet_frame *f)
{
	struct segment tcp;
	struct icmp_note icmp;
	const char *why = NULL;
	struct packet_layout layout;
	enum packet_kind kind = packet_decode(d, f, &tcp, &icmp, &why);
	if (kind == PACKET_TCP) {
		assert(tcp.payload.len <= tcp.payload_len && tcp.sack_count <= PACKET_MAX_SACK);
		touch(tcp.payload);
	}
	if (kind == PACKET_ICMP)
		assert(icmp_name(&icmp));
	if (kind == PACKET_BAD)
		assert(why);
	if (packet_find_payload(f, &layout)) {
		assert(kind == PACKET_TCP && packet_knows_link(f->link));
		assert(layout.tcp + 20 <= layout.payload);
		touch(slice_first(slice_from(f->data, layout.payload), layout.payload_len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = { .left = { data, size } };
	struct packet_decoder *d = packet_decoder_new();
	for (uint64_t n = 1; d && r.left.len > 0; n++) {
		uint32_t link = read_u16(&r);
		uint32_t unseen = read_u8(&r);
		struct slice s = read_counted(&r, 2);
		if (r.ran_out)
			break;
		uint8_t *exact = malloc(s.len ? s.len : 1);
		if (!exact)
			break;
		memcpy(exact, s.at, s.len);
		decode(d, &(struct packet_frame){ .at = (nanos)n,
						  .frame = n,
						  .link = link,
						  .wire_len = (uint32_t)s.len + unseen,
						  .data = { exact, s.len } });
		free(exact);
	}
	packet_decoder_free(d);
	return 0;
}
