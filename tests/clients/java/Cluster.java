import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The broker under test: clients with the settings that the cases share. */
final class Cluster {
    static final String ADDRESS = System.getenv("broker_address");
    static final boolean PER_CORE = "per-core".equals(System.getenv("broker_nodes"));
    /** How long anything may take before it counts as lost. */
    static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String RUN = ProcessHandle.current().pid() + "-" + System.nanoTime() % 1_000_000;

    private Cluster() {}

    /** A name that no other run has. */
    static String named(String name) {
        return "java-" + name + "-" + RUN;
    }

    static Properties settings(Object... namesAndValues) {
        Properties made = new Properties();
        made.put("bootstrap.servers", ADDRESS);
        for (int i = 0; i < namesAndValues.length; i += 2) {
            made.put(namesAndValues[i], namesAndValues[i + 1].toString());
        }
        return made;
    }

    static Admin admin() {
        return Admin.create(settings());
    }

    static KafkaProducer<String, String> producer(Object... namesAndValues) {
        return new KafkaProducer<>(settings(namesAndValues), new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Object... namesAndValues) {
        Properties settings = settings(namesAndValues);
        settings.putIfAbsent("auto.offset.reset", "earliest");
        settings.putIfAbsent("enable.auto.commit", "false");
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    /** A reader of every partition from the beginning, outside of any group. */
    static KafkaConsumer<String, String> reader(String topic, int partitions, Object... namesAndValues) {
        KafkaConsumer<String, String> made = consumer(namesAndValues);
        made.assign(partitions(topic, partitions));
        return made;
    }

    static List<TopicPartition> partitions(String topic, int count) {
        List<TopicPartition> made = new ArrayList<>();
        for (int partition = 0; partition < count; partition++) {
            made.add(new TopicPartition(topic, partition));
        }
        return made;
    }

    static String create(String name, int partitions) throws Exception {
        return create(name, partitions, Map.of());
    }

    static String create(String name, int partitions, Map<String, String> config) throws Exception {
        String topic = named(name);
        try (Admin admin = admin()) {
            get(admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(config))).all());
        }
        return topic;
    }

    static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Sends all and waits for all: where each came to lie. */
    static List<RecordMetadata> send(
            KafkaProducer<String, String> producer, Collection<ProducerRecord<String, String>> records) throws Exception {
        List<java.util.concurrent.Future<RecordMetadata>> futures = new ArrayList<>();
        for (ProducerRecord<String, String> record : records) {
            futures.add(producer.send(record));
        }
        producer.flush();
        List<RecordMetadata> places = new ArrayList<>();
        for (var future : futures) {
            places.add(future.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
        }
        return places;
    }

    /** Numbered values to one partition, acknowledged. */
    static void fill(String topic, int partition, int from, int count) throws Exception {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int n = from; n < from + count; n++) {
            records.add(new ProducerRecord<>(topic, partition, null, Integer.toString(n)));
        }
        try (var out = producer()) {
            send(out, records);
        }
    }

    /** Reads exactly so many records; fewer, or offsets that go backwards, are an error. */
    static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        Map<TopicPartition, Long> last = new HashMap<>();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (records.size() < count && System.nanoTime() < deadline) {
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                Long before = last.put(new TopicPartition(record.topic(), record.partition()), record.offset());
                Check.that(before == null || before < record.offset(), "offset " + record.offset() + " after " + before);
                records.add(record);
            }
        }
        Check.equal(records.size(), count, "records read");
        return records;
    }

    static List<String> values(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).toList();
    }
}
