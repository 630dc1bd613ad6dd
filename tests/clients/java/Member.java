import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.common.errors.WakeupException;

/** A member of a group: prints {@code R PARTITION OFFSET} for what it reads, commits it, and ends in order at SIGTERM. */
final class Member {
    private Member() {}

    static void run(String topic, String group, String protocol) throws Exception {
        KafkaConsumer<String, String> consumer = protocol.equals("classic")
                ? Cluster.consumer("group.id", group, "group.protocol", "classic", "session.timeout.ms", 6000,
                        "heartbeat.interval.ms", 500,
                        "partition.assignment.strategy", CooperativeStickyAssignor.class.getName())
                : Cluster.consumer("group.id", group, "group.protocol", "consumer");
        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                closed.await();
            } catch (InterruptedException ignored) {
                Thread.currentThread().interrupt();
            }
            // By now everything is committed and the group is left; a signal's own status would hide that.
            Runtime.getRuntime().halt(0);
        }));
        try {
            consumer.subscribe(java.util.List.of(topic));
            while (true) {
                var records = consumer.poll(Duration.ofMillis(300));
                for (ConsumerRecord<String, String> record : records) {
                    System.out.println("R " + record.partition() + " " + record.offset());
                }
                System.out.flush();
                if (!records.isEmpty()) {
                    commit(consumer);
                }
            }
        } catch (WakeupException ending) {
            consumer.close();
        }
        closed.countDown();
    }

    /** A commit amid a rebalance is refused; what it was for is read again by whoever has the partition next. */
    private static void commit(KafkaConsumer<String, String> consumer) {
        try {
            consumer.commitSync();
        } catch (RebalanceInProgressException | CommitFailedException moved) {
            System.err.println("not committed: " + moved.getMessage());
        }
    }
}
