/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/identity.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

/* A certificate with the chain behind it, and its key, as OpenSSL has them. */
struct identity {
	X509 *certificate;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

static void identity_done(struct identity *identity)
{
	X509_free(identity->certificate);
	sk_X509_pop_free(identity->chain, X509_free);
	EVP_PKEY_free(identity->key);
	ERR_clear_error(); /* the end of a PEM text counts as an error */
}

/* There is nobody to ask for a passphrase. */
static int no_passphrase(char *text, int size, int is_new, void *context)
{
	(void)text;
	(void)size;
	(void)is_new;
	(void)context;
	return -1;
}

static BIO *reader(const char *text)
{
	size_t length = strlen(text);

	return length <= INT_MAX ? BIO_new_mem_buf(text, (int)length) : NULL;
}

static bool read_certificates(const char *text, struct identity *identity)
{
	BIO *bio = reader(text);

	identity->chain = sk_X509_new_null();
	if (!bio || !identity->chain) {
		BIO_free(bio);
		return false;
	}
	identity->certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL;)
		if (!sk_X509_push(identity->chain, next)) {
			X509_free(next);
			break;
		}
	BIO_free(bio);
	return identity->certificate != NULL;
}

static bool read_key(const char *text, struct identity *identity)
{
	BIO *bio = reader(text);

	if (bio)
		identity->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return identity->key != NULL;
}

static bool identity_read(const struct http_identity *given, struct identity *identity,
			  struct error *err)
{
	*identity = (struct identity){ 0 };
	if (!read_certificates(given->certificate, identity))
		return error_set(err, ERROR_INPUT, "tls: %s: no certificate in PEM", given->name);
	if (!read_key(given->key, identity))
		return error_set(err, ERROR_INPUT,
				 "tls: the key of %s: no private key in PEM, or one that needs a "
				 "passphrase",
				 given->name);
	if (X509_check_private_key(identity->certificate, identity->key) != 1)
		return error_set(err, ERROR_INPUT, "tls: the key of %s is another one's",
				 given->name);
	return true;
}

/* OpenSSL's question, once the server has said what it takes. 1: go on; 0: break off. */
static int on_asked(SSL *ssl, void *context)
{
	const struct http_identities *identities = context;

	SSL_certs_clear(ssl);
	for (size_t i = 0; i < identities->count; i++) {
		struct identity one;
		struct error err;
		bool is_whole = identity_read(&identities->items[i], &one, &err);
		bool is_fit =
			is_whole && (SSL_check_chain(ssl, one.certificate, one.key, one.chain) &
				     CERT_PKEY_ISSUER_NAME) != 0;
		bool is_shown = is_fit && SSL_use_cert_and_key(ssl, one.certificate, one.key,
							       one.chain, 1) == 1;

		identity_done(&one);
		if (!is_whole || (is_fit && !is_shown))
			return 0;
		if (is_shown)
			break;
	}
	return 1;
}

bool identity_offer(void *context, const struct http_identities *identities, struct error *err)
{
	for (size_t i = 0; i < identities->count; i++) {
		struct identity one;
		bool is_whole = identity_read(&identities->items[i], &one, err);

		identity_done(&one);
		if (!is_whole)
			return false;
	}
	void *mutable;

	memcpy(&mutable, &identities, sizeof(mutable)); /* OpenSSL's interface has no const */
	SSL_CTX_set_cert_cb(context, on_asked, mutable);
	return true;
}
