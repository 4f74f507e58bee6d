/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_NFT_H
#define ENGINE_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "base/netlink.h"

/*
 * nf_tables by netlink (linux/netfilter/nf_tables.h): a transaction of tables, chains and rules.
 * Nothing to load, nothing to execute. A rule is a list of expressions: each loads something into a
 * register and compares it, or acts.
 *
 *	nft_begin(&nft, &netlink, AF_INET, "mooring-x");
 *	nft_add_table(&nft, 0);
 *	nft_add_chain(&nft, "raw", &hook);
 *	nft_rule(&nft, "raw");
 *	nft_match_link(&nft, NFT_INPUT, "mooring0", true);
 *	nft_verdict(&nft, NFT_DROPS, NULL);
 *	nft_rule_end(&nft);
 *	nft_commit(&nft, "what for", err);
 */
struct nft {
	struct netlink *netlink;
	const char *table;
	int family; /* AF_INET, AF_INET6; AF_UNSPEC: a table of both */
	size_t rule;
};

/* A base chain's place. */
struct nft_hook {
	const char *type; /* "nat", "filter" */
	uint32_t number;  /* NF_INET_* */
	int32_t priority;
	bool drops; /* by its policy: what no rule accepts */
};

enum nft_direction {
	NFT_INPUT,
	NFT_OUTPUT,
};

enum nft_end {
	NFT_SOURCE,
	NFT_DESTINATION,
};

enum nft_outcome {
	NFT_ACCEPTS,
	NFT_DROPS,
	NFT_JUMPS,
};

/* NFPROTO_* */
uint8_t nft_protocol_family(int family);

/* ERROR_UNSUPPORTED where the kernel has no netfilter that one could talk to. */
must_check bool nft_open(struct netlink *netlink, struct error *err);
void nft_begin(struct nft *nft, struct netlink *netlink, int family, const char *table);

/* `flags`: NFT_TABLE_F_*. */
void nft_add_table(struct nft *nft, uint32_t flags);
void nft_remove_table(struct nft *nft);
/* Without a hook: one to jump to. */
void nft_add_chain(struct nft *nft, const char *name, const struct nft_hook *hook);

/* Expressions between these two are one rule, which is appended to the chain. */
void nft_rule(struct nft *nft, const char *chain);
void nft_rule_end(struct nft *nft);
/* The same, but it comes first in the chain, and bears a comment (as NFTA_RULE_USERDATA has it). */
void nft_rule_first(struct nft *nft, const char *chain, const void *comment, size_t length);
/* `handle` as the kernel told it. */
void nft_remove_rule(struct nft *nft, const char *chain, uint64_t handle);

void nft_match_link(struct nft *nft, enum nft_direction direction, const char *name, bool is_same);
void nft_match_net(struct nft *nft, enum nft_end end, const struct ipnet *net, bool is_same);
void nft_match_address(struct nft *nft, enum nft_end end, const struct ipaddr *address,
		       bool is_same);
/* Addresses of this machine. */
void nft_match_local(struct nft *nft);
/* Connections that are known, or belong to such. */
void nft_match_established(struct nft *nft);
/* Connections whose destination a rule has changed. */
void nft_match_translated(struct nft *nft);
/* IPPROTO_*. */
void nft_match_protocol(struct nft *nft, uint8_t protocol);
/* Packets whose mark has the bit; and what gives it to them, or takes it away. */
void nft_match_mark(struct nft *nft, uint32_t bit);
void nft_set_mark(struct nft *nft, uint32_t bit, bool is_set);
void nft_match_ports(struct nft *nft, uint8_t protocol, uint16_t first, uint16_t last);

void nft_verdict(struct nft *nft, enum nft_outcome outcome, const char *chain);
void nft_masquerade(struct nft *nft);
void nft_set_source(struct nft *nft, const struct ipaddr *address);
/* `port` 0: it stays what it is. */
void nft_redirect(struct nft *nft, const struct ipaddr *address, uint16_t port);

/* Sends the transaction; all of it happens or nothing. ERROR_UNSUPPORTED names what a kernel
 * lacks. */
must_check bool nft_commit(struct nft *nft, const char *what, struct error *err);

#endif
