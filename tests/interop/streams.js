// SPDX-License-Identifier: Apache-2.0
// Drives the stream manager with AWS' own client for JavaScript. Arguments: where the npm packages are.
'use strict';
const path = require('path');
const { StreamManagerClient, MessageStreamDefinition, StrategyOnFull, Persistence, ReadMessagesOptions } =
    require(path.join(process.argv[2], 'node_modules/aws-greengrass-core-sdk/stream-manager'));

function expect(what, got, wanted) {
    if (JSON.stringify(got) !== JSON.stringify(wanted)) {
        throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
    }
    console.log(`ok ${what}`);
}

async function refused(what, promise, name) {
    try {
        await promise;
    } catch (error) {
        expect(what, error.constructor.name, name);
        return;
    }
    throw new Error(`${what}: nothing was thrown`);
}

async function run(client) {
    await client.createMessageStream(new MessageStreamDefinition().withName('js')
        .withStrategyOnFull(StrategyOnFull.OverwriteOldestData).withPersistence(Persistence.File)
        .withMaxSize(5 * 1024 * 1024 * 1024));
    expect('streams', await client.listStreams(), ['js']);
    for (let i = 0; i < 20; i++) {
        expect(`append ${i}`, await client.appendMessage('js', Buffer.from(`message ${i}`)), i);
    }
    const parallel = await Promise.all([...Array(50).keys()].map((i) => client.appendMessage('js', Buffer.from([i]))));
    expect('50 at once', [...parallel].sort((a, b) => a - b), [...Array(50).keys()].map((i) => i + 20));
    const messages = await client.readMessages('js', new ReadMessagesOptions().withDesiredStartSequenceNumber(5)
        .withMinMessageCount(3).withMaxMessageCount(3).withReadTimeoutMillis(1000));
    expect('read', messages.map((m) => [m.sequenceNumber, m.payload.toString()]),
        [[5, 'message 5'], [6, 'message 6'], [7, 'message 7']]);
    const waiting = client.readMessages('js', new ReadMessagesOptions().withDesiredStartSequenceNumber(70)
        .withMinMessageCount(1).withReadTimeoutMillis(20000));
    await client.appendMessage('js', Buffer.alloc(3 * 1024 * 1024, 'x'));
    expect('a waiting read', (await waiting).map((m) => m.payload.length), [3 * 1024 * 1024]);
    const info = await client.describeMessageStream('js');
    expect('describe', [info.definition.maxSize, info.storageStatus.newestSequenceNumber], [5 * 1024 * 1024 * 1024, 70]);
    await client.updateMessageStream(info.definition.withStrategyOnFull(StrategyOnFull.RejectNewData));
    await refused('too few', client.readMessages('js', new ReadMessagesOptions().withDesiredStartSequenceNumber(71)),
        'NotEnoughMessagesException');
    await refused('no stream', client.deleteMessageStream('none'), 'ResourceNotFoundException');
    await refused('twice', client.createMessageStream(new MessageStreamDefinition().withName('js')
        .withStrategyOnFull(StrategyOnFull.RejectNewData)), 'InvalidRequestException');
    await client.deleteMessageStream('js');
    expect('deleted', await client.listStreams(), []);
}

const client = new StreamManagerClient({
    onConnectCb: () => run(client).then(() => process.exit(0), (error) => {
        console.error(error);
        process.exit(1);
    }),
    onErrorCb: (error) => {
        console.error(error);
        process.exit(1);
    },
});
