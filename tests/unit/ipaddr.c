/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ipaddr.h"

#include "tests/unit/tap.h"

static void test_subnets(void)
{
	static const struct {
		const char *net, *first, *last, *inside, *outside;
	} cases[] = {
		{ "172.18.3.4/16", "172.18.0.0", "172.18.255.255", "172.18.9.9", "172.19.0.1" },
		{ "10.0.0.128/25", "10.0.0.128", "10.0.0.255", "10.0.0.200", "10.0.0.127" },
		{ "192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2" },
		{ "0.0.0.0/0", "0.0.0.0", "255.255.255.255", "8.8.8.8", "::1" },
		{ "fd00::7/64", "fd00::", "fd00::ffff:ffff:ffff:ffff", "fd00::1", "fd00:0:0:1::" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[IPADDR_TEXT_MAX];
		struct ipaddr address;
		struct ipnet net;

		check(ipnet_parse(&net, cases[i].net), "%s", cases[i].net);
		address = ipnet_first(&net);
		check_text(ipaddr_text(&address, text), cases[i].first, "its first address");
		address = ipnet_last(&net);
		check_text(ipaddr_text(&address, text), cases[i].last, "its last address");
		check(ipaddr_parse(&address, cases[i].inside) && ipnet_has(&net, &address),
		      "one that is in it");
		check(ipaddr_parse(&address, cases[i].outside) && !ipnet_has(&net, &address),
		      "one that is not");
	}
}

static void test_refused(void)
{
	static const char *const cases[] = { "",
					     "10.0.0.0",
					     "10.0.0.0/",
					     "10.0.0.0/33",
					     "10.0.0/8",
					     "10.0.0.0/-1",
					     "fd00::/129",
					     "x/8",
					     "10.0.0.0/8x",
					     "10.0.0.0/0008",
					     "10.0.0.256/8" };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct ipnet net;

		check(!ipnet_parse(&net, cases[i]), "\"%s\" is none", cases[i]);
	}
}

static void test_overlaps(void)
{
	struct ipnet wide, slim, other;

	check(ipnet_parse(&wide, "172.16.0.0/12") && ipnet_parse(&slim, "172.18.0.0/16") &&
		      ipnet_parse(&other, "192.168.0.0/16"),
	      "three subnets");
	check(ipnet_overlaps(&wide, &slim) && ipnet_overlaps(&slim, &wide), "one in another");
	check(!ipnet_overlaps(&slim, &other) && ipnet_overlaps(&slim, &slim), "apart; the same");
}

static void test_add(void)
{
	char text[IPADDR_TEXT_MAX];
	struct ipaddr address;

	check(ipaddr_parse(&address, "10.0.255.254"), "an address");
	ipaddr_add(&address, 3);
	check_text(ipaddr_text(&address, text), "10.1.0.1", "counted on over a byte's end");
	check(ipaddr_parse(&address, "255.255.255.255"), "the last");
	ipaddr_add(&address, 1);
	check_text(ipaddr_text(&address, text), "0.0.0.0", "wraps");
	check_text(ipaddr_text(&(struct ipaddr){ 0 }, text), "", "none has no text");
}

static void test_loopback(void)
{
	static const struct {
		const char *text;
		bool is_loopback;
	} cases[] = { { "127.0.0.1", true },
		      { "127.255.255.255", true },
		      { "::1", true },
		      { "::ffff:127.0.0.2", true },
		      { "128.0.0.1", false },
		      { "0.0.0.0", false },
		      { "::", false },
		      { "::127.0.0.1", false },
		      { "::ffff:10.0.0.1", false },
		      { "7f00::1", false } };
	struct ipaddr address = { 0 };

	check(!ipaddr_is_loopback(&address), "none is no loopback address");
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check(ipaddr_parse(&address, cases[i].text) &&
			      ipaddr_is_loopback(&address) == cases[i].is_loopback,
		      "%s", cases[i].text);
}

int main(void)
{
	test_loopback();
	test_subnets();
	test_refused();
	test_overlaps();
	test_add();
	return tap_done();
}
