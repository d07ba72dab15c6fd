/* The facts that stand at the top of a card and of a report's section. Private to this room. */
#ifndef RENDER_FACTS_H
#define RENDER_FACTS_H

#include "diagnose/diagnose.h"

enum fact {
	FACT_PATH,
	FACT_WHEN,
	FACT_CREDENTIALS,
	FACT_ANSWER,
	FACT_VIA,
	FACT_PROXY_STATUS,
	FACT_PAGE,
	FACT_CHAIN,
	FACT_DOORS,
	FACT_TRAFFIC,
	FACT_STAGE,
	FACT_CONFIDENCE,
	FACT_COUNT_
};

const char *fact_name(enum fact f);

/* Safe to show; nothing where it is not known. */
void fact_say(struct buffer *out, enum fact f, const struct exchange *x, const struct diagnosis *d,
              bool utf8);

/* "frame 11", "line 120", "frame 11 of b.pcap"; nothing where there is only a time. */
void fact_say_place(struct buffer *out, const struct exchange *x, const struct evidence *e,
                    const char *const *file_name, bool utf8);

/* A display filter of Wireshark that finds the exchange; nothing where there is no capture. */
void fact_say_filter(struct buffer *out, const struct exchange *x);

/* "frames 5 to 15 of a.pcap", "from line 120: its heading"; nothing where neither is known. */
void fact_say_range(struct buffer *out, const struct exchange *x, const char *const *file_name,
                    bool utf8);

#endif
