/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/url.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ipaddr.h"
#include "registry/limit.h"

static bool refuse(const char *text, const char *why, struct error *err)
{
	int shown = (int)strcspn(text, "?");

	return error_set(err, ERROR_INPUT, "URL %.*s: %s", shown > 200 ? 200 : shown, text, why);
}

/* One part as a string of the arena; NULL if there is none. */
static const char *part(struct arena *arena, CURLU *parser, CURLUPart which, unsigned int flags)
{
	char *text = NULL;

	if (curl_url_get(parser, which, &text, flags) != CURLUE_OK)
		return NULL;
	char *copy = arena_strdup(arena, text);
	curl_free(text);
	return copy;
}

static bool take_parts(struct arena *arena, CURLU *parser, const char *text, struct url *url,
		       struct error *err)
{
	url->scheme = part(arena, parser, CURLUPART_SCHEME, 0);
	url->port = part(arena, parser, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	url->path = part(arena, parser, CURLUPART_PATH, 0);
	char *host = NULL;

	if (!url->scheme || !url->port || !url->path ||
	    curl_url_get(parser, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return refuse(text, "not an absolute http or https URL", err);
	char *lower = arena_strdup(arena, host);
	curl_free(host);
	for (char *c = lower; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	url->host = lower;
	if (strcmp(url->scheme, "http") != 0 && strcmp(url->scheme, "https") != 0)
		return refuse(text, "only http and https are allowed", err);
	if (part(arena, parser, CURLUPART_USER, 0) || part(arena, parser, CURLUPART_PASSWORD, 0))
		return refuse(text, "a user name in a URL is not allowed", err);
	return true;
}

/* Sets `parser` to `text`, relative to what it held before. */
static bool set_text(CURLU *parser, const char *text, struct error *err)
{
	if (strlen(text) > LIMIT_URL)
		return refuse(text, "too long", err);
	if (curl_url_set(parser, CURLUPART_URL, text, CURLU_PATH_AS_IS) != CURLUE_OK)
		return refuse(text, "not an absolute http or https URL", err);
	return true;
}

static CURLU *new_parser(void)
{
	CURLU *parser = curl_url();

	if (!parser)
		abort(); /* out of memory, as in base/mem.c */
	return parser;
}

bool url_parse(struct arena *arena, const char *text, struct url *url, struct error *err)
{
	CURLU *parser = new_parser();
	bool is_ok = set_text(parser, text, err) && take_parts(arena, parser, text, url, err);

	curl_url_cleanup(parser);
	return is_ok;
}

bool url_resolve(struct arena *arena, const char *base, const char *location, const char **absolute,
		 struct error *err)
{
	CURLU *parser = new_parser();
	struct url url;
	bool is_ok = set_text(parser, base, err) && set_text(parser, location, err) &&
		     take_parts(arena, parser, location, &url, err);

	if (is_ok) {
		*absolute = part(arena, parser, CURLUPART_URL, 0);
		if (!*absolute || strlen(*absolute) > LIMIT_URL)
			is_ok = refuse(location, "too long", err);
	}
	curl_url_cleanup(parser);
	return is_ok;
}

bool url_is_https(const char *url)
{
	return strncasecmp(url, "https://", strlen("https://")) == 0;
}

const char *url_host_field(struct arena *arena, const char *url)
{
	const char *start = strstr(url, "://");

	start = start ? start + 3 : url;
	size_t length = strcspn(start, "/?#");
	const char *port = url_is_https(url) ? ":443" : ":80";
	size_t port_length = strlen(port);

	if (length > port_length && strncmp(start + length - port_length, port, port_length) == 0)
		length -= port_length;
	return arena_strndup(arena, start, length);
}

bool url_is_same_origin(const char *a, const char *b)
{
	autoarena struct arena arena = { 0 };
	struct url first, second;
	struct error ignored;

	return url_parse(&arena, a, &first, &ignored) && url_parse(&arena, b, &second, &ignored) &&
	       strcmp(first.scheme, second.scheme) == 0 && strcmp(first.host, second.host) == 0 &&
	       strcmp(first.port, second.port) == 0;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c));
}

char *url_encode(struct arena *arena, const char *text, bool keep_slash)
{
	char *encoded = arena_array(arena, strlen(text) + 1, 3);
	char *end = encoded;

	for (; *text; text++)
		if (is_unreserved(*text) || (keep_slash && *text == '/'))
			*end++ = *text;
		else
			end += sprintf(end, "%%%02X", (unsigned char)*text);
	return encoded;
}

char *url_shown(struct arena *arena, const char *url)
{
	size_t length = strcspn(url, "?#");

	return arena_strndup(arena, url, length > 300 ? 300 : length);
}

/* Of a literal; IPv6 with brackets or without. False for names. */
static bool parse_address(const char *host, struct ipaddr *address)
{
	char plain[INET6_ADDRSTRLEN + 1];
	size_t length = strlen(host);

	if (strchr(host, ':') && length > 2 && host[0] == '[' && host[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (length >= sizeof(plain))
		return false;
	memcpy(plain, host, length);
	plain[length] = '\0';
	return ipaddr_parse(address, plain);
}

bool url_is_loopback_host(const char *host)
{
	struct ipaddr address;

	return strcasecmp(host, "localhost") == 0 ||
	       (parse_address(host, &address) && ipaddr_is_loopback(&address));
}

/* libcurl takes all of "localhost", "x.localhost" and "localhost." to this machine (RFC 6761). */
static bool is_localhost(const char *name)
{
	static const char suffix[] = ".localhost";
	size_t length = strlen(name), least = sizeof(suffix) - 1;

	return strcasecmp(name, suffix + 1) == 0 ||
	       (length > least && strcasecmp(name + length - least, suffix) == 0);
}

static bool is_private_v4(const unsigned char bytes[4])
{
	uint32_t address = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
			   (uint32_t)bytes[2] << 8 | bytes[3];

	return address >> 24 == 0 || address >> 24 == 127 || address >> 24 == 10 ||
	       address >> 20 == 0xac1 || address >> 16 == 0xc0a8 || address >> 16 == 0xa9fe ||
	       address >> 22 == 0x191; /* 100.64.0.0/10, RFC 6598 */
}

/* An IPv4 address inside: the mapped form, the compatible one, and what NAT64 translates (RFC
 * 6052). */
static bool has_v4(const struct in6_addr *v6)
{
	static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	return IN6_IS_ADDR_V4MAPPED(v6) || IN6_IS_ADDR_V4COMPAT(v6) ||
	       memcmp(v6->s6_addr, nat64, sizeof(nat64)) == 0;
}

bool url_is_private_address(const char *host)
{
	autoarena struct arena arena = { 0 };
	size_t length = strlen(host);
	struct ipaddr address;
	struct in6_addr v6;

	if (length > 1 && host[length - 1] == '.')
		host = arena_strndup(&arena, host, length - 1);
	if (is_localhost(host))
		return true;
	if (!parse_address(host, &address))
		return false;
	if (address.family == AF_INET)
		return is_private_v4(address.bytes);
	memcpy(&v6, address.bytes, sizeof(v6));
	if (has_v4(&v6))
		return is_private_v4(&v6.s6_addr[12]);
	return IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LOOPBACK(&v6) ||
	       IN6_IS_ADDR_LINKLOCAL(&v6) || (v6.s6_addr[0] & 0xfe) == 0xfc;
}
