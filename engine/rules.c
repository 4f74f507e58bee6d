/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/netlink.h"
#include "engine/daemonjson.h"
#include "engine/xtables.h"

#define SETTING      "firewall-backend"

#define EDITION_SIZE 4
#define FNV_START    2166136261U
#define FNV_PRIME    16777619U

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 2 /* linux/netfilter/nf_tables.h of 5.12 */
#endif

/* The choice. --------------------------------------------------------------------------------- */

enum backend {
	BACKEND_ANY, /* nf_tables, or else xtables */
	BACKEND_NFTABLES,
	BACKEND_IPTABLES,
};

static bool choose(enum backend *backend, struct error *err)
{
	const struct json *root;
	const char *text;

	*backend = BACKEND_ANY;
	if (!daemonjson_find(&root, err) || !json_text_or(root, SETTING, "", &text, err))
		return false;
	if (strcmp(text, "nftables") == 0)
		*backend = BACKEND_NFTABLES;
	else if (strcmp(text, "iptables") == 0)
		*backend = BACKEND_IPTABLES;
	else if (*text)
		return json_wrong(json_get(root, SETTING), err,
				  "neither \"nftables\" nor \"iptables\"");
	return true;
}

/* Editions. ----------------------------------------------------------------------------------- */

/* A set that stays has an empty chain whose name is made from its rules: so one of an older
 * program, which had other rules, is known from outside. Of four thousand changes one goes
 * unnoticed. */
static bool edition_of(const struct rules_set *set, char edition[EDITION_SIZE], struct error *err)
{
	static const char letters[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const unsigned int base = sizeof(letters) - 1;
	struct rules rules = { .is_text = true };
	uint32_t number = FNV_START;

	iptables_begin(&rules.iptables, set->family, set->name);
	bool is_done = set->write(&rules, set->context, err);
	const struct buf *const texts[] = { &rules.iptables.mangle, &rules.iptables.nat };

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		for (size_t at = 0; at < texts[i]->length; at++)
			number = (number ^ (unsigned char)texts[i]->data[at]) * FNV_PRIME;
	iptables_done(&rules.iptables);
	/* A name that nft's language takes, and no other chain has; three letters count for
	 * iptables. */
	snprintf(edition, EDITION_SIZE, "v%c%c", letters[number / base % base],
		 letters[number % base]);
	return is_done;
}

static bool add_edition(struct rules *rules, const struct rules_set *set, struct error *err)
{
	char edition[EDITION_SIZE];

	if (set->bag)
		return true;
	if (!edition_of(set, edition, err))
		return false;
	rules_add_chain(rules, edition, NULL);
	return true;
}

/* nf_tables. ---------------------------------------------------------------------------------- */

/* One transaction. A set that may be there begins by making and deleting its table, so that what
 * follows starts from nothing and a second run ends where the first did. */
static bool write_nft(const struct rules_set *set, struct netlink *netlink, struct error *err)
{
	uint32_t flags = set->bag ? NFT_TABLE_F_OWNER : 0;
	struct rules rules = { .is_text = false };

	nft_begin(&rules.nft, netlink, set->family, set->name);
	nft_add_table(&rules.nft, flags);
	if (!set->bag || bag_is_sealed(set->bag)) {
		nft_remove_table(&rules.nft);
		nft_add_table(&rules.nft, flags);
	}
	return add_edition(&rules, set, err) && set->write(&rules, set->context, err) &&
	       nft_commit(&rules.nft, set->what, err);
}

struct replacing {
	const struct rules_set *set;
	struct error *err;
	bool is_done;
};

/* By the very socket that its table belongs to: the kernel lets nobody else. */
static bool replace_by(int fd, void *context)
{
	struct replacing *replacing = context;
	struct netlink netlink = { .fd = -1 };
	int domain = 0, protocol = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_NETLINK ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 ||
	    protocol != NETLINK_NETFILTER)
		return false;

	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	replacing->is_done = own >= 0 && netlink_adopt(&netlink, own, replacing->err) &&
			     write_nft(replacing->set, &netlink, replacing->err);
	netlink_close(&netlink);
	/* Of two families each has a socket of its own. */
	return replacing->is_done || replacing->err->sys != EPERM;
}

static bool replace_nft(const struct rules_set *set, struct error *err)
{
	struct replacing replacing = { .set = set, .err = err };

	if (bag_find(set->bag, replace_by, &replacing))
		return replacing.is_done;
	return error_set(err, ERROR_UNSUPPORTED, "the container keeps no table of nf_tables");
}

static bool apply_nft(const struct rules_set *set, struct error *err)
{
	struct netlink netlink;

	if (set->bag && bag_is_sealed(set->bag))
		return replace_nft(set, err);

	if (!nft_open(&netlink, err))
		return false;

	bool is_done = write_nft(set, &netlink, err);

	if (is_done && set->bag) {
		is_done = bag_put(set->bag, netlink.fd, err);
		netlink.fd = -1;
	}
	netlink_close(&netlink);
	return is_done;
}

/* `chain` NULL: any will do. */
static bool is_nft_there(const char *name, int family, const char *chain)
{
	struct nfgenmsg header = { .nfgen_family = nft_protocol_family(family),
				   .version = NFNETLINK_V0 };
	struct netlink netlink;
	struct error ignored; /* an answer either way */

	if (!nft_open(&netlink, &ignored))
		return false;
	netlink_begin(&netlink,
		      NFNL_SUBSYS_NFTABLES << 8 | (chain ? NFT_MSG_GETCHAIN : NFT_MSG_GETTABLE),
		      NLM_F_ACK, &header, sizeof(header));
	netlink_put_text(&netlink, chain ? NFTA_CHAIN_TABLE : NFTA_TABLE_NAME, name);
	if (chain)
		netlink_put_text(&netlink, NFTA_CHAIN_NAME, chain);

	bool is_there = netlink_send(&netlink, "look for a table", &ignored);

	netlink_close(&netlink);
	return is_there;
}

static bool remove_nft(const char *name, int family, struct error *err)
{
	struct netlink netlink;
	struct nft nft;

	if (!is_nft_there(name, family, NULL))
		return true;
	if (!nft_open(&netlink, err))
		return false;
	nft_begin(&nft, &netlink, family, name);
	nft_remove_table(&nft);

	bool is_done = nft_commit(&nft, "remove the network's firewall", err);

	netlink_close(&netlink);
	return is_done;
}

/* xtables. ------------------------------------------------------------------------------------ */

static bool apply_xtables(const struct rules_set *set, struct error *err)
{
	struct rules rules = { .is_text = true };

	iptables_begin(&rules.iptables, set->family, set->name);

	bool is_done = add_edition(&rules, set, err) && set->write(&rules, set->context, err) &&
		       xtables_apply(set->engine, &rules.iptables,
				     set->container ? set->container : "", err);

	iptables_done(&rules.iptables);
	return is_done || error_in(err, "%s", set->what);
}

/* Either. ------------------------------------------------------------------------------------- */

bool rules_apply(const struct rules_set *set, struct error *err)
{
	enum backend backend;
	struct error nft, xtables;

	if (!choose(&backend, err))
		return false;
	if (backend == BACKEND_IPTABLES)
		return remove_nft(set->name, set->family, err) && apply_xtables(set, err);
	if (apply_nft(set, err))
		return set->bag || xtables_remove(set->engine, set->name, err);
	if (backend == BACKEND_NFTABLES || err->kind != ERROR_UNSUPPORTED)
		return false;
	nft = *err;
	return apply_xtables(set, &xtables) ||
	       error_set(err, ERROR_UNSUPPORTED,
			 "%.400s; nor does iptables help (CONFIG_IP_NF_NAT, CONFIG_IP_NF_MANGLE, "
			 "CONFIG_NETFILTER_XT_MATCH_ADDRTYPE, …): %.300s",
			 nft.text, xtables.text);
}

bool rules_are_there(const struct rules_set *set)
{
	enum backend backend;
	char edition[EDITION_SIZE];
	struct error ignored; /* told when they are put in */

	if (!choose(&backend, &ignored) || !edition_of(set, edition, &ignored))
		return false;
	return (backend != BACKEND_IPTABLES && is_nft_there(set->name, set->family, edition)) ||
	       (backend != BACKEND_NFTABLES &&
		xtables_has(set->engine, set->family, set->name, edition));
}

bool rules_remove(const struct engine *engine, const char *name, struct error *err)
{
	return remove_nft(name, AF_INET, err) && remove_nft(name, AF_INET6, err) &&
	       xtables_remove(engine, name, err);
}

/* Writing. ------------------------------------------------------------------------------------ */

void rules_add_chain(struct rules *rules, const char *name, const struct nft_hook *hook)
{
	if (rules->is_text)
		iptables_add_chain(&rules->iptables, name, hook);
	else
		nft_add_chain(&rules->nft, name, hook);
}

void rules_begin_rule(struct rules *rules, const char *chain)
{
	if (rules->is_text)
		iptables_rule(&rules->iptables, chain);
	else
		nft_rule(&rules->nft, chain);
}

void rules_end_rule(struct rules *rules)
{
	if (rules->is_text)
		iptables_rule_end(&rules->iptables);
	else
		nft_rule_end(&rules->nft);
}

void rules_match_link(struct rules *rules, enum nft_direction direction, const char *name,
		      bool is_same)
{
	if (rules->is_text)
		iptables_match_link(&rules->iptables, direction, name, is_same);
	else
		nft_match_link(&rules->nft, direction, name, is_same);
}

void rules_match_net(struct rules *rules, enum nft_end end, const struct ipnet *net, bool is_same)
{
	if (rules->is_text)
		iptables_match_net(&rules->iptables, end, net, is_same);
	else
		nft_match_net(&rules->nft, end, net, is_same);
}

void rules_match_address(struct rules *rules, enum nft_end end, const struct ipaddr *address,
			 bool is_same)
{
	if (rules->is_text)
		iptables_match_address(&rules->iptables, end, address, is_same);
	else
		nft_match_address(&rules->nft, end, address, is_same);
}

void rules_match_local(struct rules *rules)
{
	if (rules->is_text)
		iptables_match_local(&rules->iptables);
	else
		nft_match_local(&rules->nft);
}

void rules_match_established(struct rules *rules)
{
	if (rules->is_text)
		iptables_match_established(&rules->iptables);
	else
		nft_match_established(&rules->nft);
}

void rules_match_translated(struct rules *rules)
{
	if (rules->is_text)
		iptables_match_translated(&rules->iptables);
	else
		nft_match_translated(&rules->nft);
}

void rules_match_protocol(struct rules *rules, uint8_t protocol)
{
	if (rules->is_text)
		iptables_match_protocol(&rules->iptables, protocol);
	else
		nft_match_protocol(&rules->nft, protocol);
}

void rules_match_mark(struct rules *rules, uint32_t bit)
{
	if (rules->is_text)
		iptables_match_mark(&rules->iptables, bit);
	else
		nft_match_mark(&rules->nft, bit);
}

void rules_set_mark(struct rules *rules, uint32_t bit, bool is_set)
{
	if (rules->is_text)
		iptables_set_mark(&rules->iptables, bit, is_set);
	else
		nft_set_mark(&rules->nft, bit, is_set);
}

void rules_match_ports(struct rules *rules, uint8_t protocol, uint16_t first, uint16_t last)
{
	if (rules->is_text)
		iptables_match_ports(&rules->iptables, protocol, first, last);
	else
		nft_match_ports(&rules->nft, protocol, first, last);
}

void rules_verdict(struct rules *rules, enum nft_outcome outcome, const char *chain)
{
	if (rules->is_text)
		iptables_verdict(&rules->iptables, outcome, chain);
	else
		nft_verdict(&rules->nft, outcome, chain);
}

void rules_masquerade(struct rules *rules)
{
	if (rules->is_text)
		iptables_masquerade(&rules->iptables);
	else
		nft_masquerade(&rules->nft);
}

void rules_set_source(struct rules *rules, const struct ipaddr *address)
{
	if (rules->is_text)
		iptables_set_source(&rules->iptables, address);
	else
		nft_set_source(&rules->nft, address);
}

void rules_redirect(struct rules *rules, const struct ipaddr *address, uint16_t port)
{
	if (rules->is_text)
		iptables_redirect(&rules->iptables, address, port);
	else
		nft_redirect(&rules->nft, address, port);
}
