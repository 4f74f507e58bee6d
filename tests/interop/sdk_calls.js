// SPDX-License-Identifier: Apache-2.0
// Every IPC operation, called with the AWS IoT Device SDK for Node; prints one JSON object: name → result.
const { greengrasscoreipc: gg } = require('aws-iot-device-sdk-v2');

const results = {};

function plain(value) {
  return JSON.parse(JSON.stringify(value ?? null, (key, item) =>
    item && item.type === 'Buffer' ? Buffer.from(item.data).toString() : item));
}

async function attempt(name, promise) {
  try {
    results[name] = plain(await promise);
  } catch (error) {
    const known = error.serviceError ?? error._serviceError ?? {};
    results[name] = { error: String(error.code ?? error.name), message: known.message ?? String(error.message ?? error) };
  }
}

// Resolves with the next event of a subscription.
function events(operation) {
  const waiting = [], ready = [];
  operation.on('message', event => waiting.length ? waiting.shift()(event) : ready.push(event));
  operation.on('streamError', () => {});
  return () => ready.length ? Promise.resolve(ready.shift()) : new Promise(resolve => waiting.push(resolve));
}

async function main() {
  const token = process.argv[2];
  const c = gg.createClient();
  await c.connect();
  const sub = c.subscribeToTopic({ topic: 'a/b' });
  const next = events(sub);
  await sub.activate();
  await attempt('PublishToTopic', c.publishToTopic({ topic: 'a/b', publishMessage: { jsonMessage: { message: { k: 'vé😀' } } } }));
  results.event = plain(await next());
  await c.publishToTopic({ topic: 'a/b', publishMessage: { binaryMessage: { message: Buffer.alloc(131072, 'x') } } });
  results.large = Buffer.from((await next()).binaryMessage.message).length;
  const numbers = [];
  await Promise.all(Array.from({ length: 200 }, (_, n) =>
    c.publishToTopic({ topic: 'a/b', publishMessage: { jsonMessage: { message: { n } } } })));
  for (let i = 0; i < 200; i++)
    numbers.push((await next()).jsonMessage.message.n);
  results.order = numbers.every((n, i) => n === i);
  await sub.close();
  await attempt('bad filter', (async () => { await c.subscribeToTopic({ topic: 'a+' }).activate(); })());
  await attempt('denied', c.publishToTopic({ topic: 'denied', publishMessage: { jsonMessage: { message: {} } } }));

  await attempt('GetConfiguration', c.getConfiguration({ keyPath: ['site'] }));
  await attempt('missing key', c.getConfiguration({ keyPath: ['nothing'] }));
  const config = c.subscribeToConfigurationUpdate({ keyPath: ['site'] });
  const change = events(config);
  await config.activate();
  await attempt('UpdateConfiguration', c.updateConfiguration({ keyPath: ['site'], timestamp: new Date(), valueToMerge: { name: 'south' } }));
  results.change = plain(await change());
  await attempt('older', c.updateConfiguration({ keyPath: ['site'], timestamp: new Date(1600000000000), valueToMerge: { name: 'west' } }));
  await config.close();

  await attempt('UpdateState', c.updateState({ state: 'RUNNING' }));
  await attempt('DeferComponentUpdate', c.deferComponentUpdate({ deploymentId: 'd1', recheckAfterMs: 1000 }));
  const updates = c.subscribeToComponentUpdates({}), update = events(updates);
  await updates.activate();
  const validations = c.subscribeToValidateConfigurationUpdates({}), validation = events(validations);
  await validations.activate();
  console.log('ready');
  results['pre-update'] = plain(await update());
  await attempt('defer', c.deferComponentUpdate({ deploymentId: 'd1', recheckAfterMs: 1000, message: 'busy' }));
  results.validate = plain(await validation());
  await attempt('SendConfigurationValidityReport', c.sendConfigurationValidityReport({ configurationValidityReport: { status: 'ACCEPTED', deploymentId: 'd1' } }));
  await attempt('PauseComponent', c.pauseComponent({ componentName: 'com.example.B' }));
  await attempt('ResumeComponent', c.resumeComponent({ componentName: 'nobody' }));
  await attempt('RestartComponent', c.restartComponent({ componentName: 'com.example.B' }));
  await attempt('StopComponent', c.stopComponent({ componentName: 'nobody' }));
  await attempt('ListComponents', c.listComponents({}));
  await attempt('GetComponentDetails', c.getComponentDetails({ componentName: 'com.example.B' }));
  await attempt('CreateLocalDeployment', c.createLocalDeployment({ rootComponentVersionsToAdd: new Map([['c', '1.0.0']]) }));
  await attempt('GetLocalDeploymentStatus', c.getLocalDeploymentStatus({ deploymentId: 'x' }));
  await attempt('ListLocalDeployments', c.listLocalDeployments({}));
  await attempt('CancelLocalDeployment', c.cancelLocalDeployment({ deploymentId: 'x' }));
  await attempt('CreateDebugPassword', c.createDebugPassword({}));

  await attempt('GetSecretValue', c.getSecretValue({ secretId: 'db' }));
  await attempt('no secret', c.getSecretValue({ secretId: 'nope' }));
  const thing = { thingName: 'lamp', shadowName: 'n' };
  await attempt('UpdateThingShadow', c.updateThingShadow({ ...thing, payload: '{"state":{"desired":{"on":true}}}' }));
  await attempt('conflict', c.updateThingShadow({ ...thing, payload: '{"state":{},"version":9}' }));
  await attempt('GetThingShadow', c.getThingShadow(thing));
  await attempt('ListNamedShadowsForThing', c.listNamedShadowsForThing({ thingName: 'lamp' }));
  await attempt('DeleteThingShadow', c.deleteThingShadow(thing));
  await attempt('PutComponentMetric', c.putComponentMetric({ metrics: [{ name: 'm', unit: 'COUNT', value: 1.5 }] }));
  await attempt('ValidateAuthorizationToken', c.validateAuthorizationToken({ token }));
  await attempt('GetClientDeviceAuthToken', c.getClientDeviceAuthToken({ credential: { mqttCredential: { clientId: 'c' } } }));

  const cloud = c.subscribeToIoTCore({ topicName: 'down/#', qos: '1' }), arrival = events(cloud);
  await cloud.activate();
  await attempt('PublishToIoTCore', c.publishToIoTCore({ topicName: 'down/x', qos: '1', payload: 'hello' }));
  const message = await arrival();
  results.arrival = { message: { topic_name: message.message.topicName, payload: Buffer.from(message.message.payload).toString() } };
  console.log(JSON.stringify(results));
  await c.close();
}

main().catch(error => { console.error('failed:', error, error.serviceError); process.exit(1); });
