/* A capture file of any bytes: read twice, and the second time must say the same. */
#include "capture/file.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	uint64_t packets, frame, bytes, lost;
	int ended;
};

static struct sum read_packets(struct capture *c)
{
	struct capture_batch *b = capture_batch_new();
	struct sum s = { 0 };
	struct error err;
	while ((s.ended = capture_read(c, b, &err)) > 0) {
		assert(b->count > 0 && b->count <= CAPTURE_BATCH);
		for (size_t i = 0; i < b->count; i++) {
			const struct capture_packet *p = &b->packet[i];
			assert(p->frame > s.frame && p->data.len <= CAPTURE_MAX_PACKET);
			s.frame = p->frame;
			s.packets++;
			s.bytes += p->data.len;
			for (size_t k = 0; k < p->data.len; k += 17)
				s.bytes += p->data.at[k];
		}
	}
	s.lost = capture_lost(c);
	capture_batch_free(b);
	return s;
}

static struct sum read_capture(struct capture *c)
{
	struct slice text;
	if (capture_kind(c) == CAPTURE_TEXT)
		capture_read_text(c, 1 << 20, &text, NULL);
	struct sum s = read_packets(c);
	capture_close(c);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	char path[40];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	struct error err = { 0 };
	struct capture *c = capture_open(path, &err), *again = capture_open(path, NULL);
	close(fd);
	assert(!c == !again);
	if (c) {
		struct sum one = read_capture(c), two = read_capture(again);
		assert(one.packets == two.packets && one.bytes == two.bytes &&
		       one.lost == two.lost && one.ended == two.ended);
	} else {
		assert(err.code < 0 && err.text[0]);
	}
	return 0;
}
