/* Steps of two bytes and more: how many new bytes stand in place of how many old ones (half a byte
 * each), how many old ones follow as they are, and the new bytes. */
#include "base/delta.h"

#include "base/reader.h"

enum { MOST_NEW = 15, MOST_SAME = 255, WORTH = 3 }; /* a step of its own costs two bytes */

struct step {
	size_t fresh, old, same;
};

static size_t same_bytes(struct slice a, struct slice b)
{
	size_t most = a.len < b.len ? a.len : b.len, n = 0;
	most = most < MOST_SAME ? most : MOST_SAME;
	while (n < most && a.at[n] == b.at[n])
		n++;
	return n;
}

/* Where the two go on alike, with as few new bytes as can be. */
static struct step next_step(struct slice like, struct slice s)
{
	struct step best = { 0 };
	for (; best.fresh <= MOST_NEW && best.fresh < s.len; best.fresh++) {
		struct slice rest = slice_from(s, best.fresh);
		for (size_t old = 0; old <= MOST_NEW && old < like.len; old++) {
			size_t same = same_bytes(slice_from(like, old), rest);
			if (same > best.same) {
				best.old = old;
				best.same = same;
			}
		}
		if (best.same >= WORTH || best.same == rest.len)
			return best;
		best.same = best.old = 0;
	}
	best.fresh = s.len < MOST_NEW ? s.len : MOST_NEW;
	best.old = like.len < best.fresh ? like.len : best.fresh;
	return best;
}

void delta_add(struct buffer *out, struct slice like, struct slice s)
{
	while (s.len > 0) {
		struct step step = next_step(like, s);
		buffer_add_byte(out, (uint8_t)(step.fresh << 4 | step.old));
		buffer_add_byte(out, (uint8_t)step.same);
		buffer_add(out, slice_first(s, step.fresh));
		s = slice_from(s, step.fresh + step.same);
		like = slice_from(like, step.old + step.same);
	}
}

bool delta_apply(struct slice like, struct slice delta, struct buffer *out)
{
	struct reader old = { .left = like }, in = { .left = delta };
	while (in.left.len > 0 && !in.ran_out && !old.ran_out) {
		uint8_t places = read_u8(&in), same = read_u8(&in);
		buffer_add(out, read_bytes(&in, places >> 4));
		read_bytes(&old, places & 15);
		buffer_add(out, read_bytes(&old, same));
	}
	return !in.ran_out && !old.ran_out && !out->failed;
}
