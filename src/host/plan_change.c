/* A tool's file as it is, and as it is to be. */
#include "host/plan_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In an image the home folder is root's. */
static int target_name(char *into, const char *path, const char *root, struct error *err)
{
	const char *home = *root ? "/root" : getenv("HOME");
	if (path[0] != '~')
		home = "";
	if (!home || (path[0] == '~' && home[0] != '/'))
		return err_set(err, -EINVAL, "there is no HOME for %s", path);
	int len = snprintf(into, PATH_MAX, "%s%s", home, path + (path[0] == '~'));
	return len < PATH_MAX ? 0 : err_set(err, -ENAMETOOLONG, "HOME is too long");
}

int host_plan_change(const char *root, size_t target, const struct settings *s,
		     struct host_change *c, bool *ret_differs, struct error *err)
{
	char name[PATH_MAX];
	struct buffer after;
	bool exists = false;
	memset(c, 0, sizeof *c);
	int code = target_name(name, plan_target(target)->path, root, err);
	if (code < 0)
		return code;
	buffer_init(&after, PLAN_MAX_TEXT);
	code = host_change_open(c, root, name, err);
	if (code == 0)
		code = plan_text(target, s, c->now.text, &after, &exists, err);
	bool same = exists == c->now.exists && slice_equal(buffer_slice(&after), c->now.text);
	if (code == 0 && !same) {
		if (!c->now.exists && s->auth && plan_target(target)->path[0] == '~')
			c->to.mode = 0600;
		c->to.exists = exists;
		code = host_change_set(c, buffer_slice(&after), err);
	}
	buffer_wipe(&after);
	*ret_differs = code == 0 && !same;
	return code;
}
