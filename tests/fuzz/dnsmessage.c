/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of containers: refused, or read within their bytes; every answer to one that was read
 * is an answer to it, and no longer than its room. The first byte chooses how much room that is.
 */
#include "engine/dnsmessage.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_answer(const unsigned char *message, size_t size, const struct dns_query *query,
			 size_t room, const char *name)
{
	static const struct ipaddr addresses[] = { { AF_INET, { 172, 18, 0, 2 } },
						   { AF_INET, { 172, 18, 0, 3 } },
						   { AF_INET6, { 0xfd } } };
	autofree unsigned char *out = mem_alloc(room);
	const struct dns_answer answer = { .message = message,
					   .query = query,
					   .addresses = addresses,
					   .count = COUNT_OF(addresses),
					   .name = name,
					   .ttl = 600 };
	size_t written = dns_write(&answer, out, room);

	assert(written >= DNS_HEADER_SIZE && written <= room);
	assert(memcmp(out, message, 2) == 0);
	assert(room < query->end || dns_is_answer(message, size, out, written));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct dns_query query;
	struct ipaddr address;
	size_t room;

	if (size == 0)
		return 0;
	room = DNS_HEADER_SIZE + (size_t)data[0] * 4;
	data++;
	size--;
	if (dns_parse(data, size, &query) != DNS_OK)
		return 0;
	assert(query.end <= size && strlen(query.name) < DNS_NAME_MAX);
	check_answer(data, size, &query, room, NULL);
	check_answer(data, size, &query, room, "web.net");
	check_answer(data, size, &query, room, query.name);
	if (dns_reverse(query.name, &address))
		assert(address.family == AF_INET || address.family == AF_INET6);
	(void)dns_is_answer(data, size, data, size / 2);
	return 0;
}
