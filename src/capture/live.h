/* Packets as they come by: an interface of this host as a capture that goes on until it is told to end.
 *
 * It is read as a file is (capture_read of file.h), with two differences: a batch comes after a tenth of
 * a second at the latest, be it empty, and `until` of the batch says up to when it was listened; so
 * whoever reads also learns that time passes while nothing is heard. Frames are numbered from 1.
 *
 * Packets come through libpcap and the kernel's ring (TPACKET_V3): what the reader is too slow for waits
 * there, and what does not fit is dropped and counted. Whoever opens needs CAP_NET_RAW; whoever reads
 * needs nothing. One thread reads; capture_live_stop may be called from a signal handler. */
#ifndef CAPTURE_LIVE_H
#define CAPTURE_LIVE_H

#include "capture/file.h"

struct capture_live_options {
	const char *interface; /* "any": all of them */
	const char *filter;    /* in libpcap's language; NULL: everything */
	size_t buffer;         /* bytes of the ring */
};

/* NULL with err: no such interface (the nearest is named), not permitted (what it takes), a filter that
 * is none (libpcap says why). */
struct capture *capture_open_live(const struct capture_live_options *options, struct error *err);

/* The next capture_read is the last, and finds the end. */
void capture_live_stop(struct capture *c);

/* What the kernel counted, by the last batch. capture_lost is the sum of both. */
struct capture_live_counts {
	uint64_t dropped;              /* the ring was full */
	uint64_t dropped_by_interface; /* before it came to us */
	bool down;                     /* the interface is there, and down */
};
struct capture_live_counts capture_live_counts(const struct capture *c);

#endif
