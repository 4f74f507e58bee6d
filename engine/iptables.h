/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_IPTABLES_H
#define ENGINE_IPTABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/ipaddr.h"
#include "engine/engine.h"
#include "engine/nft.h"

/*
 * Rules for kernels without nf_tables, written as text for iptables-restore(8). The calls are those
 * of nft.h, and mean the same; what differs is where the rules come to lie.
 *
 * A chain of ours is a chain of xtables, "NAME-" and the first three letters: hooks of type "nat"
 * in the table nat, all else in mangle, which is asked before anybody's filter. One jump leads
 * there from the hook's own chain, and bears NAME as its comment; by that and the chains' names it
 * is all found again. "Accept" there is RETURN: what others make of the packet in mangle stays as
 * it is.
 *
 * Nothing of this ends by itself. RUN/iptables/NAME is there from before the first rule to after
 * the last, and says whose they are: see xtables_sweep.
 */
struct iptables {
	int family;
	const char *name; /* of the set, 23 characters at most: "mooring-BRIDGE" */
	struct buf mangle, nat;
	struct buf *table; /* the one that the chain being written is in */
};

#define IPTABLES_NAME_MAX 23 /* a chain's name has at most 28 */

void iptables_begin(struct iptables *iptables, int family, const char *name);
void iptables_done(struct iptables *iptables);
/* Rules that follow are the last added chain's. */
void iptables_add_chain(struct iptables *iptables, const char *name, const struct nft_hook *hook);
void iptables_rule(struct iptables *iptables, const char *chain);
void iptables_rule_end(struct iptables *iptables);
void iptables_match_link(struct iptables *iptables, enum nft_direction direction, const char *name,
			 bool is_same);
void iptables_match_net(struct iptables *iptables, enum nft_end end, const struct ipnet *net,
			bool is_same);
void iptables_match_address(struct iptables *iptables, enum nft_end end,
			    const struct ipaddr *address, bool is_same);
void iptables_match_local(struct iptables *iptables);
void iptables_match_established(struct iptables *iptables);
void iptables_match_translated(struct iptables *iptables);
void iptables_match_protocol(struct iptables *iptables, uint8_t protocol);
void iptables_match_mark(struct iptables *iptables, uint32_t bit);
void iptables_set_mark(struct iptables *iptables, uint32_t bit, bool is_set);
void iptables_match_ports(struct iptables *iptables, uint8_t protocol, uint16_t first,
			  uint16_t last);
void iptables_verdict(struct iptables *iptables, enum nft_outcome outcome, const char *chain);
void iptables_masquerade(struct iptables *iptables);
void iptables_set_source(struct iptables *iptables, const struct ipaddr *address);
void iptables_redirect(struct iptables *iptables, const struct ipaddr *address, uint16_t port);

/* The text for iptables-restore --noflush. */
void iptables_script(const struct iptables *iptables, struct buf *script);
/* What takes a set's chains and the jumps to them out of what iptables-save wrote: text for
 * iptables-restore --noflush, empty if there is nothing of it. */
void iptables_undo_script(const char *saved, const char *name, struct buf *script);
/* Whether anything of the set is in it. */
bool iptables_has(const char *saved, const char *name);
/* Whether one of its chains is. */
bool iptables_has_chain(const char *saved, const char *name, const char *chain);
/* Whether the table `filter` in it forwards nothing that is not named: by its policy, or by a rule
 * for everything. */
bool iptables_forwards_nothing(const char *saved);

#endif
