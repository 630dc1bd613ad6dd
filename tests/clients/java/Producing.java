import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.utils.Utils;

/** Codecs, acks, idempotence, keys, headers, sizes. */
final class Producing {
    private Producing() {}

    static void cases(Map<String, Main.Case> cases) {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            cases.put("codec_" + codec, () -> roundTrip(
                    Cluster.create("codec-" + codec, 1), 2000, "compression.type", codec, "linger.ms", 5));
        }
        cases.put("idempotent_small_batches", () -> roundTrip(Cluster.create("small", 1), 2000,
                "enable.idempotence", true, "batch.size", 100, "max.in.flight.requests.per.connection", 5));
        cases.put("not_idempotent", () -> roundTrip(Cluster.create("plain", 1), 500, "enable.idempotence", false));
        cases.put("acks_one_and_none", Producing::acksOneAndNone);
        cases.put("keys_keep_their_order", Producing::keysKeepTheirOrder);
        cases.put("headers_nulls_and_timestamps", Producing::headersNullsAndTimestamps);
        cases.put("a_big_record", Producing::bigRecord);
        cases.put("too_big_a_record_is_refused", Producing::tooBig);
        cases.put("a_topic_is_created_by_producing", () -> roundTrip(Cluster.named("auto"), 100));
    }

    /** Values like log lines: alike enough to compress, and each different. */
    private static List<String> lines(int count) {
        Random chance = new Random(7);
        String[] words = {"order", "placed", "by", "customer", "paid", "röd", "tröja", "timeout", "retry"};
        List<String> made = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            StringBuilder line = new StringBuilder().append(n);
            for (int left = chance.nextInt(20); left > 0; left--) {
                line.append(' ').append(words[chance.nextInt(words.length)]);
            }
            made.add(line.toString());
        }
        return made;
    }

    private static void roundTrip(String topic, int count, Object... settings) throws Exception {
        List<String> sent = lines(count);
        try (var out = Cluster.producer(settings)) {
            var places = Cluster.send(out,
                    sent.stream().map(line -> new ProducerRecord<>(topic, 0, (String) null, line)).toList());
            for (int n = 0; n < count; n++) {
                Check.equal(places.get(n).offset(), (long) n, "offset of record " + n);
            }
        }
        try (var in = Cluster.reader(topic, 1)) {
            Check.equal(Cluster.values(Cluster.read(in, count)), sent, "what was read");
        }
    }

    private static void acksOneAndNone() throws Exception {
        for (String acks : List.of("1", "0")) {
            String topic = Cluster.create("acks-" + acks, 1);
            List<String> sent = lines(300);
            try (var out = Cluster.producer("acks", acks, "enable.idempotence", false)) {
                Cluster.send(out, sent.stream().map(line -> new ProducerRecord<String, String>(topic, line)).toList());
            }
            try (var in = Cluster.reader(topic, 1)) {
                Check.equal(Cluster.values(Cluster.read(in, 300)), sent, "read after acks=" + acks);
            }
        }
    }

    private static void keysKeepTheirOrder() throws Exception {
        int partitions = 6;
        String topic = Cluster.create("keyed", partitions);
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int n = 0; n < 5000; n++) {
            records.add(new ProducerRecord<>(topic, "customer-" + n % 40, Integer.toString(n)));
        }
        List<RecordMetadata> places;
        try (var out = Cluster.producer("linger.ms", 2, "compression.type", "lz4")) {
            places = Cluster.send(out, records);
        }
        for (int n = 0; n < places.size(); n++) {
            int home = Utils.toPositive(Utils.murmur2(records.get(n).key().getBytes())) % partitions;
            Check.equal(places.get(n).partition(), home, "partition of " + records.get(n).key());
        }
        Map<String, Integer> last = new HashMap<>();
        try (var in = Cluster.reader(topic, partitions)) {
            for (var record : Cluster.read(in, records.size())) {
                int number = Integer.parseInt(record.value());
                Check.equal(record.partition(), places.get(number).partition(), "partition of record " + number);
                Integer before = last.put(record.key(), number);
                Check.that(before == null || before < number, record.key() + ": " + number + " after " + before);
            }
        }
        Check.equal(last.size(), 40, "keys");
        Check.that(new HashSet<>(places.stream().map(RecordMetadata::partition).toList()).size() > 1, "all in one partition");
    }

    private static void headersNullsAndTimestamps() throws Exception {
        String topic = Cluster.create("headers", 1);
        long time = 1_700_000_000_123L;
        List<org.apache.kafka.common.header.Header> headers = List.of(
                new RecordHeader("a", "1".getBytes()), new RecordHeader("a", new byte[0]), new RecordHeader("b", null));
        try (var out = Cluster.producer()) {
            Cluster.send(out, List.of(
                    new ProducerRecord<>(topic, 0, time, "k", "v", headers),
                    new ProducerRecord<>(topic, 0, time + 1, "k", (String) null),
                    new ProducerRecord<>(topic, 0, time + 2, (String) null, "")));
        }
        try (var in = Cluster.reader(topic, 1)) {
            var got = Cluster.read(in, 3);
            Check.equal(List.of(got.get(0).headers().toArray()), headers, "headers");
            Check.equal(got.stream().map(record -> record.timestamp() - time).toList(), List.of(0L, 1L, 2L), "timestamps");
            Check.that(got.get(1).value() == null && got.get(2).key() == null, "nulls");
            Check.equal(got.get(2).value(), "", "an empty value");
        }
    }

    private static void bigRecord() throws Exception {
        String topic = Cluster.create("big", 1);
        String sent = "%08x".repeat(118_000).formatted(new Random(3).ints(118_000).boxed().toArray());
        try (var out = Cluster.producer("max.request.size", 2_000_000)) {
            Cluster.send(out, List.of(new ProducerRecord<>(topic, 0, null, sent)));
        }
        try (var in = Cluster.reader(topic, 1, "max.partition.fetch.bytes", 1000)) {
            Check.equal(Cluster.values(Cluster.read(in, 1)), List.of(sent), "the big record");
        }
    }

    private static void tooBig() throws Exception {
        String topic = Cluster.create("too-big", 1);
        try (var out = Cluster.producer("max.request.size", 3_000_000)) {
            Check.fails(RecordTooLargeException.class,
                    () -> out.send(new ProducerRecord<>(topic, 0, null, "x".repeat(2_000_000))).get());
            Check.equal(out.send(new ProducerRecord<>(topic, 0, null, "small")).get().offset(), 0L, "offset of the next");
        }
    }
}
