/* Writes pcapng, little-endian, through a buffer that is written out when it is full enough. */
#include "capture/write.h"

#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPTION_COMMENT = 1,
	OPTION_DROPS = 4,
	OPTION_CLOCK = 9,
	COMMENT_MOST = 65535,
	LINKS_MOST = 64,
	FLUSH_AT = 65536,
	/* One packet with its comment over what is not yet flushed. */
	BUFFER_MOST = FLUSH_AT + CAPTURE_MAX_PACKET + COMMENT_MOST + 256,
};

struct capture_writer {
	int fd;
	char *path;
	struct buffer out;
	uint32_t link[LINKS_MOST]; /* of interface 0, 1, ... */
	uint32_t links;
	uint64_t written;
	struct error first; /* what went wrong first; nothing is written after it */
};

static void put_u16(struct buffer *b, uint32_t v)
{
	uint8_t at[] = { (uint8_t)v, (uint8_t)(v >> 8) };
	buffer_add(b, (struct slice){ at, sizeof at });
}

static void put_u32(struct buffer *b, uint32_t v)
{
	put_u16(b, v & 0xffff);
	put_u16(b, v >> 16);
}

static void put_padded(struct buffer *b, struct slice s)
{
	buffer_add(b, s);
	buffer_add_repeat(b, 0, (4 - s.len % 4) % 4);
}

static void put_option(struct buffer *b, uint32_t code, struct slice value)
{
	put_u16(b, code);
	put_u16(b, (uint32_t)value.len);
	put_padded(b, value);
}

/* Nothing for NULL. A longer one is cut between two characters. */
static void put_comment(struct buffer *b, const char *comment)
{
	if (!comment)
		return;
	struct slice s = slice_of(comment);
	size_t len = s.len < COMMENT_MOST ? s.len : COMMENT_MOST;
	while (len > 0 && len < s.len && (s.at[len] & 0xc0) == 0x80)
		len--;
	put_option(b, OPTION_COMMENT, slice_first(s, len));
}

/* A block's length is known when it is done: the front one is written then. */
static size_t begin_block(struct buffer *b, uint32_t type)
{
	size_t start = b->len;
	put_u32(b, type);
	put_u32(b, 0);
	return start;
}

static void end_block(struct buffer *b, size_t start)
{
	uint32_t len = (uint32_t)(b->len - start) + 4;
	put_u32(b, len);
	if (b->failed)
		return;
	for (unsigned i = 0; i < 4; i++)
		b->at[start + 4 + i] = (uint8_t)(len >> 8 * i);
}

static void put_section(struct buffer *b, const char *comment)
{
	size_t start = begin_block(b, 0x0a0d0d0a);
	put_u32(b, 0x1a2b3c4d);
	put_u16(b, 1); /* version 1.0 */
	put_u16(b, 0);
	put_u32(b, UINT32_MAX); /* length of the section: not said */
	put_u32(b, UINT32_MAX);
	put_comment(b, comment);
	put_u32(b, 0); /* end of the options */
	end_block(b, start);
}

static void put_interface(struct buffer *b, uint32_t link)
{
	size_t start = begin_block(b, 1);
	put_u16(b, link);
	put_u16(b, 0);
	put_u32(b, 0); /* no snap length */
	put_option(b, OPTION_CLOCK, SLICE("\x09"));
	put_u32(b, 0);
	end_block(b, start);
}

static void put_drops(struct buffer *b, uint32_t drops)
{
	put_u16(b, OPTION_DROPS);
	put_u16(b, 8);
	put_u32(b, drops);
	put_u32(b, 0);
}

/* pcapng knows no time before 1970 and no packet without one in these blocks: both become 0. */
static void put_packet(struct buffer *b, uint32_t interface, const struct capture_packet *p,
		       const char *comment)
{
	uint64_t at = p->at > 0 ? (uint64_t)p->at : 0;
	size_t start = begin_block(b, 6);
	put_u32(b, interface);
	put_u32(b, (uint32_t)(at >> 32));
	put_u32(b, (uint32_t)at);
	put_u32(b, (uint32_t)p->data.len);
	put_u32(b, p->wire_len);
	put_padded(b, p->data);
	put_comment(b, comment);
	if (p->drops)
		put_drops(b, p->drops);
	if (comment || p->drops)
		put_u32(b, 0);
	end_block(b, start);
}

static const char *shown(const struct capture_writer *w, char *into, size_t size)
{
	return escape_into(into, size, slice_of(w->path));
}

static void flush(struct capture_writer *w)
{
	struct slice left = buffer_slice(&w->out);
	char name[160];
	if (w->out.failed && !w->first.code)
		err_set(&w->first, -ENOMEM, "%s: no memory to write it",
			shown(w, name, sizeof name));
	while (left.len > 0 && !w->first.code) {
		ssize_t n = write(w->fd, left.at, left.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int code = -errno;
			shown(w, name, sizeof name);
			errno = -code;
			err_set(&w->first, code, "%s: cannot be written at byte %llu: %m", name,
				(unsigned long long)w->written);
			break;
		}
		w->written += (uint64_t)n;
		left = slice_from(left, (size_t)n);
	}
	buffer_reset(&w->out);
}

/* The number of the interface for this link type, a new one if need be. */
static bool find_link(struct capture_writer *w, uint32_t link, uint32_t *ret_interface)
{
	uint32_t i = 0;
	while (i < w->links && w->link[i] != link)
		i++;
	if (i == LINKS_MOST) {
		char name[160];
		err_set(&w->first, -E2BIG, "%s: more than %d link types in one file",
			shown(w, name, sizeof name), LINKS_MOST);
		return false;
	}
	if (i == w->links) {
		w->link[w->links++] = link;
		put_interface(&w->out, link);
	}
	*ret_interface = i;
	return true;
}

static void writer_free(struct capture_writer *w)
{
	buffer_done(&w->out);
	free(w->path);
	free(w);
}

struct capture_writer *capture_create(const char *path, const char *comment, struct error *err)
{
	struct capture_writer *w = calloc(1, sizeof *w);
	char *copy = strdup(path);
	if (!w || !copy) {
		err_set(err, -ENOMEM, "no memory to write a capture");
		free(copy);
		free(w);
		return NULL;
	}
	w->path = copy;
	buffer_init(&w->out, BUFFER_MOST);
	w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd < 0) {
		int code = -errno;
		char name[160];
		shown(w, name, sizeof name);
		errno = -code;
		err_set(err, code, "%s: cannot be created: %m%s", name,
			errno == EEXIST ? "; move it away or name another place" : "");
		writer_free(w);
		return NULL;
	}
	put_section(&w->out, comment);
	return w;
}

void capture_write(struct capture_writer *w, const struct capture_packet *p, const char *comment)
{
	uint32_t interface;
	if (w->first.code || !find_link(w, p->link, &interface))
		return;
	put_packet(&w->out, interface, p, comment);
	if (w->out.failed || w->out.len >= FLUSH_AT)
		flush(w);
}

uint64_t capture_written(const struct capture_writer *w)
{
	return w->written + w->out.len;
}

int capture_flush(struct capture_writer *w, struct error *err)
{
	flush(w);
	if (w->first.code && err)
		*err = w->first;
	return w->first.code;
}

int capture_finish(struct capture_writer *w, struct error *err)
{
	flush(w);
	char name[160];
	shown(w, name, sizeof name);
	if (close(w->fd) != 0 &&
	    !w->first.code) /* some file systems say only now that they are full */
		err_set(&w->first, -errno, "%s: cannot be written: %m", name);
	int ret = w->first.code;
	if (ret < 0) {
		unlink(w->path);
		if (err)
			*err = w->first;
	}
	writer_free(w);
	return ret;
}
