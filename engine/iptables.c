/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/iptables.h"

#include <linux/netfilter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define SCRIPT_MAX   (4 << 20)
#define SHORT_LENGTH 3 /* of a chain's name */

/* Writing. ------------------------------------------------------------------------------------ */

void iptables_begin(struct iptables *iptables, int family, const char *name)
{
	*iptables = (struct iptables){ .family = family, .name = name };
	buf_init(&iptables->mangle, SCRIPT_MAX);
	buf_init(&iptables->nat, SCRIPT_MAX);
	iptables->table = &iptables->nat;
}

void iptables_done(struct iptables *iptables)
{
	buf_done(&iptables->mangle);
	buf_done(&iptables->nat);
}

static void add_chain_name(struct iptables *iptables, const char *name)
{
	buf_printf(iptables->table, "%s-%.*s", iptables->name, SHORT_LENGTH, name);
}

void iptables_add_chain(struct iptables *iptables, const char *name, const struct nft_hook *hook)
{
	static const char *const hooks[] = {
		[NF_INET_PRE_ROUTING] = "PREROUTING",   [NF_INET_LOCAL_IN] = "INPUT",
		[NF_INET_FORWARD] = "FORWARD",          [NF_INET_LOCAL_OUT] = "OUTPUT",
		[NF_INET_POST_ROUTING] = "POSTROUTING",
	};

	iptables->table =
		!hook || strcmp(hook->type, "nat") == 0 ? &iptables->nat : &iptables->mangle;
	buf_add_char(iptables->table, ':');
	add_chain_name(iptables, name);
	buf_add_text(iptables->table, " - [0:0]\n");
	if (!hook)
		return;
	buf_printf(iptables->table, "-A %s -m comment --comment %s -j ", hooks[hook->number],
		   iptables->name);
	add_chain_name(iptables, name);
	buf_add_char(iptables->table, '\n');
}

void iptables_rule(struct iptables *iptables, const char *chain)
{
	buf_add_text(iptables->table, "-A ");
	add_chain_name(iptables, chain);
}

void iptables_rule_end(struct iptables *iptables)
{
	buf_add_char(iptables->table, '\n');
}

void iptables_match_link(struct iptables *iptables, enum nft_direction direction, const char *name,
			 bool is_same)
{
	buf_printf(iptables->table, "%s -%c %s", is_same ? "" : " !",
		   direction == NFT_INPUT ? 'i' : 'o', name);
}

void iptables_match_net(struct iptables *iptables, enum nft_end end, const struct ipnet *net,
			bool is_same)
{
	const struct ipaddr first = ipnet_first(net);
	char text[IPADDR_TEXT_MAX];

	buf_printf(iptables->table, "%s -%c %s/%d", is_same ? "" : " !",
		   end == NFT_SOURCE ? 's' : 'd', ipaddr_text(&first, text), net->prefix);
}

void iptables_match_address(struct iptables *iptables, enum nft_end end,
			    const struct ipaddr *address, bool is_same)
{
	const struct ipnet net = { *address, ipaddr_bits(address) };

	iptables_match_net(iptables, end, &net, is_same);
}

void iptables_match_local(struct iptables *iptables)
{
	buf_add_text(iptables->table, " -m addrtype --dst-type LOCAL");
}

void iptables_match_established(struct iptables *iptables)
{
	buf_add_text(iptables->table, " -m conntrack --ctstate RELATED,ESTABLISHED");
}

void iptables_match_translated(struct iptables *iptables)
{
	buf_add_text(iptables->table, " -m conntrack --ctstate DNAT");
}

void iptables_match_ports(struct iptables *iptables, uint8_t protocol, uint16_t first,
			  uint16_t last)
{
	const char *name = protocol == IPPROTO_TCP   ? "tcp"
			   : protocol == IPPROTO_UDP ? "udp"
						     : "sctp";

	buf_printf(iptables->table, " -p %s --dport %d", name, first);
	if (first != last)
		buf_printf(iptables->table, ":%d", last);
}

void iptables_verdict(struct iptables *iptables, enum nft_outcome outcome, const char *chain)
{
	buf_add_text(iptables->table, " -j ");
	if (outcome == NFT_JUMPS)
		add_chain_name(iptables, chain);
	else
		buf_add_text(iptables->table, outcome == NFT_DROPS ? "DROP" : "RETURN");
}

void iptables_masquerade(struct iptables *iptables)
{
	buf_add_text(iptables->table, " -j MASQUERADE");
}

void iptables_match_protocol(struct iptables *iptables, uint8_t protocol)
{
	buf_printf(iptables->table, " -p %d", protocol);
}

void iptables_match_mark(struct iptables *iptables, uint32_t bit)
{
	buf_printf(iptables->table, " -m mark --mark 0x%x/0x%x", bit, bit);
}

void iptables_set_mark(struct iptables *iptables, uint32_t bit, bool is_set)
{
	buf_printf(iptables->table, " -j MARK --set-xmark 0x%x/0x%x", is_set ? bit : 0, bit);
}

void iptables_set_source(struct iptables *iptables, const struct ipaddr *address)
{
	char text[IPADDR_TEXT_MAX];

	buf_printf(iptables->table, " -j SNAT --to-source %s", ipaddr_text(address, text));
}

void iptables_redirect(struct iptables *iptables, const struct ipaddr *address, uint16_t port)
{
	char text[IPADDR_TEXT_MAX];

	ipaddr_text(address, text);
	buf_add_text(iptables->table, " -j DNAT --to-destination ");
	buf_printf(iptables->table, address->family == AF_INET6 ? "[%s]" : "%s", text);
	if (port)
		buf_printf(iptables->table, ":%d", port);
}

static void add_table(struct buf *script, const char *name, const struct buf *rules)
{
	if (rules->length)
		buf_printf(script, "*%s\n%sCOMMIT\n", name, rules->data);
	script->is_cut |= rules->is_cut;
}

void iptables_script(const struct iptables *iptables, struct buf *script)
{
	add_table(script, "mangle", &iptables->mangle);
	add_table(script, "nat", &iptables->nat);
}

/* Reading what iptables-save wrote. ----------------------------------------------------------- */

/* One line of the text at *at, which goes on to the next one. */
static bool next_line(const char **at, const char **line, size_t *length)
{
	if (!**at)
		return false;
	*line = *at;
	*length = strcspn(*at, "\n");
	*at += *length + ((*at)[*length] == '\n');
	return true;
}

/* "NAME-abc" and then a blank. */
static bool is_own_chain(const char *text, const char *name)
{
	size_t length = strlen(name);

	return strncmp(text, name, length) == 0 && text[length] == '-' &&
	       strcspn(text + length + 1, " \n") == SHORT_LENGTH;
}

/* A rule of somebody else's chain with our comment: a jump to a chain of ours, or a passage. */
static bool is_own_rule(const char *line, size_t length, const char *name)
{
	autofree char *comment = mem_printf(" --comment %s ", name);
	const char *found = memmem(line, length, comment, strlen(comment));

	return strncmp(line, "-A ", 3) == 0 && found && !is_own_chain(line + 3, name);
}

/* Rules first, then what they led to: a chain in use cannot be deleted. */
static void undo_table(const char *table, size_t length, const char *name, struct buf *script)
{
	static const char *const steps[] = { "-D", "-F", "-X" };

	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		const char *at = table, *line;
		size_t size;

		while (at < table + length && next_line(&at, &line, &size)) {
			if (i == 0 && is_own_rule(line, size, name))
				buf_printf(script, "-D%.*s\n", (int)size - 2, line + 2);
			else if (i > 0 && line[0] == ':' && is_own_chain(line + 1, name))
				buf_printf(script, "%s %.*s\n", steps[i],
					   (int)strcspn(line + 1, " "), line + 1);
		}
	}
}

void iptables_undo_script(const char *saved, const char *name, struct buf *script)
{
	const char *at = saved, *line;
	size_t size;

	while (next_line(&at, &line, &size)) {
		const char *end = strstr(at, "\nCOMMIT");
		size_t before;

		if (line[0] != '*' || !end)
			continue;
		buf_printf(script, "%.*s\n", (int)size, line);
		before = script->length;
		undo_table(at, (size_t)(end + 1 - at), name, script);
		if (script->length == before)
			script->data[script->length -= size + 1] = '\0';
		else
			buf_add_text(script, "COMMIT\n");
		at = end + 1;
	}
}

bool iptables_has(const char *saved, const char *name)
{
	const char *at = saved, *line;
	size_t size;

	while (next_line(&at, &line, &size)) {
		if (is_own_rule(line, size, name))
			return true;
	}
	return false;
}

bool iptables_has_chain(const char *saved, const char *name, const char *chain)
{
	autofree char *wanted = mem_printf("\n:%s-%.*s ", name, SHORT_LENGTH, chain);

	return strstr(saved, wanted) != NULL;
}

bool iptables_forwards_nothing(const char *saved)
{
	const char *at = strstr(saved, "*filter\n"), *line;
	size_t size;

	while (at && next_line(&at, &line, &size) && strncmp(line, "COMMIT", 6) != 0) {
		if (strncmp(line, ":FORWARD DROP ", 14) == 0 ||
		    strncmp(line, "-A FORWARD -j DROP", 18) == 0 ||
		    strncmp(line, "-A FORWARD -j REJECT", 20) == 0)
			return true;
	}
	return false;
}
