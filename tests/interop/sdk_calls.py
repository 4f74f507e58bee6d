# SPDX-License-Identifier: Apache-2.0
"""Every IPC operation, called with the AWS IoT Device SDK for Python; prints one JSON object: name → result."""

import datetime
import json
import queue
import sys

from awsiot.greengrasscoreipc import model as m
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2

results = {}


def plain(value):
    if hasattr(value, "__dict__"):
        return {key: plain(item) for key, item in vars(value).items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.datetime):
        return "time"
    return value


def attempt(name, call, **arguments):
    try:
        results[name] = plain(call(**arguments))
    except Exception as error:  # the SDK's modelled errors
        results[name] = {"error": type(error).__name__, "message": getattr(error, "message", str(error))}


def subscribe(call, **arguments):
    events, ends = queue.Queue(), queue.Queue()
    _, operation = call(on_stream_event=events.put, on_stream_error=lambda error: ends.put(error) or True,
                        on_stream_closed=lambda: None, **arguments)
    return operation, events, ends


def main():
    other_token = sys.argv[1]
    c = GreengrassCoreIPCClientV2()
    operation, events, _ = subscribe(c.subscribe_to_topic, topic="a/b")
    message = m.PublishMessage(json_message=m.JsonMessage(message={"k": "v\u00e9\U0001f600"}))
    attempt("PublishToTopic", c.publish_to_topic, topic="a/b", publish_message=message)
    results["event"] = plain(events.get(timeout=20))
    message = m.PublishMessage(binary_message=m.BinaryMessage(message=b"x" * 131072))
    attempt("binary", c.publish_to_topic, topic="a/b", publish_message=message)
    results["large"] = len(events.get(timeout=20).binary_message.message)
    for number in range(1000):
        c.publish_to_topic_async(topic="a/b", publish_message=m.PublishMessage(
            json_message=m.JsonMessage(message={"n": number}))).result(20)
    results["order"] = [events.get(timeout=20).json_message.message["n"] for _ in range(1000)] == list(range(1000))
    operation.close().result(10)
    attempt("bad filter", lambda: subscribe(c.subscribe_to_topic, topic="a+"))
    attempt("denied", c.publish_to_topic, topic="denied", publish_message=message)

    attempt("GetConfiguration", c.get_configuration, key_path=["site"])
    attempt("missing key", c.get_configuration, key_path=["nothing"])
    operation, changes, _ = subscribe(c.subscribe_to_configuration_update, key_path=["site"])
    attempt("UpdateConfiguration", c.update_configuration, key_path=["site"], value_to_merge={"name": "south"},
            timestamp=datetime.datetime.now(datetime.timezone.utc))
    results["change"] = plain(changes.get(timeout=20))
    attempt("older", c.update_configuration, key_path=["site"], value_to_merge={"name": "west"},
            timestamp=datetime.datetime.fromtimestamp(1600000000, datetime.timezone.utc))
    operation.close().result(10)

    attempt("UpdateState", c.update_state, state=m.ReportedLifecycleState.RUNNING)
    attempt("DeferComponentUpdate", c.defer_component_update, deployment_id="d1", recheck_after_ms=1000)
    _, updates, _ = subscribe(c.subscribe_to_component_updates)
    _, validations, _ = subscribe(c.subscribe_to_validate_configuration_updates)
    print("ready", flush=True)
    results["pre-update"] = plain(updates.get(timeout=20))
    attempt("defer", c.defer_component_update, deployment_id="d1", recheck_after_ms=1000, message="busy")
    results["validate"] = plain(validations.get(timeout=20))
    attempt("SendConfigurationValidityReport", c.send_configuration_validity_report,
            configuration_validity_report=m.ConfigurationValidityReport(
                status=m.ConfigurationValidityStatus.ACCEPTED, deployment_id="d1"))
    attempt("PauseComponent", c.pause_component, component_name="com.example.B")
    attempt("ResumeComponent", c.resume_component, component_name="nobody")
    attempt("RestartComponent", c.restart_component, component_name="com.example.B")
    attempt("StopComponent", c.stop_component, component_name="nobody")
    attempt("ListComponents", c.list_components)
    attempt("GetComponentDetails", c.get_component_details, component_name="com.example.B")
    attempt("CreateLocalDeployment", c.create_local_deployment, root_component_versions_to_add={"c": "1.0.0"})
    attempt("GetLocalDeploymentStatus", c.get_local_deployment_status, deployment_id="x")
    attempt("ListLocalDeployments", c.list_local_deployments)
    attempt("CancelLocalDeployment", c.cancel_local_deployment, deployment_id="x")
    attempt("CreateDebugPassword", c.create_debug_password)

    attempt("GetSecretValue", c.get_secret_value, secret_id="db")
    attempt("no secret", c.get_secret_value, secret_id="nope")
    thing = {"thing_name": "lamp", "shadow_name": "n"}
    attempt("UpdateThingShadow", c.update_thing_shadow, payload=b'{"state":{"desired":{"on":true}}}', **thing)
    attempt("conflict", c.update_thing_shadow, payload=b'{"state":{},"version":9}', **thing)
    attempt("GetThingShadow", c.get_thing_shadow, **thing)
    attempt("ListNamedShadowsForThing", c.list_named_shadows_for_thing, thing_name="lamp")
    attempt("DeleteThingShadow", c.delete_thing_shadow, **thing)
    attempt("PutComponentMetric", c.put_component_metric,
            metrics=[m.Metric(name="m", unit=m.MetricUnitType.COUNT, value=1.5)])
    attempt("ValidateAuthorizationToken", c.validate_authorization_token, token=other_token)
    attempt("GetClientDeviceAuthToken", c.get_client_device_auth_token, credential=m.CredentialDocument(
        mqtt_credential=m.MQTTCredential(client_id="c")))

    _, arrivals, _ = subscribe(c.subscribe_to_iot_core, topic_name="down/#", qos=m.QOS.AT_LEAST_ONCE)
    attempt("PublishToIoTCore", c.publish_to_iot_core, topic_name="down/x", qos=m.QOS.AT_LEAST_ONCE,
            payload=b"hello")
    results["arrival"] = plain(arrivals.get(timeout=30))
    print(json.dumps(results), flush=True)
    c.close()


main()
