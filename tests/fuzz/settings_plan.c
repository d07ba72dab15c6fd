/* Any text as a file of one of the tools: what is set in it once is set, and doing it again changes
 * nothing; taken out again, no trace of it is left. The first byte chooses the file. */
#include "settings/diff.h"
#include "settings/plan.h"

#include "inside.h"

static const char URL[] = "http://u:p%25@proxy.test:3128";

static int plan(size_t target, bool enabled, const struct buffer *before, struct buffer *out)
{
	bool exists;
	struct error err = { 0 };
	struct settings s = { .enabled = enabled,
			      .auth = true,
			      .host = SLICE("proxy.test"),
			      .port = 3128,
			      .user = SLICE("u"),
			      .password = SLICE("p%") };
	buffer_init(out, 2 * PLAN_MAX_TEXT);
	int code = plan_text(target, &s, buffer_slice(before), out, &exists, &err);
	assert((code < 0) == (err.text[0] != 0));
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 1 << 16 ||
	    slice_find((struct slice){ data, size }, SLICE("p%")) < size)
		return 0;
	size_t target = data[0] % PLAN_TARGETS;
	struct buffer before, once, twice, none, shown;
	buffer_init(&before, size);
	buffer_init(&shown, 1 << 24);
	buffer_add(&before, (struct slice){ data + 1, size - 1 });
	int code = plan(target, true, &before, &once);
	if (code == 0) {
		bool doubled = strncmp(plan_target(target)->path, "/etc/systemd/", 13) == 0;
		struct slice url =
			doubled ? SLICE("http://u:p%%25@proxy.test:3128") : slice_of(URL);
		assert(slice_find(buffer_slice(&once), url) < once.len);
		assert(plan(target, true, &once, &twice) == 0);
		assert(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
		assert(plan(target, false, &once, &none) == 0);
		assert(slice_find(buffer_slice(&none), url) == none.len);
		diff_add(&shown, buffer_slice(&before), buffer_slice(&once));
		assert(slice_find(buffer_slice(&shown), SLICE("p%")) == shown.len);
		buffer_done(&none);
		buffer_done(&twice);
	}
	buffer_done(&once);
	buffer_done(&shown);
	buffer_done(&before);
	return 0;
}
