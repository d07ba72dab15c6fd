/* Answers of name servers. */
#include "net/dns_answer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int f = NET_V4; f <= NET_V6; f++) {
		struct dns_answer a, cut;
		struct slice in = { data, size };
		if (!dns_answer_read(in, f, &a))
			continue;
		assert(a.count <= NET_MAX_ADDRESSES);
		assert(a.count > 0 || a.ttl <= INT32_MAX);
		for (size_t i = 0; i < a.count; i++)
			assert(address_is_v4(&a.address[i]) || f == NET_V6);
		/* What is cut off is either not needed or missed. */
		for (size_t len = 0; len < size; len += 1 + size / 64)
			if (dns_answer_read(slice_first(in, len), f, &cut))
				assert(cut.count == a.count);
	}
	return 0;
}
