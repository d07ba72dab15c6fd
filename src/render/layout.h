/* Text on a terminal: measuring, cutting, filling, wrapping, colouring. Private to this room.
 *
 * Works on text that is safe already (render/say.h). Columns are those of base/escape.h: wide
 * characters take two, combining ones none. Nothing is cut inside a character. */
#ifndef RENDER_LAYOUT_H
#define RENDER_LAYOUT_H

#include "render/render.h"

enum look { LOOK_DIM, LOOK_BOLD, LOOK_OK, LOOK_WARNING, LOOK_FAILURE };

/* The style's width, never below 40; 80 where it says 0. */
unsigned layout_width(const struct render_style *s);

unsigned layout_columns(struct slice text);

/* The text, cut at its end or in its middle with an ellipsis where it is too long. Returns the
 * columns used. */
unsigned layout_add_cut(struct buffer *out, const struct render_style *s, struct slice text,
			unsigned columns);
unsigned layout_add_middle(struct buffer *out, const struct render_style *s, struct slice text,
			   unsigned columns);

void layout_fill(struct buffer *out, unsigned used, unsigned columns);

/* The text in lines of at most `width` columns. The cursor stands at `column`; further lines begin
 * at `indent`. Ends without a line break. */
void layout_wrap(struct buffer *out, struct slice text, unsigned column, unsigned indent,
		 unsigned width);

/* A line break, after taking back the spaces before it. */
void layout_end_line(struct buffer *out);

void layout_look(struct buffer *out, const struct render_style *s, enum look look);
void layout_plain(struct buffer *out, const struct render_style *s);
enum look layout_look_of(enum severity severity);

/* ✓ ! ✗ ?, or ok !! FAIL ??: always layout_mark_width columns with their filling. */
void layout_add_mark(struct buffer *out, const struct render_style *s, enum verdict verdict,
                     enum severity severity);
unsigned layout_mark_width(const struct render_style *s);

#endif
