/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/footprint.h"
#include "base/mem.h"
#include "registry/budget.h"
#include "registry/httpfailure.h"
#include "registry/identity.h"
#include "registry/limit.h"
#include "registry/proxy.h"
#include "registry/tls.h"
#include "registry/url.h"

/* What one recv may bring: a wake-up for each 16 KiB is more work than the bytes are. */
#define RECEIVE_BUFFER (64 << 10)

#define ALWAYS_DIRECT  "localhost,127.0.0.0/8,::1"
#define OTHERS_MAX     (2 * LIMIT_TRANSFERS + 1) /* an output and an input each; the control socket */

struct http_client {
	CURLM *multi;
	CURLSH *share; /* TLS sessions; connections and DNS are shared by the multi handle itself */
	struct http_settings settings;
	struct tls_trust trust;
	char *no_proxy;
	struct http_exchange *running;
	bool has_heard;
	bool has_dialed;  /* since the last time that what this needed was given back */
	bool has_arrived; /* and somebody has answered */
	struct budget budget;
};

struct http_exchange {
	struct http_client *client;
	struct http_exchange *next;
	CURL *easy;
	struct curl_slist *headers;
	char *form;
	char verb[16]; /* "Get", as Go's messages begin */
	long stall_seconds, total_seconds;
	const char *proxy; /* the client's; NULL: none, though no_proxy may have exceptions */
	struct proxy_dialed dialed;
	bool is_narrow; /* see tls.h */
	const struct http_identities *identities;
	struct feed *body;
	struct error broken; /* if is_broken: why the body could not be had */
	bool is_broken;
	struct http_events events;
	void *context;
	struct http_response response;
	bool has_head;     /* on_head has been called */
	bool is_throttled; /* paused until there is budget */
	size_t head_bytes; /* of headers and trailers, informational replies' too */
	bool is_oversize;  /* they passed LIMIT_HEADERS */
	char message[CURL_ERROR_SIZE];
};

bool http_client_new(const struct http_settings *settings, struct http_client **client,
		     struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERROR_SYSTEM, "start libcurl");
	struct http_client *made = mem_alloc(sizeof(*made));

	made->settings = *settings;
	made->budget.rate = settings->bytes_per_second;
	tls_trust_init(&made->trust, settings->ca);
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
	tls_trust_done(&client->trust);
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

	/* libcurl keeps them all, trailers too. */
	exchange->head_bytes += length;
	exchange->is_oversize = exchange->head_bytes > LIMIT_HEADERS;
	if (exchange->is_oversize)
		return 0;
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
		return one * count;
	}
	if (response->status < 200)
		return one * count;
	exchange->has_head = true;
	exchange->client->has_heard = true;
	exchange->client->has_arrived = true;
	return exchange->events.on_head(exchange->context, response) ? one * count : 0;
}

/* How long to wait for traffic: no longer than until who is throttled may go on. */
static int wait_ms(const struct http_client *client, int timeout_ms)
{
	bool is_wanted = false;

	for (const struct http_exchange *one = client->running; one; one = one->next)
		is_wanted |= one->is_throttled;
	if (!is_wanted)
		return timeout_ms;
	int64_t wait_ms = budget_wait_ms(&client->budget);

	return wait_ms < timeout_ms ? (int)wait_ms : timeout_ms;
}

static void resume_throttled(struct http_client *client)
{
	for (struct http_exchange *one = client->running;
	     one && budget_has(&client->budget, clock_ms()); one = one->next) {
		if (!one->is_throttled)
			continue;
		one->is_throttled = false;
		http_resume(one);
	}
}

static size_t on_write(char *bytes, size_t one, size_t count, void *pointer)
{
	struct http_exchange *exchange = pointer;

	if (!budget_has(&exchange->client->budget, clock_ms())) {
		exchange->is_throttled = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	switch (exchange->events.on_body(exchange->context, bytes, one * count)) {
	case HTTP_TAKEN:
		budget_spend(&exchange->client->budget, (int64_t)(one * count));
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

/* Connected, perhaps by a kept connection; nothing is sent yet. A name may lead anywhere. */
static int on_connected(void *pointer, char *peer, char *own, int peer_port, int own_port)
{
	struct http_exchange *exchange = pointer;

	(void)own, (void)peer_port, (void)own_port;
	if (!url_is_private_address(peer))
		return CURL_PREREQFUNC_OK;
	exchange->is_broken = true;
	error_set(&exchange->broken, ERROR_DENIED,
		  "its name leads to the private address %s: refused", peer);
	return CURL_PREREQFUNC_ABORT;
}

/* A socket as curl makes it; that it is made says whom curl tries to reach: the server or a proxy.
 */
static curl_socket_t on_dial(void *pointer, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_exchange *exchange = pointer;

	(void)purpose;
	exchange->client->has_dialed = true;
	proxy_note_dialed(&exchange->dialed, address);
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* An option that this libcurl does not know would be a fault of the build, not of the input. */
#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode code = curl_easy_setopt(easy, option, value);                             \
		assert(code == CURLE_OK);                                                          \
	} while (0)

static CURLcode on_tls(CURL *easy, void *context, void *pointer)
{
	struct http_exchange *exchange = pointer;

	(void)easy;
	if (identity_offer(context, exchange->identities, &exchange->broken))
		return CURLE_OK;
	exchange->is_broken = true;
	return CURLE_SSL_CERTPROBLEM;
}

static void set_identities(struct http_exchange *exchange, const struct http_request *request)
{
	CURL *easy = exchange->easy;

	exchange->identities = request->tls.identities;
	if (!exchange->identities)
		return;
	SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
	SET(CURLOPT_SSL_CTX_DATA, exchange);
}

static void set_transport(struct http_exchange *exchange, const struct http_request *request)
{
	const struct http_client *client = exchange->client;
	const struct http_settings *settings = &client->settings;
	CURL *easy = exchange->easy;
	bool is_https = url_is_https(request->url);
	const char *proxy = is_https ? settings->https_proxy : settings->http_proxy;
	bool has_proxy = proxy && !request->is_direct;

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
	SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* "" also forbids the environment's. */
	SET(CURLOPT_PROXY, has_proxy ? proxy : "");
	SET(CURLOPT_NOPROXY, client->no_proxy);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_dial);
	SET(CURLOPT_OPENSOCKETDATA, exchange);
	if (request->is_public_only && (!proxy || request->is_direct)) {
		SET(CURLOPT_PREREQFUNCTION, on_connected);
		SET(CURLOPT_PREREQDATA, exchange);
	}
	SET(CURLOPT_SHARE, client->share);
	if (is_https) {
		exchange->is_narrow = tls_set_server(easy, &client->trust, request);
		set_identities(exchange, request);
	}
	exchange->proxy = has_proxy ? proxy : NULL;
	if (has_proxy)
		exchange->is_narrow |= tls_set_proxy(easy, &client->trust);
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
	if (request->is_decoded)
		SET(CURLOPT_ACCEPT_ENCODING, "identity");
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
	set_transport(exchange, request);
	set_message(exchange, request);
	exchange->next = client->running;
	client->running = exchange;
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

static void describe(struct http_exchange *exchange, CURLcode code, struct error *err)
{
	const struct httpfailure failure = { .easy = exchange->easy,
					     .code = code,
					     .verb = exchange->verb,
					     .said = exchange->message,
					     .proxy = exchange->proxy,
					     .dialed = &exchange->dialed,
					     .stall_seconds = exchange->stall_seconds,
					     .total_seconds = exchange->total_seconds };

	if (exchange->is_oversize)
		error_set(err, ERROR_CORRUPT, "the reply's headers are larger than %d bytes",
			  LIMIT_HEADERS);
	else if (exchange->is_broken)
		*err = exchange->broken;
	else
		httpfailure_words(&failure, err);
	httpfailure_place(&failure, err);
}

static void note_peer(struct http_exchange *exchange)
{
	struct http_response *response = &exchange->response;
	char *url = NULL, *address = NULL;

	curl_easy_getinfo(exchange->easy, CURLINFO_EFFECTIVE_URL, &url);
	curl_easy_getinfo(exchange->easy, CURLINFO_PRIMARY_IP, &address);
	response->url = url ? url : "";
	response->is_private = address && url_is_private_address(address);
}

/* Somebody took the connection, whatever became of it. */
static bool is_connection(CURLcode code)
{
	return code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST &&
	       code != CURLE_COULDNT_RESOLVE_PROXY && code != CURLE_OPERATION_TIMEDOUT;
}

static void finish(struct http_exchange *exchange, CURLcode code)
{
	struct error problem;
	bool is_whole = code == CURLE_OK && exchange->has_head;

	if (!is_whole)
		describe(exchange, code == CURLE_OK ? CURLE_GOT_NOTHING : code, &problem);
	note_peer(exchange);
	exchange->response.is_connected = is_connection(code);
	curl_multi_remove_handle(exchange->client->multi, exchange->easy);
	exchange->events.on_end(exchange->context, &exchange->response, is_whole ? NULL : &problem);
	exchange_free(exchange);
}

/* Nothing was sent so far but the beginning of TLS. */
static bool is_tried_again(struct http_exchange *exchange, CURLcode code)
{
	struct http_client *client = exchange->client;

	if (code != CURLE_PEER_FAILED_VERIFICATION || !exchange->is_narrow)
		return false;
	exchange->is_narrow = false;
	curl_multi_remove_handle(client->multi, exchange->easy);
	tls_widen(exchange->easy, &client->trust);
	exchange->dialed = (struct proxy_dialed){ 0 };
	CURLMcode added = curl_multi_add_handle(client->multi, exchange->easy);
	assert(added == CURLM_OK);
	return true;
}

/* A connection is made: neither the code of that nor what the authorities were looked for in is
 * needed any more, and a transfer may take hours. */
static void shrink(struct http_client *client)
{
	if (client->has_dialed && client->has_arrived) {
		client->has_dialed = false;
		footprint_shrink();
	}
	client->has_arrived = false;
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
		if (!is_tried_again(exchange, code))
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
	CURLMcode code = curl_multi_poll(client->multi, extra, (unsigned int)count,
					 wait_ms(client, timeout_ms), NULL);
	resume_throttled(client);
	if (code == CURLM_OK)
		code = curl_multi_perform(client->multi, &running);
	if (code != CURLM_OK)
		return error_set(err, ERROR_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
	finish_all(client);
	shrink(client);
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
