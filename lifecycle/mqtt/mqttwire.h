/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_MQTT_MQTTWIRE_H
#define LIFECYCLE_MQTT_MQTTWIRE_H

/*
 * What the nucleus and mooring-mqtt say to each other: event-stream messages (eventstream.h) over a
 * stream socket. Payloads are MQTT payloads; of "disconnected" it is the reason.
 *
 *     nucleus → mooring-mqtt   publish (topic, qos, retain, id)   subscribe (topic, qos)
 *                              unsubscribe (topic)
 *     mooring-mqtt → nucleus   connected   disconnected   done (id): the broker has it, or it was
 *                              QoS 0 and has been written      message (topic, qos, retain)
 *                              refused (topic): a filter
 */

#define WIRE_CONTROL_FD   3
#define WIRE_SETTINGS_FD  5 /* one JSON object, see docs/architecture.md */
#define WIRE_MESSAGE_MAX  (256 * 1024)

#define WIRE_WHAT         "what"
#define WIRE_TOPIC        "topic"
#define WIRE_QOS          "qos"
#define WIRE_RETAIN       "retain"
#define WIRE_ID           "id"

#define WIRE_PUBLISH      "publish"
#define WIRE_SUBSCRIBE    "subscribe"
#define WIRE_UNSUBSCRIBE  "unsubscribe"
#define WIRE_CONNECTED    "connected"
#define WIRE_DISCONNECTED "disconnected"
#define WIRE_DONE         "done"
#define WIRE_MESSAGE      "message"
#define WIRE_REFUSED      "refused"

#endif
