/* A tool's file as it is, and as it is to be. */
#include "host/plan_change.h"

#include <string.h>

int host_plan_change(const char *root, size_t target, const struct settings *s,
		     struct host_change *c, bool *ret_differs, struct error *err)
{
	char name[PATH_MAX];
	struct buffer after;
	bool exists = false;
	memset(c, 0, sizeof *c);
	int code = host_change_name(name, root, plan_target(target)->path, err);
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
