/* Wireshark's packet list, which a text may print twice. */
#include "packet/text_reading.h"

/* A row's identity: all its characters but the number's and the blanks between. */
static uint64_t row_hash(struct slice line, bool numbered)
{
	uint64_t h = 3;
	if (numbered)
		text_word(&line);
	for (size_t i = 0; i < line.len; i++)
		if (line.at[i] != ' ' && line.at[i] != '\t')
			h = text_hash(h, &line.at[i], 1);
	return text_hash_end(h);
}

/* The same table again? Then its rows are known already. */
static bool row_repeats(struct reading *r, uint64_t hash)
{
	if (r->head_again && r->form == FORM_ROWS && r->rows > 0 && r->row[0].hash == hash)
		r->repeat = 1;
	r->head_again = false;
	if (r->repeat && r->repeat <= r->rows && r->row[r->repeat - 1].hash == hash) {
		r->repeat++;
		return true;
	}
	r->repeat = 0;
	return false;
}

void text_table_add(struct reading *r, uint64_t hash, uint64_t frame, size_t segment)
{
	if (text_grow(r, &r->row, &r->row_room, r->rows, sizeof *r->row))
		r->row[r->rows++] = (struct row){ hash, frame, segment, r->message };
}

bool text_table_line(struct reading *r, struct slice line)
{
	struct text_packet p;
	if (text_is_table_head(line)) {
		text_head_finish(r, false);
		r->in_table = r->head_again = true;
		return true;
	}
	if (!text_read_row(line, r->in_table, &p))
		return false;
	text_head_finish(r, false);
	text_hex_finish(r);
	bool again = r->head_again;
	uint64_t hash = row_hash(line, p.frame > 0);
	if (row_repeats(r, hash))
		return true;
	if (again && p.frame > 0 && p.frame <= r->last_frame && r->form == FORM_ROWS)
		text_example_begin(r, FORM_ROWS);
	text_example_choose(r, &p, FORM_ROWS);
	if (p.frame == 0 && r->last_frame > 0)
		p.frame = r->last_frame + 1;
	size_t before = r->t->segments;
	text_add_packet(r, &p);
	r->attach = r->hex_of = 0;
	r->last_frame = p.frame;
	text_table_add(r, hash, p.frame, r->t->segments > before ? r->t->segments : 0);
	return true;
}

/* Rows are in order of their numbers, as good as always; where not, it is not found. */
const struct row *text_table_frame(const struct reading *r, uint64_t frame)
{
	size_t low = 0, high = r->form == FORM_ROWS ? r->rows : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (r->row[middle].frame < frame)
			low = middle + 1;
		else
			high = middle;
	}
	bool found = r->form == FORM_ROWS && low < r->rows && r->row[low].frame == frame;
	return found ? &r->row[low] : NULL;
}
