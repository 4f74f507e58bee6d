/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dnsmessage.h"

#include <string.h>

#include "tests/unit/tap.h"

static const unsigned char question[] = { 0,   7,   1,   0, 0,   1,   0,   0, 0, 0, 0, 0, 3,
					  'W', 'e', 'B', 3, 'n', 'e', 't', 0, 0, 1, 0, 1 };

static void test_question(void)
{
	struct dns_query query;

	check_int(dns_parse(question, sizeof(question), &query), DNS_OK, "a question");
	check_text(query.name, "web.net", "its name, in lower case");
	check(query.is_plain && query.id == 7 && query.type == DNS_A, "its ID and type");
	check_int((long long)query.end, sizeof(question), "its end");
	for (size_t length = 0; length < sizeof(question); length++) {
		if (dns_parse(question, length, &query) == DNS_OK)
			check(false, "a question that is cut off is refused");
	}
}

static void test_answers(void)
{
	static const struct ipaddr addresses[] = { { AF_INET, { 10, 0, 0, 1 } },
						   { AF_INET, { 10, 0, 0, 2 } } };
	unsigned char out[DNS_UDP_MAX];
	struct dns_query query;
	struct dns_answer answer = { .message = question, .query = &query, .ttl = 600 };
	size_t length;

	check_int(dns_parse(question, sizeof(question), &query), DNS_OK, "a question");
	answer.addresses = addresses;
	answer.count = COUNT_OF(addresses);
	length = dns_write(&answer, out, sizeof(out));
	check_int((long long)length, sizeof(question) + 2 * 16, "two addresses");
	check(dns_is_answer(question, sizeof(question), out, length), "an answer to it");
	check(out[7] == 2 && memcmp(out + length - 4, addresses[1].bytes, 4) == 0, "both in it");
	length = dns_write(&answer, out, sizeof(question) + 20);
	check(out[7] == 1 && out[2] & 2, "what does not fit is left out, and it says so");
	check_int((long long)length, sizeof(question) + 16, "no half record");
	out[0] ^= 1;
	check(!dns_is_answer(question, sizeof(question), out, length), "another ID is none");
	out[0] ^= 1;
	out[14] ^= 32;
	check(!dns_is_answer(question, sizeof(question), out, length), "nor is another question");
	answer.name = "web.net";
	length = dns_write(&answer, out, sizeof(out));
	check(memcmp(out + length - 9, "\3web\3net", 9) == 0, "a name");
}

static void test_reverse(void)
{
	static const struct {
		const char *name, *address; /* NULL: none */
	} cases[] = {
		{ "2.0.18.172.in-addr.arpa", "172.18.0.2" },
		{ "256.0.18.172.in-addr.arpa", NULL },
		{ "0.18.172.in-addr.arpa", NULL },
		{ "1.2.0.18.172.in-addr.arpa", NULL },
		{ "in-addr.arpa", NULL },
		{ "2..18.172.in-addr.arpa", NULL },
		{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
		  "fd00::1" },
		{ "1.0.d.f.ip6.arpa", NULL },
		{ "g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
		  NULL },
		{ "web.net", NULL },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[IPADDR_TEXT_MAX] = "";
		struct ipaddr address;
		bool is_found = dns_reverse(cases[i].name, &address);

		check(is_found == (cases[i].address != NULL), "%s", cases[i].name);
		if (is_found)
			check_text(ipaddr_text(&address, text), cases[i].address, "its address");
	}
}

int main(void)
{
	test_question();
	test_answers();
	test_reverse();
	return tap_done();
}
