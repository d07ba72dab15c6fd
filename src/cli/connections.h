/* viaduct connections, cut into files: what is asked for, and how it is shown. */
#ifndef CLI_CONNECTIONS_H
#define CLI_CONNECTIONS_H

#include "host/connections.h"
#include "host/processes.h"

struct connections_page {
	struct host_connections list; /* the worst first */
	struct host_owner *owner;     /* sorted by inode */
	size_t owners;
	int hidden; /* processes that could not be looked into; negative: none could */
	nanos at;   /* when the kernel was asked */
};

struct connections_style {
	unsigned width;
	size_t lines; /* 0: as many as it takes */
	bool colour, utf8;
};

/* To be ended with connections_done. */
int connections_look(const struct address *far_end, size_t count,
                     struct connections_page *ret_page, struct error *err);
void connections_done(struct connections_page *p);

void connections_sort(struct connections_page *p);
void connections_show(struct buffer *out, const struct connections_page *p,
                      const struct connections_style *s);
void connections_show_json(struct buffer *out, const struct connections_page *p);

#endif
