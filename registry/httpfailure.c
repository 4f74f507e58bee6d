/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/httpfailure.h"

#include <errno.h>

#include "registry/url.h"

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

/* "dial tcp 127.0.0.1:5000: connect: connection refused". When no address answered, curl may not
 * say which it tried: then the name stands for it. */
static bool fail_dial(CURL *easy, const struct url *url, struct error *err)
{
	char *address = NULL;
	long port = 0, number = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	if (!address || address[0] == '\0' || port == 0)
		return error_set(err, ERROR_NETWORK, "dial tcp %s:%s: %s", url->host, url->port,
				 dial_failure(number));
	return error_set(err, ERROR_NETWORK, "dial tcp %s:%ld: %s", address, port,
			 dial_failure(number));
}

static bool fail_timeout(const struct httpfailure *failure, const struct url *url,
			 struct error *err)
{
	curl_off_t looked_up = 0, connected = 0, total = 0;

	curl_easy_getinfo(failure->easy, CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
	curl_easy_getinfo(failure->easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(failure->easy, CURLINFO_TOTAL_TIME_T, &total);
	if (looked_up == 0)
		return error_set(err, ERROR_NETWORK, "dial tcp: lookup %s: i/o timeout", url->host);
	if (connected == 0)
		return error_set(err, ERROR_NETWORK, "dial tcp %s:%s: i/o timeout", url->host,
				 url->port);
	if (failure->total_seconds && total >= failure->total_seconds * 1000000)
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

static bool fail_with(const struct httpfailure *failure, const struct url *url, struct error *err)
{
	const char *said = failure->said[0] ? failure->said : curl_easy_strerror(failure->code);

	if (proxy_refusal(failure->easy))
		return fail_proxy(proxy_refusal(failure->easy), err);
	switch (failure->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return error_set(err, ERROR_NETWORK, "dial tcp: lookup %s: no such host",
				 url->host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return error_set(err, ERROR_NETWORK, "proxyconnect tcp: dial tcp: no such host: %s",
				 said);
	case CURLE_COULDNT_CONNECT:
		return fail_dial(failure->easy, url, err);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_timeout(failure, url, err);
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
	struct url url;

	(void)read_url(&arena, failure, &url);
	(void)fail_with(failure, &url, err);
}

void httpfailure_place(const struct httpfailure *failure, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct url url;

	error_in(err, "%s \"%s\"", failure->verb, read_url(&arena, failure, &url));
}
