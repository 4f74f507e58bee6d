/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/httpfailure.h"

#include <errno.h>
#include <string.h>

#include "registry/nameserver.h"
#include "registry/proxy.h"
#include "registry/url.h"

#define EARLY 50000 /* microseconds by which libcurl's timer may be early */

/* What Go says for an errno of connect(2): scripts and AWS's nucleus look for these words. */
static const char *dial_failure(long number)
{
	switch (number) {
	case ECONNREFUSED:
		return "connect: connection refused";
	case ENETUNREACH:
		return "connect: network is unreachable";
	case EHOSTUNREACH:
		return "connect: no route to host";
	case ETIMEDOUT:
		return "connect: connection timed out";
	case EACCES:
	case EPERM:
		return "connect: permission denied";
	default:
		return "connect: connection failed";
	}
}

/* What a failure is told from. */
struct scene {
	const struct httpfailure *failure;
	struct arena *arena;
	struct url url;
	struct proxy proxy;
	bool is_at_proxy; /* it happened on the way to the proxy, or to a tunnel through it */
	curl_off_t looked_up, connected, total;
};

/* "127.0.0.1:5000"; where nobody was dialed yet, the name stands for it. */
static const char *peer(const struct scene *scene)
{
	const struct proxy_dialed *dialed = scene->failure->dialed;
	const char *host = scene->is_at_proxy ? scene->proxy.host : scene->url.host;
	const char *port = scene->is_at_proxy ? scene->proxy.port : scene->url.port;
	bool is_dialed = dialed->port[0] != '\0';

	return arena_printf(scene->arena, "%s:%s", is_dialed ? dialed->host : host,
			    is_dialed ? dialed->port : port);
}

static bool fail_dial(const struct scene *scene, struct error *err)
{
	long number = 0;

	curl_easy_getinfo(scene->failure->easy, CURLINFO_OS_ERRNO, &number);
	return error_set(err, ERROR_NETWORK, "dial tcp %s: %s", peer(scene), dial_failure(number));
}

static bool fail_timeout(const struct scene *scene, struct error *err)
{
	const struct httpfailure *failure = scene->failure;

	if (scene->looked_up == 0 && failure->proxy)
		return error_set(err, ERROR_NETWORK,
				 "dial tcp: lookup %s, or the proxy %s: i/o timeout",
				 scene->url.host, scene->proxy.host);
	if (scene->looked_up == 0)
		return error_set(err, ERROR_NETWORK, "dial tcp: lookup %s: i/o timeout",
				 scene->url.host);
	if (scene->connected == 0)
		return error_set(err, ERROR_NETWORK, "dial tcp %s: i/o timeout%s", peer(scene),
				 scene->is_at_proxy && strcmp(scene->proxy.scheme, "https") == 0
					 ? " (its URL says https://: does it speak TLS?)"
					 : "");
	if (failure->total_seconds && scene->total + EARLY >= failure->total_seconds * 1000000)
		return error_set(err, ERROR_NETWORK,
				 "net/http: i/o timeout: not done within %ld seconds",
				 failure->total_seconds);
	return error_set(err, ERROR_NETWORK,
			 "net/http: i/o timeout: nothing arrived for %ld seconds",
			 failure->stall_seconds);
}

/* What the proxy answered to CONNECT; 0: nothing bad. */
static long proxy_refusal(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status >= 400 ? status : 0;
}

static bool fail_proxy(long status, struct error *err)
{
	bool is_final = status == 401 || status == 403 || status == 407;

	return error_set(err, is_final ? ERROR_DENIED : ERROR_NETWORK,
			 "%sthe proxy refuses to connect us: HTTP %ld%s",
			 is_final ? "" : "net/http: ", status,
			 status == 403 ? ""
			 : is_final    ? ", so it wants another name or password"
				       : "");
}

/* What curl says may quote the proxy's URL. */
static const char *said_by_curl(const struct httpfailure *failure)
{
	bool is_secret = failure->proxy && strstr(failure->said, failure->proxy);

	return failure->said[0] && !is_secret ? failure->said : curl_easy_strerror(failure->code);
}

static bool fail_lookup(const char *host, struct error *err)
{
	char server[NAMESERVER_TEXT_MAX];

	if (nameserver_is_cut_off(server))
		return error_set(err, ERROR_NETWORK,
				 "dial tcp: lookup %s on %s: dial udp %s: connect: network is "
				 "unreachable",
				 host, server, server);
	return error_set(err, ERROR_NETWORK, "dial tcp: lookup %s: no such host", host);
}

static bool fail_with(const struct scene *scene, struct error *err)
{
	const struct httpfailure *failure = scene->failure;
	const char *said = said_by_curl(failure);

	switch (failure->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return fail_lookup(scene->url.host, err);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return fail_lookup(scene->proxy.host, err);
	case CURLE_COULDNT_CONNECT:
		return fail_dial(scene, err);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_timeout(scene, err);
	case CURLE_PROXY:
		return error_set(err, ERROR_NETWORK, "%s", said);
	case CURLE_SSL_CONNECT_ERROR:
		return error_set(err, ERROR_NETWORK, "net/http: TLS handshake failed: %s", said);
	case CURLE_PEER_FAILED_VERIFICATION:
		return error_set(err, ERROR_DENIED, "tls: failed to verify certificate: x509: %s",
				 said);
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return error_set(err, ERROR_INPUT, "tls: certificates: %s", said);
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return error_set(err, ERROR_NETWORK, "net/http: unexpected EOF");
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
		return error_set(err, ERROR_NETWORK, "net/http: connection broken: %s", said);
	default:
		return error_set(err, ERROR_CORRUPT, "net/http: %s", said);
	}
}

static bool is_tls_failure(CURLcode code)
{
	return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION;
}

/* Did it fail before there was a way through the proxy? */
static bool is_on_way_to_proxy(const struct scene *scene)
{
	const struct httpfailure *failure = scene->failure;
	bool is_socks = strncmp(scene->proxy.scheme, "socks", strlen("socks")) == 0;
	long connect_status = 0;

	if (failure->code == CURLE_COULDNT_RESOLVE_PROXY || failure->code == CURLE_PROXY)
		return true;
	if (failure->dialed->port[0] == '\0')
		return failure->code == CURLE_COULDNT_CONNECT;
	if (!proxy_is_dialed(&scene->proxy, failure->dialed, scene->url.port))
		return false;
	curl_easy_getinfo(failure->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
	if (!is_socks && strcmp(scene->url.scheme, "https") == 0)
		return connect_status == 0;
	/* Behind SOCKS, TLS is the server's. */
	return scene->connected == 0 && !(is_socks && is_tls_failure(failure->code));
}

/* The URL that was asked for, and its parts as far as it has any. */
static const char *read_url(struct arena *arena, const struct httpfailure *failure, struct url *url)
{
	struct error ignored;
	char *text = NULL;

	*url = (struct url){ "", "?", "?", "" };
	curl_easy_getinfo(failure->easy, CURLINFO_EFFECTIVE_URL, &text);
	if (text && !url_parse(arena, text, url, &ignored))
		*url = (struct url){ "", "?", "?", "" };
	return url_shown(arena, text ? text : "?");
}

void httpfailure_words(const struct httpfailure *failure, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct scene scene = { .failure = failure, .arena = &arena };
	bool is_proxy_readable = true;

	(void)read_url(&arena, failure, &scene.url);
	if (proxy_refusal(failure->easy)) {
		(void)fail_proxy(proxy_refusal(failure->easy), err);
		return;
	}
	curl_easy_getinfo(failure->easy, CURLINFO_NAMELOOKUP_TIME_T, &scene.looked_up);
	curl_easy_getinfo(failure->easy, CURLINFO_CONNECT_TIME_T, &scene.connected);
	curl_easy_getinfo(failure->easy, CURLINFO_TOTAL_TIME_T, &scene.total);
	if (failure->proxy) {
		is_proxy_readable = proxy_parse(&arena, failure->proxy, &scene.proxy, err);
		scene.is_at_proxy = is_on_way_to_proxy(&scene);
	}
	if (!scene.is_at_proxy || is_proxy_readable)
		(void)fail_with(&scene, err);
	if (scene.is_at_proxy)
		error_in(err, "proxyconnect tcp");
}

void httpfailure_place(const struct httpfailure *failure, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct url url;

	error_in(err, "%s \"%s\"", failure->verb, read_url(&arena, failure, &url));
}
