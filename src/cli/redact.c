/* --slice: each failed exchange as a small pcapng of its own, with everything secret in it
 * overwritten: same length, checksums mended. Bytes that the first pass could not look at (a gap in
 * what TCP delivered, before its first byte, behind its last) are overwritten like secrets.
 *
 * Two more passes. The first reads the bytes of the failed connections in order, as TCP delivers
 * them, and notes at which sequence numbers secrets stand. The second writes the packets, with
 * those ranges overwritten in every segment that holds a part of them, however often it was sent.
 * What can't be looked into (IP fragments) is left out. */
#include "base/escape.h"
#include "capture/write.h"
#include "cli/command.h"
#include "cli/read.h"
#include "http/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	MAX_SLICES = 1000,
	MAX_RANGES = 4096, /* of one connection and side; beyond, all its payload is overwritten */
};

struct range {
	uint32_t from, to; /* sequence numbers */
};

struct slice_side {
	bool known;    /* `base` is */
	uint32_t base; /* sequence number of the stream's first byte */
	struct http_secrets finder;
	struct range *range;
	size_t ranges, room;
	bool everything; /* too many, or out of step */
};

struct sliced {
	const struct reported *what;
	struct slice_side side[2]; /* 0: the client's bytes */
	struct capture_writer *writer;
	uint64_t left_out;
};

struct slicer {
	const char *const *file; /* that follow one another */
	size_t files;
	struct sliced *slice;
	size_t count;
	uint64_t most;              /* bytes of a slice; 0: any */
	struct stream_table *table; /* while secrets are looked for */
};

/* ---- where the secrets are ------------------------------------------------------------------- */

static void note_range(void *context, uint64_t from, uint64_t to)
{
	struct slice_side *s = context;
	if (s->ranges == s->room) {
		size_t room = s->room ? s->room * 2 : 8;
		struct range *grown =
			room > MAX_RANGES ? NULL : realloc(s->range, room * sizeof *grown);
		if (!grown) {
			s->everything = true;
			return;
		}
		s->range = grown;
		s->room = room;
	}
	s->range[s->ranges++] = (struct range){ s->base + (uint32_t)from, s->base + (uint32_t)to };
}

static bool is_of(const struct sliced *s, const struct address *from, const struct address *to,
		  int *ret_side)
{
	bool up = address_equal(from, &s->what->client) && address_equal(to, &s->what->proxy);
	bool down = address_equal(to, &s->what->client) && address_equal(from, &s->what->proxy);
	*ret_side = up ? 0 : 1;
	return up || down;
}

static enum stream_wish want_sliced(void *context, const struct stream *s, int side,
				    struct slice sofar)
{
	struct slicer *l = context;
	int unused;
	(void)side;
	(void)sofar;
	for (size_t i = 0; i < l->count; i++)
		if (is_of(&l->slice[i], &s->side[0], &s->side[1], &unused))
			return STREAM_WATCH;
	return STREAM_NOTE;
}

/* The slices that this connection is part of get its bytes. */
static void each_of(struct slicer *l, const struct stream *s, int side,
		    void (*act)(struct slice_side *of, struct slice bytes, uint64_t gap),
		    struct slice bytes, uint64_t gap)
{
	for (size_t i = 0; i < l->count; i++) {
		int up;
		struct sliced *of = &l->slice[i];
		if (of->what->last >= s->first.at &&
		    is_of(of, &s->side[side], &s->side[1 - side], &up))
			act(&of->side[up], bytes, gap);
	}
}

static void look_for_secrets(struct slice_side *of, struct slice bytes, uint64_t gap)
{
	if (!gap) {
		http_find_secrets(&of->finder, bytes, note_range, of);
		return;
	}
	note_range(of, of->finder.at,
		   of->finder.at + gap); /* what is there of it was not looked at */
	http_secrets_gap(&of->finder, gap, note_range, of);
}

static void look_no_more(struct slice_side *of, struct slice bytes, uint64_t gap)
{
	(void)bytes;
	(void)gap;
	http_secrets_end(&of->finder, note_range, of);
}

static void sliced_data(void *context, struct stream_watch *w, int side, struct slice bytes,
			const struct stream_mark *mark)
{
	struct slicer *l = context;
	(void)mark;
	each_of(l, stream_look(l->table, w), side, look_for_secrets, bytes, 0);
}

static void sliced_gap(void *context, struct stream_watch *w, int side, uint64_t len,
		       enum stream_gap why, const struct stream_mark *mark)
{
	struct slicer *l = context;
	(void)why;
	(void)mark;
	each_of(l, stream_look(l->table, w), side, look_for_secrets, (struct slice){ 0 }, len);
}

static void sliced_end(void *context, struct stream_watch *w, const struct stream *s,
		       enum stream_end why)
{
	(void)w;
	(void)why;
	for (int side = 0; side < 2; side++)
		each_of(context, s, side, look_no_more, (struct slice){ 0 }, 0);
}

/* ---- overwriting -------------------------------------------------------------------------- */

/* The checksum after a byte of the sum changed (RFC 1624, equation 3). `odd`: the low byte of its
 * 16 bits. A checksum that was wrong (offload) stays as wrong as it was. */
static void mend_checksum(uint8_t *at, bool odd, uint8_t old, uint8_t new)
{
	uint32_t sum = (uint16_t) ~(at[0] << 8 | at[1]);
	sum += (uint16_t) ~(odd ? old : old << 8);
	sum += odd ? new : (uint32_t) new << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

struct payload {
	uint8_t *data;
	struct packet_layout at;
	uint32_t seq; /* of its first byte */
};

/* Overwrites what of the payload has sequence numbers from `from` up to `to`. */
static void overwrite(const struct payload *p, uint32_t from, uint32_t to)
{
	int64_t start = (int32_t)(from - p->seq), len = (uint32_t)(to - from);
	int64_t end =
		start + len < (int64_t)p->at.payload_len ? start + len : (int64_t)p->at.payload_len;
	uint8_t *checksum = p->data + p->at.tcp + 16;
	for (int64_t i = start < 0 ? 0 : start; i < end; i++) {
		uint8_t *byte = p->data + p->at.payload + i;
		mend_checksum(checksum, (p->at.payload - p->at.tcp + (size_t)i) & 1, *byte, '*');
		*byte = '*';
	}
}

static void overwrite_secrets(const struct payload *p, const struct slice_side *s)
{
	uint32_t end = p->seq + (uint32_t)p->at.payload_len;
	uint32_t seen = s->base + (uint32_t)s->finder.at;
	if (s->everything || !s->known) {
		overwrite(p, p->seq, end);
		return;
	}
	if ((int32_t)(s->base - p->seq) > 0)
		overwrite(p, p->seq, s->base);
	if ((int32_t)(end - seen) > 0)
		overwrite(p, seen, end);
	for (size_t i = 0; i < s->ranges; i++)
		overwrite(p, s->range[i].from, s->range[i].to);
}

static void write_tcp(struct sliced *s, const struct capture_packet *p, const struct segment *seg,
		      int side, uint8_t *copy)
{
	struct packet_frame f = { p->at, p->frame, p->link, p->wire_len, p->data };
	struct payload payload = { .data = copy, .seq = seg->seq + !!(seg->flags & TCP_SYN) };
	char comment[60];
	if (!packet_find_payload(&f, &payload.at)) {
		s->left_out++;
		return;
	}
	memcpy(copy, p->data.at, p->data.len);
	if (payload.at.payload_len)
		overwrite_secrets(&payload, &s->side[side]);
	struct capture_packet out = *p;
	out.data.at = copy;
	snprintf(comment, sizeof comment, "frame %llu of the original",
		 (unsigned long long)p->frame);
	capture_write(s->writer, &out, comment);
}

/* Ports and sequence number of the segment that an error quotes: where its TCP header begins. */
static size_t find_quote(const struct capture_packet *p, const struct icmp_note *note)
{
	const uint8_t head[8] = {
		note->from.port >> 8,      (uint8_t)note->from.port, note->to.port >> 8,
		(uint8_t)note->to.port,    note->seq >> 24,          (uint8_t)(note->seq >> 16),
		(uint8_t)(note->seq >> 8), (uint8_t)note->seq,
	};
	return slice_find(p->data, (struct slice){ head, sizeof head });
}

/* Of the quoted segment its header, and nothing of its payload. */
static void write_icmp(struct sliced *s, const struct capture_packet *p,
		       const struct icmp_note *note)
{
	size_t tcp = find_quote(p, note);
	if (tcp == p->data.len) {
		s->left_out++;
		return;
	}
	size_t len = p->data.len > tcp + 12 ? (size_t)(p->data.at[tcp + 12] >> 4) * 4 : 8;
	struct capture_packet out = *p;
	out.data = slice_first(out.data, tcp + (len < 20 ? 8 : len));
	capture_write(s->writer, &out, NULL);
}

static bool is_within(const struct sliced *s, const struct capture_packet *p)
{
	return p->at >= s->what->first && p->at <= s->what->last;
}

/* ---- passes over a file ------------------------------------------------------------------- */

typedef void packet_action(struct slicer *l, void *context, const struct capture_packet *p,
			   const struct segment *seg, const struct icmp_note *note);

static void pass_file(struct slicer *l, struct capture *c, struct packet_decoder *decoder,
		      struct capture_batch *batch, packet_action *act, void *context)
{
	struct error err;
	while (capture_read(c, batch, &err) > 0) {
		for (size_t i = 0; i < batch->count; i++) {
			const struct capture_packet *p = &batch->packet[i];
			struct packet_frame f = { p->at, p->frame, p->link, p->wire_len, p->data };
			struct segment seg;
			struct icmp_note note;
			const char *why;
			enum packet_kind kind = packet_decode(decoder, &f, &seg, &note, &why);
			if (kind == PACKET_TCP)
				act(l, context, p, &seg, NULL);
			else if (kind == PACKET_ICMP)
				act(l, context, p, NULL, &note);
		}
	}
}

/* How many of the files hold packets. */
static size_t pass(struct slicer *l, packet_action *act, void *context)
{
	struct error err;
	struct packet_decoder *decoder = packet_decoder_new();
	struct capture_batch *batch = capture_batch_new();
	size_t usable = 0;
	for (size_t i = 0; decoder && batch && i < l->files; i++) {
		struct capture *c = capture_open(l->file[i], &err);
		if (c && capture_kind(c) != CAPTURE_TEXT) {
			pass_file(l, c, decoder, batch, act, context);
			usable++;
		}
		capture_close(c);
	}
	capture_batch_free(batch);
	packet_decoder_free(decoder);
	return usable;
}

/* A stream's first byte follows the SYN; where that was not seen, it is the first byte seen. A SYN
 * that comes later, but not behind the exchange, began its connection anew. */
static void note_base(struct sliced *s, const struct segment *seg)
{
	int side;
	bool syn = seg->flags & TCP_SYN;
	if (!is_of(s, &seg->from, &seg->to, &side) || (!syn && seg->payload_len == 0))
		return;
	struct slice_side *of = &s->side[side];
	uint32_t base = seg->seq + syn;
	if (of->known && (!syn || base == of->base || seg->at > s->what->last))
		return;
	free(of->range);
	*of = (struct slice_side){ .known = true, .base = base };
}

static void find_action(struct slicer *l, void *context, const struct capture_packet *p,
			const struct segment *seg, const struct icmp_note *note)
{
	(void)note;
	for (size_t i = 0; seg && i < l->count; i++)
		note_base(&l->slice[i], seg);
	if (seg)
		stream_segment(context, seg);
	if (p->frame % STREAM_BORDER != 0)
		return;
	stream_until(context, p->at, NULL);
	while (stream_end_next(context)) {
	}
}

static void write_action(struct slicer *l, void *context, const struct capture_packet *p,
			 const struct segment *seg, const struct icmp_note *note)
{
	for (size_t i = 0; i < l->count; i++) {
		struct sliced *s = &l->slice[i];
		int side;
		if (!is_within(s, p))
			continue;
		if (l->most && capture_written(s->writer) + p->data.len > l->most) {
			s->left_out++;
			continue;
		}
		if (seg && is_of(s, &seg->from, &seg->to, &side))
			write_tcp(s, p, seg, side, context);
		else if (note && is_of(s, &note->from, &note->to, &side))
			write_icmp(s, p, note);
	}
}

static size_t find_secrets(struct slicer *l)
{
	struct stream_limits limits = { 0 };
	struct stream_callbacks callbacks = { .wish = want_sliced,
					      .data = sliced_data,
					      .gap = sliced_gap,
					      .end = sliced_end,
					      .context = l };
	struct stream_table *t = l->table = stream_table_new(&limits, &callbacks);
	size_t got = t ? pass(l, find_action, t) : 0;
	if (t)
		stream_finish(t);
	stream_table_free(t);
	return got;
}

static size_t write_slices(struct slicer *l)
{
	uint8_t *copy = malloc(CAPTURE_MAX_PACKET);
	size_t got = copy ? pass(l, write_action, copy) : 0;
	free(copy);
	return got;
}

/* ---- files -------------------------------------------------------------------------------- */

void redact_safe_name(char *into, const char *target)
{
	for (; *target; target++, into++) {
		char c = *target, letter = c | 0x20;
		bool safe = (c >= '0' && c <= '9') || (letter >= 'a' && letter <= 'z') ||
			    c == '.' || c == '-';
		*into = safe ? c : '_';
	}
	*into = '\0';
}

/* 001-denied-tools.example.net_443.pcapng */
static void name_slice(char *into, size_t size, const char *dir, size_t number,
		       const struct reported *what)
{
	char target[sizeof what->target];
	redact_safe_name(target, what->target);
	snprintf(into, size, "%s/%03zu-%s%s%s.pcapng", dir, number, verdict_id(what->verdict),
		 *target ? "-" : "", target);
}

static bool open_slices(struct slicer *l, const struct redact_slice *slice)
{
	struct error err;
	for (size_t i = 0; i < l->count; i++) {
		l->slice[i].what = &slice[i].what;
		l->slice[i].writer =
			capture_create(slice[i].path,
				       "one exchange, cut out by viaduct; secrets are overwritten",
				       &err);
		if (!l->slice[i].writer) {
			complain("%s", err.text);
			return false;
		}
	}
	return true;
}

static int close_slices(struct slicer *l, const struct redact_slice *slice)
{
	struct error err;
	char shown[200];
	int status = EXIT_FINE;
	for (size_t i = 0; i < l->count; i++) {
		struct sliced *s = &l->slice[i];
		if (s->writer && capture_finish(s->writer, &err) < 0) {
			complain("%s", err.text);
			status = EXIT_TROUBLE;
		}
		if (s->left_out)
			complain("%llu packets were left out of %s: fragments, or too much for it",
				 (unsigned long long)s->left_out,
				 escape_into(shown, sizeof shown, slice_of(slice[i].path)));
		free(s->side[0].range);
		free(s->side[1].range);
	}
	return status;
}

int redact_cut(const char *const *file, size_t files, const struct redact_slice *slice,
	       size_t slices, uint64_t most)
{
	struct slicer l = { .file = file, .files = files, .most = most };
	l.slice = calloc(slices ? slices : 1, sizeof *l.slice);
	if (!l.slice) {
		complain("out of memory");
		return EXIT_TROUBLE;
	}
	l.count = slices;
	bool fine = open_slices(&l, slice), usable = true;
	if (fine)
		usable = find_secrets(&l) > 0 && write_slices(&l) > 0;
	fine = close_slices(&l, slice) == EXIT_FINE && fine;
	free(l.slice);
	return !usable ? -1 : fine ? EXIT_FINE : EXIT_TROUBLE;
}

/* ---- of viaduct read ------------------------------------------------------------------------ */

/* Those of each file come together, in the order of the list. */
static int cut(const struct read_options *options, const struct redact_slice *slice, size_t count)
{
	int status = EXIT_FINE;
	for (size_t i = 0, n; i < count; i += n) {
		uint32_t file = slice[i].what.file;
		for (n = 1; i + n < count && slice[i + n].what.file == file; n++) {
		}
		const char *path = options->file[file];
		int got = redact_cut(&path, 1, slice + i, n, 0);
		if (got < 0)
			complain("%s can't be sliced: it holds no packets", options->shown[file]);
		if (got == EXIT_TROUBLE)
			return EXIT_TROUBLE;
	}
	return status;
}

static int by_file(const void *a, const void *b)
{
	const struct redact_slice *x = a, *y = b;
	if (x->what.file != y->what.file)
		return x->what.file < y->what.file ? -1 : 1;
	return strcmp(x->path, y->path); /* their numbers */
}

int redact_slices(const struct read_options *options, const struct report *r)
{
	const struct reported *listed;
	size_t listed_count = report_listed(r, &listed), failed = 0, count = 0;
	if (mkdir(options->slice, 0700) != 0 && errno != EEXIST) {
		complain("%s could not be made: %s", options->slice, strerror(errno));
		return EXIT_TROUBLE;
	}
	for (size_t i = 0; i < listed_count; i++)
		failed += listed[i].failed;
	count = failed < MAX_SLICES ? failed : MAX_SLICES;
	struct redact_slice *slice = calloc(count ? count : 1, sizeof *slice);
	if (!slice)
		return EXIT_TROUBLE;
	for (size_t i = 0, n = 0; i < listed_count && n < count; i++) {
		if (!listed[i].failed)
			continue;
		slice[n].what = listed[i];
		name_slice(slice[n].path, sizeof slice[n].path, options->slice, n + 1, &listed[i]);
		n++;
	}
	if (failed > count)
		complain("%zu failures; slices of the first %zu were written. --only, --from and "
			 "--to choose others",
			 failed, count);
	qsort(slice, count, sizeof *slice, by_file);
	int status = cut(options, slice, count);
	free(slice);
	return status;
}
