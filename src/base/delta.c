/* Steps of one byte and more: how many new bytes stand in place of how many old ones, how many old
 * ones follow as they are, and the new bytes.
 *
 *     fresh (3 bits), same (5 bits)    in place of as many old ones
 *     7: another byte follows, of fresh and old (4 bits each)
 *     31: another byte follows, of same */
#include "base/delta.h"

#include "base/reader.h"

enum { MOST_NEW = 15, MOST_SAME = 255, WORTH = 3, OTHER = 7, LONG = 31 };

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

static void put_step(struct buffer *out, const struct step *step)
{
	bool even = step->fresh == step->old && step->fresh < OTHER, brief = step->same < LONG;
	buffer_add_byte(out,
			(uint8_t)((even ? step->fresh : OTHER) << 5 | (brief ? step->same : LONG)));
	if (!even)
		buffer_add_byte(out, (uint8_t)(step->fresh << 4 | step->old));
	if (!brief)
		buffer_add_byte(out, (uint8_t)step->same);
}

static struct step read_step(struct reader *in)
{
	uint8_t places = read_u8(in);
	struct step step = { places >> 5, places >> 5, places & LONG };
	if (step.fresh == OTHER) {
		places = read_u8(in);
		step.fresh = places >> 4;
		step.old = places & 15;
	}
	if (step.same == LONG)
		step.same = read_u8(in);
	return step;
}

void delta_add(struct buffer *out, struct slice like, struct slice s)
{
	while (s.len > 0) {
		struct step step = next_step(like, s);
		put_step(out, &step);
		buffer_add(out, slice_first(s, step.fresh));
		s = slice_from(s, step.fresh + step.same);
		like = slice_from(like, step.old + step.same);
	}
}

bool delta_apply(struct slice like, struct slice delta, struct buffer *out)
{
	struct reader old = { .left = like }, in = { .left = delta };
	while (in.left.len > 0 && !in.ran_out && !old.ran_out) {
		struct step step = read_step(&in);
		buffer_add(out, read_bytes(&in, step.fresh));
		read_bytes(&old, step.old);
		buffer_add(out, read_bytes(&old, step.same));
	}
	return !in.ran_out && !old.ran_out && !out->failed;
}
