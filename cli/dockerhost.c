/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dockerhost.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CONTEXT     "default"
#define EXIT_RUN    125 /* docker run, where no daemon is reached */
#define HOST_MAX    256 /* bytes of a host's name; RFC 1035: 253 */
#define LOOPBACK_V4 127

void dockerhost_choose(const char *host, const char *context)
{
	if (host && *host)
		setenv("DOCKER_HOST", host, 1);
	if (!context || !*context)
		return;
	setenv("DOCKER_CONTEXT", context, 1);
	if (strcmp(context, CONTEXT) != 0)
		unsetenv("DOCKER_HOST"); /* which would come first */
}

/* `address`: "HOST:PORT/PATH", "[::1]:PORT"; without a host it is this one. */
static bool is_loopback(const char *address)
{
	bool is_bracketed = *address == '[';
	size_t length = strcspn(address + is_bracketed, is_bracketed ? "]" : ":/");
	char host[HOST_MAX];
	struct in6_addr six;
	struct in_addr four;

	if (length >= sizeof(host))
		return false;
	memcpy(host, address + is_bracketed, length);
	host[length] = '\0';
	if (!length || strcmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == LOOPBACK_V4;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool is_local(const char *host)
{
	static const char *const sockets[] = { "unix", "npipe", "fd" };
	static const char *const protocols[] = { "tcp", "http", "https" };
	const char *address = strstr(host, "://");
	size_t length = address ? (size_t)(address - host) : 0;

	if (!address)
		return is_loopback(host); /* docker takes it for tcp */
	for (size_t i = 0; i < COUNT_OF(sockets); i++)
		if (strlen(sockets[i]) == length && memcmp(sockets[i], host, length) == 0)
			return true;
	for (size_t i = 0; i < COUNT_OF(protocols); i++)
		if (strlen(protocols[i]) == length && memcmp(protocols[i], host, length) == 0)
			return is_loopback(address + strlen("://"));
	return false;
}

bool dockerhost_is_ours(bool is_run, int *code)
{
	const char *host = getenv("DOCKER_HOST");
	const char *context = getenv("DOCKER_CONTEXT");

	if (host && *host) {
		if (is_local(host))
			return true;
		fprintf(stderr,
			"%sCannot connect to the Docker daemon at %s. Is the docker daemon "
			"running? "
			"(Mooring acts on this machine alone: unset DOCKER_HOST)\n",
			is_run ? "docker: " : "", host);
		*code = is_run ? EXIT_RUN : 1;
		return false;
	}
	if (!context || !*context || strcmp(context, CONTEXT) == 0)
		return true;
	fprintf(stderr,
		"Failed to initialize: unable to resolve docker endpoint: context \"%s\": context "
		"not "
		"found: there is \"" CONTEXT "\" alone, this machine\n",
		context);
	*code = 1;
	return false;
}
