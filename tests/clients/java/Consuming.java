import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Fetch sessions, positions, commits, and groups in both protocols; members in processes of their own are in groups.py. */
final class Consuming {
    private Consuming() {}

    static void cases(Map<String, Main.Case> cases) {
        cases.put("a_fetch_session_over_many_partitions", Consuming::fetchSession);
        cases.put("positions_and_times", Consuming::positionsAndTimes);
        cases.put("a_reader_waits_for_what_comes", Consuming::readerWaits);
        for (String protocol : List.of("classic", "consumer")) {
            cases.put("commit_and_resume_" + protocol, () -> commitAndResume(protocol));
            cases.put("automatic_commits_" + protocol, () -> automaticCommits(protocol));
            cases.put("two_members_share_" + protocol, () -> twoMembersShare(protocol));
            cases.put("a_static_member_returns_" + protocol, () -> staticMemberReturns(protocol));
            cases.put("a_pattern_finds_new_topics_" + protocol, () -> patternFindsNewTopics(protocol));
        }
    }

    private static KafkaConsumer<String, String> member(String protocol, String group, Object... more) {
        List<Object> settings = new ArrayList<>(List.of(
                "group.protocol", protocol, "group.id", group, "metadata.max.age.ms", 500));
        settings.addAll(List.of(more));
        return Cluster.consumer(settings.toArray());
    }

    /** The client names only what changed since its last fetch, so the broker must remember the rest. */
    private static void fetchSession() throws Exception {
        int count = 50;
        String topic = Cluster.create("session", count);
        List<TopicPartition> all = Cluster.partitions(topic, count);
        try (var in = Cluster.reader(topic, count, "fetch.max.wait.ms", 100); var out = Cluster.producer()) {
            Set<String> wanted = new HashSet<>();
            Set<String> got = new HashSet<>();
            for (int round = 0; round < 12; round++) {
                // A third stands still for one round; some are let go for another, and come back where they were.
                int turn = round;
                in.resume(all);
                List<TopicPartition> still = all.stream().filter(tp -> tp.partition() % 3 == turn % 3).toList();
                in.pause(still);
                List<ProducerRecord<String, String>> records = new ArrayList<>();
                for (int partition = round % 5; partition < count; partition += 5) {
                    records.add(new ProducerRecord<>(topic, partition, null, "r" + round + "-p" + partition));
                }
                Cluster.send(out, records);
                records.forEach(record -> wanted.add(record.value()));
                for (int polls = 0; polls < 3; polls++) {
                    for (ConsumerRecord<String, String> record : in.poll(Duration.ofMillis(50))) {
                        Check.that(record.partition() % 3 != turn % 3, "read from a paused partition");
                        Check.that(got.add(record.value()), record.value() + " came twice");
                    }
                }
                if (round == 5) {
                    List<Long> positions = all.stream().map(in::position).toList();
                    in.assign(all.subList(0, 20));
                    in.poll(Duration.ofMillis(50)).forEach(record -> Check.that(got.add(record.value()), "twice"));
                    List<Long> kept = all.subList(0, 20).stream().map(in::position).toList();
                    in.assign(all);
                    for (int p = 20; p < count; p++) {
                        in.seek(all.get(p), positions.get(p));
                    }
                    Check.equal(all.subList(0, 20).stream().map(in::position).toList(), kept, "positions that stayed");
                }
            }
            in.resume(all);
            Check.eventually("every record", () -> {
                in.poll(Duration.ofMillis(100)).forEach(record -> Check.that(got.add(record.value()), "twice"));
                return got.size() >= wanted.size();
            });
            Check.equal(got, wanted, "records");
        }
    }

    private static void positionsAndTimes() throws Exception {
        String topic = Cluster.create("times", 2);
        long start = 1_700_000_000_000L;
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int n = 0; n < 500; n++) {
            records.add(new ProducerRecord<>(topic, 0, start + 10L * n, null, Integer.toString(n)));
        }
        try (var out = Cluster.producer("batch.size", 2000)) {
            Cluster.send(out, records);
        }
        TopicPartition zero = new TopicPartition(topic, 0);
        TopicPartition one = new TopicPartition(topic, 1);
        try (var in = Cluster.reader(topic, 2)) {
            Check.equal(in.beginningOffsets(List.of(zero, one)), Map.of(zero, 0L, one, 0L), "beginnings");
            Check.equal(in.endOffsets(List.of(zero, one)), Map.of(zero, 500L, one, 0L), "ends");
            for (int n : new int[] {0, 1, 250, 499}) {
                var found = in.offsetsForTimes(Map.of(zero, start + 10L * n - 3)).get(zero);
                Check.equal(found.offset(), (long) n, "offset by time");
                Check.equal(found.timestamp(), start + 10L * n, "its time");
            }
            Check.equal(in.offsetsForTimes(Map.of(zero, start + 5000)).get(zero), null, "a time after the last");
            in.seek(zero, 321);
            Check.equal(Cluster.read(in, 179).get(0).offset(), 321L, "after a seek");
            in.seekToBeginning(List.of(zero));
            Check.equal(Cluster.read(in, 500).get(0).offset(), 0L, "from the beginning");
            in.seekToEnd(List.of(zero));
            Check.equal(in.position(zero), 500L, "position at the end");
        }
        try (var in = Cluster.consumer("auto.offset.reset", "none", "group.id", Cluster.named("none"))) {
            in.assign(List.of(zero));
            Check.fails(NoOffsetForPartitionException.class, () -> in.poll(Cluster.PATIENCE));
        }
    }

    private static void readerWaits() throws Exception {
        String topic = Cluster.create("wait", 1);
        try (var in = Cluster.reader(topic, 1, "fetch.max.wait.ms", 5000)) {
            Check.that(in.poll(Duration.ofMillis(300)).isEmpty(), "an empty topic has a record");
            Cluster.fill(topic, 0, 0, 1);
            Check.equal(Cluster.values(Cluster.read(in, 1)), List.of("0"), "what came late");
        }
    }

    private static void commitAndResume(String protocol) throws Exception {
        String topic = Cluster.create("resume-" + protocol, 1);
        Cluster.fill(topic, 0, 0, 100);
        TopicPartition zero = new TopicPartition(topic, 0);
        try (var in = member(protocol, topic)) {
            in.subscribe(List.of(topic));
            Cluster.read(in, 100);
            in.commitSync(Map.of(zero, new OffsetAndMetadata(40, "so far")));
            OffsetAndMetadata committed = in.committed(Set.of(zero)).get(zero);
            Check.equal(committed.offset() + " " + committed.metadata(), "40 so far", "committed");
        }
        try (var in = member(protocol, topic)) {
            in.subscribe(List.of(topic));
            Check.equal(Cluster.read(in, 60).get(0).offset(), 40L, "the successor's first offset");
            in.commitSync();
        }
        try (var in = member(protocol, topic)) {
            in.subscribe(List.of(topic));
            Check.eventually("an assignment", () -> {
                Check.that(in.poll(Duration.ofMillis(100)).isEmpty(), "what was committed is read again");
                return !in.assignment().isEmpty();
            });
            Check.equal(in.position(zero), 100L, "the third one's position");
        }
    }

    private static void automaticCommits(String protocol) throws Exception {
        String topic = Cluster.create("automatic-" + protocol, 3);
        for (int partition = 0; partition < 3; partition++) {
            Cluster.fill(topic, partition, 0, 50);
        }
        try (var in = member(protocol, topic, "enable.auto.commit", true, "auto.commit.interval.ms", 100)) {
            in.subscribe(List.of(topic));
            Cluster.read(in, 150);
        }
        try (var in = Cluster.consumer("group.id", topic)) {
            for (var committed : in.committed(Set.copyOf(Cluster.partitions(topic, 3))).entrySet()) {
                Check.equal(committed.getValue().offset(), 50L, "committed of " + committed.getKey());
            }
        }
    }

    private static void twoMembersShare(String protocol) throws Exception {
        String topic = Cluster.create("share-" + protocol, 4);
        try (var one = member(protocol, topic); var other = member(protocol, topic)) {
            one.subscribe(List.of(topic));
            Check.eventually("all for the first", () -> polled(one).size() == 4);
            other.subscribe(List.of(topic));
            Check.eventually("a share for each", () -> polled(one).size() == 2 & polled(other).size() == 2);
            Set<TopicPartition> both = new HashSet<>(one.assignment());
            both.addAll(other.assignment());
            Check.equal(both.size(), 4, "partitions that have a reader");
            one.unsubscribe();
            Check.eventually("all for the one that is left", () -> polled(other).size() == 4);
        }
    }

    /** With a name of its own a member may be away for a while, and nobody gets what it has. */
    private static void staticMemberReturns(String protocol) throws Exception {
        String topic = Cluster.create("static-" + protocol, 4);
        try (var stays = member(protocol, topic, "group.instance.id", "stays")) {
            stays.subscribe(List.of(topic));
            Set<TopicPartition> before;
            try (var goes = member(protocol, topic, "group.instance.id", "goes")) {
                goes.subscribe(List.of(topic));
                Check.eventually("a share for each", () -> polled(stays).size() == 2 & polled(goes).size() == 2);
                before = goes.assignment();
            }
            for (int polls = 0; polls < 10; polls++) {
                Check.equal(polled(stays).size(), 2, "partitions of the one that stays");
            }
            try (var goes = member(protocol, topic, "group.instance.id", "goes")) {
                goes.subscribe(List.of(topic));
                Check.eventually("its share again", () -> polled(stays).size() == 2 & polled(goes).size() == 2);
                Check.equal(goes.assignment(), before, "its partitions");
            }
        }
    }

    private static void patternFindsNewTopics(String protocol) throws Exception {
        String prefix = "pattern-" + protocol;
        String first = Cluster.create(prefix + "-a", 1);
        String expression = first.replace("-a-", "-[ab]-");
        try (var in = member(protocol, first)) {
            if (protocol.equals("classic")) {
                in.subscribe(Pattern.compile(expression));
            } else {
                in.subscribe(new SubscriptionPattern(expression));
            }
            Check.eventually("the first topic", () -> polled(in).size() == 1);
            Cluster.create(prefix + "-c", 1);
            String second = Cluster.create(prefix + "-b", 2);
            Check.eventually("the second topic", () -> polled(in).size() == 3);
            Set<String> topics = new TreeSet<>();
            in.assignment().forEach(partition -> topics.add(partition.topic()));
            Check.equal(topics, Set.of(first, second), "topics");
        }
    }

    private static Set<TopicPartition> polled(KafkaConsumer<String, String> consumer) {
        consumer.poll(Duration.ofMillis(100));
        return consumer.assignment();
    }
}
