/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/budget.h"

#include "tests/unit/tap.h"

int main(void)
{
	struct budget none = { 0 };
	struct budget budget = { .rate = 10 * 1000 * 1000 };

	check(budget_has(&none, 1), "without a limit there is always some");
	budget_spend(&none, 1 << 30);
	check(budget_has(&none, 1), "whatever was taken");

	check(budget_has(&budget, 1000 * 1000), "with a limit there is some at first");
	budget_spend(&budget, 2500 * 1000);
	check(!budget_has(&budget, 1000 * 1000), "of a quarter of a second, not more");
	check_int(budget_wait_ms(&budget), 1, "but a moment later");
	check(budget_has(&budget, 1000 * 1000 + 1), "there is again");

	budget_spend(&budget, 10 * 1000 + 5000 * 1000);
	check(!budget_has(&budget, 1000 * 1000 + 1), "who takes in advance");
	check_int(budget_wait_ms(&budget), 501, "has to wait for it");
	check(!budget_has(&budget, 1000 * 1000 + 501), "all of it");
	check(budget_has(&budget, 1000 * 1000 + 502), "and no longer");

	/* One was throttled; another came a moment later, and took little of what there was then.
	 */
	check(budget_has(&budget, 1000 * 1000 + 602), "there is more than is taken");
	budget_spend(&budget, 100);
	check_int(budget_wait_ms(&budget), 0, "then nobody waits, least of all for ever");
	return tap_done();
}
