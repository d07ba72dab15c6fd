/* Follows the proxy's access log (JSON lines) into the history: from where it stood, through
 * rotation and truncation. A line that is read twice is kept once, since the store knows it by its
 * id. */
#include "console/private.h"

#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PIECE = 1 << 16,
	MOST_LINE = 1 << 18,
	MOST_AT_ONCE = 4 << 20, /* bytes; the rest waits for the next time */
	ARENA = 1 << 20,
};

struct follower {
	const char *log;
	char place[PATH_MAX]; /* a file that says how far it was read */
	int fd;               /* -1: there is none yet */
	struct stat file;     /* of fd */
	uint64_t at;          /* whole lines up to here are in the history */
	struct buffer rest;   /* behind these: a line that has not ended */
	struct arena *arena;
};

struct follower *follower_new(const struct console_options *options)
{
	struct follower *f = calloc(1, sizeof *f);
	if (!f || !(f->arena = arena_new(ARENA))) {
		free(f);
		return NULL;
	}
	f->log = options->log;
	f->fd = -1;
	snprintf(f->place, sizeof f->place, "%s/followed", options->folder);
	buffer_init(&f->rest, MOST_LINE + 2 * PIECE);
	return f;
}

void follower_free(struct follower *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	arena_free(f->arena);
	buffer_done(&f->rest);
	free(f);
}

/* ---- how far it was read ------------------------------------------------------------------- */

/* "inode offset" */
static uint64_t read_place(const struct follower *f)
{
	struct host_file file;
	struct error ignored;
	uint64_t inode = 0, at = 0;
	if (host_file_read(f->place, 100, &file, &ignored) < 0)
		return 0;
	struct slice text = slice_trim(file.text);
	struct slice first = slice_cut(&text, ' ');
	bool good = slice_parse_u64(first, 10, &inode) && slice_parse_u64(text, 10, &at) &&
		    inode == f->file.st_ino && at <= (uint64_t)f->file.st_size;
	host_file_done(&file);
	return good ? at : 0;
}

static int write_place(const struct follower *f, struct error *err)
{
	char text[60];
	const struct host_file like = { .mode = 0600, .owner = geteuid(), .group = getegid() };
	snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)f->file.st_ino,
		 (unsigned long long)f->at);
	return host_file_write(f->place, slice_of(text), &like, err);
}

static bool open_log(struct follower *f)
{
	f->fd = open(f->log, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0)
		return false;
	if (fstat(f->fd, &f->file) == 0 && S_ISREG(f->file.st_mode)) {
		f->at = read_place(f);
		return true;
	}
	close(f->fd);
	f->fd = -1;
	return false;
}

static void close_log(struct follower *f)
{
	close(f->fd);
	f->fd = -1;
	f->at = 0;
	buffer_reset(&f->rest);
}

/* ---- a line -------------------------------------------------------------------------------- */

static struct slice text_of(const struct json_object *o, const char *name)
{
	const struct json_member *m = json_find(o, name, JSON_TEXT);
	return m ? m->text : (struct slice){ 0 };
}

/* 2025-03-14T11:30:12.517129Z, with up to nine digits behind the point. */
static bool read_start(struct slice s, nanos *ret_start)
{
	static const char form[] = "0000-00-00T00:00:00.";
	enum { HEAD = sizeof form - 1 };
	int part[7] = { 0 }, n = 0;
	uint64_t fraction;
	if (s.len < HEAD + 2 || s.len > HEAD + 10 || s.at[s.len - 1] != 'Z')
		return false;
	for (size_t i = 0; i < HEAD; i++) {
		bool digit = s.at[i] >= '0' && s.at[i] <= '9';
		if (digit != (form[i] == '0') || (!digit && s.at[i] != (uint8_t)form[i]))
			return false;
		n += !digit;
		if (digit)
			part[n] = part[n] * 10 + (s.at[i] - '0');
	}
	struct slice digits = slice_from(slice_first(s, s.len - 1), HEAD);
	if (!slice_parse_u64(digits, 10, &fraction))
		return false;
	for (size_t i = digits.len; i < 9; i++)
		fraction *= 10;
	*ret_start = when_join(&(struct when){ part[0], part[1], part[2], part[3], part[4], part[5],
					       (uint32_t)fraction });
	return true;
}

static bool read_severity(struct slice s, enum severity *ret_severity)
{
	for (int i = SEVERITY_OK; i <= SEVERITY_FAILURE; i++)
		if (slice_equal(s, slice_of(severity_name((enum severity)i)))) {
			*ret_severity = (enum severity)i;
			return true;
		}
	return false;
}

/* Its texts, but those that are found otherwise. */
static void add_texts(struct buffer *out, const struct json_object *o)
{
	static const char *const names[] = { "method", "client", "summary", "reason",  "product",
					     "via",    "sni",    "why",     "why_text" };
	const struct json_member *status = json_find(o, "status", JSON_NUMBER);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		buffer_add(out, text_of(o, names[i]));
		buffer_add_byte(out, ' ');
	}
	if (status)
		buffer_add(out, status->text);
}

static bool read_record(const struct json_object *o, struct store_record *r)
{
	enum verdict known;
	uint64_t id;
	r->verdict = text_of(o, "verdict");
	r->target = text_of(o, "target");
	r->proxy = text_of(o, "proxy");
	bool good = json_find(o, "v", JSON_NUMBER) && slice_parse_u64(text_of(o, "id"), 16, &id) &&
		    read_start(text_of(o, "start"), &r->start) &&
		    read_severity(text_of(o, "severity"), &r->severity) &&
		    verdict_find(r->verdict, &known);
	if (good)
		r->id = (int64_t)id;
	return good;
}

/* A line that is no record is passed over: the log may hold others. */
static int add_line(struct console *c, struct slice line, struct error *err)
{
	struct json_object o;
	struct store_record r = { .json = line };
	struct buffer said;
	arena_reset(c->follower->arena);
	if (!json_read(line, c->follower->arena, &o) || !read_record(&o, &r))
		return 0;
	buffer_init(&said, MOST_LINE);
	add_texts(&said, &o);
	r.said = buffer_slice(&said);
	int code = store_add_record(c->store, &r, STORE_PROXY, NULL, err);
	buffer_done(&said);
	return code;
}

/* The whole lines of what is there. One that is longer than any record is passed over. */
static int add_lines(struct console *c, struct follower *f, struct error *err)
{
	struct slice all = buffer_slice(&f->rest);
	size_t used = 0;
	int code = 0;
	while (code == 0) {
		struct slice rest = slice_from(all, used);
		size_t end = slice_find_byte(rest, '\n');
		if (end == rest.len)
			break;
		code = add_line(c, slice_first(rest, end), err);
		used += code == 0 ? end + 1 : 0;
	}
	if (code == 0 && used == 0 && all.len > MOST_LINE)
		used = all.len;
	buffer_drop(&f->rest, used);
	f->at += used;
	return code;
}

/* ---- the file ------------------------------------------------------------------------------ */

/* 1: some was read; 0: there is no more. */
static int read_piece(struct console *c, struct follower *f, struct error *err)
{
	uint8_t *into = buffer_reserve(&f->rest, PIECE);
	if (!into)
		return err_set(err, -ENOMEM, "out of memory");
	ssize_t n = pread(f->fd, into, PIECE, (off_t)(f->at + f->rest.len));
	if (n < 0)
		return err_set(err, -errno, "%s can't be read: %m", f->log);
	f->rest.len += (uint32_t)n;
	int code = n > 0 ? add_lines(c, f, err) : 0;
	return code < 0 ? code : n > 0;
}

/* It was cut to nothing in place (as logrotate's copytruncate does), or another has its name. */
static bool is_another(const struct follower *f)
{
	struct stat named, now;
	if (fstat(f->fd, &now) == 0 && (uint64_t)now.st_size < f->at)
		return true;
	return stat(f->log, &named) == 0 &&
	       (named.st_ino != f->file.st_ino || named.st_dev != f->file.st_dev);
}

int console_follow(struct console *c, struct error *err)
{
	struct follower *f = c->follower;
	int code = 1;
	if (!f || (f->fd < 0 && !open_log(f)))
		return 0;
	uint64_t began = f->at;
	while (code == 1 && f->at - began < MOST_AT_ONCE)
		code = read_piece(c, f, err);
	if (code >= 0 && f->at != began) {
		int kept = store_flush(c->store, err);
		kept = kept < 0 ? kept : write_place(f, err);
		code = kept < 0 ? kept : code;
	}
	if (code == 0 && is_another(f))
		close_log(f);
	return code < 0 ? code : 0;
}
