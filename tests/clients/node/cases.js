// The cases of both clients for Node.js: they have the same interface.
//
// Without arguments: every case; with one, those whose names contain it.
// `member TOPIC GROUP PROTOCOL`: one member of a group, which may be killed (see groups.py).
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const murmur2 = require('kafkajs/src/producer/partitioners/default/murmur2');

const DEADLINE_MS = 30_000;
const NODES = process.env.broker_nodes === 'per-core' ? 2 : 1;
const RUN = `${process.pid}-${crypto.randomInt(1 << 20)}`;

let client; // What `main` was given: how to make producers, consumers and administrators.

const named = (name) => `${client.name}-${name}-${RUN}`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const range = (count) => Array.from({ length: count }, (_, n) => n);

async function eventually(what, condition) {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    assert(Date.now() < deadline, `waited in vain for ${what}`);
    await sleep(50);
  }
}

async function withAdmin(use) {
  const admin = client.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function create(name, numPartitions = 1, configEntries = []) {
  const topic = named(name);
  await withAdmin((admin) => admin.createTopics({
    topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }],
  }));
  return topic;
}

async function send(topic, messages, settings) {
  const producer = await client.producer(settings);
  try {
    return await producer.send(topic, messages);
  } finally {
    await producer.close();
  }
}

const numbers = (from, count) => range(count).map((n) => ({ partition: 0, value: String(from + n) }));

// Joins a group, reads exactly so many messages, does what is left to do, and leaves.
async function read(topics, count, { group = named(`read-${crypto.randomInt(1 << 30)}`), then, ...settings } = {}) {
  const { consumer, subscribe, run } = client.consumer({ group, ...settings });
  const got = [];
  const last = new Map();
  await consumer.connect();
  try {
    await subscribe([topics].flat());
    await run({
      eachMessage: async ({ topic, partition, message }) => {
        const place = `${topic}/${partition}`;
        const before = last.get(place) ?? -1n;
        const offset = BigInt(message.offset);
        // An offset that goes back would be counted as one too many.
        if (offset > before) last.set(place, offset);
        got.push({ topic, partition, ...message });
      },
    });
    await eventually(`${count} messages of ${topics}, after ${got.length}`, () => got.length >= count);
    if (then) await then(consumer);
    assert.equal(got.length, count, 'messages read');
  } finally {
    await consumer.disconnect();
  }
  return got;
}

const text = (messages) => messages.map(({ value }) => value && value.toString());

// Values like log lines: alike enough to compress, and each different.
function lines(count) {
  const words = ['order', 'placed', 'by', 'customer', 'paid', 'röd', 'tröja', 'timeout', 'retry'];
  return range(count).map((n) => [n, ...range((n * 7) % 20).map((w) => words[(n * 31 + w * w) % words.length])].join(' '));
}

async function roundTrip(topic, settings, count = 2000) {
  const sent = lines(count);
  const half = count / 2;
  const toOne = sent.map((value) => ({ partition: 0, value }));
  // Without acknowledgements there are no answers either.
  const [first] = (await send(topic, toOne.slice(0, half), settings)) ?? [];
  const [second] = (await send(topic, toOne.slice(half), settings)) ?? [];
  if (settings.acks !== 0) {
    assert.deepEqual([first.errorCode, second.errorCode], [0, 0]);
    assert.deepEqual([first.baseOffset, second.baseOffset], ['0', String(half)]);
  }
  assert.deepEqual(text(await read(topic, count)), sent);
}

async function keysKeepTheirOrder() {
  const partitions = 6;
  const topic = await create('keyed', partitions);
  const producer = await client.producer({ idempotent: true, codec: 'gzip' });
  for (const part of range(10)) {
    const messages = range(300).map((n) => ({ key: `customer-${n % 40}`, value: String(part * 300 + n) }));
    await producer.send(topic, messages);
  }
  await producer.close();
  const last = new Map();
  const used = new Set();
  for (const { key, value, partition } of await read(topic, 3000)) {
    assert.equal(partition, (murmur2(key) & 0x7fffffff) % partitions, `partition of ${key}`);
    assert((last.get(key.toString()) ?? -1) < Number(value), `${key} is out of order`);
    last.set(key.toString(), Number(value));
    used.add(partition);
  }
  assert.equal(last.size, 40);
  assert(used.size > 1, 'all in one partition');
}

async function headersNullsAndTimestamps() {
  const topic = await create('headers');
  const time = 1_700_000_000_123;
  await send(topic, [
    { partition: 0, key: 'k', value: 'v', headers: { a: ['1', ''], b: '2' }, timestamp: String(time) },
    { partition: 0, key: 'k', value: null, timestamp: String(time + 1) },
    { partition: 0, value: '', timestamp: String(time + 2) },
  ]);
  const got = await read(topic, 3);
  const headers = Object.entries(got[0].headers).map(([name, value]) => `${name}=${[value].flat().join('|')}`);
  assert.deepEqual(headers, ['a=1|', 'b=2']);
  assert.deepEqual(got.map(({ timestamp }) => Number(timestamp) - time), [0, 1, 2]);
  assert.equal(got[1].value, null);
  assert.equal(got[2].key ?? null, null);
  if (client.hasEmptyValues) assert.equal(got[2].value.length, 0);
}

async function bigMessage() {
  const topic = await create('big');
  const value = crypto.randomBytes(900_000);
  await send(topic, [{ partition: 0, value }]);
  const [got] = await read(topic, 1);
  assert(got.value.equals(value), 'it came back changed');
}

async function commitAndResume(protocol) {
  const topic = await create(`resume-${protocol}`);
  const group = topic;
  await send(topic, numbers(0, 100));
  const commit = (offset) => (consumer) => consumer.commitOffsets([{ topic, partition: 0, offset }]);
  await read(topic, 100, { group, protocol, then: commit('40') });
  await withAdmin(async (admin) => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    assert.equal(partitions[0].offset, '40');
  });
  const rest = await read(topic, 60, { group, protocol, then: commit('100') });
  assert.equal(rest[0].offset, '40');
  await send(topic, numbers(100, 1));
  const [next] = await read(topic, 1, { group, protocol });
  assert.equal(next.offset, '100');
}

async function automaticCommits(protocol) {
  const topic = await create(`automatic-${protocol}`, 3);
  await send(topic, range(150).map((n) => ({ partition: n % 3, value: String(n) })));
  await read(topic, 150, { group: topic, protocol, autoCommit: true });
  await withAdmin(async (admin) => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: topic, topics: [topic] });
    assert.deepEqual(partitions.map(({ offset }) => offset), ['50', '50', '50']);
  });
}

async function seekBack() {
  const topic = await create('seek');
  await send(topic, numbers(0, 100));
  const { consumer, subscribe, run } = client.consumer({ group: topic });
  const got = [];
  await consumer.connect();
  try {
    await subscribe([topic]);
    await run({ eachMessage: async ({ message }) => { got.push(message.offset); } });
    await eventually('100 messages', () => got.length === 100);
    consumer.seek({ topic, partition: 0, offset: '70' });
    await eventually('30 more', () => got.length === 130);
    assert.deepEqual(got.slice(100), got.slice(70, 100));
  } finally {
    await consumer.disconnect();
  }
}

async function patternOfTopics() {
  const first = await create('pattern-a');
  const second = await create('pattern-b');
  const other = await create('pattern-c');
  for (const topic of [first, second, other]) await send(topic, numbers(0, 5));
  const pattern = new RegExp(`^${client.name}-pattern-[ab]-${RUN}$`);
  const got = await read(pattern, 10, { group: named('pattern') });
  assert.deepEqual([...new Set(got.map(({ topic }) => topic))].sort(), [first, second]);
}

async function topicsComeGrowAndGo() {
  const topic = named('admin');
  await withAdmin(async (admin) => {
    const topics = [{ topic, numPartitions: 3, replicationFactor: 1 }];
    const isListed = async () => (await admin.listTopics()).includes(topic);
    const partitions = async () => {
      const metadata = await admin.fetchTopicMetadata({ topics: [topic] });
      return (metadata.topics ?? metadata)[0].partitions.length;
    };
    assert.equal(await admin.createTopics({ topics }), true);
    await eventually('its listing', isListed);
    assert.equal(await partitions(), 3);
    assert.equal(await admin.createTopics({ topics }), false, 'created twice');
    if (client.hasSettings) {
      await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
      await eventually('five partitions', async () => (await partitions()) === 5);
      await send(topic, [{ partition: 4, value: 'in the new one' }]);
      const cluster = await admin.describeCluster();
      assert.equal(cluster.brokers.length, NODES);
    }
    await admin.deleteTopics({ topics: [topic] });
    await eventually('its end', async () => !(await isListed()));
    await assert.rejects(admin.deleteTopics({ topics: [topic] }));
  });
}

// AlterConfigs, which replaces all settings of a topic at once.
async function settingsAreToldAndChanged() {
  const { ConfigResourceTypes } = require('kafkajs');
  const name = await create('settings', 1, [{ name: 'cleanup.policy', value: 'compact' }]);
  const type = ConfigResourceTypes.TOPIC;
  await withAdmin(async (admin) => {
    const value = async (setting) => {
      const described = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type, name }] });
      return described.resources[0].configEntries.find((entry) => entry.configName === setting).configValue;
    };
    assert.equal(await value('cleanup.policy'), 'compact');
    const configEntries = [{ name: 'retention.ms', value: '7200000' }];
    await admin.alterConfigs({ resources: [{ type, name, configEntries }] });
    await eventually('the new setting', async () => (await value('retention.ms')) === '7200000');
    assert.equal(await value('cleanup.policy'), 'delete');
    const wrong = [{ name: 'segment.bytes', value: '-5' }];
    await assert.rejects(admin.alterConfigs({ resources: [{ type, name, configEntries: wrong }] }));
  });
}

async function offsetsAndRecords() {
  const topic = await create('offsets');
  const time = 1_700_000_000_000;
  await send(topic, range(100).map((n) => ({ partition: 0, value: 'x', timestamp: String(time + 10 * n) })));
  await withAdmin(async (admin) => {
    let [{ low, high }] = await admin.fetchTopicOffsets(topic);
    assert.deepEqual([low, high], ['0', '100']);
    const [{ offset }] = await admin.fetchTopicOffsetsByTimestamp(topic, time + 495);
    assert.equal(offset, '50');
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '60' }] });
    [{ low, high }] = await admin.fetchTopicOffsets(topic);
    assert.deepEqual([low, high], ['60', '100']);
  });
  assert.equal((await read(topic, 40))[0].offset, '60');
}

async function groupsAreToldAndDeleted() {
  const topic = await create('group');
  const group = topic;
  await send(topic, numbers(0, 10));
  await withAdmin(async (admin) => {
    const described = async () => (await admin.describeGroups([group])).groups[0];
    await read(topic, 10, {
      group,
      then: async (consumer) => {
        await consumer.commitOffsets([{ topic, partition: 0, offset: '10' }]);
        assert.equal((await described()).members.length, 1);
        await assert.rejects(admin.deleteGroups([group]));
      },
    });
    assert.equal((await described()).members.length, 0);
    const { groups } = await admin.listGroups();
    assert.equal(groups.filter(({ groupId }) => groupId === group).length, 1);
    if (client.hasSettings) {
      await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '4' }] });
      const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      assert.equal(partitions[0].offset, '4');
    }
    await admin.deleteGroups([group]);
    await assert.rejects(admin.deleteGroups([group]));
  });
}

function allCases() {
  const cases = {};
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    cases[`codec_${codec}`] = async () => roundTrip(await create(`codec-${codec}`), { codec });
  }
  return Object.assign(cases, {
    idempotent: async () => roundTrip(await create('idempotent'), { idempotent: true }),
    acks_one: async () => roundTrip(await create('acks-one'), { acks: 1 }),
    acks_none: async () => roundTrip(await create('acks-none'), { acks: 0 }),
    keys_keep_their_order: keysKeepTheirOrder,
    headers_nulls_and_timestamps: headersNullsAndTimestamps,
    a_big_message: bigMessage,
    a_topic_is_created_by_producing: () => roundTrip(named('auto'), {}, 100),
    commit_and_resume: () => commitAndResume('classic'),
    ...(client.name === 'confluent_js' && {
      commit_and_resume_consumer: () => commitAndResume('consumer'),
      automatic_commits_consumer: () => automaticCommits('consumer'),
    }),
    automatic_commits: () => automaticCommits('classic'),
    seek_back: seekBack,
    a_pattern_of_topics: patternOfTopics,
    topics_come_grow_and_go: topicsComeGrowAndGo,
    ...(client.hasSettings && { settings_are_told_and_changed: settingsAreToldAndChanged }),
    offsets_are_listed_and_records_deleted: offsetsAndRecords,
    groups_are_told_and_deleted: groupsAreToldAndDeleted,
  });
}

// Prints `R PARTITION OFFSET` for what it reads, commits it, and ends in order at SIGTERM.
async function member(topic, group, protocol) {
  const { consumer, subscribe, run } = client.consumer({ group, protocol });
  process.on('SIGTERM', async () => {
    await consumer.disconnect();
    process.exit(0);
  });
  await consumer.connect();
  await subscribe([topic]);
  await run({
    eachBatch: async ({ batch: { partition, messages }, resolveOffset, heartbeat }) => {
      for (const { offset } of messages) process.stdout.write(`R ${partition} ${offset}\n`);
      const last = messages.at(-1).offset;
      resolveOffset(last);
      try {
        await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(last) + 1n) }]);
      } catch (error) {
        // Amid a rebalance; whoever has the partition next reads it again.
        console.error('not committed:', error.message);
      }
      await heartbeat();
    },
  });
}

async function main(given) {
  client = given;
  const [what, ...rest] = process.argv.slice(2);
  if (what === 'member') return member(...rest);
  let passed = 0;
  let failed = 0;
  for (const [name, run] of Object.entries(allCases())) {
    if (what && !name.includes(what)) continue;
    const began = Date.now();
    try {
      await run();
      passed += 1;
      console.log(`ok      ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}: ${error.stack}`);
    }
  }
  console.log(`${client.name}: ${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

module.exports = { main };
