/* SPDX-License-Identifier: Apache-2.0 */
#include "image/manifest.h"

#include <stdlib.h>

#include "tests/unit/tap.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define CONFIG                                                                                     \
	"{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" D1             \
	"\",\"size\":9}"
#define LAYER                                                                                      \
	"{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" D2          \
	"\",\"size\":7}"
#define IMAGE "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"

static bool parse(struct arena *arena, const char *text, const char *type,
		  struct manifest *manifest, struct error *err)
{
	return manifest_parse(arena, text, strlen(text), type, manifest, err);
}

static void test_image(void)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER "," LAYER "]}";
	static const char *const types[] = { NULL,
					     "",
					     IMAGE,
					     IMAGE "; charset=utf-8",
					     "text/plain",
					     "application/vnd.docker.distribution.manifest.v2+json",
					     "APPLICATION/VND.OCI.IMAGE.MANIFEST.V1+JSON",
					     "binary/octet-stream" };

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		autoarena struct arena arena = { 0 };
		struct manifest manifest;
		struct error err;

		if (!check_ok(parse(&arena, text, types[i], &manifest, &err), &err, "as %s",
			      types[i] ? types[i] : "nothing"))
			continue;
		check_int(manifest.kind, MANIFEST_IMAGE, "an image");
		check_text(manifest.config.digest.text, D1, "its configuration");
		check_int((long long)manifest.layer_count, 2, "its layers");
		check_int(manifest.layers[1].size, 7, "a layer's size");
	}
}

/* What registries of some years ago said of the configurations of images. */
static void test_defaulted_configs(void)
{
	static const char *const types[] = { "application/octet-stream", "application/json",
					     "text/html", "" };

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		autoarena struct arena arena = { 0 };
		const char *text = arena_printf(&arena,
						"{\"config\":{\"mediaType\":\"%s\",\"digest\":\"" D1
						"\",\"size\":9},\"layers\":[" LAYER "]}",
						types[i]);
		struct manifest manifest;
		struct error err;

		check_ok(parse(&arena, text, IMAGE, &manifest, &err), &err, "config as \"%s\"",
			 types[i]);
	}
}

static void test_index(void)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"manifests\":["
		"{\"mediaType\":\"" IMAGE "\",\"digest\":\"" D1 "\",\"size\":1,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}},"
		"{\"mediaType\":\"application/x\",\"digest\":\"" D1 "\",\"size\":1},"
		"{\"mediaType\":\"" IMAGE "\",\"digest\":\"" D1 "\",\"size\":1,"
		"\"annotations\":{\"vnd.docker.reference.type\":\"x\"}},"
		"{\"mediaType\":\"" IMAGE "\",\"digest\":\"" D2 "\",\"size\":2,"
		"\"annotations\":{\"org.opencontainers.image.ref.name\":\"1\","
		"\"io.containerd.image.name\":\"a/b:1\"},"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}}]}";
	autoarena struct arena arena = { 0 };
	const struct descriptor *chosen;
	struct manifest manifest;
	struct platform wanted;
	struct error err;

	if (!check_ok(parse(&arena, text, INDEX, &manifest, &err), &err, "an index"))
		return;
	check_int((long long)manifest.entry_count, 2, "what is no image is left out");
	check_ok(platform_parse(&wanted, "linux/arm/v7", &err), &err, "platform");
	if (check_ok(manifest_choose(&manifest, &wanted, &chosen, &err), &err, "choose")) {
		check_text(chosen->digest.text, D2, "for arm");
		check_text(chosen->name, "a/b:1", "containerd's name is the better one");
	}
	check_ok(platform_parse(&wanted, "linux/riscv64", &err), &err, "platform");
	check_error(manifest_choose(&manifest, &wanted, &chosen, &err), &err, ERROR_NOT_FOUND,
		    "linux/riscv64 in the manifest list entries (linux/s390x, linux/arm/v7)",
		    "nothing fits");
	if (!check_ok(parse(&arena,
			    "{\"manifests\":[{\"mediaType\":\"application/"
			    "vnd.buildkit.cacheconfig.v0\",\"digest\":\"" D1 "\",\"size\":1}]}",
			    INDEX, &manifest, &err),
		      &err, "a cache of BuildKit's"))
		return;
	check_error(manifest_choose(&manifest, &wanted, &chosen, &err), &err, ERROR_NOT_FOUND,
		    "(none is an image)", "nothing to run");
}

static void test_refused(void)
{
	static const struct {
		const char *text, *type, *part;
	} cases[] = {
		{ "", NULL, "manifest" },
		{ "[]", NULL, "expected an object" },
		{ "{}", NULL, "not an image manifest" },
		{ "{\"config\":" CONFIG "}", "text/html", "not an image manifest" },
		{ "{\"manifests\":[],\"layers\":[]}", NULL, "at once" },
		{ "{\"manifests\":[]}", IMAGE, "not what its media type says" },
		{ "{\"config\":" CONFIG "}", INDEX, "not what its media type says" },
		{ "{\"mediaType\":\"" INDEX "\",\"config\":" CONFIG "}", IMAGE, "calls itself" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, "schema 1" },
		{ "{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1" },
		{ "{\"layers\":[]}", NULL, "no config" },
		{ "{\"config\":{\"mediaType\":\"application/"
		  "vnd.oci.empty.v1+json\",\"digest\":\"" D1 "\",\"size\":1}}",
		  NULL, "artifact" },
		{ "{\"config\":{\"digest\":\"" D1 "\"}}", NULL, "config.size" },
		{ "{\"config\":{\"digest\":\"" D1 "\",\"size\":-1}}", NULL, "negative size" },
		{ "{\"config\":{\"digest\":\"sha256:..\",\"size\":1}}", NULL, "config" },
		{ "{\"config\":" CONFIG ",\"layers\":{}}", NULL, "layers: expected an array" },
		{ "{\"config\":" CONFIG ",\"layers\":[7]}", NULL, "layers[0]: expected an object" },
		{ "{\"config\":" CONFIG ",\"layers\":[{\"digest\":\"" D1
		  "\",\"size\":1,\"mediaType\":"
		  "\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\"}]}",
		  NULL, "cannot be run" },
		{ "{\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		  "\"digest\":\"" D1 "\",\"size\":999999999}}",
		  NULL, "larger than" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autoarena struct arena arena = { 0 };
		struct manifest manifest;
		struct error err = { .text = "" };
		bool is_good = parse(&arena, cases[i].text, cases[i].type, &manifest, &err);

		check(!is_good && strstr(err.text, cases[i].part), "%s: %s", cases[i].text,
		      err.text);
	}
}

static void test_saved(void)
{
	static const char text[] = "[{\"Config\":\"c.json\",\"RepoTags\":[\"a:1\",\"b:2\"],"
				   "\"Layers\":[\"x/layer.tar\"]},"
				   "{\"Config\":\"d.json\",\"RepoTags\":null,\"Layers\":null}]";
	autoarena struct arena arena = { 0 };
	struct saved_image *images;
	struct error err;
	size_t count;

	if (!check_ok(manifest_parse_saved(&arena, text, strlen(text), &images, &count, &err), &err,
		      "docker save's") ||
	    !check_int((long long)count, 2, "images"))
		return;
	check_text(images[0].names[1], "b:2", "names");
	check_text(images[0].layers[0], "x/layer.tar", "layers");
	check_int((long long)images[1].name_count, 0, "no names");
}

int main(void)
{
	test_image();
	test_defaulted_configs();
	test_index();
	test_refused();
	test_saved();
	return tap_done();
}
