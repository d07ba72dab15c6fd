/* What a page says: its words, without the tags, for showing them where there is no browser. Pure.
 *
 * Not a reader of HTML, which would take a browser: tags, comments, scripts and styles go, the usual
 * character references become what they stand for, white space is one space, and where a block
 * begins or ends a line ends. A page that is cut anywhere gives the words so far. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "base/buffer.h"

/* Adds the words to `out`, at most `most` bytes of them (cut before a character, with "..." behind it).
 * They are foreign bytes still: to be escaped before they are shown. */
void http_page_text(struct buffer *out, struct slice page, size_t most);

#endif
