/* A list of domains of any bytes, whole and in two pieces: both hold the same, and what looks like
 * a plain line of it is held. */
#include "proxy/domains.h"

#include "inside.h"

static void count(void *context, uint64_t line, const char *text)
{
	assert(line > 0 && text[0]);
	++*(unsigned *)context;
}

static struct domains *read_list(struct slice in, size_t cut, unsigned *told)
{
	struct domains *d = domains_new();
	struct file_faults faults = { count, told };
	if (!d)
		return NULL;
	assert(domains_add(d, slice_first(in, cut), &faults) == 0);
	assert(domains_add(d, slice_from(in, cut), &faults) == 0);
	assert(domains_end(d, &faults) == 0);
	return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { data, size };
	unsigned told = 0, told_cut = 0;
	struct domains *whole = read_list(in, size, &told);
	struct domains *cut = read_list(in, size ? data[size / 2] % size : 0, &told_cut);
	if (whole && cut) {
		assert(told == told_cut && domains_count(whole) == domains_count(cut));
		for (size_t i = 0; i < size; i++) {
			struct slice part = slice_first(slice_from(in, i), i % 37);
			assert(domains_hold(whole, part) == domains_hold(cut, part));
			assert(!domains_hold_exactly(whole, part) || domains_hold(whole, part));
		}
	}
	domains_free(whole);
	domains_free(cut);
	return 0;
}
