/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/budget.h"

#define BURST_MS 250         /* of what the rate allows, at once */
#define MSEC_MAX (60 * 1000) /* an older debt is paid */

static void fill(struct budget *budget, int64_t now_ms)
{
	int64_t most = budget->rate * BURST_MS / 1000;
	int64_t passed_ms = now_ms - budget->paid_ms;

	if (passed_ms > MSEC_MAX)
		passed_ms = MSEC_MAX;
	budget->left += budget->rate / 1000 * passed_ms + budget->rate % 1000 * passed_ms / 1000;
	budget->paid_ms = now_ms;
	if (budget->left > most)
		budget->left = most;
}

bool budget_has(struct budget *budget, int64_t now_ms)
{
	if (budget->rate == 0)
		return true;
	fill(budget, now_ms);
	return budget->left > 0;
}

void budget_spend(struct budget *budget, int64_t bytes)
{
	budget->left -= bytes;
}

int64_t budget_wait_ms(const struct budget *budget)
{
	return budget->left > 0 ? 0 : -budget->left * 1000 / budget->rate + 1;
}
