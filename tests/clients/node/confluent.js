// @confluentinc/kafka-javascript, unmodified, against the broker at $broker_address. Started by `run`.
'use strict';

const { KafkaJS } = require('@confluentinc/kafka-javascript');
const { main } = require('./cases');

const { Kafka, logLevel } = KafkaJS;
const kafka = new Kafka({ kafkaJS: { brokers: [process.env.broker_address], logLevel: logLevel.NOTHING } });

main({
  name: 'confluent_js',
  // Its administrator neither reads nor changes settings, and grows no topics.
  hasSettings: false,
  // It turns empty values into nulls, whatever the broker.
  hasEmptyValues: false,

  admin: () => kafka.admin(),

  async producer({ codec = 'none', acks = -1, idempotent = false } = {}) {
    const producer = kafka.producer({ kafkaJS: { acks, idempotent, compression: codec }, 'linger.ms': 2 });
    await producer.connect();
    return {
      send: (topic, messages) => producer.send({ topic, messages }),
      close: () => producer.disconnect(),
    };
  },

  consumer({ group, autoCommit = false, protocol = 'classic' }) {
    const classic = { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 500 };
    const consumer = kafka.consumer({
      kafkaJS: { groupId: group, fromBeginning: true, autoCommit, autoCommitInterval: 100 },
      'group.protocol': protocol,
      ...(protocol === 'classic' ? classic : {}),
    });
    return {
      consumer,
      subscribe: (topics) => consumer.subscribe({ topics }),
      run: (handlers) => consumer.run(handlers),
    };
  },
});
