/* Which of a walk's exchanges tells how it went. */
#include "cli/decisive.h"

/* The first that failed: what follows is its consequence. But how a transfer failed, the exchange
 * inside of a tunnel tells better than the tunnel; and what was asked for anew, the answer to that
 * tells. Where none did, the worst, or else the last. */
struct exchange *check_decisive(struct exchange *const *exchange, size_t exchanges,
				struct finding *ret_finding)
{
	struct exchange *chosen = NULL;
	enum severity worst = SEVERITY_OK;
	bool of_tunnel = false;
	for (size_t i = 0; i < exchanges; i++) {
		struct exchange *x = exchange[i];
		struct finding f;
		if (x->probe && x->probe->asked_anew && i + 1 < exchanges)
			continue;
		diagnose_judge(x, &f);
		enum severity severity = diagnose_severity(&f);
		bool better = of_tunnel && severity == SEVERITY_FAILURE && trace_is_inside(x);
		bool good = severity == SEVERITY_OK && worst == SEVERITY_OK && !trace_is_inside(x);
		if (severity > worst || good || better) {
			chosen = x;
			*ret_finding = f;
			worst = severity;
			of_tunnel = x->tunnel.open && f.stage == STAGE_TRANSFER;
		}
	}
	return chosen;
}
