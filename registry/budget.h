/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_BUDGET_H
#define REGISTRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A limit on what all exchanges together receive: a bucket of tokens, one for each byte, that fills
 * at the rate that is allowed. curl's own limit is one exchange's, and lets everybody's first
 * second pass. Times are clock_ms's (base/clock.h).
 */
struct budget {
	int64_t rate;    /* bytes a second; 0: no limit */
	int64_t left;    /* bytes that may be taken now; negative: taken in advance */
	int64_t paid_ms; /* up to when it was filled */
};

/* May more be taken now? What curl hands out then is taken whole, though it be more than is left.
 */
bool budget_has(struct budget *budget, int64_t now_ms);
void budget_spend(struct budget *budget, int64_t bytes);
/* How long until there is some, as of the last look; 0: there is. For a rate only. */
int64_t budget_wait_ms(const struct budget *budget);

#endif
