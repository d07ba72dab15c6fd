/* Any bytes at all: they are refused, or are an exchange that packs and comes back the same. */
#include "diagnose/diagnose.h"
#include "trace/pack.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack_again(const struct exchange *x)
{
	struct buffer once, twice;
	buffer_init(&once, 1 << 20);
	buffer_init(&twice, 1 << 20);
	trace_pack(x, &once);
	assert(!once.failed);
	struct exchange *copy = trace_unpack(buffer_slice(&once), 1 << 20);
	assert(copy);
	trace_pack(copy, &twice);
	assert(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
	trace_free(copy);
	buffer_done(&once);
	buffer_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exchange *x = trace_unpack((struct slice){ data, size }, 65536);
	if (!x)
		return 0;
	pack_again(x);
	if (x->path || trace_open_path(x)) {
		struct finding f;
		diagnose_judge(x, &f);
	}
	trace_free(x);
	return 0;
}
