/* What looking around brought, as the record's member "probe". Private to `render`. */
#ifndef RENDER_JSON_PROBE_H
#define RENDER_JSON_PROBE_H

#include "base/buffer.h"
#include "trace/exchange.h"

/* `,"probe":{...}`, with a member for each differential that ran; nothing where none did. */
void json_add_probe(struct buffer *out, const struct trace_probe *p);

#endif
