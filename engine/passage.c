/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/passage.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/netlink.h"
#include "engine/nft.h"

#define TABLE       "filter"
#define FORWARD     "FORWARD"
#define DOCKER_USER "DOCKER-USER"
#define RULES_MAX   16 /* of ours in one chain: two, and what an interrupted command left */
#define COMMENT_MAX 64

/* Looking. ------------------------------------------------------------------------------------ */

static bool is_text(const struct nlmsghdr *message, uint16_t attribute, const char *text)
{
	size_t size;
	const void *value = netlink_find(message, sizeof(struct nfgenmsg), attribute, &size);

	return value && size == strlen(text) + 1 && memcmp(value, text, size) == 0;
}

struct chains {
	bool is_dropping;     /* by the policy of FORWARD */
	bool has_docker_user; /* DOCKER-USER is there */
};

static void note_chain(struct nlmsghdr *message, void *context)
{
	struct chains *chains = context;
	uint32_t verdict = htonl(NF_ACCEPT);
	size_t size;
	const void *policy =
		netlink_find(message, sizeof(struct nfgenmsg), NFTA_CHAIN_POLICY, &size);

	if (!is_text(message, NFTA_CHAIN_TABLE, TABLE))
		return;
	if (policy && size == sizeof(verdict))
		memcpy(&verdict, policy, sizeof(verdict));
	chains->has_docker_user |= is_text(message, NFTA_CHAIN_NAME, DOCKER_USER);
	chains->is_dropping |=
		is_text(message, NFTA_CHAIN_NAME, FORWARD) && ntohl(verdict) == NF_DROP;
}

static void begin_dump(struct netlink *netlink, uint16_t type, int family)
{
	struct nfgenmsg header = { .nfgen_family = family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4,
				   .version = NFNETLINK_V0 };

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

static bool find_own(struct netlink *netlink, const char *bridge, int family, const char *chain,
		     struct own_rules *rules, struct error *err)
{
	*rules = (struct own_rules){ 0 };
	rules->length = comment_of(bridge, rules->comment);
	begin_dump(netlink, NFT_MSG_GETRULE, family);
	netlink_put_text(netlink, NFTA_RULE_TABLE, TABLE);
	netlink_put_text(netlink, NFTA_RULE_CHAIN, chain);
	return netlink_dump(netlink, note_rule, rules, "look at the rules of others", err);
}

/* Changing. ----------------------------------------------------------------------------------- */

static bool add_rules(struct netlink *netlink, const char *bridge, int family, const char *chain,
		      struct error *err)
{
	unsigned char comment[COMMENT_MAX];
	size_t length = comment_of(bridge, comment);
	struct nft nft;

	nft_begin(&nft, netlink, family, TABLE);
	for (int direction = NFT_INPUT; direction <= NFT_OUTPUT; direction++) {
		nft_rule_first(&nft, chain, comment, length);
		nft_match_link(&nft, (enum nft_direction)direction, bridge, true);
		nft_verdict(&nft, NFT_ACCEPTS, NULL);
		nft_rule_end(&nft);
	}
	return nft_commit(&nft, "pass the firewall of others", err);
}

static bool remove_rules(struct netlink *netlink, int family, const char *chain,
			 const struct own_rules *rules, struct error *err)
{
	struct nft nft;

	if (!rules->count)
		return true;
	nft_begin(&nft, netlink, family, TABLE);
	for (size_t i = 0; i < rules->count; i++)
		nft_remove_rule(&nft, chain, rules->handles[i]);
	return nft_commit(&nft, "take our rules from the firewall of others", err);
}

static bool open_chains(struct netlink *netlink, int family, struct chains *chains,
			struct error *err)
{
	if (!netlink_open(netlink, NETLINK_NETFILTER, err))
		return false;
	*chains = (struct chains){ 0 };
	begin_dump(netlink, NFT_MSG_GETCHAIN, family);
	if (netlink_dump(netlink, note_chain, chains, "look at the chains of others", err))
		return true;
	netlink_close(netlink);
	return false;
}

bool passage_open(const char *bridge, int family, struct error *err)
{
	struct own_rules rules;
	struct netlink netlink;
	struct chains chains;

	if (!open_chains(&netlink, family, &chains, err))
		return false;

	const char *chain = chains.has_docker_user ? DOCKER_USER : FORWARD;
	bool is_done = !chains.is_dropping ||
		       (find_own(&netlink, bridge, family, chain, &rules, err) &&
			(rules.count || add_rules(&netlink, bridge, family, chain, err)));

	netlink_close(&netlink);
	return is_done;
}

bool passage_close(const char *bridge, int family, struct error *err)
{
	static const char *const names[] = { FORWARD, DOCKER_USER };
	struct own_rules rules;
	struct netlink netlink;
	bool is_done = true;

	for (size_t i = 0; i < COUNT_OF(names) && is_done; i++) {
		if (!netlink_open(&netlink, NETLINK_NETFILTER, err))
			return false;
		/* A chain that is not there holds nothing. */
		if (find_own(&netlink, bridge, family, names[i], &rules, err))
			is_done = remove_rules(&netlink, family, names[i], &rules, err);
		netlink_close(&netlink);
	}
	return is_done;
}
