/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/credentials/exchange.h"
#include "lifecycle/ipc/core.h"
#include "lifecycle/ipc/operation.h"
#include "lifecycle/mqtt/proxy.h"

/* What `mooring status` shows. Absent: what is not configured. */
static bool get_status(struct call *call, struct jsonout *answer, struct error *err)
{
	struct ipc_server *server = call->server;
	int64_t subscriptions = 0, dropped = 0;

	if (call->connection->kind != TOKEN_CONSOLE)
		return error_set(err, ERROR_DENIED, "only a console may ask for the status");
	for (const struct connection *at = server->connections; at; at = at->next) {
		subscriptions += (int64_t)at->subscription_count;
		dropped += (int64_t)at->dropped;
	}
	jsonout_object(answer, "ipc");
	jsonout_int(answer, "connections", (int64_t)server->connection_count);
	jsonout_int(answer, "subscriptions", subscriptions);
	jsonout_int(answer, "dropped", dropped);
	jsonout_object_end(answer);
	if (server->mqtt)
		mqtt_proxy_write_state(server->mqtt, answer, "mqtt");
	if (server->exchange)
		exchange_write_state(server->exchange, answer, "credentials");
	metrics_write(&server->metrics, answer, "metrics");
	return true;
}

const struct operation operations_own[] = {
	{ "MooringStatus", NULL, 1U << SHAPE_UNAUTHORIZED, get_status, NULL },
	{ 0 },
};
