/* The subcommands: one table (main.c), one file each. A subcommand reads its arguments, calls
 * rooms, prints, and returns the exit status. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/slice.h"

/* As grep has it, so that monitoring can use it. */
enum exit_status { EXIT_FINE = 0, EXIT_FAULT_FOUND = 1, EXIT_TROUBLE = 2 };

/* argv[0] is the subcommand's own name. */
int cmd_read(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_proxy(int argc, char **argv);
int cmd_settings(int argc, char **argv);
int cmd_connections(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_explain(int argc, char **argv);

/* "viaduct NAME: " and the message and a line break, to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void complain_as(const char *name); /* what complain says it is */

#endif
