import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Topics, settings, offsets, records and groups as an administrator sees and changes them. */
final class Administering {
    private Administering() {}

    static void cases(Map<String, Main.Case> cases) {
        cases.put("cluster_and_its_nodes", Administering::cluster);
        cases.put("topics_come_grow_and_go", Administering::topics);
        cases.put("settings_are_told_and_changed", Administering::settings);
        cases.put("offsets_are_listed", Administering::offsets);
        cases.put("records_are_deleted", Administering::records);
        cases.put("producers_and_log_dirs_are_told", Administering::producersAndLogDirs);
        for (String protocol : List.of("classic", "consumer")) {
            cases.put("groups_are_told_and_deleted_" + protocol, () -> groups(protocol));
        }
    }

    private static void cluster() throws Exception {
        try (Admin admin = Cluster.admin()) {
            var cluster = admin.describeCluster();
            Set<Integer> nodes = Cluster.get(cluster.nodes()).stream().map(Node::id).collect(Collectors.toSet());
            Check.equal(nodes.size(), Cluster.PER_CORE ? 2 : 1, "nodes");
            Check.that(nodes.contains(Cluster.get(cluster.controller()).id()), "the controller is none of the nodes");
            Check.that(!Cluster.get(cluster.clusterId()).isEmpty(), "no cluster id");
        }
    }

    private static void topics() throws Exception {
        String topic = Cluster.named("admin");
        try (Admin admin = Cluster.admin()) {
            NewTopic wanted = new NewTopic(topic, 3, (short) 1).configs(Map.of("retention.ms", "3600000"));
            Cluster.get(admin.createTopics(List.of(wanted), new CreateTopicsOptions().validateOnly(true)).all());
            Check.that(!Cluster.get(admin.listTopics().names()).contains(topic), "only to be validated, yet created");
            var made = admin.createTopics(List.of(wanted));
            Check.equal(Cluster.get(made.numPartitions(topic)), 3, "partitions");
            Check.equal(Cluster.get(made.config(topic)).get("retention.ms").value(), "3600000", "a setting in the answer");
            Check.that(Cluster.get(admin.listTopics().names()).contains(topic), "it is not listed");
            Check.fails(TopicExistsException.class, () -> admin.createTopics(List.of(wanted)).all().get());
            Check.fails(InvalidTopicException.class,
                    () -> admin.createTopics(List.of(new NewTopic("no/slash", 1, (short) 1))).all().get());
            Check.fails(InvalidPartitionsException.class,
                    () -> admin.createTopics(List.of(new NewTopic(topic + "-0", 0, (short) 1))).all().get());
            Check.fails(InvalidConfigurationException.class, () -> admin.createTopics(List.of(
                    new NewTopic(topic + "-1", 1, (short) 1).configs(Map.of("retention.ms", "soon")))).all().get());

            Cluster.get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all());
            Check.fails(InvalidPartitionsException.class,
                    () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get());
            Check.eventually("five partitions with leaders", () -> {
                var described = Cluster.get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
                return described.partitions().stream().filter(one -> one.leader() != null).count() == 5;
            });
            Cluster.fill(topic, 4, 0, 1);

            Cluster.get(admin.deleteTopics(List.of(topic)).all());
            Check.eventually("its end", () -> !Cluster.get(admin.listTopics().names()).contains(topic));
            Check.fails(UnknownTopicOrPartitionException.class, () -> admin.deleteTopics(List.of(topic)).all().get());
            Check.fails(UnknownTopicOrPartitionException.class,
                    () -> admin.describeTopics(List.of(topic)).allTopicNames().get());
        }
    }

    private static void settings() throws Exception {
        String topic = Cluster.create("settings", 1, Map.of("cleanup.policy", "compact"));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try (Admin admin = Cluster.admin()) {
            var before = Cluster.get(admin.describeConfigs(List.of(resource)).all()).get(resource);
            Check.equal(before.get("cleanup.policy").value(), "compact", "cleanup.policy");
            Check.equal(before.get("cleanup.policy").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, "its source");
            Check.that(before.get("retention.ms").isDefault(), "retention.ms is not told as a default");
            Cluster.get(admin.incrementalAlterConfigs(Map.of(resource, List.of(
                    new AlterConfigOp(new ConfigEntry("retention.ms", "7200000"), AlterConfigOp.OpType.SET),
                    new AlterConfigOp(new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.APPEND)))).all());
            Check.eventually("the new settings", () -> {
                var now = Cluster.get(admin.describeConfigs(List.of(resource)).all()).get(resource);
                return now.get("retention.ms").value().equals("7200000")
                        && now.get("cleanup.policy").value().equals("compact,delete");
            });
            Cluster.get(admin.incrementalAlterConfigs(Map.of(resource, List.of(
                    new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE)))).all());
            Check.eventually("the default again", () -> Cluster.get(admin.describeConfigs(List.of(resource)).all())
                    .get(resource).get("retention.ms").isDefault());
            Check.fails(InvalidConfigurationException.class, () -> admin.incrementalAlterConfigs(Map.of(resource, List.of(
                    new AlterConfigOp(new ConfigEntry("segment.bytes", "-5"), AlterConfigOp.OpType.SET)))).all().get());
            int id = Cluster.get(admin.describeCluster().controller()).id();
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(id));
            Check.that(!Cluster.get(admin.describeConfigs(List.of(broker)).all()).get(broker).entries().isEmpty(),
                    "a broker without settings");
        }
    }

    private static void offsets() throws Exception {
        String topic = Cluster.create("offsets", 1);
        TopicPartition zero = new TopicPartition(topic, 0);
        long start = 1_700_000_000_000L;
        try (Admin admin = Cluster.admin(); var out = Cluster.producer()) {
            // The latest time is not the last record's.
            Cluster.send(out, List.of(
                    new ProducerRecord<String, String>(topic, 0, start, null, "a"),
                    new ProducerRecord<String, String>(topic, 0, start + 500, null, "b"),
                    new ProducerRecord<String, String>(topic, 0, start + 200, null, "c")));
            Map<String, OffsetSpec> asked = new TreeMap<>(Map.of(
                    "earliest", OffsetSpec.earliest(), "latest", OffsetSpec.latest(),
                    "max", OffsetSpec.maxTimestamp(), "time", OffsetSpec.forTimestamp(start + 1)));
            Map<String, Long> found = new TreeMap<>();
            for (var one : asked.entrySet()) {
                found.put(one.getKey(), Cluster.get(admin.listOffsets(Map.of(zero, one.getValue())).all()).get(zero).offset());
            }
            Check.equal(found, new TreeMap<>(Map.of("earliest", 0L, "latest", 3L, "max", 1L, "time", 1L)), "offsets");
        }
    }

    private static void records() throws Exception {
        String topic = Cluster.create("delete-records", 1);
        Cluster.fill(topic, 0, 0, 100);
        TopicPartition zero = new TopicPartition(topic, 0);
        try (Admin admin = Cluster.admin(); var in = Cluster.reader(topic, 1)) {
            var deleted = admin.deleteRecords(Map.of(zero, RecordsToDelete.beforeOffset(60))).lowWatermarks().get(zero);
            Check.equal(Cluster.get(deleted).lowWatermark(), 60L, "the low watermark");
            Check.fails(OffsetOutOfRangeException.class,
                    () -> admin.deleteRecords(Map.of(zero, RecordsToDelete.beforeOffset(101))).all().get());
            Check.equal(Cluster.read(in, 40).get(0).offset(), 60L, "the first that is left");
            Check.equal(in.beginningOffsets(List.of(zero)), Map.of(zero, 60L), "the beginning");
        }
    }

    private static void producersAndLogDirs() throws Exception {
        String topic = Cluster.create("producers", 1);
        TopicPartition zero = new TopicPartition(topic, 0);
        Cluster.fill(topic, 0, 0, 10);
        try (Admin admin = Cluster.admin()) {
            var producers = Cluster.get(admin.describeProducers(List.of(zero)).all()).get(zero).activeProducers();
            Check.equal(producers.size(), 1, "producers");
            Check.equal(producers.get(0).lastSequence(), 9, "the last sequence");
            int leader = Cluster.get(admin.describeTopics(List.of(topic)).allTopicNames())
                    .get(topic).partitions().get(0).leader().id();
            var dirs = Cluster.get(admin.describeLogDirs(List.of(leader)).allDescriptions()).get(leader).values();
            Check.equal(dirs.stream().filter(dir -> dir.replicaInfos().containsKey(zero)
                    && dir.replicaInfos().get(zero).size() > 0).count(), 1L, "directories with the partition");
        }
    }

    private static void groups(String protocol) throws Exception {
        String topic = Cluster.create("group-" + protocol, 1);
        String group = topic;
        Cluster.fill(topic, 0, 0, 10);
        TopicPartition zero = new TopicPartition(topic, 0);
        try (Admin admin = Cluster.admin()) {
            try (var in = Cluster.consumer("group.id", group, "group.protocol", protocol)) {
                in.subscribe(List.of(topic));
                Cluster.read(in, 10);
                in.commitSync();
                var described = Cluster.get(admin.describeConsumerGroups(List.of(group)).all()).get(group);
                Check.equal(described.groupState(), GroupState.STABLE, "its state");
                Check.equal(described.type(), protocol.equals("classic") ? GroupType.CLASSIC : GroupType.CONSUMER, "its type");
                var members = described.members();
                Check.equal(members.size(), 1, "members");
                Check.equal(members.iterator().next().assignment().topicPartitions(), Set.of(zero), "the assignment");
                Check.fails(GroupNotEmptyException.class, () -> admin.deleteConsumerGroups(List.of(group)).all().get());
            }
            Check.eventually("an empty group", () -> Cluster.get(admin.describeConsumerGroups(List.of(group)).all())
                    .get(group).groupState() == GroupState.EMPTY);
            var listed = Cluster.get(admin.listGroups().all()).stream().filter(one -> one.groupId().equals(group)).toList();
            Check.equal(listed.size(), 1, "times that it is listed");
            Check.equal(committed(admin, group), Map.of(zero, 10L), "committed");
            Cluster.get(admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(4))).all());
            Check.equal(committed(admin, group), Map.of(zero, 4L), "committed after the change");
            Cluster.get(admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all());
            Check.equal(committed(admin, group), Map.of(), "committed after the removal");
            Cluster.get(admin.deleteConsumerGroups(List.of(group)).all());
            Check.fails(GroupIdNotFoundException.class, () -> admin.deleteConsumerGroups(List.of(group)).all().get());
            Check.fails(GroupIdNotFoundException.class, () -> admin.describeConsumerGroups(List.of(group)).all().get());
        }
    }

    private static Map<TopicPartition, Long> committed(Admin admin, String group) throws Exception {
        Map<TopicPartition, Long> offsets = new java.util.HashMap<>();
        Cluster.get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata())
                .forEach((partition, committed) -> offsets.put(partition, committed.offset()));
        return offsets;
    }
}
