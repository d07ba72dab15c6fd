/* gzip and zstd, over one loop: give what there is before asking the source for more, so that a
 * pipe is read as it comes, and all that came before a break is delivered before the error. */
#include "capture/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd_errors.h>

enum { IN_ROOM = 65536, SNIFF = 4 };

const char *packing_name(enum packing p)
{
	return p == PACKING_GZIP ? "gzip" : p == PACKING_ZSTD ? "zstd" : "";
}

static int broken(struct unpack *u, struct error *err, const char *what)
{
	unsigned long long used = u->source.at - (u->in_len - u->in_at);
	err_set(&u->broken, -EBADMSG, "%s: its %s compression %s at byte %llu", u->source.shown,
		packing_name(u->packing), what, used);
	if (err)
		*err = u->broken;
	return u->broken.code;
}

/* A pipe's beginning stays in u->in as long as there is room: it may yet have to be kept. */
static bool holds_beginning(const struct unpack *u)
{
	return !u->source.regular && u->source.at == u->in_len && u->in_len < IN_ROOM;
}

/* The source's next bytes, behind those that are left; their number, 0 at the end. */
static ssize_t refill(struct unpack *u, struct error *err)
{
	if (u->in_at == u->in_len && !holds_beginning(u))
		u->in_at = u->in_len = 0;
	ssize_t n = source_read(&u->source, u->in + u->in_len, IN_ROOM - u->in_len, err);
	if (n > 0)
		u->in_len += (size_t)n;
	return n;
}

/* One gulp of a member, or the step into the next. 0, or a negative errno. */
static int step_gzip(struct unpack *u, uint8_t *to, size_t len, size_t *ret_made, struct error *err)
{
	if (!u->in_member) {
		while (u->in_at < u->in_len && u->in[u->in_at] == 0)
			u->in_at++; /* tapes and disk images pad with zeros */
		if (u->in_at == u->in_len)
			return 0;
		if (u->in[u->in_at] != 0x1f)
			return broken(u, err, "is followed by something that is not gzip");
		inflateReset(&u->z);
		u->in_member = true;
	}
	u->z.next_in = u->in + u->in_at;
	u->z.avail_in = (uInt)(u->in_len - u->in_at);
	u->z.next_out = to;
	u->z.avail_out = (uInt)(len < UINT32_MAX ? len : UINT32_MAX);
	uInt room = u->z.avail_out;
	int ret = inflate(&u->z, Z_SYNC_FLUSH);
	u->in_at = u->in_len - u->z.avail_in;
	*ret_made = room - u->z.avail_out;
	if (ret == Z_STREAM_END)
		u->in_member = false;
	else if (ret == Z_MEM_ERROR)
		return broken(u, err, "needs more memory than there is");
	else if (ret != Z_OK && ret != Z_BUF_ERROR)
		return broken(u, err, "is damaged");
	return 0;
}

static int step_zstd(struct unpack *u, uint8_t *to, size_t len, size_t *ret_made, struct error *err)
{
	if (!u->in_member && u->in_at == u->in_len)
		return 0;
	ZSTD_inBuffer in = { u->in, u->in_len, u->in_at };
	ZSTD_outBuffer out = { to, len, 0 };
	size_t ret = ZSTD_decompressStream(u->zstd, &out, &in);
	u->in_at = in.pos;
	*ret_made = out.pos;
	if (!ZSTD_isError(ret)) {
		u->in_member = ret != 0;
		return 0;
	}
	ZSTD_ErrorCode why = ZSTD_getErrorCode(ret);
	if (why == ZSTD_error_frameParameter_windowTooLarge)
		return broken(u, err, "looks back further than 128 MiB (zstd --long)");
	if (why == ZSTD_error_memory_allocation)
		return broken(u, err, "needs more memory than there is");
	if (why == ZSTD_error_prefix_unknown)
		return broken(u, err, "is followed by something that is not zstd");
	return broken(u, err, "is damaged");
}

static ssize_t read_packed(struct unpack *u, uint8_t *to, size_t len, struct error *err)
{
	size_t made = 0;
	while (made < len) {
		size_t got = 0, before = u->in_at;
		int ret = u->packing == PACKING_GZIP
				  ? step_gzip(u, to + made, len - made, &got, err)
				  : step_zstd(u, to + made, len - made, &got, err);
		made += got;
		if (ret < 0)
			return made ? (ssize_t)made : ret;
		if (got > 0 || u->in_at > before)
			continue;
		if (made > 0)
			break;
		ssize_t n = refill(u, err);
		if (n < 0)
			return n;
		if (n == 0)
			return u->in_member ? broken(u, err, "is cut short") : 0;
	}
	return (ssize_t)made;
}

static ssize_t read_plain(struct unpack *u, uint8_t *to, size_t len, struct error *err)
{
	if (u->in_at == u->in_len) {
		if (!holds_beginning(u))
			return source_read(&u->source, to, len, err);
		ssize_t n = refill(u, err);
		if (n <= 0)
			return n;
	}
	size_t left = u->in_len - u->in_at, n = len < left ? len : left;
	memcpy(to, u->in + u->in_at, n);
	u->in_at += n;
	return (ssize_t)n;
}

ssize_t unpack_read(struct unpack *u, uint8_t *to, size_t len, struct error *err)
{
	if (u->packing == PACKING_NONE)
		return read_plain(u, to, len, err);
	if (!u->broken.code)
		return read_packed(u, to, len, err);
	if (err)
		*err = u->broken;
	return u->broken.code;
}

static enum packing sniff(struct slice s)
{
	if (slice_starts(s, SLICE("\x1f\x8b\x08")))
		return PACKING_GZIP;
	bool skippable = s.len >= 4 && (s.at[0] & 0xf0) == 0x50 && /* RFC 8878 3.1.2 */
			 memcmp(s.at + 1, "\x2a\x4d\x18", 3) == 0;
	if (skippable || slice_starts(s, SLICE("\x28\xb5\x2f\xfd")))
		return PACKING_ZSTD;
	return PACKING_NONE;
}

static int decoder_init(struct unpack *u, struct error *err)
{
	if (u->packing == PACKING_GZIP && !u->z_ready)
		u->z_ready = inflateInit2(&u->z, 16 + MAX_WBITS) == Z_OK;
	if (u->packing == PACKING_ZSTD && !u->zstd)
		u->zstd = ZSTD_createDStream();
	if ((u->packing == PACKING_GZIP && !u->z_ready) || (u->packing == PACKING_ZSTD && !u->zstd))
		return err_set(err, -ENOMEM, "%s: no memory to uncompress it", u->source.shown);
	if (u->zstd)
		ZSTD_DCtx_reset(u->zstd, ZSTD_reset_session_only);
	return 0;
}

static int begin(struct unpack *u, struct error *err)
{
	u->in_at = u->in_len = 0;
	u->in_member = false;
	u->broken.code = 0;
	while (u->in_len < SNIFF) {
		ssize_t n = refill(u, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
	}
	u->packing = sniff((struct slice){ u->in, u->in_len });
	return decoder_init(u, err);
}

int unpack_open(struct unpack *u, const char *path, const char *name, struct error *err)
{
	*u = (struct unpack){ 0 };
	int ret = source_open(&u->source, path, name, err);
	if (ret < 0)
		return ret;
	u->in = malloc(IN_ROOM);
	ret = u->in ? begin(u, err)
		    : err_set(err, -ENOMEM, "%s: no memory to read it", u->source.shown);
	if (ret < 0)
		unpack_close(u);
	return ret;
}

void unpack_close(struct unpack *u)
{
	source_close(&u->source);
	if (u->z_ready)
		inflateEnd(&u->z);
	ZSTD_freeDStream(u->zstd);
	free(u->in);
}
