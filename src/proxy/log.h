/* The access log: lines in from any thread, one thread that writes them out.
 *
 * log_add never waits and never fails. What the file, the pipe or syslog does not take in time is
 * dropped and counted; once there is room again a line says how many were lost, and logging goes on.
 * A line is never cut in two by that.
 *
 * Goes to a file (appended; made with mode 0640), to standard output ("-"), or to syslog ("syslog":
 * datagrams to /dev/log, facility daemon, severity info). */
#ifndef PROXY_LOG_H
#define PROXY_LOG_H

#include "base/error.h"
#include "base/slice.h"
#include "proxy/config.h"

struct log;

/* NULL, and err, when the file can't be opened or no thread be had. */
struct log *log_open(const struct config_log *options, struct error *err);

/* One line, with its line feed. It is copied. */
void log_add(struct log *l, struct slice line);

/* Opens the file anew by its name (after logrotate has moved it away), soon. Where that fails the old
 * one stays in use. May be called from any thread, but not from a signal's handler. */
void log_reopen(struct log *l);

/* To where the options say from now on; a file that can't be opened is an error, and changes nothing. */
int log_move(struct log *l, const struct config_log *options, struct error *err);

uint64_t log_dropped(const struct log *l); /* lines, since it began */

/* Writes what is queued, for a second at most, and ends the thread. NULL is fine. */
void log_close(struct log *l);

#endif
