/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/mqtt/proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "lifecycle/ipc/eventstream.h"
#include "lifecycle/mqtt/mqttoptions.h"
#include "lifecycle/mqtt/mqttwire.h"
#include "lifecycle/mqtt/spool.h"

/*
 * How this works: the spool holds every message until mooring-mqtt says that the broker has it. A
 * message that was handed over is mooring-mqtt's business, also over reconnections; only when the
 * process itself ends, all that is not done is handed over again, in order. After each connection
 * all filters are sent anew, so mooring-mqtt remembers nothing.
 */

#define OUT_PAUSE      (256 * 1024) /* no more is handed over while so many bytes wait */
#define RESTART_MIN_MS 1000

struct filter {
	char *text;
	int qos;
	struct filter *next;
};

struct mqtt_proxy {
	struct mqtt_options options;
	struct mqtt_listener listener;
	struct spool *spool;
	struct filter *filters;

	struct proc proc; /* pid 0: not running */
	struct loop_watch watch;
	struct loop_timer restart;
	bool is_waiting; /* restart is armed */
	int64_t restart_delay;
	struct buf in, out;
	size_t sent;

	bool is_connected;
	bool has_failed; /* since it was last connected: we are offline, not just about to connect
			  */
	int64_t since;   /* when is_connected last changed, on loop_now's clock */
	char *trouble;   /* what the last attempt ended with, or NULL */
	uint64_t stuck;  /* the oldest message at the last disconnection */
	int stuck_tries;
};

/* -- messages to mooring-mqtt -------------------------------------------------------------------
 */

static void lose_process(struct mqtt_proxy *proxy, const char *reason);

static void flush(struct mqtt_proxy *proxy)
{
	while (proxy->sent < proxy->out.length) {
		ssize_t count = send(proxy->watch.fd, proxy->out.data + proxy->sent,
				     proxy->out.length - proxy->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			break; /* full; or gone, which reading will notice */
		proxy->sent += (size_t)count;
	}
	if (proxy->sent == proxy->out.length) {
		buf_done(&proxy->out);
		proxy->sent = 0;
	}
	loop_want(proxy->options.loop, &proxy->watch,
		  LOOP_READ | (proxy->out.length ? LOOP_WRITE : 0U));
}

static void send_filter(struct mqtt_proxy *proxy, const char *what, const char *filter, int qos)
{
	struct eventstream_writer writer;

	eventstream_begin(&writer, &proxy->out);
	eventstream_add_text(&writer, WIRE_WHAT, what);
	eventstream_add_text(&writer, WIRE_TOPIC, filter);
	eventstream_add_int(&writer, WIRE_QOS, qos);
	eventstream_end(&writer, NULL, 0);
}

/* Hands over what may be on its way at once. */
static void pump(struct mqtt_proxy *proxy)
{
	struct mqtt_message message;
	uint64_t id;

	while (proxy->is_connected &&
	       spool_taken(proxy->spool) < (size_t)proxy->options.in_flight_max &&
	       proxy->out.length - proxy->sent < OUT_PAUSE &&
	       spool_next(proxy->spool, &id, &message)) {
		struct eventstream_writer writer;

		eventstream_begin(&writer, &proxy->out);
		eventstream_add_text(&writer, WIRE_WHAT, WIRE_PUBLISH);
		eventstream_add_text(&writer, WIRE_TOPIC, message.topic);
		eventstream_add_int(&writer, WIRE_QOS, message.qos);
		eventstream_add_int(&writer, WIRE_RETAIN, message.is_retained);
		eventstream_add_long(&writer, WIRE_ID, (int64_t)id);
		eventstream_end(&writer, message.payload, message.length);
	}
	if (proxy->proc.pid)
		flush(proxy);
}

/* -- messages from mooring-mqtt -----------------------------------------------------------------
 */

static void set_trouble(struct mqtt_proxy *proxy, const char *text, size_t length)
{
	char *old = proxy->trouble; /* `text` may be it */

	proxy->trouble = text ? mem_printf("%.*s", (int)length, text) : NULL;
	free(old);
}

static void set_connected(struct mqtt_proxy *proxy, bool is_connected)
{
	if (proxy->is_connected == is_connected)
		return;
	proxy->is_connected = is_connected;
	proxy->since = loop_now();
	if (proxy->listener.on_state)
		proxy->listener.on_state(proxy->listener.context, is_connected);
}

static void on_connected(struct mqtt_proxy *proxy)
{
	log_info("MQTT: connected to %s", proxy->options.endpoint);
	proxy->has_failed = false;
	proxy->restart_delay = RESTART_MIN_MS;
	set_trouble(proxy, NULL, 0);
	set_connected(proxy, true);
	for (struct filter *filter = proxy->filters; filter; filter = filter->next)
		send_filter(proxy, WIRE_SUBSCRIBE, filter->text, filter->qos);
}

/* A message that ends every connection it is sent over (the broker's policy forbids it) must not
 * hold back the others for ever. */
static bool is_hopeless(struct mqtt_proxy *proxy)
{
	uint64_t oldest = spool_taken(proxy->spool) ? spool_oldest(proxy->spool) : 0;

	proxy->stuck_tries = oldest && oldest == proxy->stuck ? proxy->stuck_tries + 1 : 1;
	proxy->stuck = oldest;
	return oldest && proxy->options.retry_max >= 0 &&
	       proxy->stuck_tries > proxy->options.retry_max;
}

static void on_disconnected(struct mqtt_proxy *proxy, const struct eventstream_message *message)
{
	bool was_connected = proxy->is_connected;

	if (was_connected || !proxy->has_failed)
		log_warning("MQTT: no connection to %s: %.*s", proxy->options.endpoint,
			    (int)message->payload_length, message->payload);
	set_trouble(proxy, message->payload, message->payload_length);
	proxy->has_failed = true;
	set_connected(proxy, false);
	if (!proxy->options.keeps_qos0)
		spool_drop_qos0(proxy->spool);
	if (was_connected && is_hopeless(proxy)) {
		log_error("MQTT: a message has ended %d connections: it is given up",
			  proxy->stuck_tries);
		spool_done(proxy->spool, proxy->stuck);
		lose_process(proxy, "started anew without the message");
	}
}

static void on_message(struct mqtt_proxy *proxy, const struct eventstream_message *message,
		       const char *topic)
{
	const struct eventstream_header *qos = eventstream_find(message, WIRE_QOS);
	const struct eventstream_header *retain = eventstream_find(message, WIRE_RETAIN);
	struct mqtt_message given = { .topic = topic,
				      .payload = message->payload,
				      .length = message->payload_length,
				      .qos = qos ? (int)qos->number : 0,
				      .is_retained = retain && retain->number };

	if (proxy->listener.on_message)
		proxy->listener.on_message(proxy->listener.context, &given);
}

static void on_refused(struct mqtt_proxy *proxy, const char *filter)
{
	log_warning("MQTT: %s refuses the subscription to %s", proxy->options.endpoint, filter);
	mqtt_proxy_unsubscribe(proxy, filter);
	if (proxy->listener.on_refused)
		proxy->listener.on_refused(proxy->listener.context, filter,
					   "the broker refused the subscription");
}

static void take_message(struct mqtt_proxy *proxy, const struct eventstream_message *message)
{
	const struct eventstream_header *what = eventstream_find(message, WIRE_WHAT);
	const struct eventstream_header *id = eventstream_find(message, WIRE_ID);
	const struct eventstream_header *topic = eventstream_find(message, WIRE_TOPIC);
	autofree char *text = topic && topic->type == EVENTSTREAM_TEXT
				      ? mem_printf("%.*s", topic->length, topic->bytes)
				      : NULL;

	if (eventstream_is_text(what, WIRE_CONNECTED))
		on_connected(proxy);
	else if (eventstream_is_text(what, WIRE_DISCONNECTED))
		on_disconnected(proxy, message);
	else if (eventstream_is_text(what, WIRE_DONE) && id)
		spool_done(proxy->spool, (uint64_t)id->number);
	else if (eventstream_is_text(what, WIRE_MESSAGE) && text)
		on_message(proxy, message, text);
	else if (eventstream_is_text(what, WIRE_REFUSED) && text)
		on_refused(proxy, text);
}

static void take_messages(struct mqtt_proxy *proxy)
{
	size_t taken = 0;

	while (proxy->proc.pid) {
		struct eventstream_message message;
		struct error err;
		size_t size;
		enum eventstream_progress progress =
			eventstream_read(proxy->in.data + taken, proxy->in.length - taken,
					 WIRE_MESSAGE_MAX, &message, &size, &err);

		if (progress == EVENTSTREAM_MORE)
			break;
		if (progress == EVENTSTREAM_BROKEN) {
			lose_process(proxy, err.text);
			return;
		}
		take_message(proxy, &message);
		taken += size;
	}
	if (!proxy->proc.pid)
		return;
	buf_consume(&proxy->in, taken);
	if (!proxy->in.length)
		buf_done(&proxy->in);
	pump(proxy);
}

static void on_ready(struct loop_watch *watch)
{
	struct mqtt_proxy *proxy = watch->context;
	char *room = buf_reserve(&proxy->in, 16384);
	ssize_t count = room ? recv(watch->fd, room, 16384, MSG_DONTWAIT) : 0;

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		lose_process(proxy, "mooring-mqtt has ended");
		return;
	}
	buf_commit(&proxy->in, (size_t)count);
	take_messages(proxy);
}

static void on_writable(struct loop_watch *watch)
{
	pump(watch->context);
}

/* -- the process --------------------------------------------------------------------------------
 */

static bool start(struct mqtt_proxy *proxy, struct error *err)
{
	autofree char *program = NULL;
	autoclose int settings = -1;
	autoclose int theirs = -1;
	int ends[2];

	if (!proc_helper("mooring-mqtt", &program, err) ||
	    !mqttoptions_write(&proxy->options, &settings, err))
		return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "socketpair");
	proxy->watch = (struct loop_watch){
		.fd = ends[0], .on_ready = on_ready, .on_writable = on_writable, .context = proxy
	};
	theirs = ends[1];

	const char *const argv[] = { program, NULL };
	const char *const env[] = { NULL };
	const struct proc_fd fds[] = { { STDERR_FILENO, STDERR_FILENO },
				       { theirs, WIRE_CONTROL_FD },
				       { settings, WIRE_SETTINGS_FD } };

	if (!proc_spawn(&(struct proc_options){ .argv = argv,
						.env = env,
						.fds = fds,
						.fd_count = COUNT_OF(fds),
						.parent_death_signal = SIGKILL },
			&proxy->proc, err)) {
		close(ends[0]);
		return false;
	}
	loop_watch(proxy->options.loop, &proxy->watch);
	return true;
}

static void fail(struct mqtt_proxy *proxy, const char *reason)
{
	set_trouble(proxy, reason, strlen(reason));
	proxy->has_failed = true;
	set_connected(proxy, false);
	spool_rewind(proxy->spool);
	if (!proxy->options.keeps_qos0)
		spool_drop_qos0(proxy->spool);
	loop_arm(proxy->options.loop, &proxy->restart, proxy->restart_delay);
	proxy->is_waiting = true;
	proxy->restart_delay *= 2;
	if (proxy->restart_delay > proxy->options.reconnect_max_seconds * INT64_C(1000))
		proxy->restart_delay = proxy->options.reconnect_max_seconds * INT64_C(1000);
}

/* Starts it unless it runs, or has to wait. */
static void need_process(struct mqtt_proxy *proxy)
{
	struct error err;

	if (proxy->proc.pid || proxy->is_waiting)
		return;
	if (!start(proxy, &err)) {
		log_error("MQTT: %s", err.text);
		fail(proxy, err.text);
	}
}

static void on_restart(struct loop_timer *timer)
{
	struct mqtt_proxy *proxy = timer->context;

	proxy->is_waiting = false;
	need_process(proxy);
}

static void end_process(struct mqtt_proxy *proxy)
{
	struct error ignored;
	int status;

	if (!proxy->proc.pid)
		return;
	loop_unwatch(proxy->options.loop, &proxy->watch);
	close(proxy->watch.fd);
	kill(proxy->proc.pid, SIGKILL); /* it keeps nothing that could be lost */
	if (!proc_wait(&proxy->proc, &status, &ignored))
		log_warning("MQTT: %s", ignored.text);
	proxy->proc.pid = 0;
	buf_done(&proxy->in);
	buf_done(&proxy->out);
	proxy->sent = 0;
}

static void lose_process(struct mqtt_proxy *proxy, const char *reason)
{
	log_warning("MQTT: %s", reason);
	end_process(proxy);
	fail(proxy, proxy->trouble ? proxy->trouble : reason);
}

/* -- what is asked ------------------------------------------------------------------------------
 */

bool mqtt_proxy_publish(struct mqtt_proxy *proxy, const struct mqtt_message *message,
			struct error *err)
{
	if (message->length > MQTT_PAYLOAD_MAX)
		return error_set(err, ERROR_INPUT, "the payload is larger than %d bytes",
				 MQTT_PAYLOAD_MAX);
	if (message->qos == 0 && proxy->has_failed && !proxy->is_connected &&
	    !proxy->options.keeps_qos0)
		return error_set(err, ERROR_NETWORK,
				 "the device is offline: a message with QoS 0 is dropped");
	if (!spool_add(proxy->spool, message, err))
		return false;
	need_process(proxy);
	pump(proxy);
	return true;
}

bool mqtt_proxy_subscribe(struct mqtt_proxy *proxy, const char *text, int qos, struct error *err)
{
	struct filter *filter = proxy->filters;

	(void)err;
	while (filter && strcmp(filter->text, text) != 0)
		filter = filter->next;
	if (!filter) {
		filter = mem_alloc(sizeof(*filter));
		filter->text = mem_strdup(text);
		filter->next = proxy->filters;
		proxy->filters = filter;
	}
	filter->qos = qos;
	need_process(proxy);
	if (proxy->is_connected) {
		send_filter(proxy, WIRE_SUBSCRIBE, text, qos);
		flush(proxy);
	}
	return true;
}

void mqtt_proxy_unsubscribe(struct mqtt_proxy *proxy, const char *text)
{
	for (struct filter **link = &proxy->filters; *link; link = &(*link)->next) {
		struct filter *filter = *link;

		if (strcmp(filter->text, text) != 0)
			continue;
		if (proxy->is_connected) {
			send_filter(proxy, WIRE_UNSUBSCRIBE, text, 0);
			flush(proxy);
		}
		*link = filter->next;
		free(filter->text);
		free(filter);
		return;
	}
}

void mqtt_proxy_listen(struct mqtt_proxy *proxy, const struct mqtt_listener *listener)
{
	proxy->listener = *listener;
}

bool mqtt_proxy_is_connected(const struct mqtt_proxy *proxy)
{
	return proxy->is_connected;
}

void mqtt_proxy_write_state(const struct mqtt_proxy *proxy, struct jsonout *out, const char *key)
{
	const char *state = proxy->is_connected                     ? "connected"
			    : proxy->proc.pid && !proxy->has_failed ? "connecting"
			    : proxy->proc.pid || proxy->is_waiting  ? "disconnected"
								    : "unused";
	int64_t filters = 0;

	for (const struct filter *filter = proxy->filters; filter; filter = filter->next)
		filters++;
	jsonout_object(out, key);
	jsonout_text(out, "endpoint", proxy->options.endpoint);
	jsonout_int(out, "port", proxy->options.port);
	jsonout_text(out, "state", state);
	jsonout_int(out, "seconds", (loop_now() - proxy->since) / 1000);
	if (proxy->trouble)
		jsonout_text(out, "trouble", proxy->trouble);
	jsonout_int(out, "subscriptions", filters);
	jsonout_object(out, "spool");
	jsonout_text(out, "storage", proxy->options.spool_directory ? "disk" : "memory");
	jsonout_int(out, "messages", (int64_t)spool_count(proxy->spool));
	jsonout_int(out, "bytes", spool_bytes(proxy->spool));
	jsonout_int(out, "limit", proxy->options.spool_max);
	jsonout_object_end(out);
	jsonout_object_end(out);
}

/* -- life ---------------------------------------------------------------------------------------
 */

bool mqtt_proxy_open(struct mqtt_proxy **result, const struct mqtt_options *options,
		     struct error *err)
{
	struct spool *spool;

	if (!options->endpoint || !options->thing || !options->certificate || !options->key ||
	    !options->root_ca)
		return error_set(err, ERROR_INPUT,
				 "AWS IoT Core needs iotDataEndpoint, thingName, "
				 "certificateFilePath, privateKeyPath and rootCaPath");
	if (!spool_open(&spool, options->spool_directory, options->spool_max, err))
		return false;

	struct mqtt_proxy *proxy = mem_alloc(sizeof(*proxy));

	proxy->options = *options;
	mqttoptions_keep(&proxy->options);
	if (proxy->options.in_flight_max < 1 || proxy->options.in_flight_max > 100)
		proxy->options.in_flight_max = proxy->options.in_flight_max < 1 ? 1 : 100;
	proxy->spool = spool;
	proxy->since = loop_now();
	proxy->restart = (struct loop_timer){ .on_expiry = on_restart, .context = proxy };
	proxy->restart_delay = RESTART_MIN_MS;
	buf_init(&proxy->in, WIRE_MESSAGE_MAX + 16384);
	buf_init(&proxy->out, SIZE_MAX / 2);
	if (spool_count(spool))
		need_process(proxy);
	*result = proxy;
	return true;
}

void mqtt_proxy_close(struct mqtt_proxy *proxy)
{
	if (!proxy)
		return;
	loop_disarm(proxy->options.loop, &proxy->restart);
	end_process(proxy);
	spool_close(proxy->spool);
	while (proxy->filters) {
		struct filter *filter = proxy->filters;

		proxy->filters = filter->next;
		free(filter->text);
		free(filter);
	}
	mqttoptions_done(&proxy->options);
	free(proxy->trouble);
	free(proxy);
}
