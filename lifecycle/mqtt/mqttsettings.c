/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/mqtt/mqttsettings.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"

#define SETTINGS_MAX (1024 * 1024)
#define PORT_ALPN    443 /* there the broker is told apart from HTTPS by this name only */
#define ALPN         "\x0ex-amzn-mqtt-ca"

/* -- TLS ----------------------------------------------------------------------------------------
 */

static bool tls_failed(struct error *err, const char *what)
{
	char reason[256];

	ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
	return error_set(err, ERROR_INPUT, "%s: %s", what, reason);
}

static BIO *open_text(const char *pem)
{
	return BIO_new_mem_buf(pem, -1);
}

/* The first certificate is the device's, others are its chain. */
static bool use_certificate(SSL_CTX *tls, const char *pem, struct error *err)
{
	BIO *bio = open_text(pem);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	bool is_good = certificate && SSL_CTX_use_certificate(tls, certificate) == 1;

	X509_free(certificate);
	while (is_good && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		is_good = SSL_CTX_add_extra_chain_cert(tls, certificate) == 1;
	BIO_free(bio);
	return is_good || tls_failed(err, "the device's certificate");
}

static bool use_key(SSL_CTX *tls, const char *pem, struct error *err)
{
	BIO *bio = open_text(pem);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	bool is_good =
		key && SSL_CTX_use_PrivateKey(tls, key) == 1 && SSL_CTX_check_private_key(tls) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	return is_good || tls_failed(err, "the device's private key");
}

static bool trust(SSL_CTX *tls, const char *pem, struct error *err)
{
	BIO *bio = open_text(pem);
	X509_STORE *store = SSL_CTX_get_cert_store(tls);
	X509 *certificate;
	int count = 0;

	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_cert(store, certificate);
		X509_free(certificate);
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the file is one */
	if (count == 0)
		return error_set(err, ERROR_INPUT, "the root CA file holds no certificate");
	return true;
}

/* libmosquitto would read files at every connection, which nobody can: so it gets this. */
static bool make_tls(struct mqtt_settings *settings, const char *certificate, const char *key,
		     const char *root_ca, struct error *err)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	settings->tls = tls;
	if (!tls || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
		return tls_failed(err, "TLS");
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(tls), settings->endpoint, 0) != 1)
		return tls_failed(err, "the endpoint's name");
	if (settings->port == PORT_ALPN &&
	    SSL_CTX_set_alpn_protos(tls, (const unsigned char *)ALPN, sizeof(ALPN) - 1) != 0)
		return tls_failed(err, "ALPN");
	return use_certificate(tls, certificate, err) && use_key(tls, key, err) &&
	       trust(tls, root_ca, err);
}

/* -- the proxy ----------------------------------------------------------------------------------
 */

/* True if the list names the host, or a domain it is in: "host,.domain,domain". */
static bool is_direct(const char *list, const char *host)
{
	size_t length = strlen(host);

	while (list && *list) {
		size_t size = strcspn(list, ", ");
		const char *entry = *list == '.' ? list + 1 : list;
		size_t entry_size = size - (size_t)(entry - list);

		if (entry_size && entry_size <= length &&
		    strncasecmp(host + length - entry_size, entry, entry_size) == 0 &&
		    (entry_size == length || host[length - entry_size - 1] == '.'))
			return true;
		if (size == 1 && *list == '*')
			return true;
		list += size;
		list += strspn(list, ", ");
	}
	return false;
}

static void set_login(struct mqtt_settings *settings, struct arena *arena, const char *text)
{
	autofree char *encoded = base64_encode(text, strlen(text));

	settings->proxy_login = arena_strdup(arena, encoded);
}

/* In place: "%40" becomes "@"; a '%' without two digits stays. */
static char *decode(char *text)
{
	char *end = text;

	for (const char *from = text; *from; from++) {
		char digits[3] = { 0 };

		if (*from == '%' && isxdigit((unsigned char)from[1]) &&
		    isxdigit((unsigned char)from[2])) {
			memcpy(digits, from + 1, 2);
			*end++ = (char)strtoul(digits, NULL, 16);
			from += 2;
		} else {
			*end++ = *from;
		}
	}
	*end = '\0';
	return text;
}

/* http://[user:password@]host[:port][/]; no message shows it. */
static bool read_url(struct mqtt_settings *settings, struct arena *arena, const char *url,
		     struct error *err)
{
	static const char scheme[] = "http://";
	const char *start = url + sizeof(scheme) - 1, *at, *host, *port;

	if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the proxy for MQTT must be http://HOST:PORT");

	const char *authority = arena_strndup(arena, start, strcspn(start, "/"));

	at = strrchr(authority, '@');
	if (at)
		set_login(settings, arena,
			  decode(arena_strndup(arena, authority, (size_t)(at - authority))));
	host = at ? at + 1 : authority;
	port = strrchr(host, ':');
	if (port && strchr(port, ']'))
		port = NULL;
	settings->proxy_port = port ? port + 1 : "80";
	settings->proxy_host =
		arena_strndup(arena, host, port ? (size_t)(port - host) : strlen(host));
	if (!*settings->proxy_host || !*settings->proxy_port)
		return error_set(err, ERROR_INPUT, "the URL of the proxy for MQTT names no host");
	return true;
}

static bool read_proxy(struct mqtt_settings *settings, struct arena *arena,
		       const struct json *proxy, struct error *err)
{
	const char *url, *user, *password, *direct;

	if (!proxy)
		return true;
	if (!json_text(proxy, "url", &url, err) || !json_text_or(proxy, "user", NULL, &user, err) ||
	    !json_text_or(proxy, "password", "", &password, err) ||
	    !json_text_or(proxy, "no_proxy", "", &direct, err))
		return false;
	if (is_direct(direct, settings->endpoint))
		return true;
	if (user)
		set_login(settings, arena, arena_printf(arena, "%s:%s", user, password));
	return read_url(settings, arena, url, err);
}

/* -- all of it ----------------------------------------------------------------------------------
 */

static bool read_int(const struct json *root, const char *key, int64_t least, int64_t most,
		     int *value, struct error *err)
{
	int64_t number;

	if (!json_int(root, key, &number, err))
		return false;
	if (number < least || number > most)
		return json_wrong(json_get(root, key), err, "must be %lld to %lld",
				  (long long)least, (long long)most);
	*value = (int)number;
	return true;
}

bool mqttsettings_read(int fd, struct mqtt_settings *settings, struct arena *arena,
		       struct error *err)
{
	const char *certificate, *key, *root_ca;
	const struct json *root, *proxy;
	autobuf struct buf text;

	*settings = (struct mqtt_settings){ 0 };
	buf_init(&text, SETTINGS_MAX);
	if (!file_read_fd(fd, "settings", &text, err) ||
	    !json_parse(arena, "settings", text.data, text.length, &root, err) ||
	    !json_text(root, "endpoint", &settings->endpoint, err) ||
	    !json_text(root, "client_id", &settings->client_id, err) ||
	    !json_text(root, "certificate", &certificate, err) ||
	    !json_text(root, "key", &key, err) || !json_text(root, "root_ca", &root_ca, err) ||
	    !json_object_or_null(root, "proxy", &proxy, err) ||
	    !read_int(root, "port", 1, 65535, &settings->port, err) ||
	    !read_int(root, "keep_alive_seconds", 5, 1200, &settings->keep_alive_seconds, err) ||
	    !read_int(root, "reconnect_min_seconds", 1, 3600, &settings->reconnect_min_seconds,
		      err) ||
	    !read_int(root, "reconnect_max_seconds", 1, 86400, &settings->reconnect_max_seconds,
		      err) ||
	    !read_int(root, "in_flight_max", 1, 100, &settings->in_flight_max, err) ||
	    !read_proxy(settings, arena, proxy, err))
		return false;
	explicit_bzero(text.data, text.length);
	return make_tls(settings, certificate, key, root_ca, err);
}
