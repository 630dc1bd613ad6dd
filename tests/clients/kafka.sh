# Fetches, starts and stops a real Apache Kafka: one node that is broker and controller. Sourced.
#
# kafka_libs: where its jars are kept. kafka_home: the directory of the node that is started; its data is
# in $kafka_home/data. kafka_address: HOST:PORT for clients; the port after it is the controller's.
# shellcheck shell=bash

kafka_sources=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/kafka

# Why it cannot run; nothing if it can.
kafka_missing() {
    if ! command -v java >/dev/null; then
        echo "java is not installed (apt-get install default-jre-headless)"
    elif [[ ! -d $kafka_libs ]]; then
        echo "no Apache Kafka (tests/clients/import.sh --prepare)"
    fi
}

kafka_fetch() {
    if [[ -d $kafka_libs ]]; then return 0; fi
    rm -rf "$kafka_libs.part"
    mvn -q -B -f "$kafka_sources/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$kafka_libs.part" -DincludeScope=runtime
    mv "$kafka_libs.part" "$kafka_libs"
}

# A class of Kafka's with a small heap, as the tests have a few megabytes.
kafka_class() { (kafka_exec "$@"); } # CLASS [ARGUMENT…]

kafka_exec() {
    exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$kafka_libs/*" "$@"
}

# Further lines of server.properties come on stdin.
kafka_format() {
    mkdir -p "$kafka_home"
    cat >"$kafka_home/server.properties"
    cat >>"$kafka_home/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://$kafka_address,CONTROLLER://127.0.0.1:$((${kafka_address##*:} + 1))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:$((${kafka_address##*:} + 1))
log.dirs=$kafka_home/data
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=8388608
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.initial.task.delay.ms=1000
PROPERTIES
    kafka_class kafka.tools.StorageTool format --standalone -t "$(kafka_cluster_id)" \
        -c "$kafka_home/server.properties" >"$kafka_home/format.log" 2>&1 \
        || { cat "$kafka_home/format.log" >&2; return 1; }
}

kafka_cluster_id() { echo "Y29yZWxhbmUtaW1wb3J0MQ"; }

kafka_start() {
    kafka_exec kafka.Kafka "$kafka_home/server.properties" >>"$kafka_home/kafka.log" 2>&1 </dev/null &
    kafka_pid=$!
    for _ in {1..600}; do
        if grep -q "Kafka Server started" "$kafka_home/kafka.log"; then return 0; fi
        if ! kill -0 "$kafka_pid" 2>/dev/null; then break; fi
        sleep 0.1
    done
    echo "Kafka does not start; its log ends with:" >&2
    tail -n 20 "$kafka_home/kafka.log" >&2
    kafka_stop KILL
    return 1
}

# Ends it with a signal and waits; TERM is the clean stop.
kafka_stop() {
    if [[ -z ${kafka_pid:-} ]]; then return 0; fi
    kill "-$1" "$kafka_pid" 2>/dev/null || true
    wait "$kafka_pid" || true
    kafka_pid=
}
