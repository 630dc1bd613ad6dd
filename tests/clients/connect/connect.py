"""Kafka Connect in distributed mode on the broker at $broker_address: file -> topic -> file. Started by `run`.

Its connectors, their positions and states live in compacted topics, its workers are a group, and sinks
are groups of consumers. The cases build on one another: a failure ends the run.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec

ADDRESS = os.environ["broker_address"]
JARS = os.environ["connect_jars"]
RUN = f"{os.getpid()}-{random.SystemRandom().randrange(1 << 20)}"
DEADLINE_S = 60


def until(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


class Worker:
    """A worker in a process of its own; where it stores things is the group's."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        settings = {
            "bootstrap.servers": ADDRESS,
            "group.id": f"connect-{RUN}",
            "listeners": self.url,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.flush.interval.ms": 500,
            "plugin.discovery": "service_load",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500,
            "scheduled.rebalance.max.delay.ms": 0,
        }
        for kind in ("config", "offset", "status"):
            settings[f"{kind}.storage.topic"] = internal_topic(kind)
            settings[f"{kind}.storage.replication.factor"] = 1
        settings["offset.storage.partitions"] = 4
        settings["status.storage.partitions"] = 2
        path = os.path.join(folder, f"worker-{self.url.rsplit(':', 1)[1]}.properties")
        with open(path, "w") as out:
            out.writelines(f"{name}={value}\n" for name, value in settings.items())
        self.log = path.replace(".properties", ".log")
        command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx300m", "-cp", f"{JARS}/*"]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [*command, "org.apache.kafka.connect.cli.ConnectDistributed", path], stdout=log, stderr=log
            )

    def call(self, method, path, body=None):
        """The answer to a request; None while the worker cannot say, as amid a rebalance."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code in (404, 409, 500, 503):
                return None
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error
        except OSError:
            return None
        return json.loads(text) if text else {}

    def end(self, how):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(DEADLINE_S)

    def put(self, name, config):
        until(f"connector {name}", lambda: self.call("PUT", f"/connectors/{name}/config", config) is not None)

    def is_running(self, name):
        status = self.call("GET", f"/connectors/{name}/status") or {"connector": {}, "tasks": []}
        states = [status["connector"].get("state"), *(task["state"] for task in status["tasks"])]
        assert "FAILED" not in states, status
        return len(states) == 2 and set(states) == {"RUNNING"}


def internal_topic(kind):
    return f"connect-{kind}-{RUN}"


def lines(first, count):
    # Plain ASCII: the file source counts characters and then skips as many bytes.
    return [f"{number} order placed by customer {number * 31 % 97}" for number in range(first, first + count)]


class Cases:
    """The cases, in order."""

    def __init__(self, folder):
        self.folder = folder
        self.source = os.path.join(folder, "in.log")
        self.sink = os.path.join(folder, "out.log")
        self.topic = f"connect-lines-{RUN}"
        self.written = []
        self.workers = []
        self.admin = AdminClient({"bootstrap.servers": ADDRESS})

    def start_worker(self):
        worker = Worker(self.folder)
        self.workers.append(worker)
        until("a worker that answers", lambda: worker.call("GET", "/connectors") is not None)
        return worker

    def write(self, count):
        new = lines(len(self.written), count)
        self.written += new
        with open(self.source, "a") as out:
            out.writelines(f"{line}\n" for line in new)

    def arrived(self, path=None):
        try:
            with open(path or self.sink) as got:
                return got.read().splitlines()
        except FileNotFoundError:
            return []

    def wait_for_all(self, path=None):
        until("all lines at the sink", lambda: len(self.arrived(path)) >= len(self.written))
        assert self.arrived(path) == self.written, "the lines at the sink are not those of the source"

    def file_to_topic_to_file(self):
        worker = self.start_worker()
        self.write(5000)
        name = "org.apache.kafka.connect.file.FileStream{}Connector"
        source = {"connector.class": name.format("Source"), "file": self.source, "topic": self.topic, "tasks.max": 1}
        sink = {"connector.class": name.format("Sink"), "file": self.sink, "topics": self.topic, "tasks.max": 1}
        worker.put("source", source)
        worker.put("sink", sink)
        until("running connectors", lambda: worker.is_running("source") and worker.is_running("sink"))
        self.wait_for_all()
        self.write(1000)
        self.wait_for_all()

    def internal_topics_are_compacted(self):
        topics = self.admin.list_topics(timeout=DEADLINE_S).topics
        for kind, partitions in (("config", 1), ("offset", 4), ("status", 2)):
            topic = internal_topic(kind)
            assert len(topics[topic].partitions) == partitions, f"{topic} has {len(topics[topic].partitions)}"
            resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
            described = self.admin.describe_configs([resource])[resource].result(DEADLINE_S)
            assert described["cleanup.policy"].value == "compact", described["cleanup.policy"]

    def a_worker_restarted_goes_on_where_it_was(self):
        self.workers.pop().end(signal.SIGTERM)
        self.write(1000)
        worker = self.start_worker()
        self.wait_for_all()
        until("running connectors", lambda: worker.is_running("source") and worker.is_running("sink"))

    def positions_are_told_and_reset(self):
        worker = self.workers[-1]
        size = os.path.getsize(self.source)

        def position():
            offsets = (worker.call("GET", "/connectors/source/offsets") or {}).get("offsets", [])
            return [entry["offset"]["position"] for entry in offsets]

        until("the source's position", lambda: position() == [size])
        until("a stopped sink", lambda: worker.call("PUT", "/connectors/sink/stop") is not None)
        # A new file, and all from the beginning: the sink's group is deleted.
        until("a reset", lambda: worker.call("DELETE", "/connectors/sink/offsets") is not None)
        again = os.path.join(self.folder, "again.log")
        config = worker.call("GET", "/connectors/sink/config")
        worker.put("sink", {**config, "file": again})
        until("the sink's going on", lambda: worker.call("PUT", "/connectors/sink/resume") is not None)
        self.sink = again
        self.wait_for_all()

    def a_worker_is_killed_and_another_takes_over(self):
        killed = self.workers[-1]
        left = self.start_worker()
        self.write(500)
        until("lines at the sink", lambda: set(self.arrived()) >= set(self.written))
        killed.end(signal.SIGKILL)
        self.workers.remove(killed)
        self.write(1500)
        until("every line at the sink", lambda: set(self.arrived()) >= set(self.written))
        until("running connectors", lambda: left.is_running("source") and left.is_running("sink"))
        # What was not committed when it was killed may come again, nothing else.
        assert list(dict.fromkeys(self.arrived())) == self.written, "lines are out of order"
        ends = self.admin.list_offsets({TopicPartition(self.topic, 0): OffsetSpec.latest()})
        for end in ends.values():
            assert end.result(DEADLINE_S).offset >= len(self.written)

    def connectors_are_deleted(self):
        worker = self.workers[-1]
        for name in ("sink", "source"):
            until(f"the end of {name}", lambda: worker.call("DELETE", f"/connectors/{name}") is not None)
        until("no connectors", lambda: worker.call("GET", "/connectors") == [])
        worker.end(signal.SIGTERM)

    def all(self):
        return [
            self.file_to_topic_to_file,
            self.internal_topics_are_compacted,
            self.a_worker_restarted_goes_on_where_it_was,
            self.positions_are_told_and_reset,
            self.a_worker_is_killed_and_another_takes_over,
            self.connectors_are_deleted,
        ]


def main():
    folder = tempfile.mkdtemp()
    cases = Cases(folder)
    passed = 0
    try:
        for case in cases.all():
            began = time.monotonic()
            try:
                case()
            except Exception as error:  # A case may fail in any way; none of those after it makes sense.
                print(f"FAILED  {case.__name__}: {error}\n{traceback.format_exc()}", end="")
                for worker in cases.workers:
                    with open(worker.log) as log:
                        print(f"{worker.log} ends with:\n", *log.readlines()[-20:], sep="")
                break
            passed += 1
            print(f"ok      {case.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    finally:
        for worker in cases.workers:
            worker.end(signal.SIGKILL)
        shutil.rmtree(folder)
    failed = len(cases.all()) - passed
    print(f"connect: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
