/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_IPADDR_H
#define BASE_IPADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * IP addresses and subnets of both families as plain values.
 */
struct ipaddr {
	int family;              /* AF_INET, AF_INET6; 0: none */
	unsigned char bytes[16]; /* network order; the first four of AF_INET, the rest zero */
};

/* An address and how many of its leading bits name the subnet. */
struct ipnet {
	struct ipaddr address;
	int prefix;
};

#define IPADDR_TEXT_MAX INET6_ADDRSTRLEN

/* Numbers only, no names; brackets are not part of an address. */
bool ipaddr_parse(struct ipaddr *address, const char *text);
/* "172.17.0.2", "" for none; returns `text`. */
const char *ipaddr_text(const struct ipaddr *address, char text[IPADDR_TEXT_MAX]);
size_t ipaddr_size(const struct ipaddr *address); /* 4, 16 or 0 */
int ipaddr_bits(const struct ipaddr *address);    /* 32, 128 or 0 */
bool ipaddr_is_equal(const struct ipaddr *a, const struct ipaddr *b);
/* 127.0.0.0/8, as such or mapped to IPv6, and ::1. */
bool ipaddr_is_loopback(const struct ipaddr *address);
/* Counts on by `count` addresses; wraps at the end of the address space. */
void ipaddr_add(struct ipaddr *address, uint64_t count);

/* "ADDRESS/PREFIX"; the host's bits are kept. */
bool ipnet_parse(struct ipnet *net, const char *text);
/* The subnet's first address: the host's bits cleared. */
struct ipaddr ipnet_first(const struct ipnet *net);
/* The subnet's last address: the host's bits set (IPv4: its broadcast address). */
struct ipaddr ipnet_last(const struct ipnet *net);
bool ipnet_has(const struct ipnet *net, const struct ipaddr *address);
/* True if some address is in both. */
bool ipnet_overlaps(const struct ipnet *a, const struct ipnet *b);

#endif
