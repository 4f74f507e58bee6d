/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/proxy.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/attr.h"

#define DEFAULT_PORT "1080" /* curl's, for whatever proxy but one of https */

static const char *part(struct arena *arena, CURLU *parser, CURLUPart which)
{
	char *text = NULL;

	if (curl_url_get(parser, which, &text, 0) != CURLUE_OK)
		return NULL;
	char *copy = arena_strdup(arena, text);
	curl_free(text);
	return copy;
}

static bool has_at(const char *text)
{
	return text && strchr(text, '@');
}

static bool is_known_scheme(const char *scheme)
{
	static const char *const known[] = { "http",    "https",  "socks",  "socks4",
					     "socks4a", "socks5", "socks5h" };

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcasecmp(scheme, known[i]) == 0)
			return true;
	return false;
}

static bool check(struct arena *arena, CURLU *parser, const struct proxy *proxy, struct error *err)
{
	if (!proxy->host[0] || has_at(part(arena, parser, CURLUPART_PATH)) ||
	    has_at(part(arena, parser, CURLUPART_QUERY)) ||
	    has_at(part(arena, parser, CURLUPART_FRAGMENT)))
		return error_set(err, ERROR_INPUT,
				 "the proxy's URL cannot be read: special characters in its user "
				 "or password must be %%-encoded (\"@\" is %%40, \":\" %%3A, \"/\" "
				 "%%2F)");
	if (!is_known_scheme(proxy->scheme))
		return error_set(err, ERROR_INPUT,
				 "the proxy's URL must begin with http://, https://, socks4:// or "
				 "socks5://");
	return true;
}

bool proxy_parse(struct arena *arena, const char *text, struct proxy *proxy, struct error *err)
{
	CURLU *parser = curl_url();

	if (!parser)
		abort(); /* out of memory, as in base/mem.c */
	/* What is not a URL leaves the parser empty: then no part is there. */
	(void)curl_url_set(parser, CURLUPART_URL, text,
			   CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
	*proxy = (struct proxy){ .scheme = part(arena, parser, CURLUPART_SCHEME),
				 .host = part(arena, parser, CURLUPART_HOST),
				 .port = part(arena, parser, CURLUPART_PORT) };
	if (!proxy->scheme)
		proxy->scheme = "http";
	if (!proxy->host)
		proxy->host = "";
	if (!proxy->port)
		proxy->port = strcasecmp(proxy->scheme, "https") == 0 ? "443" : DEFAULT_PORT;
	bool is_ok = check(arena, parser, proxy, err);

	curl_url_cleanup(parser);
	return is_ok;
}

void proxy_note_dialed(struct proxy_dialed *dialed, const struct curl_sockaddr *address)
{
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE];

	*dialed = (struct proxy_dialed){ 0 };
	if (getnameinfo(&address->addr, address->addrlen, text, sizeof(text), dialed->port,
			sizeof(dialed->port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(dialed->host, sizeof(dialed->host),
			 address->family == AF_INET6 ? "[%s]" : "%s", text);
	else
		dialed->port[0] = '\0';
}

bool proxy_is_dialed(const struct proxy *proxy, const struct proxy_dialed *dialed, const char *port)
{
	if (strcmp(proxy->port, dialed->port) != 0)
		return false;
	return strcmp(proxy->port, port) != 0 || strcmp(proxy->host, dialed->host) == 0;
}
