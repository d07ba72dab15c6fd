/* Judges an exchange: which verdict, by which events, why, and what to do about it.
 *
 * Pure: an exchange in, a diagnosis out; no I/O, no clock, no memory beyond what the caller
 * gives. The rules are tables of small functions, one file a stage (rules_*.c), tried in the order
 * of the stages: the first cause wins, not the last symptom. What would make a rule wrong stands
 * above it. Texts live in the catalogue. */
#ifndef DIAGNOSE_DIAGNOSE_H
#define DIAGNOSE_DIAGNOSE_H

#include "diagnose/catalogue.h"
#include "diagnose/words.h"
#include "trace/exchange.h"

enum confidence { CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };

enum { FINDING_MAX_CITED = 8, FINDING_MAX_CAUSES = 6 };

/* What a rule says: cheap, no text. */
struct finding {
	enum verdict verdict;
	enum stage stage;
	enum confidence confidence;
	struct mark cited[FINDING_MAX_CITED]; /* with what was seen there: */
	enum sight saw[FINDING_MAX_CITED];
	uint64_t figure[FINDING_MAX_CITED];
	size_t cites;
	enum cause cause[FINDING_MAX_CAUSES]; /* most likely first */
	size_t causes;
	enum dialect dialect;                 /* the product that answered, where it can be told */
	enum answerer answered_by;
	enum slow_stage slow;                 /* of `slow`: which */
	enum trace_side side;                 /* of MTU verdicts: who sends what is lost; of alerts: from whom */
	const char *detail;                   /* a constant, or NULL: which certificate fault, ... */
};

/* The verdict and its reasons. Always finds one (`unclear` at the least). */
void diagnose_judge(const struct exchange *x, struct finding *ret_finding);

/* How bad it is: the verdict's severity, but for what was found and did no harm. */
enum severity diagnose_severity(const struct finding *f);

/* Verdict and severity alone, for whoever only counts: it spares looking for the product that
 * answered. */
enum verdict diagnose_verdict(const struct exchange *x, enum severity *ret_severity);

struct evidence {
	struct mark mark;
	uint32_t file;    /* which capture that is in */
	const char *what; /* NUL-terminated, safe to show: foreign bytes in it are escaped */
};

/* The same in words, with this exchange's own figures. Strings are in the arena given. */
struct diagnosis {
	enum verdict verdict;
	enum stage stage;
	enum severity severity;
	enum confidence confidence;
	const char *summary;
	const char *product;     /* NULL unknown */
	const char *answered_by; /* NULL unknown */
	size_t evidences, causes, remedies;
	struct evidence evidence[FINDING_MAX_CITED];
	const char *cause[FINDING_MAX_CAUSES];
	const char *remedy[FINDING_MAX_CAUSES];
};

/* False when the arena is full (then what is there is still whole strings). */
bool diagnose_explain(const struct exchange *x, const struct finding *f, struct arena *arena,
                      struct diagnosis *ret_diagnosis);

#endif
