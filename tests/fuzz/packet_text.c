/* Any text into examples. */
#include "packet/text.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t sum; /* reads every byte that is handed out, so that a bad slice is noticed */

static void touch(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		sum += s.at[i];
}

static void check(const struct packet_text *t, const struct packet_example *e)
{
	assert(e->first_line <= e->last_line && e->count + e->notes > 0);
	touch(e->heading);
	for (size_t i = 0; i < e->count; i++) {
		const struct segment *s = &e->segment[i];
		assert(s->payload.len <= s->payload_len);
		assert(s->has & SEGMENT_TEXT || !(s->has & (SEGMENT_NO_SEQ | SEGMENT_NO_LENGTH)));
		assert(s->sack_count <= PACKET_MAX_SACK && s->wscale <= 14);
		touch(s->payload);
		touch(packet_text_name(t, &s->from));
		touch(packet_text_name(t, &s->to));
	}
	for (size_t i = 0; i < e->notes; i++)
		assert(icmp_name(&e->note[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_text *t = packet_text_read((struct slice){ data, size });
	for (size_t i = 0; t && i < packet_text_count(t); i++)
		check(t, packet_text_example(t, i));
	packet_text_free(t);
	return 0;
}
