/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/words.h"

#include "base/attr.h"

static const char *const adjectives[] = {
	"able",   "afloat", "agile",   "ample",     "apt",    "bold",   "brave",     "bright",
	"brisk",  "calm",   "candid",  "clever",    "deft",   "eager",  "earnest",   "even",
	"fair",   "fleet",  "gentle",  "glad",      "hardy",  "honest", "jolly",     "keen",
	"kind",   "lively", "lucid",   "mellow",    "merry",  "mighty", "modest",    "neat",
	"nimble", "noble",  "patient", "placid",    "plucky", "polite", "proud",     "quick",
	"quiet",  "ready",  "sane",    "seaworthy", "serene", "sharp",  "shipshape", "sober",
	"steady", "stout",  "sturdy",  "subtle",    "sunny",  "tidy",   "trim",      "trusty",
	"upbeat", "vivid",  "warm",    "watchful",  "wise",   "witty",  "zealous",   "zesty",
};

/* People who found the way, drew the map or built the boat. */
static const char *const surnames[] = {
	"amundsen",  "baret",      "barents",  "battuta",  "beaufort",     "bellingshausen",
	"bering",    "bishop",     "bowditch", "cabot",    "cartier",      "cook",
	"cortereal", "dampier",    "drake",    "earhart",  "erikson",      "flinders",
	"franklin",  "frobisher",  "fuca",     "gama",     "harrison",     "hipparchus",
	"hudson",    "humboldt",   "idrisi",   "kingsley", "kotzebue",     "laperouse",
	"magellan",  "maury",      "mercator", "nansen",   "nordenskiold", "ortelius",
	"ptolemy",   "pytheas",    "quiros",   "reis",     "ross",         "sacagawea",
	"scoresby",  "shackleton", "slocum",   "tasman",   "tharp",        "tupaia",
	"vancouver", "verrazzano", "wegener",  "weddell",  "wilkes",       "zheng",
};

const char *words_name(struct arena *arena, unsigned int first, unsigned int second, int attempt)
{
	const char *adjective = adjectives[first % COUNT_OF(adjectives)];
	const char *surname = surnames[second % COUNT_OF(surnames)];

	if (attempt == 0)
		return arena_printf(arena, "%s_%s", adjective, surname);
	return arena_printf(arena, "%s_%s%u", adjective, surname, first % 10);
}
