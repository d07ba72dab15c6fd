/* The environments of running processes; for host/said.c alone. */
#ifndef HOST_SAID_PROCESSES_H
#define HOST_SAID_PROCESSES_H

#include "host/said.h"

/* Adds the variables about proxies of each process, those of one unit or name with the same variables
 * together, as group "NAME[PID]" with "+N" for the others. */
void host_said_read_processes(struct host_said *h, const char *proc);

#endif
