/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DNSMESSAGE_H
#define ENGINE_DNSMESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipaddr.h"

/*
 * Messages of the domain name system (RFC 1035, section 4), as far as a resolver needs that knows
 * some names itself and asks others for the rest: the question is read, answers are written.
 * Whatever comes is a stranger's: nothing is followed, everything is checked against the length.
 */

#define DNS_MESSAGE_MAX 65535
#define DNS_UDP_MAX     512 /* of an answer of ours by UDP: who wants more asks again by TCP */
#define DNS_NAME_MAX    256 /* as text, with its NUL */
#define DNS_HEADER_SIZE 12

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_ANY = 255,
};

enum dns_code {
	DNS_OK = 0,
	DNS_FORMAT_ERROR = 1,
	DNS_SERVER_FAILURE = 2,
	DNS_NO_NAME = 3,
	DNS_NOT_IMPLEMENTED = 4,
	DNS_REFUSED = 5,
};

struct dns_query {
	uint16_t id, flags, type, class;
	char name[DNS_NAME_MAX]; /* lower case, without the last dot; "" for the root */
	bool is_plain;           /* the name is made of letters, digits, '-' and '_' alone */
	size_t end;              /* where the question ends in the message */
};

/* Reads a standard query with one question. DNS_OK, or what to answer with; with fewer than
 * DNS_HEADER_SIZE bytes there is nobody to answer to. */
enum dns_code dns_parse(const unsigned char *message, size_t length, struct dns_query *query);

/* True if `answer` is one to `question`: the same ID and the same question, letter by letter. One
 * that tells of a failure may leave the question out (RFC 1035, section 4.1.1: old servers do, of
 * what they cannot read). */
bool dns_is_answer(const unsigned char *question, size_t question_length,
		   const unsigned char *answer, size_t answer_length);

/* What a message that has been taken as an answer says of how it went. */
enum dns_code dns_code(const unsigned char *answer);

/* "2.0.18.172.in-addr.arpa" and "….ip6.arpa": the address that is asked about. */
bool dns_reverse(const char *name, struct ipaddr *address);

struct dns_answer {
	const unsigned char *message; /* the question as it came */
	const struct dns_query *query;
	enum dns_code code;
	const struct ipaddr *addresses; /* of the family that is asked for */
	size_t count;
	const char *name;  /* instead: what a PTR question is answered with */
	bool is_truncated; /* there is more than this: who asked shall ask again by TCP */
	uint32_t ttl;      /* seconds */
};

/* Writes at most `room` bytes (DNS_HEADER_SIZE at least) and returns how many; what does not fit is
 * left out, and the message says so. */
size_t dns_write(const struct dns_answer *answer, unsigned char *out, size_t room);

#endif
