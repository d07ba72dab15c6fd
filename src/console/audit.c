/* The audit log: who changed what, a line of JSON each; written at once, never rewritten here. */
#include "console/private.h"

#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST_SHOWN = 1 << 16 /* of its end */ };

int audit_open(const char *folder, struct error *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/audit", folder);
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 ? fd : err_set(err, -errno, "%s can't be opened: %m", path);
}

void audit_add(struct request *r, const char *user, const char *did, struct slice what)
{
	struct buffer line, text;
	buffer_init(&line, 4096);
	buffer_init(&text, 100);
	json_open(&line, NULL, '{');
	when_add_rfc3339(&text, r->now);
	json_text(&line, "at", buffer_slice(&text));
	buffer_reset(&text);
	address_add_host(&text, &r->from);
	json_text(&line, "from", buffer_slice(&text));
	json_word(&line, "user", user);
	json_word(&line, "did", did);
	if (what.len)
		json_text(&line, "what", slice_first(what, 600));
	json_close(&line, '}');
	buffer_add_byte(&line, '\n');
	ssize_t written =
		write(r->console->audit, line.at, line.len); /* one call: lines stay whole */
	(void)written; /* a full disk must not keep the proxy from being set right */
	buffer_done(&line);
	buffer_done(&text);
}

/* The last lines, the newest first. */
void audit_answer(struct request *r)
{
	static const char none[] = "";
	char *text = arena_alloc(r->arena, MOST_SHOWN);
	off_t end = lseek(r->console->audit, 0, SEEK_END);
	off_t from = end > MOST_SHOWN ? end - MOST_SHOWN : 0;
	ssize_t len = text ? pread(r->console->audit, text, MOST_SHOWN, from) : 0;
	struct slice all = { (const uint8_t *)(len > 0 ? text : none), len > 0 ? (size_t)len : 0 };
	if (from > 0) /* its first line is cut */
		slice_line(&all);
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "changes", '[');
	while (all.len > 1) {
		size_t at = all.len - 1; /* of the last line's end */
		while (at > 0 && all.at[at - 1] != '\n')
			at--;
		struct slice line = slice_trim(slice_from(all, at));
		if (line.len)
			json_raw(&r->out, NULL, line);
		all = slice_first(all, at);
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	answer_json(r, 200);
}
