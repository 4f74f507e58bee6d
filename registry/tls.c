/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/tls.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* An option that this libcurl does not know would be a fault of the build, not of the input. */
#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode code = curl_easy_setopt(easy, option, value);                             \
		assert(code == CURLE_OK);                                                          \
	} while (0)

#define HASH_DIGITS 8

/* "5ed36f99.0", as openssl rehash makes them. */
static bool is_hash(const char *name)
{
	size_t digits = strspn(name, "0123456789abcdef");

	return digits == HASH_DIGITS && name[digits] == '.' &&
	       isdigit((unsigned char)name[digits + 1]);
}

static bool has_hashes(const char *directory)
{
	DIR *dir = opendir(directory);
	bool is_found = false;

	if (!dir)
		return false;
	for (struct dirent *entry; !is_found && (entry = readdir(dir)) != NULL;)
		is_found = is_hash(entry->d_name);
	closedir(dir);
	return is_found;
}

void tls_trust_init(struct tls_trust *trust, const char *more)
{
	CURL *easy = curl_easy_init();
	char *directory = NULL, *bundle = NULL;

	*trust = (struct tls_trust){ .more = more };
	if (!easy)
		return;
	curl_easy_getinfo(easy, CURLINFO_CAPATH, &directory);
	curl_easy_getinfo(easy, CURLINFO_CAINFO, &bundle);
	if (directory && bundle && has_hashes(directory))
		trust->bundle = mem_strdup(bundle);
	trust->is_narrow = trust->bundle != NULL;
	curl_easy_cleanup(easy);
}

void tls_trust_done(struct tls_trust *trust)
{
	free(trust->bundle);
	*trust = (struct tls_trust){ 0 };
}

/* `text` NULL: none. */
static void set_blob(CURL *easy, CURLoption option, const char *text, unsigned int flags)
{
	struct curl_blob blob = { .len = text ? strlen(text) : 0, .flags = flags };

	if (!text)
		return;
	memcpy(&blob.data, &text, sizeof(text)); /* curl's interface has no const */
	SET(option, &blob);
}

/* Instead of the system's file, beside the directory unless we say otherwise. */
static void set_ca(CURL *easy, const struct tls_trust *trust, const struct http_tls *tls)
{
	autofree char *both = NULL;

	if (tls->ca && trust->more && !tls->is_ca_alone) {
		both = mem_printf("%s\n%s", tls->ca, trust->more);
		set_blob(easy, CURLOPT_CAINFO_BLOB, both, CURL_BLOB_COPY);
		return;
	}
	set_blob(easy, CURLOPT_CAINFO_BLOB, tls->ca, CURL_BLOB_COPY);
	if (!tls->ca)
		set_blob(easy, CURLOPT_CAINFO_BLOB, trust->more, CURL_BLOB_NOCOPY);
	if (tls->ca && tls->is_ca_alone)
		SET(CURLOPT_CAPATH, NULL);
}

bool tls_set_server(CURL *easy, const struct tls_trust *trust, const struct http_request *request)
{
	const struct http_tls *tls = &request->tls;

	SET(CURLOPT_SSL_VERIFYPEER, request->is_unverified ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, request->is_unverified ? 0L : 2L);
	if (trust->is_narrow)
		SET(CURLOPT_CAINFO, NULL);
	set_ca(easy, trust, tls);
	set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->certificate, CURL_BLOB_COPY);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key, CURL_BLOB_COPY);
	return trust->is_narrow && !tls->ca && !trust->more;
}

bool tls_set_proxy(CURL *easy, const struct tls_trust *trust)
{
	if (trust->is_narrow)
		SET(CURLOPT_PROXY_CAINFO, NULL);
	set_blob(easy, CURLOPT_PROXY_CAINFO_BLOB, trust->more, CURL_BLOB_NOCOPY);
	return trust->is_narrow && !trust->more;
}

void tls_widen(CURL *easy, struct tls_trust *trust)
{
	trust->is_narrow = false;
	SET(CURLOPT_CAINFO, trust->bundle);
	SET(CURLOPT_PROXY_CAINFO, trust->bundle);
}
