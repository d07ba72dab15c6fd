/* The words of a page: none out of nothing, never more than was asked for, whatever it is cut to.
 */
#include "http/page.h"

#include "inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	enum { MOST = 300, BEHIND = sizeof "..." };
	struct buffer out;
	buffer_init(&out, 4096);
	http_page_text(&out, (struct slice){ at, len }, MOST);
	assert(!out.failed && out.len <= MOST + BEHIND);
	for (size_t i = 0; i + 1 < out.len; i++)
		assert(out.at[i] != '\t' && !(out.at[i] == ' ' && out.at[i + 1] == ' '));
	buffer_done(&out);
	return 0;
}
