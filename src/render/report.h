/* Pictures and pages: the sequence ladder as SVG, and a self-contained HTML report to put into a
 * ticket. Neither loads anything from elsewhere; no script. Foreign bytes are escaped. */
#ifndef RENDER_REPORT_H
#define RENDER_REPORT_H

#include "render/render.h"

/* The ladder of one exchange: client and proxy (and origin, where the capture shows it) as
 * verticals, the events as arrows with time, frame and what they are, lost ones as arrows that do
 * not arrive, silence as a gap with its length, the place of the fault marked. Height follows the
 * number of events, not the time. */
void render_ladder(struct buffer *out, const struct exchange *x, const struct diagnosis *d);

/* A report in pieces, so that it can be written as exchanges come: head, one section per exchange
 * (with its ladder inside when `ladder`), foot with the summary. */
void render_html_head(struct buffer *out, const char *title);
void render_html_exchange(struct buffer *out, const struct render_style *s,
                          const struct exchange *x, const struct diagnosis *d, bool ladder);
void render_html_foot(struct buffer *out, const struct tally *t,
                      const struct summary_facts *facts);

/* A section with a table, of text that is safe to show. Where `result` is given each row begins with it,
 * as a badge in the colour of its `severity`. */
struct render_table {
	const char *heading;
	const char *const *column;   /* their names; NULL: none, and the first column names its row */
	size_t columns, rows;
	const char *const *cell;     /* row by row; NULL is empty */
	const char *const *result;   /* one a row, or NULL */
	const enum severity *severity;
	bool first;                  /* it stands before the exchanges */
};
void render_html_table(struct buffer *out, const struct render_table *t);

/* The end of a page that has no summary. */
void render_html_end(struct buffer *out);

#endif
