/* Private to the room. What the readers of pcap and pcapng share: the open capture. */
#ifndef CAPTURE_FORM_H
#define CAPTURE_FORM_H

#include "capture/bytes.h"
#include "capture/file.h"

struct interface {
	uint32_t link, snaplen; /* snaplen 0: unlimited */
	bool binary;            /* a tick of its clock is 2^-digits seconds, else 10^-digits */
	uint8_t digits;
	uint32_t scale; /* nanoseconds in a tick; 0: not a whole number */
	nanos offset;
	uint64_t dropped; /* as its last statistics block has it */
};

struct pcap {
	uint32_t link, scale; /* scale: nanoseconds in one unit of the fraction */
	unsigned head, minor; /* head: bytes before each packet */
	bool big;
};

/* One section at a time: its interfaces are numbered from 0. */
struct pcapng {
	struct interface *interface;
	size_t count, room;
	uint64_t dropped_before; /* in the sections that are over */
	bool big;
};

struct capture {
	struct bytes bytes;
	enum capture_kind kind;
	/* Adds packets to the empty batch: 1 some, 0 the end, negative errno. */
	int (*fill)(struct capture *c, struct capture_batch *b, struct error *err);
	uint64_t frame; /* of the last packet handed out */
	struct pcap pcap;
	struct pcapng pcapng;
	struct live *live; /* of an interface; else NULL */
	uint8_t *text;
	size_t text_len;
	char *path;
};

/* Whether a file that begins so is theirs; then the capture stands behind the file header. */
bool capture_is_pcap(struct slice head);
bool capture_is_pcapng(struct slice head);
int capture_begin_pcap(struct capture *c, struct error *err);
int capture_begin_pcapng(struct capture *c, struct error *err);
void capture_done_pcapng(struct capture *c);

void live_free(struct live *l); /* NULL is fine */

/* What stands here in place of a capture and is no text, or NULL; what to do about it. */
const char *capture_foreign(struct slice head, const char *path, const char **ret_remedy);

/* "NAME: ..." and -EBADMSG. */
int capture_broken(const struct capture *c, struct error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static inline uint16_t get_u16(const uint8_t *at, bool big)
{
	return (uint16_t)(big ? at[0] << 8 | at[1] : at[1] << 8 | at[0]);
}

static inline uint32_t get_u32(const uint8_t *at, bool big)
{
	return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
		   : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static inline uint64_t get_u64(const uint8_t *at, bool big)
{
	uint64_t first = get_u32(at, big), second = get_u32(at + 4, big);
	return big ? first << 32 | second : second << 32 | first;
}

#endif
