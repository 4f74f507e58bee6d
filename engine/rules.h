/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RULES_H
#define ENGINE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ipaddr.h"
#include "engine/bag.h"
#include "engine/engine.h"
#include "engine/iptables.h"
#include "engine/nft.h"

/*
 * Firewall rules, said once and put in by whichever back end there is: nf_tables (nft.h), or else
 * xtables (iptables.h). "firewall-backend" in CONFIG/daemon.json, "nftables" or "iptables", leaves
 * no choice.
 */
struct rules {
	bool is_text; /* which one of the two is being written */
	struct nft nft;
	struct iptables iptables;
};

/* One set: its chains, and the rules in them. Ours alone: nobody else's are touched. */
struct rules_set {
	const struct engine *engine;
	const char *name; /* at most IPTABLES_NAME_MAX */
	int family;
	const char *what; /* for messages: "publish ports" */
	/* Writes it, once for each back end that is tried. */
	bool (*write)(struct rules *rules, const void *context, struct error *err);
	const void *context;
	/* NULL: the set stays until rules_remove. Else it ends with the bag: at once where it is a
	 * table of nf_tables (NFT_TABLE_F_OWNER); with the container's end, or when rules are next
	 * looked at (xtables_sweep), where it is not. A sealed bag: the set in it is replaced. */
	struct bag *bag;
	const char *container; /* whose the bag is; NULL: nobody's */
};

/* Puts the set in, anew if it was there. Fails with ERROR_UNSUPPORTED where the kernel has neither
 * back end, and names what it lacks. */
must_check bool rules_apply(const struct rules_set *set, struct error *err);
/* Whether one that stays is there, in the back end that is to be used, with the rules that it would
 * have now: a firewall that is loaded anew may have flushed it, or it is an older program's. */
bool rules_are_there(const struct rules_set *set);
/* Takes out a set that stayed, in both families and back ends; none is success. */
must_check bool rules_remove(const struct engine *engine, const char *name, struct error *err);

/* As in nft.h. A rule is put into the chain that was added last. */
void rules_add_chain(struct rules *rules, const char *name, const struct nft_hook *hook);
void rules_begin_rule(struct rules *rules, const char *chain);
void rules_end_rule(struct rules *rules);
void rules_match_link(struct rules *rules, enum nft_direction direction, const char *name,
		      bool is_same);
void rules_match_net(struct rules *rules, enum nft_end end, const struct ipnet *net, bool is_same);
void rules_match_address(struct rules *rules, enum nft_end end, const struct ipaddr *address,
			 bool is_same);
void rules_match_local(struct rules *rules);
void rules_match_established(struct rules *rules);
void rules_match_translated(struct rules *rules);
void rules_match_protocol(struct rules *rules, uint8_t protocol);
void rules_match_mark(struct rules *rules, uint32_t bit);
void rules_set_mark(struct rules *rules, uint32_t bit, bool is_set);
void rules_match_ports(struct rules *rules, uint8_t protocol, uint16_t first, uint16_t last);
void rules_verdict(struct rules *rules, enum nft_outcome outcome, const char *chain);
void rules_masquerade(struct rules *rules);
void rules_set_source(struct rules *rules, const struct ipaddr *address);
void rules_redirect(struct rules *rules, const struct ipaddr *address, uint16_t port);

#endif
