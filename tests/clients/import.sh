#!/usr/bin/env bash
# Takes over what a real Apache Kafka wrote, and has Kafka's own tool read what corelane wrote.
#
#   tests/clients/import.sh                  with target/release/corelane (or $CORELANE)
#   tests/clients/import.sh --prepare        only fetches Kafka, from Maven Central
#   tests/clients/import.sh --fixture DIR    only fills Kafka and leaves its data directory at DIR, which is
#                                            how tests/fixtures/kafka-4 was made
#
# Where something is not installed it is skipped with a line that says so; with CI=true it is a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/clients/broker.sh
. "$here/broker.sh"
# shellcheck source=tests/clients/kafka.sh
. "$here/kafka.sh"

kafka_libs=$here/../../target/clients/kafka-libs
if [[ ${1:-} == --prepare ]]; then
    mkdir -p "$(dirname "$kafka_libs")"
    kafka_fetch
    exit
fi

broker_binary=${CORELANE:-$here/../../target/release/corelane}
why=$(kafka_missing)
if ! command -v kcat >/dev/null; then why="kcat is not installed (apt-get install kcat)"; fi
if [[ -n $why ]]; then
    echo "import: skipped: $why"
    [[ ${CI:-} != true ]]
    exit
fi

work=$(mktemp -d)
kafka_home=$work/kafka
kafka_address=127.0.0.1:$(free_port)
broker_data=$work/corelane
broker_log=$work/corelane.log
broker_nodes=single
broker_address=127.0.0.1:$(free_port)

cleanup() {
    kafka_stop KILL
    broker_stop KILL || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

tool() { kafka_class "org.apache.kafka.tools.$1" --bootstrap-server "$kafka_address" "${@:2}"; }

create() { # TOPIC PARTITIONS [NAME=VALUE…]
    local settings=() setting
    for setting in "${@:3}"; do settings+=(--config "$setting"); done
    tool TopicCommand --create --topic "$1" --partitions "$2" "${settings[@]}" >>"$work/tools.log" 2>&1
}

produce() { # TOPIC PARTITION [OPTION…] <lines
    timeout 60 kcat -P -b "$kafka_address" -t "$1" -p "$2" "${@:3}"
}

lines() { # FROM UPTO
    seq -f 'line %.0f of the log, with enough to compress: aaaaaaaaaaaaaaaaaaaaaaaa' "$1" "$2"
}

keyed() { # TIMES KEYS
    local round key
    for ((round = 1; round <= $1; round++)); do
        for ((key = 1; key <= $2; key++)); do echo "key$key:value $round of key $key"; done
    done
}

fill() {
    local codec part
    create codecs 2 internal.segment.bytes=2000
    create compacted 1 cleanup.policy=compact min.cleanable.dirty.ratio=0.01 segment.ms=300 retention.ms=7777777
    create shortened 1 internal.segment.bytes=1000 retention.ms=-1 flush.messages=10
    for codec in none gzip snappy lz4 zstd; do
        lines 1 "$scale" | produce codecs 0 -z "$codec" -X batch.num.messages=10
        lines 1 7 | produce codecs 1 -z "$codec" -X enable.idempotence=true -X batch.num.messages=3
    done
    printf 'alice:one\nbob:two\n:nobody\n' | produce codecs 1 -K: -Z -H source=kcat -H hop=1
    for part in 1 2 3 4; do
        keyed 5 "$part" | produce compacted 0 -K: -X batch.num.messages=4
        sleep 0.4
    done
    printf 'key1:\n' | produce compacted 0 -K: -Z
    sleep 0.4
    # What is written last Kafka leaves alone, and corelane need not: no other record has this key.
    printf 'last:one\n' | produce compacted 0 -K:
    lines 1 40 | produce shortened 0 -X batch.num.messages=5
    echo '{"partitions":[{"topic":"shortened","partition":0,"offset":33}],"version":1}' >"$work/deleted.json"
    tool DeleteRecordsCommand --offset-json-file "$work/deleted.json" >>"$work/tools.log" 2>&1
    timeout 60 kcat -G readers -b "$kafka_address" -X auto.offset.reset=earliest -c 12 codecs shortened \
        >/dev/null 2>>"$work/tools.log"
    # Of most keys only the newest value is left once Kafka has compacted, which takes it some runs.
    local last='' now same=0
    for _ in {1..60}; do
        now=$(whole "$kafka_address" compacted 0 | sha256sum)
        if [[ $now == "$last" ]]; then same=$((same + 1)); else same=0; fi
        if ((same >= 5 && $(whole "$kafka_address" compacted 0 | wc -l) < 30)); then return 0; fi
        last=$now
        sleep 0.7
    done
    echo "Kafka does not end compacting" >&2
    return 1
}

# Every record with all that a client sees of it.
whole() { # ADDRESS TOPIC PARTITION
    timeout 60 kcat -C -q -e -o beginning -b "$1" -t "$2" -p "$3" -f '%o %T %K %k %S %s %h\n'
}

start_filled() {
    printf '%s\n' "offsets.topic.num.partitions=${offsets_partitions:-50}" log.cleaner.backoff.ms=300 \
        log.segment.delete.delay.ms=100 log.retention.check.interval.ms=500 | kafka_format
    kafka_start
    fill
}

if [[ ${1:-} == --fixture ]]; then
    scale=20 offsets_partitions=3
    start_filled
    kafka_stop TERM
    rm -rf "$2"
    cp -r --sparse=always "$kafka_home/data" "$2"
    exit
fi

scale=2000
passed=0

same() { # WHAT FILE FILE
    if ! cmp -s "$2" "$3"; then
        echo "FAILED  $1"
        diff "$2" "$3" | head -n 10
        exit 1
    fi
    passed=$((passed + 1))
    echo "ok      $1 ($(wc -l <"$2") lines)"
}

holds() { # WHAT COMMAND…
    if ! "${@:2}" >"$work/output" 2>&1; then
        echo "FAILED  $1"
        tail -n 20 "$work/output"
        exit 1
    fi
    passed=$((passed + 1))
    echo "ok      $1"
}

# What consumers see of every partition, and what groups committed.
snapshot() { # ADDRESS DIRECTORY
    mkdir "$2"
    whole "$1" codecs 0 >"$2/codecs-0"
    whole "$1" codecs 1 >"$2/codecs-1"
    whole "$1" compacted 0 >"$2/compacted-0"
    whole "$1" shortened 0 >"$2/shortened-0"
    "$broker_binary" group describe --bootstrap "$1" --group readers --json \
        | python3 -c 'import json, sys
for part in json.load(sys.stdin)["partitions"]:
    print(part["topic"], part["partition"], part["committed"])' | sort >"$2/offsets"
}

refuses() { # WORDS ARGUMENT…
    local words=$1 status=0
    "$broker_binary" import --from "$kafka_home/data" --data "$work/refused" "${@:2}" >"$work/output" 2>&1 \
        || status=$?
    [[ $status == 1 ]] && grep -q "$words" "$work/output"
}

# Kafka's tool over a partition's files: batches and records, and both indexes held against them.
dump() { # DIRECTORY
    local class=org.apache.kafka.tools.DumpLogSegments
    kafka_class "$class" --deep-iteration --print-data-log --files "$(printf '%s\n' "$1"/*.log | paste -sd,)" \
        && kafka_class "$class" --index-sanity-check --files "$(printf '%s\n' "$1"/*index | paste -sd,)" \
        && kafka_class "$class" --verify-index-only --files "$(printf '%s\n' "$1"/*index | paste -sd,)"
}

# Of every segment but a partition's first the tool says that its first offset does not follow -1; so it
# does of Kafka's own.
dumps() { # DIRECTORY RECORDS [gaps]
    local faults='mismatch|isvalid: false|invalid|exception|corrupt|found timestamp|could not'
    if [[ ${3:-} != gaps ]]; then faults+='|^ *[0-9]+ is followed by'; fi
    dump "$1" >"$work/dumped" 2>"$work/dump.log" || { tail -n 20 "$work/dump.log"; return 1; }
    if grep -iE "$faults" "$work/dumped" "$work/dump.log" -h; then return 1; fi
    [[ $(grep -c '^| offset: ' "$work/dumped") -ge $2 ]]
}

start_filled
holds "a Kafka that runs is refused" refuses "a Kafka runs on"
snapshot "$kafka_address" "$work/before"
cp -r --sparse=always "$kafka_home/data" "$work/killed"
kafka_stop TERM
find "$kafka_home/data" -type f -exec sha256sum {} + | sort >"$work/source"

holds "it is taken over" "$broker_binary" import --from "$kafka_home/data" --data "$broker_data" --verify
cat "$work/output"
holds "a second time there is nothing to do" "$broker_binary" import --from "$kafka_home/data" --data "$broker_data"
find "$kafka_home/data" -type f -exec sha256sum {} + | sort >"$work/source-after"
same "Kafka's files are as they were" "$work/source" "$work/source-after"
holds "a start would find nothing wrong" "$broker_binary" inspect --verify "$broker_data"

broker_start
snapshot "$broker_address" "$work/after"
for name in codecs-0 codecs-1 compacted-0 shortened-0 offsets; do
    same "$name is the same" "$work/before/$name" "$work/after/$name"
done

# It goes on from there, and a crash takes nothing back.
for part in 0 1; do
    lines 1 50 | timeout 60 kcat -P -b "$broker_address" -t codecs -p "$part" -X enable.idempotence=true
    lines 1 50 >"$work/new"
    whole "$broker_address" codecs "$part" >"$work/all"
    head -n -50 "$work/all" >"$work/old"
    same "codecs-$part is still the same" "$work/before/codecs-$part" "$work/old"
    tail -n 50 "$work/all" | grep -o 'line [0-9].*a' >"$work/got"
    same "codecs-$part goes on" "$work/new" "$work/got"
done
broker_stop KILL || true
broker_start
whole "$broker_address" codecs 1 >"$work/again"
same "a crash takes nothing back" "$work/all" "$work/again"
keyed 400 60 | timeout 60 kcat -P -b "$broker_address" -t compacted -p 0 -K: -z zstd
lines 1 60000 | timeout 60 kcat -P -b "$broker_address" -t own -p 0 -X batch.num.messages=200
broker_stop TERM

holds "Kafka's tool reads imported segments" dumps "$broker_data/codecs-0" $((5 * scale + 50))
holds "Kafka's tool reads a compacted topic" dumps "$broker_data/compacted-0" 60 gaps
holds "Kafka's tool reads corelane's own segments" dumps "$broker_data/own-0" 60000
holds "one that was not shut down is refused" \
    eval '! "$broker_binary" import --from "$work/killed" --data "$work/unclean" 2>"$work/said" && grep -q "not shut down cleanly" "$work/said"'
holds "and taken when asked to" "$broker_binary" import --unclean --from "$work/killed" --data "$work/unclean"
echo "$passed passed"
