/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/port.h"

#include <string.h>

#include "tests/unit/tap.h"

static void test_accepted(void)
{
	static const struct {
		const char *text;
		enum port_protocol protocol;
		int inside, inside_last, outside, outside_last; /* outside 0: any */
		const char *address;
	} cases[] = {
		{ "80", PORT_TCP, 80, 80, 0, 0, "" },
		{ "8080:80", PORT_TCP, 80, 80, 8080, 8080, "" },
		{ "8080:80/udp", PORT_UDP, 80, 80, 8080, 8080, "" },
		{ "53:53/SCTP", PORT_SCTP, 53, 53, 53, 53, "" },
		{ "127.0.0.1:8080:80", PORT_TCP, 80, 80, 8080, 8080, "127.0.0.1" },
		{ "127.0.0.1::80", PORT_TCP, 80, 80, 0, 0, "127.0.0.1" },
		{ "[::1]:8080:80", PORT_TCP, 80, 80, 8080, 8080, "::1" },
		{ "9000-9002:90-92", PORT_TCP, 90, 92, 9000, 9002, "" },
		{ "9000-9010:80", PORT_TCP, 80, 80, 9000, 9010, "" },
		{ "7000-7001", PORT_TCP, 7000, 7001, 0, 0, "" },
		{ "0:80", PORT_TCP, 80, 80, 0, 0, "" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[IPADDR_TEXT_MAX];
		struct port_spec spec;
		struct error err;

		check_ok(port_parse(cases[i].text, &spec, &err), &err, "%s", cases[i].text);
		check(spec.protocol == cases[i].protocol, "its protocol");
		check_int(spec.inside.first, cases[i].inside, "the first port inside");
		check_int(spec.inside.last, cases[i].inside_last, "the last");
		check(spec.has_outside == (cases[i].outside != 0), "whether the host's is said");
		check(!spec.has_outside || (spec.outside.first == cases[i].outside &&
					    spec.outside.last == cases[i].outside_last),
		      "the host's ports");
		check_text(ipaddr_text(&spec.address, text), cases[i].address, "its address");
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "no port specified" },
		{ "80:", "no port specified" },
		{ "abc:80", "invalid hostPort: abc" },
		{ "80:abc", "invalid containerPort: abc" },
		{ "80:0", "invalid containerPort: 0" },
		{ "80:65536", "invalid containerPort: 65536" },
		{ "80:99999999999999999999", "invalid containerPort" },
		{ "80:80/foo", "invalid proto: foo" },
		{ "host:80:80", "invalid IP address: host" },
		{ "9000-9001:80-82", "invalid ranges specified" },
		{ "9001-9000:80", "invalid hostPort: 9001-9000" },
		{ "80:82-80", "invalid containerPort: 82-80" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct port_spec spec;
		struct error err;

		check(!port_parse(cases[i].text, &spec, &err), "\"%s\" is refused", cases[i].text);
		check(strstr(err.text, cases[i].why) != NULL, "\"%s\" says %s", err.text,
		      cases[i].why);
	}
}

static void test_exposed(void)
{
	static const struct {
		const char *text, *why; /* NULL: accepted */
	} cases[] = {
		{ "80", NULL },
		{ "90-92/udp", NULL },
		{ "65535", NULL },
		{ "",
		  "invalid range format for --expose: , error: empty string specified for ports" },
		{ "abc",
		  "--expose: abc, error: strconv.ParseUint: parsing \"abc\": invalid syntax" },
		{ "65536", "parsing \"65536\": value out of range" },
		{ "99999999999999999999", "parsing \"99999999999999999999\": value out of range" },
		{ "80-99999",
		  "--expose: 80-99999, error: strconv.ParseUint: parsing \"99999\": value out" },
		{ "0", "value out of range" },
		{ "80-", "parsing \"\": invalid syntax" },
		{ "-1", "parsing \"\": invalid syntax" },
		{ "80x", "parsing \"80x\": invalid syntax" },
		{ "1-2-3", "parsing \"2-3\": invalid syntax" },
		{ "90-80", "error: invalid range specified for port: 90-80" },
		{ "80/foo", "invalid proto: foo" },
		{ "1:2", "invalid port format for --expose: 1:2" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct port_spec spec;
		struct error err = { 0 };

		check(port_parse_exposed(cases[i].text, &spec, &err) == !cases[i].why, "\"%s\": %s",
		      cases[i].text, err.text);
		check(!cases[i].why || strstr(err.text, cases[i].why), "\"%s\" says %s", err.text,
		      cases[i].why);
	}
}

int main(void)
{
	test_accepted();
	test_refused();
	test_exposed();
	return tap_done();
}
