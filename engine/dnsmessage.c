/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dnsmessage.h"

#include <string.h>

#define FLAG_ANSWER      0x8000
#define FLAG_TRUNCATED   0x0200
#define FLAG_WANTED      0x0100 /* recursion desired */
#define FLAG_AVAILABLE   0x0080 /* recursion available */
#define OPCODE_MASK      0x7800
#define CODE_MASK        0x000f
#define LABEL_MAX        63
#define WIRE_NAME_MAX    255
#define CLASS_INTERNET   1
#define NAME_OF_QUESTION 0xc00c /* a pointer to the name after the header */
#define RECORD_SIZE      12     /* of a record without its data, its name a pointer */
#define IPV4_DOMAIN      "in-addr.arpa"
#define IPV6_DOMAIN      "ip6.arpa"
#define IPV6_DIGITS      32

static uint16_t get_16(const unsigned char *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put_16(unsigned char *at, uint16_t value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

/* Reading. ------------------------------------------------------------------------------------ */

static bool is_letter_or_digit(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 'a' - 'A') : c;
}

/* A question's name has nothing before it that it could point to: no compression. */
static bool read_name(const unsigned char *message, size_t length, struct dns_query *query)
{
	size_t at = DNS_HEADER_SIZE, used = 0;

	query->is_plain = true;
	for (;;) {
		if (at >= length)
			return false;
		size_t label = message[at++];
		if (label == 0)
			break;
		if (label > LABEL_MAX || label > length - at || used + label + 1 > WIRE_NAME_MAX)
			return false;
		if (used)
			query->name[used++] = '.';
		for (size_t i = 0; i < label; i++) {
			unsigned char c = lower(message[at++]);

			query->is_plain = query->is_plain && is_letter_or_digit(c);
			query->name[used++] = c ? (char)c : '?';
		}
	}
	query->name[used] = '\0';
	query->end = at;
	return true;
}

enum dns_code dns_parse(const unsigned char *message, size_t length, struct dns_query *query)
{
	*query = (struct dns_query){ 0 };
	if (length < DNS_HEADER_SIZE)
		return DNS_FORMAT_ERROR;
	query->id = get_16(message);
	query->flags = get_16(message + 2);
	query->end = DNS_HEADER_SIZE;
	if (query->flags & OPCODE_MASK)
		return DNS_NOT_IMPLEMENTED;
	if (query->flags & FLAG_ANSWER || get_16(message + 4) != 1 || get_16(message + 6) != 0)
		return DNS_FORMAT_ERROR;
	if (!read_name(message, length, query) || length - query->end < 4) {
		query->end = DNS_HEADER_SIZE;
		return DNS_FORMAT_ERROR;
	}
	query->type = get_16(message + query->end);
	query->class = get_16(message + query->end + 2);
	query->end += 4;
	return DNS_OK;
}

bool dns_is_answer(const unsigned char *question, size_t question_length,
		   const unsigned char *answer, size_t answer_length)
{
	struct dns_query asked;

	if (dns_parse(question, question_length, &asked) != DNS_OK ||
	    answer_length < DNS_HEADER_SIZE || memcmp(question, answer, 2) != 0 ||
	    !(get_16(answer + 2) & FLAG_ANSWER))
		return false;
	if (get_16(answer + 4) == 0)
		return dns_code(answer) != DNS_OK;
	return get_16(answer + 4) == 1 && answer_length >= asked.end &&
	       memcmp(question + DNS_HEADER_SIZE, answer + DNS_HEADER_SIZE,
		      asked.end - DNS_HEADER_SIZE) == 0;
}

enum dns_code dns_code(const unsigned char *answer)
{
	return (enum dns_code)(get_16(answer + 2) & CODE_MASK);
}

/* Reverse names. ------------------------------------------------------------------------------ */

/* The part of `name` before ".DOMAIN"; 0 if it does not end so. */
static size_t before_domain(const char *name, const char *domain)
{
	size_t length = strlen(name), tail = strlen(domain);

	if (length <= tail + 1 || strcmp(name + length - tail, domain) != 0 ||
	    name[length - tail - 1] != '.')
		return 0;
	return length - tail - 1;
}

/* "2.0.18.172": the last number first. */
static bool reverse_ipv4(const char *name, size_t length, struct ipaddr *address)
{
	size_t at = 0;

	*address = (struct ipaddr){ .family = AF_INET };
	for (size_t byte = 4; byte-- > 0;) {
		unsigned int value = 0;
		size_t begin = at;

		while (at < length && name[at] >= '0' && name[at] <= '9' && at - begin < 3)
			value = value * 10 + (unsigned int)(name[at++] - '0');
		if (at == begin || value > 255)
			return false;
		address->bytes[byte] = (unsigned char)value;
		if (byte > 0 && (at >= length || name[at++] != '.'))
			return false;
	}
	return at == length;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "b.a.9.8.…": one digit a label, the last first. */
static bool reverse_ipv6(const char *name, size_t length, struct ipaddr *address)
{
	*address = (struct ipaddr){ .family = AF_INET6 };
	if (length != 2 * IPV6_DIGITS - 1)
		return false;
	for (size_t i = 0; i < IPV6_DIGITS; i++) {
		size_t digit = IPV6_DIGITS - 1 - i; /* its place in the address */
		int value = hex_value(name[2 * i]);

		if (value < 0 || (i + 1 < IPV6_DIGITS && name[2 * i + 1] != '.'))
			return false;
		address->bytes[digit / 2] |= (unsigned char)(digit % 2 ? value : value << 4);
	}
	return true;
}

bool dns_reverse(const char *name, struct ipaddr *address)
{
	size_t length = before_domain(name, IPV4_DOMAIN);

	if (length)
		return reverse_ipv4(name, length, address);
	length = before_domain(name, IPV6_DOMAIN);
	return length && reverse_ipv6(name, length, address);
}

/* Writing. ------------------------------------------------------------------------------------ */

static void put_record(unsigned char *at, uint16_t type, uint32_t ttl, size_t size)
{
	put_16(at, NAME_OF_QUESTION);
	put_16(at + 2, type);
	put_16(at + 4, CLASS_INTERNET);
	put_16(at + 6, (uint16_t)(ttl >> 16));
	put_16(at + 8, (uint16_t)ttl);
	put_16(at + 10, (uint16_t)size);
}

/* "web.net" as labels; 0 if it is no name. Needs as many bytes as the text and two. */
static size_t put_name(unsigned char *out, size_t room, const char *name)
{
	size_t used = 0;

	while (*name) {
		size_t label = strcspn(name, ".");

		if (label == 0 || label > LABEL_MAX || used + label + 2 > room ||
		    used + label + 2 > WIRE_NAME_MAX)
			return 0;
		out[used++] = (unsigned char)label;
		memcpy(out + used, name, label);
		used += label;
		name += label + (name[label] == '.');
	}
	if (used == 0 || used >= room)
		return 0;
	out[used++] = 0;
	return used;
}

static size_t put_header(const struct dns_answer *answer, unsigned char *out, size_t room)
{
	const struct dns_query *query = answer->query;
	size_t end = query->end <= room ? query->end : DNS_HEADER_SIZE;
	uint16_t flags = (uint16_t)(FLAG_ANSWER | FLAG_AVAILABLE |
				    (query->flags & (FLAG_WANTED | OPCODE_MASK)) |
				    (answer->code & CODE_MASK) |
				    (answer->is_truncated ? FLAG_TRUNCATED : 0));

	memset(out, 0, DNS_HEADER_SIZE);
	put_16(out, query->id);
	put_16(out + 2, flags);
	put_16(out + 4, end > DNS_HEADER_SIZE);
	memcpy(out + DNS_HEADER_SIZE, answer->message + DNS_HEADER_SIZE, end - DNS_HEADER_SIZE);
	return end;
}

static void mark_truncated(unsigned char *out)
{
	put_16(out + 2, get_16(out + 2) | FLAG_TRUNCATED);
}

static size_t put_addresses(const struct dns_answer *answer, unsigned char *out, size_t room,
			    size_t used)
{
	uint16_t count = 0;

	for (size_t i = 0; i < answer->count; i++) {
		const struct ipaddr *address = &answer->addresses[i];
		size_t size = ipaddr_size(address);

		if (room - used < RECORD_SIZE + size) {
			mark_truncated(out);
			break;
		}
		put_record(out + used, address->family == AF_INET6 ? DNS_AAAA : DNS_A, answer->ttl,
			   size);
		memcpy(out + used + RECORD_SIZE, address->bytes, size);
		used += RECORD_SIZE + size;
		count++;
	}
	put_16(out + 6, count);
	return used;
}

size_t dns_write(const struct dns_answer *answer, unsigned char *out, size_t room)
{
	size_t used = put_header(answer, out, room);
	size_t size;

	if (!answer->name)
		return put_addresses(answer, out, room, used);
	if (room - used < RECORD_SIZE)
		return used;
	size = put_name(out + used + RECORD_SIZE, room - used - RECORD_SIZE, answer->name);
	if (size == 0)
		return used;
	put_record(out + used, DNS_PTR, answer->ttl, size);
	put_16(out + 6, 1);
	return used + RECORD_SIZE + size;
}
