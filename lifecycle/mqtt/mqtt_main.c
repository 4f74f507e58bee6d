/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring-mqtt: the connection to AWS IoT Core. Started by the nucleus with a socket on descriptor
 * 3 (mqttwire.h) and its settings on descriptor 5; ends when the socket is closed. It keeps trying
 * to connect, says so when it is connected or not, and passes messages on. What must not be lost is
 * the nucleus' to keep.
 */
#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/proc.h"
#include "lifecycle/ipc/eventstream.h"
#include "lifecycle/mqtt/mqttsettings.h"
#include "lifecycle/mqtt/mqttwire.h"
#include "lifecycle/mqtt/tunnel.h"
#include "registry/fetch_confine.h"

#define MISC_MS     5000  /* between looks at the keep-alive */
#define PATIENCE_MS 30000 /* for a connection to be made */
#define OUT_PAUSE   (512 * 1024)
#define PENDING_MAX 256 /* messages and filters whose answer is not there yet */

/* What a message id of MQTT means to the nucleus. */
struct pending {
	int mid;      /* 0: free */
	int64_t id;   /* of a message */
	char *filter; /* of a subscription, else NULL */
};

struct session {
	struct loop loop;
	struct mqtt_settings settings;
	struct mosquitto *mosquitto;
	struct tunnel *tunnel; /* NULL: no proxy */
	struct loop_watch control;
	struct loop_watch broker; /* a duplicate: libmosquitto closes its own when it likes */
	struct loop_timer misc, again, patience;
	struct buf in, out;
	size_t sent;
	struct pending pending[PENDING_MAX];
	int early; /* the message that was done before its number was known */
	bool is_connected;
	bool is_over;
	int tries; /* failed ones in a row */
	char trouble[256];
};

/* -- to the nucleus -----------------------------------------------------------------------------
 */

static void flush(struct session *session)
{
	while (session->sent < session->out.length) {
		ssize_t count =
			send(session->control.fd, session->out.data + session->sent,
			     session->out.length - session->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			break;
		session->sent += (size_t)count;
	}
	if (session->sent == session->out.length) {
		buf_done(&session->out);
		session->sent = 0;
	}
	loop_want(&session->loop, &session->control,
		  LOOP_READ | (session->out.length ? LOOP_WRITE : 0U));
}

static void tell(struct session *session, const char *what, const char *text)
{
	struct eventstream_writer writer;

	eventstream_begin(&writer, &session->out);
	eventstream_add_text(&writer, WIRE_WHAT, what);
	eventstream_end(&writer, text, text ? strlen(text) : 0);
}

static void tell_done(struct session *session, int64_t id)
{
	struct eventstream_writer writer;

	eventstream_begin(&writer, &session->out);
	eventstream_add_text(&writer, WIRE_WHAT, WIRE_DONE);
	eventstream_add_long(&writer, WIRE_ID, id);
	eventstream_end(&writer, NULL, 0);
}

/* -- what is pending ----------------------------------------------------------------------------
 */

static struct pending *find_pending(struct session *session, int mid)
{
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (session->pending[i].mid == mid)
			return &session->pending[i];
	return NULL;
}

static void forget(struct pending *pending)
{
	free(pending->filter);
	*pending = (struct pending){ 0 };
}

/* -- libmosquitto's callbacks -------------------------------------------------------------------
 */

static void on_log(struct mosquitto *mosquitto, void *context, int level, const char *text)
{
	struct session *session = context;

	(void)mosquitto;
	if (level == MOSQ_LOG_ERR)
		snprintf(session->trouble, sizeof(session->trouble), "%s", text);
}

static void on_connect(struct mosquitto *mosquitto, void *context, int result)
{
	struct session *session = context;

	(void)mosquitto;
	if (result != 0) {
		snprintf(session->trouble, sizeof(session->trouble), "%s",
			 mosquitto_connack_string(result));
		return; /* the broker hangs up next */
	}
	session->is_connected = true;
	session->tries = 0;
	session->trouble[0] = '\0';
	loop_disarm(&session->loop, &session->patience);
	tell(session, WIRE_CONNECTED, NULL);
}

static void on_publish(struct mosquitto *mosquitto, void *context, int mid)
{
	struct session *session = context;
	struct pending *pending = find_pending(session, mid);

	(void)mosquitto;
	if (!pending)
		session->early = mid; /* from within mosquitto_publish: QoS 0 is written at once */
	if (!pending || pending->filter)
		return;
	tell_done(session, pending->id);
	forget(pending);
}

static void on_subscribe(struct mosquitto *mosquitto, void *context, int mid, int count,
			 const int *granted)
{
	struct session *session = context;
	struct pending *pending = find_pending(session, mid);
	struct eventstream_writer writer;

	(void)mosquitto;
	if (!pending || !pending->filter)
		return;
	if (count > 0 && granted[0] >= 128) {
		eventstream_begin(&writer, &session->out);
		eventstream_add_text(&writer, WIRE_WHAT, WIRE_REFUSED);
		eventstream_add_text(&writer, WIRE_TOPIC, pending->filter);
		eventstream_end(&writer, NULL, 0);
	}
	forget(pending);
}

static void on_message(struct mosquitto *mosquitto, void *context,
		       const struct mosquitto_message *message)
{
	struct session *session = context;
	struct eventstream_writer writer;

	(void)mosquitto;
	if (strlen(message->topic) > 1024 || message->payloadlen > 200 * 1024) {
		log_warning("MQTT: a message of %d bytes is left out", message->payloadlen);
		return;
	}
	eventstream_begin(&writer, &session->out);
	eventstream_add_text(&writer, WIRE_WHAT, WIRE_MESSAGE);
	eventstream_add_text(&writer, WIRE_TOPIC, message->topic);
	eventstream_add_int(&writer, WIRE_QOS, message->qos);
	eventstream_add_int(&writer, WIRE_RETAIN, message->retain);
	eventstream_end(&writer, message->payload, (size_t)message->payloadlen);
}

/* -- the connection -----------------------------------------------------------------------------
 */

/* Half of the delay is certain, half is random: devices that lost the same broker come back one by
 * one. */
static int64_t next_delay(struct session *session)
{
	int64_t least = session->settings.reconnect_min_seconds * INT64_C(1000);
	int64_t most = session->settings.reconnect_max_seconds * INT64_C(1000);
	int64_t delay = least << (session->tries < 20 ? session->tries : 20);
	uint32_t random = 0;

	if (delay > most)
		delay = most;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)loop_now();
	return delay / 2 + (int64_t)(random % (uint64_t)(delay / 2 + 1));
}

static void lose_connection(struct session *session, const char *reason)
{
	const char *trouble = session->tunnel ? tunnel_trouble(session->tunnel) : NULL;

	if (!trouble)
		trouble = session->trouble[0] ? session->trouble : reason;
	if (session->broker.is_watched) {
		loop_unwatch(&session->loop, &session->broker);
		close(session->broker.fd);
	}
	loop_disarm(&session->loop, &session->patience);
	session->is_connected = false;
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (session->pending[i].filter)
			forget(&session->pending[i]); /* the nucleus sends them anew */
	tell(session, WIRE_DISCONNECTED, trouble);
	session->trouble[0] = '\0';
	loop_arm(&session->loop, &session->again, next_delay(session));
	session->tries++;
}

/* After anything that libmosquitto did. */
static void settle(struct session *session, int result)
{
	int fd = mosquitto_socket(session->mosquitto);
	bool is_paused = session->out.length - session->sent > OUT_PAUSE;

	if (session->broker.is_watched && (result != MOSQ_ERR_SUCCESS || fd < 0))
		lose_connection(session, result == MOSQ_ERR_ERRNO ? strerror(errno)
								  : mosquitto_strerror(result));
	else if (session->broker.is_watched)
		loop_want(&session->loop, &session->broker,
			  (is_paused ? 0U : LOOP_READ) |
				  (mosquitto_want_write(session->mosquitto) ? LOOP_WRITE : 0U));
	flush(session);
}

static void on_readable(struct loop_watch *watch)
{
	struct session *session = watch->context;

	settle(session, mosquitto_loop_read(session->mosquitto, 1));
}

static void on_writable(struct loop_watch *watch)
{
	struct session *session = watch->context;

	settle(session, mosquitto_loop_write(session->mosquitto, 1));
}

static void on_misc(struct loop_timer *timer)
{
	struct session *session = timer->context;

	loop_arm(&session->loop, timer, MISC_MS);
	if (session->broker.is_watched)
		settle(session, mosquitto_loop_misc(session->mosquitto));
}

static void on_impatience(struct loop_timer *timer)
{
	struct session *session = timer->context;

	mosquitto_disconnect(session->mosquitto);
	if (session->broker.is_watched)
		lose_connection(session, "the broker does not answer");
	flush(session);
}

static void on_again(struct loop_timer *timer)
{
	struct session *session = timer->context;
	const struct mqtt_settings *settings = &session->settings;
	int result = mosquitto_connect_async(session->mosquitto, settings->endpoint, settings->port,
					     settings->keep_alive_seconds);
	int fd = mosquitto_socket(session->mosquitto);

	if (result != MOSQ_ERR_SUCCESS || fd < 0) {
		lose_connection(session, result == MOSQ_ERR_ERRNO ? strerror(errno)
								  : mosquitto_strerror(result));
	} else {
		session->broker = (struct loop_watch){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
						       .on_ready = on_readable,
						       .on_writable = on_writable,
						       .context = session };
		loop_watch(&session->loop, &session->broker);
		loop_arm(&session->loop, &session->patience, PATIENCE_MS);
	}
	settle(session, MOSQ_ERR_SUCCESS);
}

/* -- from the nucleus ---------------------------------------------------------------------------
 */

static int64_t number_of(const struct eventstream_message *message, const char *name)
{
	const struct eventstream_header *header = eventstream_find(message, name);

	return header ? header->number : 0;
}

/* A place for what is about to be sent; the oldest filter goes where there is none. */
static struct pending *add_pending(struct session *session)
{
	struct pending *free_one = find_pending(session, 0);

	for (size_t i = 0; !free_one && i < PENDING_MAX; i++) {
		if (session->pending[i].filter) {
			forget(&session->pending[i]);
			free_one = &session->pending[i];
		}
	}
	return free_one;
}

static void publish(struct session *session, const struct eventstream_message *message,
		    const char *topic)
{
	struct pending *pending = add_pending(session);
	int64_t id = number_of(message, WIRE_ID);
	int mid = 0;
	int result;

	session->early = 0;
	result = pending ? mosquitto_publish(session->mosquitto, &mid, topic,
					     (int)message->payload_length, message->payload,
					     (int)number_of(message, WIRE_QOS),
					     number_of(message, WIRE_RETAIN) != 0)
			 : MOSQ_ERR_NOMEM;

	if (result == MOSQ_ERR_SUCCESS && session->early == mid) {
		tell_done(session, id);
		return;
	}
	if (result != MOSQ_ERR_SUCCESS) {
		/* QoS 0 that has just lost its connection; or it can never be sent. */
		log_info("MQTT: a message for %s is dropped: %s", topic,
			 mosquitto_strerror(result));
		tell_done(session, id);
		return;
	}
	pending->mid = mid;
	pending->id = id;
}

static void subscribe(struct session *session, const struct eventstream_message *message,
		      const char *topic)
{
	struct pending *pending = add_pending(session);
	int mid = 0;

	if (!session->is_connected ||
	    mosquitto_subscribe(session->mosquitto, &mid, topic,
				(int)number_of(message, WIRE_QOS)) != MOSQ_ERR_SUCCESS ||
	    !pending)
		return; /* it comes again with the next connection */
	pending->mid = mid;
	pending->filter = mem_strdup(topic);
}

static void take_message(struct session *session, const struct eventstream_message *message)
{
	const struct eventstream_header *what = eventstream_find(message, WIRE_WHAT);
	const struct eventstream_header *topic = eventstream_find(message, WIRE_TOPIC);
	autofree char *text =
		topic ? mem_printf("%.*s", topic->length, topic->bytes) : mem_strdup("");

	if (eventstream_is_text(what, WIRE_PUBLISH))
		publish(session, message, text);
	else if (eventstream_is_text(what, WIRE_SUBSCRIBE))
		subscribe(session, message, text);
	else if (eventstream_is_text(what, WIRE_UNSUBSCRIBE))
		mosquitto_unsubscribe(session->mosquitto, NULL, text);
}

static void on_control(struct loop_watch *watch)
{
	struct session *session = watch->context;
	char *room = buf_reserve(&session->in, 65536);
	ssize_t count = room ? recv(watch->fd, room, 65536, MSG_DONTWAIT) : 0;
	size_t taken = 0, size;
	struct eventstream_message message;
	struct error err;

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		session->is_over = true;
		return;
	}
	buf_commit(&session->in, (size_t)count);
	while (eventstream_read(session->in.data + taken, session->in.length - taken,
				WIRE_MESSAGE_MAX, &message, &size, &err) == EVENTSTREAM_MESSAGE) {
		take_message(session, &message);
		taken += size;
	}
	buf_consume(&session->in, taken);
	if (!session->in.length)
		buf_done(&session->in);
	settle(session, MOSQ_ERR_SUCCESS);
}

static void on_control_writable(struct loop_watch *watch)
{
	settle(watch->context, MOSQ_ERR_SUCCESS);
}

/* -- life ---------------------------------------------------------------------------------------
 */

static bool open_tunnel(struct session *session, struct error *err)
{
	const struct mqtt_settings *settings = &session->settings;
	const struct tunnel_options options = { .loop = &session->loop,
						.host = settings->endpoint,
						.port = settings->port,
						.proxy_host = settings->proxy_host,
						.proxy_port = settings->proxy_port,
						.proxy_login = settings->proxy_login };
	int port;

	if (!settings->proxy_host)
		return true;
	if (!tunnel_open(&session->tunnel, &options, &port, err))
		return false;
	if (mosquitto_socks5_set(session->mosquitto, "127.0.0.1", port, NULL, NULL) !=
	    MOSQ_ERR_SUCCESS)
		return error_set(err, ERROR_UNSUPPORTED,
				 "this libmosquitto was built without SOCKS: no way to a proxy");
	return true;
}

static bool open_mosquitto(struct session *session, struct error *err)
{
	struct mosquitto *mosquitto;

	mosquitto_lib_init();
	/* The broker keeps what is published while we are away. */
	mosquitto = mosquitto_new(session->settings.client_id, false, session);
	if (!mosquitto)
		return error_sys(err, "client id \"%s\"", session->settings.client_id);
	session->mosquitto = mosquitto;
	mosquitto_log_callback_set(mosquitto, on_log);
	mosquitto_connect_callback_set(mosquitto, on_connect);
	mosquitto_publish_callback_set(mosquitto, on_publish);
	mosquitto_subscribe_callback_set(mosquitto, on_subscribe);
	mosquitto_message_callback_set(mosquitto, on_message);
	mosquitto_max_inflight_messages_set(mosquitto,
					    (unsigned int)session->settings.in_flight_max);
	if (mosquitto_void_option(mosquitto, MOSQ_OPT_SSL_CTX, session->settings.tls) !=
		    MOSQ_ERR_SUCCESS ||
	    mosquitto_int_option(mosquitto, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) != MOSQ_ERR_SUCCESS)
		return error_set(err, ERROR_UNSUPPORTED,
				 "this libmosquitto takes no TLS context of ours");
	return open_tunnel(session, err);
}

static bool session_run(struct session *session, struct error *err)
{
	session->control = (struct loop_watch){ .fd = WIRE_CONTROL_FD,
						.on_ready = on_control,
						.on_writable = on_control_writable,
						.context = session };
	session->misc = (struct loop_timer){ .on_expiry = on_misc, .context = session };
	session->again = (struct loop_timer){ .on_expiry = on_again, .context = session };
	session->patience = (struct loop_timer){ .on_expiry = on_impatience, .context = session };
	loop_watch(&session->loop, &session->control);
	loop_arm(&session->loop, &session->misc, MISC_MS);
	loop_arm(&session->loop, &session->again, 0);
	while (!session->is_over)
		if (!loop_step(&session->loop, err))
			return false;
	return true;
}

int main(void)
{
	static struct session session;
	struct arena arena = { 0 };
	struct error err;

	proc_settle();
	log_set_program("mooring-mqtt");
	buf_init(&session.in, WIRE_MESSAGE_MAX + 65536);
	buf_init(&session.out, SIZE_MAX / 2);
	if (!mqttsettings_read(WIRE_SETTINGS_FD, &session.settings, &arena, &err) ||
	    !open_mosquitto(&session, &err) || !fetch_confine(&err) ||
	    !session_run(&session, &err)) {
		log_error("%s", err.text);
		return EXIT_FAILURE;
	}
	mosquitto_disconnect(session.mosquitto); /* as good as it gets: nothing waits for it */
	return EXIT_SUCCESS;
}
