// kafkajs, unmodified, against the broker at $broker_address. Started by `run`.
'use strict';

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs');
const LZ4 = require('kafkajs-lz4');
const Snappy = require('kafkajs-snappy');
const zstd = require('@bokuweb/zstd-wasm');
const { main } = require('./cases');

// kafkajs brings gzip; the others are plugged in.
CompressionCodecs[CompressionTypes.LZ4] = new LZ4().codec;
CompressionCodecs[CompressionTypes.Snappy] = Snappy;
const zstdReady = zstd.init();
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => {
    await zstdReady;
    return Buffer.from(zstd.compress(encoder.buffer, 3));
  },
  decompress: async (buffer) => {
    await zstdReady;
    return Buffer.from(zstd.decompress(buffer));
  },
});

const CODECS = { none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' };

const kafka = new Kafka({ brokers: [process.env.broker_address], logLevel: logLevel.NOTHING });

main({
  name: 'kafkajs',
  hasSettings: true,
  hasEmptyValues: true,

  // Few retries: some cases want to be refused.
  admin: () => kafka.admin({ retry: { retries: 2, initialRetryTime: 100 } }),

  async producer({ codec = 'none', acks = -1, idempotent = false } = {}) {
    const producer = kafka.producer({ idempotent, maxInFlightRequests: idempotent ? 1 : 5 });
    await producer.connect();
    const compression = CompressionTypes[CODECS[codec]];
    return {
      send: (topic, messages) => producer.send({ topic, messages, acks, compression }),
      close: () => producer.disconnect(),
    };
  },

  consumer({ group, autoCommit = false }) {
    const settings = { groupId: group, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 200 };
    const consumer = kafka.consumer(settings);
    return {
      consumer,
      subscribe: (topics) => consumer.subscribe({ topics, fromBeginning: true }),
      run: (handlers) => consumer.run({ autoCommit, autoCommitInterval: 100, ...handlers }),
    };
  },
});
