/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/nameserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX (64 << 10) /* bytes that are looked at */
#define BLANKS          " \t\r"

/* UDP: to connect asks the kernel for a way, and sends nothing. */
static bool is_cut_off(const struct ipaddr *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	bool is_v6 = address->family == AF_INET6;
	const void *to = is_v6 ? (const void *)&v6 : &v4;

	memcpy(is_v6 ? (void *)&v6.sin6_addr : &v4.sin_addr, address->bytes, ipaddr_size(address));
	autoclose int probe = socket(address->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return probe >= 0 && connect(probe, to, (socklen_t)(is_v6 ? sizeof(v6) : sizeof(v4))) < 0 &&
	       (errno == ENETUNREACH || errno == EHOSTUNREACH || errno == EADDRNOTAVAIL);
}

/* "nameserver ADDRESS", with an interface behind a '%' perhaps. */
static bool read_server(char *line, struct ipaddr *address)
{
	char *rest = line;
	const char *word = strsep(&rest, BLANKS);

	if (!rest || strcmp(word, "nameserver") != 0)
		return false;
	rest += strspn(rest, BLANKS);
	rest[strcspn(rest, BLANKS "%")] = '\0';
	return ipaddr_parse(address, rest);
}

bool nameserver_is_cut_off(char text[NAMESERVER_TEXT_MAX])
{
	autobuf struct buf file;
	struct ipaddr address;
	char digits[IPADDR_TEXT_MAX];
	struct error ignored; /* without one, the machine itself is asked: that is reached */
	size_t count = 0;

	buf_init(&file, RESOLV_CONF_MAX);
	if (!file_read(AT_FDCWD, RESOLV_CONF, &file, &ignored) || !file.data)
		return false;
	char *rest = file.data;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (!read_server(line, &address))
			continue;
		if (!is_cut_off(&address))
			return false;
		if (count++ == 0)
			snprintf(text, NAMESERVER_TEXT_MAX,
				 address.family == AF_INET6 ? "[%s]:53" : "%s:53",
				 ipaddr_text(&address, digits));
	}
	return count > 0;
}
