/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/reference.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

/*
 * How this works: the text is cut from the right (digest, then tag), then at the first '/'
 * (domain); each part is then checked by a small scanner. Spans stay in this file.
 */

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN  "index.docker.io"
#define OFFICIAL_PATH  "library/"
#define DEFAULT_TAG    "latest"

/* Longest text worth looking at: all parts at their limits. */
#define TEXT_MAX                                                                                   \
	(LIMIT_REFERENCE_DOMAIN + 1 + LIMIT_REFERENCE_PATH + 1 + LIMIT_REFERENCE_TAG + 1 +         \
	 DIGEST_TEXT_LENGTH)

struct span {
	const char *start;
	size_t length;
};

/* isalnum and its family follow the locale; names do not. */
static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_word(char c)
{
	return is_lower_or_digit(c) || is_upper(c);
}

static bool is_invalid(struct error *err)
{
	return error_set(err, ERROR_INPUT, "invalid reference format");
}

bool reference_is_tag(const char *tag)
{
	size_t length = strlen(tag);

	if (length == 0 || length > LIMIT_REFERENCE_TAG || tag[0] == '.' || tag[0] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_word(tag[i]) && !strchr("_.-", tag[i]))
			return false;
	return true;
}

/* Between two runs of letters and digits: one ".", one or two "_", or any number of "-". Returns
 * its length, or 0 if it is not one of these. */
static size_t separator_length(struct span rest)
{
	size_t length = 0;

	while (length < rest.length && rest.start[length] == rest.start[0])
		length++;
	switch (rest.start[0]) {
	case '.':
		return length == 1 ? length : 0;
	case '_':
		return length <= 2 ? length : 0;
	case '-':
		return length;
	default:
		return 0;
	}
}

/* path-comp of the grammar: begins and ends with a letter or digit. */
static bool is_path_component(struct span part)
{
	size_t i = 0;

	while (i < part.length) {
		size_t run = i;

		while (i < part.length && is_lower_or_digit(part.start[i]))
			i++;
		if (i == run)
			return false;
		if (i == part.length)
			return true;
		size_t separator =
			separator_length((struct span){ part.start + i, part.length - i });
		if (separator == 0)
			return false;
		i += separator;
	}
	return false;
}

static bool is_path(const char *path)
{
	while (true) {
		size_t length = strcspn(path, "/");

		if (!is_path_component((struct span){ path, length }))
			return false;
		if (path[length] == '\0')
			return true;
		path += length + 1;
	}
}

static bool is_dns_component(struct span part)
{
	if (part.length == 0 || part.start[0] == '-' || part.start[part.length - 1] == '-')
		return false;
	for (size_t i = 0; i < part.length; i++)
		if (!is_word(part.start[i]) && part.start[i] != '-')
			return false;
	return true;
}

static bool is_dns_name(struct span name)
{
	size_t start = 0;

	for (size_t i = 0; i <= name.length; i++) {
		if (i < name.length && name.start[i] != '.')
			continue;
		if (!is_dns_component((struct span){ name.start + start, i - start }))
			return false;
		start = i + 1;
	}
	return true;
}

/* "[2001:db8::1]": hex digits and colons, no zone. */
static bool is_ipv6(struct span host)
{
	if (host.length < 3 || host.start[0] != '[' || host.start[host.length - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < host.length; i++)
		if (!isxdigit((unsigned char)host.start[i]) && host.start[i] != ':')
			return false;
	return true;
}

bool reference_is_domain(const char *domain)
{
	const char *bracket = strrchr(domain, ']');
	const char *colon = strchr(bracket ? bracket : domain, ':');
	struct span host = { domain, colon ? (size_t)(colon - domain) : strlen(domain) };

	if (colon && (colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1)))
		return false;
	return bracket ? is_ipv6(host) : is_dns_name(host);
}

/* Without these signs the part before the first '/' is the first part of a path on Docker Hub. */
static bool looks_like_domain(struct span part)
{
	if (part.length == strlen("localhost") && memcmp(part.start, "localhost", part.length) == 0)
		return true;
	for (size_t i = 0; i < part.length; i++)
		if (strchr(".:", part.start[i]) || is_upper(part.start[i]))
			return true;
	return false;
}

static bool is_image_id(const char *name)
{
	return strlen(name) == DIGEST_HEX_LENGTH &&
	       strspn(name, "0123456789abcdef") == DIGEST_HEX_LENGTH;
}

/* Cuts "@digest" off the end of `text`. */
static bool take_digest(struct reference *reference, char *text, struct error *err)
{
	char *at = strchr(text, '@');

	if (!at)
		return true;
	*at = '\0';
	const char *digest = at + 1;
	size_t algorithm = strcspn(digest, ":");

	if (algorithm == 0 || digest[algorithm] == '\0' || !isalpha((unsigned char)digest[0]))
		return is_invalid(err);
	if (strncmp(digest, "sha256:", strlen("sha256:")) != 0) {
		size_t hex = strspn(digest + algorithm + 1, "0123456789abcdefABCDEF");

		if (hex < 32 || digest[algorithm + 1 + hex] != '\0')
			return is_invalid(err);
		return error_set(err, ERROR_UNSUPPORTED,
				 "unsupported digest algorithm %.*s: only sha256 is supported",
				 (int)algorithm, digest);
	}
	return digest_parse(&reference->digest, digest, err) || is_invalid(err);
}

/* Cuts ":tag" off the end of `text`: the last ':' after the last '/'. */
static bool take_tag(struct reference *reference, char *text, struct error *err)
{
	char *slash = strrchr(text, '/');
	char *colon = strrchr(slash ? slash : text, ':');

	if (!colon)
		return true;
	if (!reference_is_tag(colon + 1))
		return is_invalid(err);
	strcpy(reference->tag, colon + 1); /* its length was checked */
	*colon = '\0';
	return true;
}

static bool has_upper(const char *text)
{
	while (*text && !is_upper(*text))
		text++;
	return *text != '\0';
}

/* Splits the rest into domain and path, with docker's defaults for Docker Hub. */
static bool set_name(struct reference *reference, const char *name, struct error *err)
{
	const char *slash = strchr(name, '/');
	const char *domain = DEFAULT_DOMAIN;
	const char *path = name;
	autofree char *named = NULL;

	if (slash && looks_like_domain((struct span){ name, (size_t)(slash - name) })) {
		named = mem_printf("%.*s", (int)(slash - name), name);
		domain = strcmp(named, LEGACY_DOMAIN) == 0 ? DEFAULT_DOMAIN : named;
		path = slash + 1;
	}
	bool is_official = strcmp(domain, DEFAULT_DOMAIN) == 0 && !strchr(path, '/');
	autofree char *whole = mem_printf("%s%s", is_official ? OFFICIAL_PATH : "", path);

	if (has_upper(path))
		return error_set(err, ERROR_INPUT,
				 "invalid reference format: repository name (%s) must be lowercase",
				 whole);
	if (!reference_is_domain(domain) || !is_path(whole))
		return is_invalid(err);
	if (strlen(whole) > LIMIT_REFERENCE_PATH)
		return error_set(err, ERROR_INPUT,
				 "invalid reference format: repository name must not be more than "
				 "%d characters",
				 LIMIT_REFERENCE_PATH);
	if (strlen(domain) > LIMIT_REFERENCE_DOMAIN)
		return is_invalid(err);
	strcpy(reference->domain, domain);
	strcpy(reference->path, whole);
	return true;
}

bool reference_parse_bare(struct reference *reference, const char *text, struct error *err)
{
	if (text[0] == '\0' || strlen(text) > TEXT_MAX)
		return is_invalid(err);
	if (is_image_id(text))
		return error_set(err, ERROR_INPUT,
				 "invalid repository name (%s), cannot specify 64-byte hexadecimal "
				 "strings",
				 text);
	*reference = (struct reference){ 0 };
	autofree char *rest = mem_strdup(text);

	return take_digest(reference, rest, err) && take_tag(reference, rest, err) &&
	       set_name(reference, rest, err);
}

bool reference_parse(struct reference *reference, const char *text, struct error *err)
{
	if (!reference_parse_bare(reference, text, err))
		return false;
	if (reference->tag[0] == '\0' && digest_is_empty(&reference->digest))
		strcpy(reference->tag, DEFAULT_TAG);
	return true;
}

static char *with_suffix(const struct reference *reference, const char *name)
{
	bool has_digest = !digest_is_empty(&reference->digest);

	return mem_printf("%s%s%s%s%s", name, reference->tag[0] ? ":" : "", reference->tag,
			  has_digest ? "@" : "", has_digest ? reference->digest.text : "");
}

char *reference_name(const struct reference *reference)
{
	return mem_printf("%s/%s", reference->domain, reference->path);
}

char *reference_text(const struct reference *reference)
{
	autofree char *name = reference_name(reference);

	return with_suffix(reference, name);
}

char *reference_familiar_name(const struct reference *reference)
{
	const char *path = reference->path;

	if (strcmp(reference->domain, DEFAULT_DOMAIN) != 0)
		return reference_name(reference);
	/* Only "library/NAME" loses its prefix: "library/a/b" was typed so. */
	if (strncmp(path, OFFICIAL_PATH, strlen(OFFICIAL_PATH)) == 0 &&
	    !strchr(path + strlen(OFFICIAL_PATH), '/'))
		path += strlen(OFFICIAL_PATH);
	return mem_strdup(path);
}

char *reference_familiar(const struct reference *reference)
{
	autofree char *name = reference_familiar_name(reference);

	return with_suffix(reference, name);
}
