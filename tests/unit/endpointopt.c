/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/endpointopt.h"

#include <string.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

static void test_accepted(void)
{
	static const char *const cases[] = {
		"foo=bar",
		"foo=",
		ENDPOINTOPT_IFNAME "=lan0",
		ENDPOINTOPT_IFNAME "=fifteen-letters",
		ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.IFNAME.log_martians=1",
		ENDPOINTOPT_SYSCTLS
		"=net.ipv6.conf.ifname.accept_ra=2,net.ipv4.neigh.IFNAME.mcast_solicit=1",
		ENDPOINTOPT_SYSCTLS "=net.mpls.conf.IFNAME.input=1",
		ENDPOINTOPT_SYSCTLS "x=net.core.somaxconn=1", /* another key */
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error err;

		check_ok(endpointopt_check(cases[i], &err), &err, "%s", cases[i]);
	}
}

/* Nothing but the link's own settings can be reached. */
static void test_refused(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "foo", "invalid key value pair" },
		{ "=bar", "invalid key value pair" },
		{ ENDPOINTOPT_IFNAME "=", "1 to 15 characters" },
		{ ENDPOINTOPT_IFNAME "=sixteen-letters0", "1 to 15 characters" },
		{ ENDPOINTOPT_IFNAME "=a/b", "no blanks" },
		{ ENDPOINTOPT_IFNAME "=a b", "no blanks" },
		{ ENDPOINTOPT_IFNAME "=eth%d", "no blanks" },
		{ ENDPOINTOPT_IFNAME "=..", "it is taken" },
		{ ENDPOINTOPT_IFNAME "=lo", "it is taken" },
		{ ENDPOINTOPT_IFNAME "=all", "it is taken" },
		{ ENDPOINTOPT_SYSCTLS "=", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.eth0.log_martians=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.all.log_martians=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.IFNAME.log_martians", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.IFNAME.log_martians=1,", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.core.conf.IFNAME.x=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.route.IFNAME.flush=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=kernel.ipv4.conf.IFNAME.x=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.IFNAME.../../x=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.IFNAME.a/b=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.IFNAME.a.b=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net.ipv4.conf.IFNAME.=1", "unrecognised" },
		{ ENDPOINTOPT_SYSCTLS "=net..conf.IFNAME.x=1", "unrecognised" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct error err = { 0 };

		check(!endpointopt_check(cases[i].text, &err) && strstr(err.text, cases[i].why),
		      "%s: %s", cases[i].text, err.text);
	}
}

static void test_values(void)
{
	const char *pairs[] = { ENDPOINTOPT_IFNAME "=a", "foo=bar", ENDPOINTOPT_IFNAME "=b" };
	const struct texts options = { .items = pairs, .count = COUNT_OF(pairs) };

	check_text(endpointopt_get(&options, ENDPOINTOPT_IFNAME), "b", "the last counts");
	check(!endpointopt_get(&options, ENDPOINTOPT_SYSCTLS), "not asked for");
}

int main(void)
{
	test_accepted();
	test_refused();
	test_values();
	return tap_done();
}
