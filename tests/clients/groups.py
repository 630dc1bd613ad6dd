"""Consumer groups with unmodified Python clients against the broker at $broker_address.

    groups.py                        every client and protocol, one after the other
    groups.py member CLIENT TOPIC GROUP PROTOCOL
                                     one member in a process of its own, which can be killed

A member prints `R <partition> <offset>` for every record and commits what it printed. The test kills
one without a word, ends another in order, and checks that every record is read, that a successor
begins where the group has committed, and what administrators are told.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback

ADDRESS = os.environ["broker_address"]
RUN = f"{os.getpid()}-{random.SystemRandom().randrange(1 << 20)}"
PARTITIONS = 4
SESSION_MS = 6000
DEADLINE_S = 60
CASES = [
    ("kafka_python", "classic"),
    ("aiokafka", "classic"),
    ("confluent", "classic"),
    ("confluent", "consumer"),
]

stopping = threading.Event()


def tell(partition, offset):
    print(f"R {partition} {offset}", flush=True)


def member_kafka_python(topic, group, _protocol):
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=ADDRESS,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=1000,
    )
    while not stopping.is_set():
        batches = consumer.poll(timeout_ms=300)
        for batch in batches.values():
            for record in batch:
                tell(record.partition, record.offset)
        if batches:
            consumer.commit()
    consumer.close()


def member_confluent(topic, group, protocol):
    from confluent_kafka import Consumer

    settings = {
        "bootstrap.servers": ADDRESS,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "group.protocol": protocol,
    }
    if protocol == "classic":
        settings["session.timeout.ms"] = SESSION_MS
        settings["heartbeat.interval.ms"] = 1000
        settings["partition.assignment.strategy"] = "cooperative-sticky"
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    while not stopping.is_set():
        records = consumer.consume(100, timeout=0.3)
        for record in records:
            assert record.error() is None, record.error()
            tell(record.partition(), record.offset())
        if records:
            consumer.commit(asynchronous=False)
    consumer.close()


def member_aiokafka(topic, group, _protocol):
    from aiokafka import AIOKafkaConsumer

    async def run():
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=ADDRESS,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=1000,
        )
        await consumer.start()
        while not stopping.is_set():
            batches = await consumer.getmany(timeout_ms=300)
            for batch in batches.values():
                for record in batch:
                    tell(record.partition, record.offset)
            if batches:
                await consumer.commit()
        await consumer.stop()

    asyncio.run(run())


def produce(client, topic, first, count):
    records = [(f"k{number % 50}".encode(), str(number).encode()) for number in range(first, first + count)]
    if client == "kafka_python":
        from kafka import KafkaProducer

        with KafkaProducer(bootstrap_servers=ADDRESS, acks="all", compression_type="zstd") as out:
            for key, value in records:
                out.send(topic, value, key=key)
            out.flush(DEADLINE_S)
    elif client == "confluent":
        from confluent_kafka import Producer

        out = Producer({"bootstrap.servers": ADDRESS, "enable.idempotence": True, "compression.type": "lz4"})
        for key, value in records:
            out.produce(topic, value, key)
        assert out.flush(DEADLINE_S) == 0
    else:
        from aiokafka import AIOKafkaProducer

        async def run():
            out = AIOKafkaProducer(bootstrap_servers=ADDRESS, enable_idempotence=True, compression_type="gzip")
            await out.start()
            for future in [await out.send(topic, value, key) for key, value in records]:
                await future
            await out.stop()

        asyncio.run(run())


class Member:
    """A member in a process of its own, and what it has read."""

    def __init__(self, *arguments):
        command = [sys.executable, __file__, "member", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.read = []
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()

    def _collect(self):
        for line in self.process.stdout:
            _, partition, offset = line.split()
            self.read.append((int(partition), int(offset)))

    def end(self, how):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(DEADLINE_S)
        self.thread.join(DEADLINE_S)
        return code


def wait_for(what, count, *members):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        read = set().union(*(member.read for member in members))
        if len(read) >= count:
            assert len(read) == count, f"{what}: {len(read)} records instead of {count}"
            return
        time.sleep(0.1)
    raise AssertionError(f"{what}: {len(read)} records instead of {count}")


def wait_until_shared(*members):
    """Waits until every member has read something."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and not all(member.read for member in members):
        time.sleep(0.1)
    assert all(member.read for member in members), "the group was never shared"


def check_admin(group, protocol):
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": ADDRESS})
    listed = admin.list_consumer_groups().result(DEADLINE_S)
    assert not listed.errors, listed.errors
    found = [known for known in listed.valid if known.group_id == group]
    assert len(found) == 1, f"{group} is listed {len(found)} times"
    described = admin.describe_consumer_groups([group])[group].result(DEADLINE_S)
    assert described.state.name == "EMPTY", described.state
    assert described.type.name == protocol.upper(), described.type
    admin.delete_consumer_groups([group])[group].result(DEADLINE_S)
    listed = admin.list_consumer_groups().result(DEADLINE_S)
    assert group not in [known.group_id for known in listed.valid]


def case(client, protocol):
    from confluent_kafka.admin import AdminClient, NewTopic

    topic = f"groups-{client}-{protocol}-{RUN}"
    admin = AdminClient({"bootstrap.servers": ADDRESS})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(DEADLINE_S)
    produce(client, topic, 0, 400)
    start = lambda: Member(client, topic, topic, protocol)
    members = [start(), start()]
    try:
        wait_for("two members", 400, *members)
        # One may have read all before the other came: both have a share of what follows.
        produced, deadline = 400, time.monotonic() + DEADLINE_S
        while not all(member.read for member in members) and time.monotonic() < deadline:
            produce(client, topic, produced, 100)
            produced += 100
            wait_for("a shared group", produced, *members)
        wait_until_shared(*members)
        killed, left = members
        killed.end(signal.SIGKILL)
        produce(client, topic, produced, 400)
        produced += 400
        wait_for("the one that is left", produced, killed, left)
        assert left.end(signal.SIGTERM) == 0, "it did not end in order"
        before = set(killed.read) | set(left.read)
        successor = start()
        members.append(successor)
        produce(client, topic, produced, 50)
        wait_for("the successor", 50, successor)
        assert not before & set(successor.read), "it read again what was committed"
        assert successor.end(signal.SIGTERM) == 0, "it did not end in order"
        check_admin(topic, protocol)
    finally:
        for member in members:
            if member.process.poll() is None:
                member.end(signal.SIGKILL)


def main():
    if sys.argv[1:2] == ["member"]:
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        client, topic, group, protocol = sys.argv[2:]
        globals()[f"member_{client}"](topic, group, protocol)
        return 0
    failures = 0
    for client, protocol in CASES:
        begun = time.monotonic()
        try:
            case(client, protocol)
            print(f"ok      {client}, {protocol} groups ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception:
            failures += 1
            print(f"FAILED  {client}, {protocol} groups", flush=True)
            traceback.print_exc()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
