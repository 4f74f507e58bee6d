/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/passage.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/netlink.h"
#include "engine/nft.h"

#define RULES_MAX   16 /* of ours in one chain: two, and what an interrupted command left */
#define COMMENT_MAX 64

/* Where others decide about what is forwarded. */
enum place_name {
	PLACE_FORWARD,     /* of iptables: dockerd's, ufw's */
	PLACE_DOCKER_USER, /* dockerd leaves it to others, and asks it first */
	PLACE_FIREWALLD,   /* rejects whatever it does not know */
	PLACES,
};

static const struct place {
	const char *table, *chain;
	bool is_inet; /* of both families */
} places[PLACES] = {
	[PLACE_FORWARD] = { "filter", "FORWARD", false },
	[PLACE_DOCKER_USER] = { "filter", "DOCKER-USER", false },
	[PLACE_FIREWALLD] = { "firewalld", "filter_FORWARD", true },
};

/* For messages and for struct nft. */
static int family_of(const struct place *place, int family)
{
	return place->is_inet ? AF_UNSPEC : family;
}

/* Looking. ------------------------------------------------------------------------------------ */

static bool is_text(const struct nlmsghdr *message, uint16_t attribute, const char *text)
{
	size_t size;
	const void *value = netlink_find(message, sizeof(struct nfgenmsg), attribute, &size);

	return value && size == strlen(text) + 1 && memcmp(value, text, size) == 0;
}

struct chains {
	int family;
	bool is_there[PLACES];
	bool is_dropping; /* by the policy of FORWARD */
};

static bool is_in_family(struct nlmsghdr *message, int family)
{
	const struct nfgenmsg *header = NLMSG_DATA(message);

	return header->nfgen_family == nft_protocol_family(family);
}

static void note_chain(struct nlmsghdr *message, void *context)
{
	struct chains *chains = context;
	uint32_t verdict = htonl(NF_ACCEPT);
	size_t size;
	const void *policy =
		netlink_find(message, sizeof(struct nfgenmsg), NFTA_CHAIN_POLICY, &size);

	if (policy && size == sizeof(verdict))
		memcpy(&verdict, policy, sizeof(verdict));
	for (size_t i = 0; i < PLACES; i++) {
		if (!is_in_family(message, family_of(&places[i], chains->family)) ||
		    !is_text(message, NFTA_CHAIN_TABLE, places[i].table) ||
		    !is_text(message, NFTA_CHAIN_NAME, places[i].chain))
			continue;
		chains->is_there[i] = true;
		chains->is_dropping |= i == PLACE_FORWARD && ntohl(verdict) == NF_DROP;
	}
}

static void begin_dump(struct netlink *netlink, uint16_t type, uint8_t family)
{
	struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	netlink_begin(netlink, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_DUMP, &header,
		      sizeof(header));
}

/* As nft writes comments: a type (0), a length, the text with its NUL. */
static size_t comment_of(const char *bridge, unsigned char comment[COMMENT_MAX])
{
	int length = snprintf((char *)comment + 2, COMMENT_MAX - 2, "mooring %s", bridge) + 1;

	comment[0] = 0;
	comment[1] = (unsigned char)length;
	return (size_t)length + 2;
}

struct own_rules {
	unsigned char comment[COMMENT_MAX];
	size_t length;
	uint64_t handles[RULES_MAX];
	size_t count;
};

static void note_rule(struct nlmsghdr *message, void *context)
{
	struct own_rules *rules = context;
	size_t size, handle_size;
	const void *comment =
		netlink_find(message, sizeof(struct nfgenmsg), NFTA_RULE_USERDATA, &size);
	const void *handle =
		netlink_find(message, sizeof(struct nfgenmsg), NFTA_RULE_HANDLE, &handle_size);

	if (!comment || size != rules->length || memcmp(comment, rules->comment, size) != 0 ||
	    !handle || handle_size != sizeof(uint64_t) || rules->count == RULES_MAX)
		return;
	memcpy(&rules->handles[rules->count++], handle, sizeof(uint64_t));
}

static bool find_own(struct netlink *netlink, const char *bridge, int family,
		     const struct place *place, struct own_rules *rules, struct error *err)
{
	*rules = (struct own_rules){ 0 };
	rules->length = comment_of(bridge, rules->comment);
	begin_dump(netlink, NFT_MSG_GETRULE, nft_protocol_family(family_of(place, family)));
	netlink_put_text(netlink, NFTA_RULE_TABLE, place->table);
	netlink_put_text(netlink, NFTA_RULE_CHAIN, place->chain);
	return netlink_dump(netlink, note_rule, rules, "look at the rules of others", err);
}

/* Changing. ----------------------------------------------------------------------------------- */

static bool add_rules(struct netlink *netlink, const char *bridge, int family,
		      const struct place *place, struct error *err)
{
	unsigned char comment[COMMENT_MAX];
	size_t length = comment_of(bridge, comment);
	struct nft nft;

	nft_begin(&nft, netlink, family_of(place, family), place->table);
	for (int direction = NFT_INPUT; direction <= NFT_OUTPUT; direction++) {
		nft_rule_first(&nft, place->chain, comment, length);
		nft_match_link(&nft, (enum nft_direction)direction, bridge, true);
		nft_verdict(&nft, NFT_ACCEPTS, NULL);
		nft_rule_end(&nft);
	}
	if (nft_commit(&nft, "pass the firewall of others", err))
		return true;
	/* A table may belong to the process that made it (NFT_TABLE_F_OWNER). */
	return err->sys == EPERM && place->is_inet &&
	       error_set(err, ERROR_UNSUPPORTED,
			 "firewalld lets nobody change its rules: say firewall-cmd --permanent "
			 "--zone=trusted --add-interface=%s, then firewall-cmd --reload",
			 bridge);
}

static bool remove_rules(struct netlink *netlink, int family, const struct place *place,
			 const struct own_rules *rules, struct error *err)
{
	struct nft nft;

	if (!rules->count)
		return true;
	nft_begin(&nft, netlink, family_of(place, family), place->table);
	for (size_t i = 0; i < rules->count; i++)
		nft_remove_rule(&nft, place->chain, rules->handles[i]);
	return nft_commit(&nft, "take our rules from the firewall of others", err);
}

/* Opens *netlink too. A kernel that shows no chains has none that would be in the way. */
static bool find_chains(struct netlink *netlink, int family, struct chains *chains)
{
	struct error ignored;

	*chains = (struct chains){ .family = family };
	if (!nft_open(netlink, &ignored))
		return false;
	begin_dump(netlink, NFT_MSG_GETCHAIN, AF_UNSPEC);
	if (netlink_dump(netlink, note_chain, chains, "look at the chains of others", &ignored))
		return true;
	netlink_close(netlink);
	return false;
}

static bool pass(struct netlink *netlink, const char *bridge, int family, const struct place *place,
		 struct error *err)
{
	struct own_rules rules;

	return find_own(netlink, bridge, family, place, &rules, err) &&
	       (rules.count || add_rules(netlink, bridge, family, place, err));
}

bool passage_shut(int family, struct error *err)
{
	static const struct nft_hook hook = { "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER, true };
	const struct place *place = &places[PLACE_FORWARD];
	struct netlink netlink;
	struct nft nft;

	if (!nft_open(&netlink, err))
		return false;
	nft_begin(&nft, &netlink, family, place->table);
	nft_add_table(&nft, 0);
	nft_add_chain(&nft, place->chain, &hook);

	bool is_done = nft_commit(&nft, "forward nothing but what is let pass", err);

	netlink_close(&netlink);
	return is_done;
}

bool passage_open(const char *bridge, int family, struct error *err)
{
	struct netlink netlink;
	struct chains chains;
	bool is_done = true;

	if (!find_chains(&netlink, family, &chains))
		return true;
	if (chains.is_dropping)
		is_done = pass(&netlink, bridge, family,
			       &places[chains.is_there[PLACE_DOCKER_USER] ? PLACE_DOCKER_USER
									  : PLACE_FORWARD],
			       err);
	if (is_done && chains.is_there[PLACE_FIREWALLD])
		is_done = pass(&netlink, bridge, family, &places[PLACE_FIREWALLD], err);
	netlink_close(&netlink);
	return is_done;
}

bool passage_close(const char *bridge, int family, struct error *err)
{
	struct own_rules rules;
	struct netlink netlink;
	struct chains chains;
	bool is_done = true;

	if (!find_chains(&netlink, family, &chains))
		return true;
	for (size_t i = 0; i < PLACES && is_done; i++) {
		if (chains.is_there[i])
			is_done = find_own(&netlink, bridge, family, &places[i], &rules, err) &&
				  remove_rules(&netlink, family, &places[i], &rules, err);
	}
	netlink_close(&netlink);
	return is_done;
}
