/* What one tool's file (settings/plan.h) becomes under the settings, as a change to be shown, applied and
 * undone (host/change.h). */
#ifndef HOST_PLAN_CHANGE_H
#define HOST_PLAN_CHANGE_H

#include "host/change.h"
#include "settings/plan.h"

/* *ret_differs false: the file is so already. The change is to be ended with host_change_done, also after
 * an error. */
int host_plan_change(const char *root, size_t target, const struct settings *s,
                     struct host_change *ret_change, bool *ret_differs, struct error *err);

#endif
