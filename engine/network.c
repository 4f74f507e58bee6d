/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "engine/find.h"
#include "engine/happening.h"
#include "engine/ident.h"
#include "engine/ipam.h"
#include "engine/lease.h"
#include "engine/netcheck.h"
#include "engine/netdefaults.h"
#include "engine/userns.h"

#define NETWORKS       "networks"
#define NETWORKS_LOCK  ".lock"
#define SUFFIX         ".json"
#define DEFINITION_MAX (1 << 20)
#define NETWORKS_MAX   1000
#define DEFAULT_RUN    "/run/mooring"
#define DEFAULT_BRIDGE "mooring0"
#define OPTION_IPV6    "com.docker.network.enable_ipv6"

static const char *const families[] = { [NETWORK_IPV4] = "ipv4", [NETWORK_IPV6] = "ipv6" };

/* The networks that always exist. -------------------------------------------------------------- */

static const struct {
	const char *name, *driver;
} predefined[] = {
	{ NETWORK_BRIDGE, "bridge" },
	{ NETWORK_HOST, "host" },
	{ NETWORK_NONE, "null" },
};

bool network_is_mode(const char *name)
{
	return strcmp(name, NETWORK_HOST) == 0 || strcmp(name, NETWORK_NONE) == 0 ||
	       strncmp(name, NETWORK_CONTAINER, strlen(NETWORK_CONTAINER)) == 0;
}

/* An ID of its own for each store, the same at every look. */
static const char *fixed_id(const struct engine *engine, struct arena *arena, const char *name)
{
	char *id = arena_alloc(arena, NETWORK_ID_LENGTH + 1);

	ident_derive(engine->root, name, id, NETWORK_ID_LENGTH);
	return id;
}

static void add_option(struct arena *arena, struct network *network, const char *key,
		       const char *value)
{
	texts_add_in(&network->options, arena, arena_printf(arena, "%s=%s", key, value));
}

/* Of the default network, in dockerd's order. */
static void set_default_options(const struct engine *engine, struct arena *arena,
				const struct netdefaults *defaults, struct network *network)
{
	char binding[IPADDR_TEXT_MAX] = "0.0.0.0";
	char name[IFNAMSIZ];

	if (defaults->binding.family)
		(void)ipaddr_text(&defaults->binding, binding);
	network_bridge(engine, network, name);
	add_option(arena, network, "com.docker.network.bridge.default_bridge", "true");
	add_option(arena, network, NETWORK_OPTION_ICC, "true");
	add_option(arena, network, NETWORK_OPTION_MASQUERADE,
		   defaults->is_without_masquerade ? "false" : "true");
	add_option(arena, network, NETWORK_OPTION_BINDING, binding);
	add_option(arena, network, NETWORK_OPTION_MTU,
		   arena_printf(arena, "%d", defaults->mtu ? defaults->mtu : NETWORK_MTU_USUAL));
	add_option(arena, network, NETWORK_OPTION_BRIDGE, name);
}

static void set_predefined(const struct engine *engine, struct arena *arena, size_t number,
			   struct network *network)
{
	struct netdefaults defaults;

	*network = (struct network){
		.id = fixed_id(engine, arena, predefined[number].name),
		.name = predefined[number].name,
		.driver = predefined[number].driver,
		.created = "0001-01-01T00:00:00Z",
		.config_from = "",
		.is_predefined = true,
	};
	if (number != 0)
		return;
	netdefaults_peek(arena, &defaults);
	network->is_absent = strcmp(defaults.bridge, NETDEFAULTS_NO_BRIDGE) == 0;
	network->device = network->is_absent ? "" : defaults.bridge;
	set_default_options(engine, arena, &defaults, network);
	ipam_find_default(engine, &defaults, network);
}

void network_foresee(const struct engine *engine, struct network *network)
{
	struct error ignored;

	if (network->is_predefined && strcmp(network->name, NETWORK_BRIDGE) == 0 &&
	    !network->pools[NETWORK_IPV4].subnet.address.family)
		(void)!ipam_choose_default(engine, network, &ignored);
}

const char *network_key(const struct network *network)
{
	return network->is_predefined ? network->name : network->id;
}

/* A default bridge for each directory of volatile state: no two stores lease the same address. */
void network_bridge(const struct engine *engine, const struct network *network, char name[IFNAMSIZ])
{
	const char *wanted = network->is_predefined
				     ? network->device
				     : network_option(network, NETWORK_OPTION_BRIDGE);
	char hash[9] = "";

	if (wanted && *wanted) {
		snprintf(name, IFNAMSIZ, "%s", wanted);
		return;
	}
	if (!network->is_predefined) {
		snprintf(name, IFNAMSIZ, "br-%.12s", network->id);
		return;
	}
	ident_derive(engine->run, "", hash, sizeof(hash) - 1);
	if (strcmp(engine->run, DEFAULT_RUN) == 0)
		snprintf(name, IFNAMSIZ, "%s", DEFAULT_BRIDGE);
	else
		snprintf(name, IFNAMSIZ, "mrg-%s", hash);
}

/* Definitions on disk. ------------------------------------------------------------------------- */

static void write_pool(struct jsonout *out, const char *key, const struct network_pool *pool)
{
	char address[IPADDR_TEXT_MAX];
	char text[IPADDR_TEXT_MAX + 4];

	if (!pool->subnet.address.family)
		return;
	jsonout_object(out, key);
	snprintf(text, sizeof(text), "%s/%d", ipaddr_text(&pool->subnet.address, address),
		 pool->subnet.prefix);
	jsonout_text(out, "subnet", text);
	if (pool->range.address.family) {
		snprintf(text, sizeof(text), "%s/%d", ipaddr_text(&pool->range.address, address),
			 pool->range.prefix);
		jsonout_text(out, "range", text);
	}
	jsonout_text(out, "gateway", ipaddr_text(&pool->gateway, address));
	jsonout_bool(out, "is_given", pool->is_given);
	jsonout_object_end(out);
}

static bool save(int dir, const struct network *network, struct error *err)
{
	autofree char *file = mem_printf("%s" SUFFIX, network->name);
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, DEFINITION_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "id", network->id);
	jsonout_text(&out, "name", network->name);
	jsonout_text(&out, "driver", network->driver);
	jsonout_text(&out, "created", network->created);
	for (size_t i = 0; i < NETWORK_FAMILIES; i++)
		write_pool(&out, families[i], &network->pools[i]);
	jsonout_texts(&out, "reserved", network->reserved.items, network->reserved.count);
	jsonout_texts(&out, "options", network->options.items, network->options.count);
	if (network->ipam_options.count)
		jsonout_texts(&out, "ipam_options", network->ipam_options.items,
			      network->ipam_options.count);
	jsonout_texts(&out, "labels", network->labels.items, network->labels.count);
	jsonout_bool(&out, "is_internal", network->is_internal);
	jsonout_bool(&out, "has_ipv6", network->has_ipv6);
	if (network->is_without_ipv4)
		jsonout_bool(&out, "is_without_ipv4", true);
	jsonout_bool(&out, "is_attachable", network->is_attachable);
	if (network->is_config_only)
		jsonout_bool(&out, "is_config_only", true);
	if (*network->config_from)
		jsonout_text(&out, "config_from", network->config_from);
	jsonout_object_end(&out);
	jsonout_done(&out);
	return buf_check(&text, "network", err) &&
	       file_replace(dir, file, text.data, text.length, 0600, FILE_DURABLE, err);
}

static bool read_net(const struct json *pool, const char *key, struct ipnet *net, struct error *err)
{
	const char *text;

	if (!json_text_or(pool, key, "", &text, err))
		return false;
	return !*text || ipnet_parse(net, text) || json_wrong(pool, err, "%s is no subnet", text);
}

static bool read_pool(const struct json *root, const char *key, struct network_pool *pool,
		      struct error *err)
{
	const struct json *object;
	const char *gateway;

	if (!json_object_or_null(root, key, &object, err))
		return false;
	if (!object)
		return true;
	if (!read_net(object, "subnet", &pool->subnet, err) ||
	    !read_net(object, "range", &pool->range, err) ||
	    !json_text_or(object, "gateway", "", &gateway, err) ||
	    !json_bool_or(object, "is_given", false, &pool->is_given, err))
		return false;
	return !*gateway || ipaddr_parse(&pool->gateway, gateway) ||
	       json_wrong(object, err, "%s is no address", gateway);
}

static bool parse(struct arena *arena, const struct buf *text, struct network *network,
		  struct error *err)
{
	const struct json *root;

	*network = (struct network){ 0 };
	if (!json_parse(arena, "network", text->data, text->length, &root, err) ||
	    !json_text(root, "id", &network->id, err) ||
	    !json_text(root, "name", &network->name, err) ||
	    !json_text(root, "driver", &network->driver, err) ||
	    !json_text(root, "created", &network->created, err) ||
	    !json_bool_or(root, "is_internal", false, &network->is_internal, err) ||
	    !json_bool_or(root, "has_ipv6", false, &network->has_ipv6, err) ||
	    !json_bool_or(root, "is_without_ipv4", false, &network->is_without_ipv4, err) ||
	    !json_bool_or(root, "is_attachable", false, &network->is_attachable, err) ||
	    !json_bool_or(root, "is_config_only", false, &network->is_config_only, err) ||
	    !json_text_or(root, "config_from", "", &network->config_from, err) ||
	    !json_text_array(arena, root, "reserved", &network->reserved.items,
			     &network->reserved.count, err) ||
	    !json_text_array(arena, root, "options", &network->options.items,
			     &network->options.count, err) ||
	    !json_text_array(arena, root, "ipam_options", &network->ipam_options.items,
			     &network->ipam_options.count, err) ||
	    !json_text_array(arena, root, "labels", &network->labels.items, &network->labels.count,
			     err))
		return false;
	for (size_t i = 0; i < NETWORK_FAMILIES; i++) {
		if (!read_pool(root, families[i], &network->pools[i], err))
			return false;
	}
	return find_is_id(network->id) ||
	       json_wrong(root, err, "the id is not 64 hexadecimal digits");
}

static bool read_file(int dir, struct arena *arena, const char *file, struct network *network,
		      struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, DEFINITION_MAX);
	if (!file_read(dir, file, &text, err))
		return false;
	return parse(arena, &text, network, err) || error_in(err, "%s/%s", NETWORKS, file);
}

static bool open_dir(const struct engine *engine, int *dir, struct error *err)
{
	if (mkdirat(engine->store.root, NETWORKS, 0700) < 0 && errno != EEXIST)
		return error_sys(err, "make directory %s", NETWORKS);
	*dir = openat(engine->store.root, NETWORKS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir >= 0 || error_sys(err, "open directory %s", NETWORKS);
}

/* A name in the directory, without ".json"; NULL for anything else. */
static const char *name_of(struct arena *arena, const char *file)
{
	size_t length = strlen(file), suffix = strlen(SUFFIX);

	if (file[0] == '.' || length <= suffix || strcmp(file + length - suffix, SUFFIX) != 0)
		return NULL;
	return arena_strndup(arena, file, length - suffix);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct network *)a)->name, ((const struct network *)b)->name);
}

/* One that cannot be read is left out: the others are as good as ever. */
static size_t read_all(int dir, struct arena *arena, struct network *networks, size_t most)
{
	autodir DIR *entries = file_list(dir, ".");
	struct error ignored;
	size_t count = 0;

	for (struct dirent *entry; entries && count < most && (entry = readdir(entries));) {
		if (name_of(arena, entry->d_name) &&
		    read_file(dir, arena, entry->d_name, &networks[count], &ignored))
			count++;
	}
	return count;
}

bool network_list(const struct engine *engine, struct arena *arena, struct network **networks,
		  size_t *count, struct error *err)
{
	autoclose int dir =
		openat(engine->store.root, NETWORKS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t fixed = COUNT_OF(predefined);

	if (dir < 0 && errno != ENOENT)
		return error_sys(err, "open directory %s", NETWORKS);
	*networks = arena_array(arena, NETWORKS_MAX + fixed, sizeof(**networks));
	*count = 0;
	for (size_t i = 0; i < fixed; i++) {
		set_predefined(engine, arena, i, &(*networks)[*count]);
		*count += !(*networks)[*count].is_absent;
	}
	if (dir >= 0)
		*count += read_all(dir, arena, *networks + *count, NETWORKS_MAX);
	qsort(*networks, *count, sizeof(**networks), compare);
	return true;
}

/* Docker takes any; ours are those of files, and stay in one column and on one line. */
static bool is_name(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)name[i];

		if (byte <= ' ' || byte == 127 || byte == '/')
			return false;
	}
	return length > 0 && length + strlen(SUFFIX) <= NAME_MAX && name[0] != '.';
}

/* The usual case, by name, costs one open. */
static bool find_by_name(const struct engine *engine, struct arena *arena, const char *text,
			 struct network *network, struct error *err)
{
	autofree char *file = mem_printf(NETWORKS "/%s" SUFFIX, text);

	for (size_t i = 0; i < COUNT_OF(predefined); i++) {
		if (strcmp(text, predefined[i].name) == 0) {
			set_predefined(engine, arena, i, network);
			return true;
		}
	}
	if (!is_name(text))
		return error_set(err, ERROR_NOT_FOUND, "network %s not found", text);
	return read_file(engine->store.root, arena, file, network, err);
}

bool network_find(const struct engine *engine, struct arena *arena, const char *text,
		  struct network *network, struct error *err)
{
	struct network *all;
	size_t count, found = 0;

	if (find_by_name(engine, arena, text, network, err))
		return true;
	if (err->kind != ERROR_NOT_FOUND || !network_list(engine, arena, &all, &count, err))
		return false;
	for (size_t i = 0; i < count && *text; i++) {
		if (strncmp(all[i].id, text, strlen(text)) != 0)
			continue;
		*network = all[i];
		found++;
	}
	if (found > 1)
		return error_set(err, ERROR_INPUT, "network %s is ambiguous (%zu matches found)",
				 text, found);
	return found == 1 || error_set(err, ERROR_NOT_FOUND, "network %s not found", text);
}

/* Creation and removal. ------------------------------------------------------------------------ */

static bool check_name(const char *name, struct error *err)
{
	if (!is_name(name) || strncmp(name, NETWORK_CONTAINER, strlen(NETWORK_CONTAINER)) == 0)
		return error_set(err, ERROR_INPUT,
				 "invalid network name: \"%s\": no spaces, slashes or control "
				 "characters, no dot at its beginning, at most %d bytes",
				 name, NAME_MAX - (int)strlen(SUFFIX));
	for (size_t i = 0; i < COUNT_OF(predefined); i++) {
		if (strcmp(name, predefined[i].name) == 0 || strcmp(name, "default") == 0)
			return error_set(err, ERROR_DENIED,
					 "operation is not permitted on predefined %s network",
					 name);
	}
	return true;
}

/* The driver says so: also where /sys is another network namespace's. */
static bool is_bridge(const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (char *)&info };
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0 &&
	       strcmp(info.driver, "bridge") == 0;
}

/* A bridge that is there already may be used, nothing else. Without root its place is another
 * network namespace. */
static bool check_interface(const struct network *network, struct error *err)
{
	const char *name = network_option(network, NETWORK_OPTION_BRIDGE);

	if (!name || strcmp(network->driver, "bridge") != 0 || userns_is_inside() ||
	    if_nametoindex(name) == 0 || is_bridge(name))
		return true;
	return error_set(err, ERROR_INPUT, "existing interface %s is not a bridge", name);
}

/* Two networks of one bridge would be one network. In docker's words. */
static bool check_bridge(const struct engine *engine, const struct network *network,
			 const struct network *other, struct error *err)
{
	char bridge[IFNAMSIZ], taken[IFNAMSIZ];

	if (strcmp(network->driver, "bridge") != 0 || strcmp(other->driver, "bridge") != 0)
		return true;
	network_bridge(engine, network, bridge);
	network_bridge(engine, other, taken);
	return strcmp(bridge, taken) != 0 ||
	       error_set(err, ERROR_EXISTS,
			 "cannot create network %s (%s): conflicts with network %s (%s): networks "
			 "have same bridge name",
			 network->id, bridge, other->id, taken);
}

/* What daemon.json says of new bridge networks, but for what was asked for. */
static bool add_usual_options(struct arena *arena, struct network *network, struct error *err)
{
	struct netdefaults defaults;
	const char *ipv6;

	if (!netdefaults_read(arena, &defaults, err))
		return false;
	for (size_t i = 0; i < defaults.network_options.count; i++) {
		const char *pair = defaults.network_options.items[i];
		const char *key = arena_strndup(arena, pair, strcspn(pair, "="));

		if (strcmp(network->driver, "bridge") == 0 && !network_option(network, key) &&
		    (strcmp(key, OPTION_IPV6) != 0 || !network->has_ipv6) &&
		    (strcmp(key, NETWORK_OPTION_IPV4) != 0 || !network->is_without_ipv4))
			texts_add_in(&network->options, arena, pair);
	}
	ipv6 = network_option(network, OPTION_IPV6);
	network->has_ipv6 |= ipv6 && network_option_is_on(network, OPTION_IPV6);
	network->is_without_ipv4 |= !network_option_is_on(network, NETWORK_OPTION_IPV4);
	return network->has_ipv6 || !network->is_without_ipv4 || network->is_config_only ||
	       error_set(err, ERROR_INPUT, "IPv4 or IPv6 must be enabled");
}

/* Options, and all that comes from a configuration network. */
static bool complete(const struct engine *engine, struct arena *arena, struct network *network,
		     struct error *err)
{
	struct network config;

	if (network->is_config_only) {
		network->driver = "null";
		return true;
	}
	if (*network->config_from) {
		if (!network_find(engine, arena, network->config_from, &config, err) ||
		    !config.is_config_only)
			return error_set(err, ERROR_NOT_FOUND,
					 "configuration network \"%s\" does not exist",
					 network->config_from);
		network->config_from = config.name;
		network->has_ipv6 = config.has_ipv6;
		network->is_without_ipv4 = config.is_without_ipv4;
		network->reserved = config.reserved;
		network->options = config.options;
		network->ipam_options = config.ipam_options;
		network->labels = config.labels;
		memcpy(network->pools, config.pools, sizeof(network->pools));
	}
	return add_usual_options(arena, network, err) && netcheck_options(network, err);
}

bool network_create(const struct engine *engine, struct arena *arena, struct network *network,
		    struct error *err)
{
	autoclose int dir = -1, lock = -1;
	struct network *others;
	size_t count;

	if (!check_name(network->name, err) || !netcheck_config(network, err) ||
	    !open_dir(engine, &dir, err) ||
	    !file_lock(dir, NETWORKS_LOCK, FILE_LOCK_EXCLUSIVE, &lock, err) ||
	    !network_list(engine, arena, &others, &count, err))
		return false;
	if (count >= NETWORKS_MAX)
		return error_set(err, ERROR_NO_SPACE, "there are %d networks: no more are made",
				 NETWORKS_MAX);
	file_sweep(dir);
	lease_sweep(engine, others, count);
	network->id = ident_random(arena);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(others[i].name, network->name) == 0)
			return error_set(err, ERROR_EXISTS, "network with name %s already exists",
					 network->name);
		if (!check_bridge(engine, network, &others[i], err))
			return false;
	}
	network->created = clock_now_text(arena);
	if (!complete(engine, arena, network, err) || !check_interface(network, err) ||
	    !ipam_complete(network, others, count, err) || !save(dir, network, err))
		return false;
	happening_network(engine, network, "create", NULL);
	return true;
}

bool network_remove(const struct engine *engine, const struct network *network, struct error *err)
{
	autofree char *file = mem_printf("%s" SUFFIX, network->name);
	autoclose int dir = -1, lock = -1;

	if (!open_dir(engine, &dir, err) ||
	    !file_lock(dir, NETWORKS_LOCK, FILE_LOCK_EXCLUSIVE, &lock, err))
		return false;
	if (unlinkat(dir, file, 0) < 0)
		return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "network %s not found",
						   network->name)
				       : error_sys(err, "remove network %s", network->name);
	happening_network(engine, network, "destroy", NULL);
	return file_sync_dir(dir, ".", err);
}
