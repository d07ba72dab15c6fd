/* viaduct proxy, cut into files: what the subcommand's words and options lead to, and where the
 * records go. Each task returns the exit status. */
#ifndef CLI_PROXY_H
#define CLI_PROXY_H

#include "proxy/server.h"

/* argv[0] is the word itself. */
int proxy_user(int argc, char **argv); /* viaduct proxy user add|remove|list ... */
int proxy_top(int argc, char **argv);  /* viaduct proxy top [--once] [--json] [-c FILE | ADDRESS] */

int proxy_check(const char *path);                           /* --check [-c FILE] */
int proxy_explain(const char *path, int argc, char **argv);  /* --explain [-c FILE] USER FROM TARGET */

/* The configuration, its faults told to standard error; NULL when there are any. */
struct config *proxy_load(const char *path);

/* ---- where the records go (proxy_log.c) ---------------------------------------------------- */

struct proxy_log;

/* As the configuration says; NULL, having complained, when a log can't be opened. */
struct proxy_log *proxy_log_open(const struct config *c);
void proxy_log_close(struct proxy_log *l); /* NULL is fine */

/* The callbacks of server_options and admin_views; context is the struct proxy_log. */
void proxy_log_exchange(void *context, const struct config *config, const struct exchange *x);
void proxy_log_rotate(void *context);
void proxy_log_prepare(void *context, const struct config *config); /* before workers have it */
void proxy_log_follow(void *context, const struct config *config); /* after a reload */
void proxy_log_say(void *context, const char *text);
void proxy_log_view(void *context, const struct exchange *x, struct buffer *out);
void proxy_log_why(void *context, const struct address *client, struct buffer *out);
void proxy_log_metrics(void *context, struct buffer *out);

#endif
