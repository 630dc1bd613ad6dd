"""Consumer groups with unmodified clients against the broker at $broker_address.

    groups.py [CLIENT…]              every protocol of these clients; default all of those in Python
    groups.py member CLIENT TOPIC GROUP PROTOCOL
                                     one Python member in a process of its own, which can be killed

A member prints `R <partition> <offset>` for every record, commits what it printed, and ends in order at
SIGTERM. The test kills one without a word, ends another in order, and checks that every record is read,
that a successor begins where the group has committed, and what administrators are told.

Members of clients in other languages are programs: $CLIENT_member is the command, to which
`member TOPIC GROUP PROTOCOL` is added.
"""

import asyncio
import os
import random
import shlex
import signal
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

ADDRESS = os.environ["broker_address"]
RUN = f"{os.getpid()}-{random.SystemRandom().randrange(1 << 20)}"
PARTITIONS = 4
SESSION_MS = 6000
DEADLINE_S = 60
# Cases mostly wait: for a killed member's session to end.
PARALLEL = 4
PROTOCOLS = {
    "kafka_python": ["classic"],
    "aiokafka": ["classic"],
    "confluent": ["classic", "consumer"],
    "java": ["classic", "consumer"],
    "franz_go": ["classic", "consumer"],
    "kafkajs": ["classic"],
    "confluent_js": ["classic", "consumer"],
}
IN_PYTHON = ["kafka_python", "aiokafka", "confluent"]

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
    elif client != "aiokafka":
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

    def __init__(self, client, *arguments):
        if client in IN_PYTHON:
            command = [sys.executable, __file__, "member", client, *arguments]
        else:
            command = [*shlex.split(os.environ[f"{client}_member"]), "member", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.read = []
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()

    def _collect(self):
        for line in self.process.stdout:
            if line.startswith("R "):
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
    clients = sys.argv[1:] or IN_PYTHON
    cases = [(client, protocol) for client in clients for protocol in PROTOCOLS[client]]
    with ThreadPoolExecutor(PARALLEL) as pool:
        failed = list(pool.map(lambda named: attempt(*named), cases)).count(False)
    print(f"{' '.join(clients)} groups: {len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


def attempt(client, protocol):
    """Runs a case; whether it passed."""
    begun = time.monotonic()
    try:
        case(client, protocol)
    except Exception as error:  # A case may fail in any way; the others still run.
        print(f"FAILED  {client}, {protocol} groups: {error}\n{traceback.format_exc()}", end="", flush=True)
        return False
    print(f"ok      {client}, {protocol} groups ({time.monotonic() - begun:.1f} s)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
