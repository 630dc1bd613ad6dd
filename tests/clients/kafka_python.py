"""kafka-python, unmodified, against the broker at $broker_address. Started by `run`.

Every case makes topics of its own. Readers assign partitions themselves: no groups.
"""

import os
import random
import sys
import time
import traceback

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewPartitions, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

ADDRESS = os.environ["broker_address"]
NODES = os.environ.get("broker_nodes", "single")
RUN = f"{os.getpid()}-{random.SystemRandom().randrange(1 << 20)}"
DEADLINE_S = 30


def producer(**settings):
    settings.setdefault("acks", "all")
    return KafkaProducer(bootstrap_servers=ADDRESS, **settings)


def reader(topic, partitions, **settings):
    """A reader from the beginning of the given partitions."""
    consumer = KafkaConsumer(
        bootstrap_servers=ADDRESS,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **settings,
    )
    consumer.assign([TopicPartition(topic, partition) for partition in partitions])
    return consumer


def read(consumer, count):
    """Reads `count` records, and fails if there are fewer or if offsets go backwards."""
    records, last, deadline = [], {}, time.monotonic() + DEADLINE_S
    while len(records) < count and time.monotonic() < deadline:
        for partition, batch in consumer.poll(timeout_ms=500).items():
            for record in batch:
                assert record.offset > last.get(partition, -1), f"{partition}: offset {record.offset} twice"
                last[partition] = record.offset
                records.append(record)
    assert len(records) == count, f"{len(records)} records instead of {count}"
    return records


def create(name, partitions=1, **config):
    topic = f"{name}-{RUN}"
    admin = KafkaAdminClient(bootstrap_servers=ADDRESS)
    try:
        admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config or None)])
    finally:
        admin.close()
    return topic


def values(count, seed=7):
    """Values like log lines: compressible, different, some empty, some binary."""
    chance = random.Random(seed)
    words = ["order", "placed", "by", "customer", "paid", "röd", "tröja", "timeout", "retry"]
    made = []
    for number in range(count):
        line = f"{number} " + " ".join(chance.choices(words, k=chance.randrange(0, 20)))
        made.append(line.encode() if number % 50 else chance.randbytes(number))
    return made


def round_trip(topic, settings, count=1500):
    sent = values(count)
    with producer(**settings) as out:
        futures = [out.send(topic, value, partition=0) for value in sent]
        out.flush(DEADLINE_S)
        offsets = [future.get(DEADLINE_S).offset for future in futures]
    assert offsets == list(range(count)), "acknowledged offsets are not in the order of sending"
    consumer = reader(topic, [0])
    got = read(consumer, count)
    consumer.close()
    assert [record.value for record in got] == sent, "what was read is not what was sent"
    assert [record.offset for record in got] == list(range(count))


def codec(name):
    def case():
        round_trip(create(f"py-codec-{name}"), {"compression_type": None if name == "none" else name})

    case.__name__ = f"codec_{name}"
    return case


def idempotent():
    round_trip(create("py-idempotent"), {"enable_idempotence": True, "compression_type": "zstd"})


def not_idempotent_small_batches():
    round_trip(create("py-small"), {"enable_idempotence": False, "batch_size": 0}, count=300)


def acks_none_and_one():
    for acks in (0, 1):
        topic = create(f"py-acks-{acks}")
        with producer(acks=acks, enable_idempotence=False) as out:
            for value in values(200):
                out.send(topic, value, partition=0)
            out.flush(DEADLINE_S)
        consumer = reader(topic, [0])
        assert [record.value for record in read(consumer, 200)] == values(200)
        consumer.close()


def keys_keep_their_order():
    topic = create("py-keyed", partitions=6)
    with producer(enable_idempotence=True, linger_ms=2) as out:
        for number in range(2000):
            out.send(topic, str(number).encode(), key=f"customer-{number % 40}".encode())
        out.flush(DEADLINE_S)
    consumer = reader(topic, range(6))
    partitions, last = {}, {}
    for record in read(consumer, 2000):
        home = partitions.setdefault(record.key, record.partition)
        assert home == record.partition, f"{record.key} is in two partitions"
        assert int(record.value) > last.get(record.key, -1), f"{record.key} is out of order"
        last[record.key] = int(record.value)
    consumer.close()
    assert len(partitions) == 40 and len(set(partitions.values())) > 1


def headers_nulls_and_timestamps():
    topic = create("py-headers")
    with producer() as out:
        out.send(topic, b"v", key=b"k", headers=[("a", b"1"), ("a", b""), ("b", b"2")],
                 partition=0, timestamp_ms=1_700_000_000_123)
        out.send(topic, None, key=b"k", partition=0, timestamp_ms=1_700_000_000_124)
        out.send(topic, b"", key=None, partition=0, timestamp_ms=1_700_000_000_125)
        out.flush(DEADLINE_S)
    consumer = reader(topic, [0])
    first, second, third = read(consumer, 3)
    consumer.close()
    assert list(first.headers) == [("a", b"1"), ("a", b""), ("b", b"2")]
    assert (first.key, first.value, first.timestamp) == (b"k", b"v", 1_700_000_000_123)
    assert (second.key, second.value) == (b"k", None)
    assert (third.key, third.value) == (None, b"")


def offsets_by_time_and_ends():
    topic = create("py-times", partitions=2)
    start = 1_700_000_000_000
    with producer() as out:
        for number in range(500):
            out.send(topic, b"x" * 200, partition=0, timestamp_ms=start + 10 * number)
        out.flush(DEADLINE_S)
    consumer = reader(topic, [0, 1])
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    assert consumer.beginning_offsets([zero, one]) == {zero: 0, one: 0}
    assert consumer.end_offsets([zero, one]) == {zero: 500, one: 0}
    for asked, wanted in [(start, 0), (start + 1, 1), (start + 2500, 250), (start + 4990, 499), (0, 0)]:
        found = consumer.offsets_for_times({zero: asked})[zero]
        assert (found.offset, found.timestamp) == (wanted, start + 10 * wanted), f"{asked}: {found}"
    assert consumer.offsets_for_times({zero: start + 5000})[zero] is None
    assert consumer.offsets_for_times({one: start})[one] is None
    consumer.seek(zero, 321)
    assert read(consumer, 179)[0].offset == 321
    consumer.seek_to_beginning(zero)
    assert read(consumer, 500)[0].offset == 0
    consumer.close()


def a_reader_waits_for_what_comes():
    topic = create("py-wait")
    consumer = reader(topic, [0], fetch_max_wait_ms=5000)
    assert consumer.poll(timeout_ms=300) == {}
    with producer() as out:
        out.send(topic, b"late", partition=0).get(DEADLINE_S)
    assert read(consumer, 1)[0].value == b"late"
    consumer.close()


def small_fetches_make_progress():
    topic = create("py-small-fetch", partitions=3)
    with producer(batch_size=4000) as out:
        for number in range(300):
            out.send(topic, bytes([number % 251]) * 1000, partition=number % 3)
        out.flush(DEADLINE_S)
    consumer = reader(topic, range(3), max_partition_fetch_bytes=100, fetch_max_bytes=150)
    got = read(consumer, 300)
    consumer.close()
    for partition in range(3):
        wanted = [number % 251 for number in range(partition, 300, 3)]
        assert [record.value[0] for record in got if record.partition == partition] == wanted


def a_big_message():
    topic = create("py-big")
    sent = random.Random(3).randbytes(1_000_000)
    with producer(max_request_size=2_000_000) as out:
        assert out.send(topic, sent, partition=0).get(DEADLINE_S).offset == 0
    consumer = reader(topic, [0])
    assert read(consumer, 1)[0].value == sent
    consumer.close()


def too_big_a_message_is_refused():
    topic = create("py-too-big")
    with producer(max_request_size=3_000_000, enable_idempotence=False) as out:
        try:
            out.send(topic, bytes(2_000_000), partition=0).get(DEADLINE_S)
        except KafkaError as error:
            assert "MessageSizeTooLarge" in type(error).__name__ + repr(error), repr(error)
        else:
            raise AssertionError("2 MB were taken; max.message.bytes is 1 MiB")
        assert out.send(topic, b"small", partition=0).get(DEADLINE_S).offset == 0


def topics_are_created_grown_and_deleted():
    admin = KafkaAdminClient(bootstrap_servers=ADDRESS)
    topic = create("py-admin", partitions=3)
    assert topic in admin.list_topics()
    assert partition_count(topic) == 3
    try:
        create("py-admin", partitions=3)
    except TopicAlreadyExistsError:
        pass
    else:
        raise AssertionError("a topic was created twice")
    admin.create_partitions({topic: NewPartitions(5)})
    until(lambda: partition_count(topic) == 5, "five partitions")
    with producer() as out:
        assert out.send(topic, b"in the new one", partition=4).get(DEADLINE_S).offset == 0
    admin.delete_topics([topic])
    until(lambda: topic not in admin.list_topics(), "the topic's end")
    try:
        admin.delete_topics([topic])
    except UnknownTopicOrPartitionError:
        pass
    else:
        raise AssertionError("a topic was deleted twice")
    admin.close()


def a_topic_created_anew_is_empty():
    topic = create("py-anew")
    with producer() as out:
        out.send(topic, b"old", partition=0).get(DEADLINE_S)
    admin = KafkaAdminClient(bootstrap_servers=ADDRESS)
    admin.delete_topics([topic])
    until(lambda: topic not in admin.list_topics(), "the topic's end")
    create("py-anew")
    admin.close()
    with producer() as out:
        assert out.send(topic, b"new", partition=0).get(DEADLINE_S).offset == 0
    consumer = reader(topic, [0])
    assert read(consumer, 1)[0].value == b"new"
    consumer.close()


def metadata_names_the_nodes():
    admin = KafkaAdminClient(bootstrap_servers=ADDRESS)
    cluster = admin.describe_cluster()
    nodes = {(node.get("node_id", node.get("broker_id")), node["host"], node["port"]) for node in cluster["brokers"]}
    admin.close()
    wanted = 2 if NODES == "per-core" else 1
    assert len(nodes) == wanted, nodes
    assert len({(host, port) for _, host, port in nodes}) == wanted, nodes


def partition_count(topic):
    consumer = KafkaConsumer(bootstrap_servers=ADDRESS, group_id=None)
    try:
        return len(consumer.partitions_for_topic(topic) or ())
    finally:
        consumer.close()


def until(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


CASES = [
    *(codec(name) for name in ("none", "gzip", "snappy", "lz4", "zstd")),
    idempotent,
    not_idempotent_small_batches,
    acks_none_and_one,
    keys_keep_their_order,
    headers_nulls_and_timestamps,
    offsets_by_time_and_ends,
    a_reader_waits_for_what_comes,
    small_fetches_make_progress,
    a_big_message,
    too_big_a_message_is_refused,
    topics_are_created_grown_and_deleted,
    a_topic_created_anew_is_empty,
    metadata_names_the_nodes,
]


def main():
    failed = 0
    for case in CASES:
        began = time.monotonic()
        try:
            case()
        except Exception:  # A case may fail in any way; the others still run.
            failed += 1
            print(f"FAILED  {case.__name__}")
            traceback.print_exc(file=sys.stdout)
        else:
            print(f"ok      {case.__name__} ({time.monotonic() - began:.1f} s)")
        sys.stdout.flush()
    print(f"kafka_python: {len(CASES) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
