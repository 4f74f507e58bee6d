/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "registry/limit.h"
#include "registry/url.h"

#define ALWAYS_DIRECT "localhost,127.0.0.0/8,::1"
#define OTHERS_MAX    (2 * LIMIT_TRANSFERS + 1) /* an output and an input each; the control socket */

struct http_client {
	CURLM *multi;
	CURLSH *share; /* TLS sessions; connections and DNS are shared by the multi handle itself */
	struct http_settings settings;
	char *no_proxy;
	struct http_exchange *running;
	bool has_heard;
};

struct http_exchange {
	struct http_client *client;
	struct http_exchange *next;
	CURL *easy;
	struct curl_slist *headers;
	char *form;
	char verb[16]; /* "Get", as Go's messages begin */
	long stall_seconds, total_seconds;
	struct feed *body;
	struct error broken; /* if is_broken: why the body could not be had */
	bool is_broken;
	struct http_events events;
	void *context;
	struct http_response response;
	bool has_head;    /* on_head has been called */
	bool is_oversize; /* the headers passed LIMIT_HEADERS */
	char message[CURL_ERROR_SIZE];
};

bool http_client_new(const struct http_settings *settings, struct http_client **client,
		     struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERROR_SYSTEM, "start libcurl");
	struct http_client *made = mem_alloc(sizeof(*made));

	made->settings = *settings;
	made->no_proxy = mem_printf("%s%s%s", ALWAYS_DIRECT, settings->no_proxy ? "," : "",
				    settings->no_proxy ? settings->no_proxy : "");
	made->multi = curl_multi_init();
	made->share = curl_share_init();
	*client = made;
	if (!made->multi || !made->share ||
	    curl_share_setopt(made->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) !=
		    CURLSHE_OK) {
		http_client_free(made);
		*client = NULL;
		return error_set(err, ERROR_SYSTEM, "start libcurl");
	}
	return true;
}

static void exchange_free(struct http_exchange *exchange)
{
	struct http_exchange **link = &exchange->client->running;

	while (*link && *link != exchange)
		link = &(*link)->next;
	if (*link)
		*link = exchange->next;
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->headers);
	buf_done(&exchange->response.headers);
	free(exchange->form);
	free(exchange);
}

void http_cancel(struct http_exchange *exchange)
{
	curl_multi_remove_handle(exchange->client->multi, exchange->easy);
	exchange_free(exchange);
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	while (client->running)
		http_cancel(client->running);
	if (client->multi)
		curl_multi_cleanup(client->multi);
	if (client->share)
		curl_share_cleanup(client->share);
	free(client->no_proxy);
	free(client);
	curl_global_cleanup();
}

/* "HTTP/1.1 200 OK" begins a reply; there may be several (100 Continue). */
static void begin_reply(struct http_response *response, const char *line, size_t length)
{
	const char *blank = memchr(line, ' ', length);

	buf_clear(&response->headers);
	response->status = 0;
	for (const char *c = blank ? blank + 1 : line + length;
	     c < line + length && isdigit((unsigned char)*c) && response->status < 1000; c++)
		response->status = response->status * 10 + (*c - '0');
}

static size_t on_header(char *line, size_t one, size_t count, void *pointer)
{
	struct http_exchange *exchange = pointer;
	struct http_response *response = &exchange->response;
	size_t length = one * count;

	if (exchange->has_head)
		return length; /* trailers */
	if (length > 5 && memcmp(line, "HTTP/", 5) == 0) {
		begin_reply(response, line, length);
		return length;
	}
	while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		length--;
	if (length > 0) {
		buf_add(&response->headers, line, length);
		buf_add_char(&response->headers, '\n');
		exchange->is_oversize = response->headers.is_cut;
		return exchange->is_oversize ? 0 : one * count;
	}
	if (response->status < 200)
		return one * count;
	exchange->has_head = true;
	exchange->client->has_heard = true;
	return exchange->events.on_head(exchange->context, response) ? one * count : 0;
}

static size_t on_write(char *bytes, size_t one, size_t count, void *pointer)
{
	struct http_exchange *exchange = pointer;

	switch (exchange->events.on_body(exchange->context, bytes, one * count)) {
	case HTTP_TAKEN:
		return one * count;
	case HTTP_LATER:
		return CURL_WRITEFUNC_PAUSE;
	case HTTP_STOP:
		break;
	}
	return 0;
}

static size_t on_read(char *bytes, size_t one, size_t count, void *pointer)
{
	struct http_exchange *exchange = pointer;
	size_t got;

	switch (feed_read(exchange->body, bytes, one * count, &got, &exchange->broken)) {
	case FEED_BYTES:
		return got;
	case FEED_EMPTY:
		return CURL_READFUNC_PAUSE;
	case FEED_END:
		return 0;
	case FEED_BROKEN:
		break;
	}
	exchange->is_broken = true;
	return CURL_READFUNC_ABORT;
}

/* A kept connection that was closed just as it was used again: curl begins anew. */
static int on_seek(void *pointer, curl_off_t offset, int origin)
{
	struct http_exchange *exchange = pointer;

	return origin == SEEK_SET && feed_seek(exchange->body, offset) ? CURL_SEEKFUNC_OK
								       : CURL_SEEKFUNC_FAIL;
}

/* An option that this libcurl does not know would be a fault of the build, not of the input. */
#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode code = curl_easy_setopt(easy, option, value);                             \
		assert(code == CURLE_OK);                                                          \
	} while (0)

/* By way of a copy, as curl's interface has no const. */
static void set_blob(CURL *easy, CURLoption option, const char *text)
{
	autofree char *copy = mem_strdup(text);
	struct curl_blob blob = { copy, copy ? strlen(copy) : 0, CURL_BLOB_COPY };

	if (!copy)
		return;
	SET(option, &blob);
	explicit_bzero(copy, blob.len);
}

/* The system's authorities are a directory here, and count beside a blob unless we say otherwise.
 */
static void set_ca(CURL *easy, const char *common, const struct http_tls *tls)
{
	autofree char *both = NULL;

	if (tls->ca && tls->is_ca_alone) {
		set_blob(easy, CURLOPT_CAINFO_BLOB, tls->ca);
		SET(CURLOPT_CAPATH, NULL);
		return;
	}
	if (tls->ca && common)
		both = mem_printf("%s\n%s", tls->ca, common);
	set_blob(easy, CURLOPT_CAINFO_BLOB, both ? both : tls->ca ? tls->ca : common);
}

static void set_tls(CURL *easy, const char *common_ca, const struct http_request *request)
{
	const struct http_tls *tls = &request->tls;

	SET(CURLOPT_SSL_VERIFYPEER, request->is_unverified ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, request->is_unverified ? 0L : 2L);
	set_ca(easy, common_ca, tls);
	set_blob(easy, CURLOPT_PROXY_CAINFO_BLOB, common_ca);
	set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->certificate);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key);
}

static void set_transport(const struct http_client *client, CURL *easy,
			  const struct http_request *request)
{
	const struct http_settings *settings = &client->settings;
	const char *proxy =
		url_is_https(request->url) ? settings->https_proxy : settings->http_proxy;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_USERAGENT, "mooring/" MOORING_VERSION);
	SET(CURLOPT_CONNECTTIMEOUT,
	    request->connect_seconds ? request->connect_seconds : settings->connect_seconds);
	SET(CURLOPT_TIMEOUT, request->total_seconds);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME,
	    request->stall_seconds ? request->stall_seconds : settings->stall_seconds);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* "" also forbids the environment's. */
	SET(CURLOPT_PROXY, proxy && !request->is_direct ? proxy : "");
	SET(CURLOPT_NOPROXY, client->no_proxy);
	SET(CURLOPT_SHARE, client->share);
	set_tls(easy, settings->ca, request);
}

static void add_header(struct http_exchange *exchange, const char *header)
{
	struct curl_slist *longer = curl_slist_append(exchange->headers, header);

	if (!longer)
		abort(); /* out of memory, as in base/mem.c */
	exchange->headers = longer;
}

static void set_method(struct http_exchange *exchange, const struct http_request *request)
{
	CURL *easy = exchange->easy;
	const char *method = request->method ? request->method : request->form ? "POST" : "GET";

	for (size_t i = 0; method[i] && i + 1 < sizeof(exchange->verb); i++)
		exchange->verb[i] = (char)(i ? tolower(method[i]) : method[i]);
	if (request->body) {
		exchange->body = request->body;
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body->size);
		SET(CURLOPT_READFUNCTION, on_read);
		SET(CURLOPT_READDATA, exchange);
		SET(CURLOPT_SEEKFUNCTION, on_seek);
		SET(CURLOPT_SEEKDATA, exchange);
	} else if (strcmp(method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	if (request->method && strcmp(method, "HEAD") != 0)
		SET(CURLOPT_CUSTOMREQUEST, method);
}

static void set_message(struct http_exchange *exchange, const struct http_request *request)
{
	CURL *easy = exchange->easy;

	for (size_t i = 0; request->headers && request->headers[i]; i++)
		add_header(exchange, request->headers[i]);
	if (request->authorization) {
		autofree char *header = mem_printf("Authorization: %s", request->authorization);

		add_header(exchange, header);
	}
	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_HTTPHEADER, exchange->headers);
	if (request->form) {
		exchange->form = mem_strdup(request->form);
		SET(CURLOPT_POSTFIELDS, exchange->form);
	}
	set_method(exchange, request);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, exchange);
	SET(CURLOPT_WRITEFUNCTION, on_write);
	SET(CURLOPT_WRITEDATA, exchange);
	SET(CURLOPT_ERRORBUFFER, exchange->message);
	SET(CURLOPT_PRIVATE, exchange);
}

/* One limit for all: each of them gets the same part of it. */
static void share_rate(struct http_client *client)
{
	int64_t rate = client->settings.bytes_per_second;
	int64_t count = 0;

	if (rate == 0)
		return;
	for (struct http_exchange *one = client->running; one; one = one->next)
		count++;
	for (struct http_exchange *one = client->running; one; one = one->next) {
		CURL *easy = one->easy;

		SET(CURLOPT_MAX_RECV_SPEED_LARGE,
		    (curl_off_t)(rate / count > 0 ? rate / count : 1));
	}
}

struct http_exchange *http_start(struct http_client *client, const struct http_request *request,
				 const struct http_events *events, void *context)
{
	struct http_exchange *exchange = mem_alloc(sizeof(*exchange));

	exchange->client = client;
	exchange->events = *events;
	exchange->context = context;
	buf_init(&exchange->response.headers, LIMIT_HEADERS);
	exchange->easy = curl_easy_init();
	if (!exchange->easy)
		abort(); /* out of memory, as in base/mem.c */
	exchange->stall_seconds =
		request->stall_seconds ? request->stall_seconds : client->settings.stall_seconds;
	exchange->total_seconds = request->total_seconds;
	set_transport(client, exchange->easy, request);
	set_message(exchange, request);
	exchange->next = client->running;
	client->running = exchange;
	share_rate(client);
	CURLMcode code = curl_multi_add_handle(client->multi, exchange->easy);
	assert(code == CURLM_OK);
	return exchange;
}

bool http_has_heard(const struct http_client *client)
{
	return client->has_heard;
}

void http_resume(struct http_exchange *exchange)
{
	curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
}

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

static bool fail_timeout(const struct http_exchange *exchange, const struct url *url,
			 struct error *err)
{
	curl_off_t looked_up = 0, connected = 0, total = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
	curl_easy_getinfo(exchange->easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(exchange->easy, CURLINFO_TOTAL_TIME_T, &total);
	if (looked_up == 0)
		return error_set(err, ERROR_NETWORK, "dial tcp: lookup %s: i/o timeout", url->host);
	if (connected == 0)
		return error_set(err, ERROR_NETWORK, "dial tcp %s:%s: i/o timeout", url->host,
				 url->port);
	if (exchange->total_seconds && total >= exchange->total_seconds * 1000000)
		return error_set(err, ERROR_NETWORK,
				 "net/http: i/o timeout: not done within %ld seconds",
				 exchange->total_seconds);
	return error_set(err, ERROR_NETWORK,
			 "net/http: i/o timeout: nothing arrived for %ld seconds",
			 exchange->stall_seconds);
}

/* curl's codes in the words of Go's net/http. */
static bool fail_with(struct http_exchange *exchange, CURLcode code, const struct url *url,
		      struct error *err)
{
	const char *said = exchange->message[0] ? exchange->message : curl_easy_strerror(code);

	if (exchange->is_oversize)
		return error_set(err, ERROR_CORRUPT, "the reply's headers are larger than %d bytes",
				 LIMIT_HEADERS);
	if (exchange->is_broken) {
		*err = exchange->broken;
		return false;
	}
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return error_set(err, ERROR_NETWORK, "dial tcp: lookup %s: no such host",
				 url->host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return error_set(err, ERROR_NETWORK, "proxyconnect tcp: dial tcp: no such host: %s",
				 said);
	case CURLE_COULDNT_CONNECT:
		return fail_dial(exchange->easy, url, err);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_timeout(exchange, url, err);
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

/* "Get \"URL\": …" */
static void describe(struct http_exchange *exchange, CURLcode code, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct url url = { "", "?", "?", "" };
	struct error ignored;
	char *text = NULL;

	curl_easy_getinfo(exchange->easy, CURLINFO_EFFECTIVE_URL, &text);
	if (text && !url_parse(&arena, text, &url, &ignored))
		url.host = "?";
	(void)fail_with(exchange, code, &url, err);
	error_in(err, "%s \"%s\"", exchange->verb, url_shown(&arena, text ? text : "?"));
}

static void finish(struct http_exchange *exchange, CURLcode code)
{
	struct error problem;
	bool is_whole = code == CURLE_OK && exchange->has_head;

	if (!is_whole)
		describe(exchange, code == CURLE_OK ? CURLE_GOT_NOTHING : code, &problem);
	curl_multi_remove_handle(exchange->client->multi, exchange->easy);
	exchange->events.on_end(exchange->context, &exchange->response, is_whole ? NULL : &problem);
	struct http_client *client = exchange->client;

	exchange_free(exchange);
	share_rate(client);
}

static void finish_all(struct http_client *client)
{
	int left;

	for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
		struct http_exchange *exchange = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
		finish(exchange, code);
	}
}

bool http_turn(struct http_client *client, const struct pollfd *others, size_t count,
	       int timeout_ms, struct error *err)
{
	struct curl_waitfd extra[OTHERS_MAX] = { 0 };
	int running;

	assert(count <= OTHERS_MAX);
	for (size_t i = 0; i < count; i++) {
		extra[i].fd = others[i].fd;
		extra[i].events = (short)((others[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
					  (others[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0));
	}
	CURLMcode code =
		curl_multi_poll(client->multi, extra, (unsigned int)count, timeout_ms, NULL);
	if (code == CURLM_OK)
		code = curl_multi_perform(client->multi, &running);
	if (code != CURLM_OK)
		return error_set(err, ERROR_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
	finish_all(client);
	return true;
}

bool http_header(const struct http_response *response, const char *name, size_t nth, char *value,
		 size_t size)
{
	size_t length = strlen(name);

	for (const char *line = response->headers.data; line && *line;) {
		size_t line_length = strcspn(line, "\n");

		if (strncasecmp(line, name, length) == 0 && line[length] == ':' && nth-- == 0) {
			const char *start = line + length + 1;
			const char *end = line + line_length;

			while (start < end && (*start == ' ' || *start == '\t'))
				start++;
			while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
				end--;
			if ((size_t)(end - start) >= size)
				return false;
			memcpy(value, start, (size_t)(end - start));
			value[end - start] = '\0';
			return true;
		}
		line += line_length + (line[line_length] == '\n');
	}
	return false;
}
