/* Reads capture files: pcap and pcapng as they are met, plain or compressed, from a file or a
 * pipe. Gives packets in batches; knows nothing of what is in them.
 *
 * pcap: both byte orders, micro- and nanoseconds, the "modified" record of old Linux kernels.
 * pcapng: any number of sections and interfaces, each with its own link type, snap length,
 * clock resolution (if_tsresol) and offset (if_tsoffset); EPB, SPB and the obsolete PB; unknown
 * blocks are passed over. gzip and zstd are recognised by their first bytes, one inside
 * another is not followed. Anything that is none of these, and is text, says CAPTURE_TEXT.
 *
 * A broken file is read up to the break: the packets before it come first, then the error, with
 * the file's name, byte offset and both numbers that disagree. Lengths are checked before
 * memory is taken: no packet is larger than CAPTURE_MAX_PACKET, no block than 16 MiB. */
#ifndef CAPTURE_FILE_H
#define CAPTURE_FILE_H

#include "base/error.h"
#include "base/when.h"

enum { CAPTURE_MAX_PACKET = 262144 + 64, CAPTURE_BATCH = 1024 };

enum capture_kind { CAPTURE_PCAP, CAPTURE_PCAPNG, CAPTURE_TEXT, CAPTURE_LIVE };

struct capture_packet {
	nanos at;          /* NO_TIME: a pcapng simple packet block, or beyond what nanos can say */
	uint64_t frame;    /* 1 for the first packet of the file, as Wireshark counts */
	struct slice data; /* what was captured; borrowed from the batch */
	uint32_t wire_len; /* what was on the wire, >= data.len in a sane file */
	uint32_t link;     /* LINKTYPE_..., of this packet's interface */
	uint32_t drops;    /* packets the capture says it lost just before (epb_dropcount), or 0 */
};

/* Owns the bytes of its packets; they stay valid until it is filled again or freed. */
struct capture_batch {
	struct capture_packet packet[CAPTURE_BATCH];
	size_t count;
	nanos until; /* CAPTURE_LIVE: it was listened so long; else NO_TIME */
	struct capture_bytes *bytes; /* private */
};

struct capture;

/* path "-" is standard input. On failure NULL, and *err says why (no such file, a directory,
 * empty, not a capture: what it looks like instead). */
struct capture *capture_open(const char *path, struct error *err);
/* The same where messages are to call it so; the name is safe to show. */
struct capture *capture_open_as(const char *path, const char *name, struct error *err);
void capture_close(struct capture *c); /* NULL is fine */

enum capture_kind capture_kind(const struct capture *c);
const char *capture_name(const struct capture *c); /* the path; "standard input" for "-" */
uint64_t capture_size(const struct capture *c);    /* bytes on disk; 0 for a pipe */
uint64_t capture_offset(const struct capture *c);  /* bytes on disk read so far: for progress */

struct capture_batch *capture_batch_new(void); /* NULL: out of memory */
void capture_batch_free(struct capture_batch *b);

/* Fills the batch. 1: it holds at least one packet; 0: the end, in good order; negative errno:
 * broken, *err says where (what came before has been handed out already). A truncated last
 * record is such a break. Any number of batches may be filled in turn; not from two threads at
 * once. */
int capture_read(struct capture *c, struct capture_batch *b, struct error *err);

/* CAPTURE_TEXT: the whole text, borrowed until capture_close; more than `limit` bytes is an
 * error. */
int capture_read_text(struct capture *c, size_t limit, struct slice *ret_text,
                      struct error *err);

/* Packets that the capture itself says were dropped (pcapng interface statistics, the kernel's ring). */
uint64_t capture_lost(const struct capture *c);

#endif
