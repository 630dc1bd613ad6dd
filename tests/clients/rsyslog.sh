#!/usr/bin/env bash
# rsyslog's omkafka as a shipper: it follows a log file, and kcat reads the same lines out. Started by `run`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/clients/broker.sh
. "$here/broker.sh"

work=$(mktemp -d)
shipper=
trap 'end_shipper || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
run_id="$$-$RANDOM"
passed=0
failed=0

# Lines as services write them, with tabs, quotes and other alphabets, each different.
make_log() { # FIRST COUNT
    awk -v first="$1" -v count="$2" 'BEGIN {
        srand(first)
        split("web api worker billing", service, " ")
        for (i = first; i < first + count; i++) {
            kind = rand()
            printf "%s %d ", service[1 + int(rand() * 4)], i
            if (kind < 0.6)
                printf "10.%d.0.%d \"GET /search?q=röd+tröja HTTP/1.1\" 200 %d \"-\"\n", rand() * 256, rand() * 256, rand() * 50000
            else if (kind < 0.9)
                printf "{\"level\":\"info\",\"trace\":\"%08x\",\"msg\":\"order placed\"}\n", rand() * 2147483647
            else
                printf "\tat com.shop.Checkout.pay(Checkout.java:%d) ~[shop.jar:?]\n", rand() * 900
        }
    }'
}

# What is followed, and where to; each case has a folder, a file and a topic of its own.
configure() { # NAME [ACTION-PARAMETER…]
    local name=$1
    shift
    mkdir -p "$work/$name"
    : >"$work/$name/app.log"
    cat >"$work/$name/rsyslog.conf" <<CONF
global(workDirectory="$work/$name" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imfile" mode="inotify")
module(load="omkafka")
template(name="line" type="string" string="%msg%")
template(name="service" type="string" string="%msg:F,32:1%")
input(type="imfile" file="$work/$name/app.log" tag="app" ruleset="ship" persistStateInterval="100")
ruleset(name="ship") {
    action(type="omkafka" broker="$broker_address" topic="rsyslog-$name-$run_id" template="line"
        errorFile="$work/$name/errors" action.resumeRetryCount="-1" action.resumeInterval="1"
        resubmitOnFailure="on" keepFailedMessages="on" failedMsgFile="$work/$name/failed" $*)
}
CONF
}

start_shipper() { # NAME
    rsyslogd -n -f "$work/$1/rsyslog.conf" -i "$work/$1/rsyslog.pid" >>"$work/$1/rsyslog.log" 2>&1 &
    shipper=$!
}

# In order: what rsyslog has read it ships before it ends.
end_shipper() {
    if [[ -z $shipper ]]; then return; fi
    local ending=$shipper
    shipper=
    kill -TERM "$ending" 2>/dev/null || true
    wait "$ending" || true
}

consume() { # NAME [OPTION…]
    local name=$1
    shift
    timeout 60 kcat -C -q -b "$broker_address" -t "rsyslog-$name-$run_id" -o beginning "$@"
}

# Waits until as many lines as the file has are there, and compares them.
shipped() { # NAME
    local wanted=$work/$1/app.log got=$work/$1/got
    for _ in {1..300}; do
        consume "$1" -p 0 -e >"$got" 2>/dev/null || true
        if [[ $(wc -l <"$got") -ge $(wc -l <"$wanted") ]]; then break; fi
        sleep 0.1
    done
    cmp "$wanted" "$got" || {
        wc -l "$wanted" "$got"
        diff "$wanted" "$got" | head -n 5
        cat "$work/$1/rsyslog.log"
        return 1
    }
}

create() { # NAME PARTITIONS
    "$venv/bin/python" - "$broker_address" "rsyslog-$1-$run_id" "$2" <<'PYTHON'
import sys
from confluent_kafka.admin import AdminClient, NewTopic

address, topic, partitions = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": address})
admin.create_topics([NewTopic(topic, int(partitions), 1)])[topic].result(30)
PYTHON
}

case_ships_a_file() {
    configure plain 'partitions.usefixed="0"'
    make_log 1 20000 >"$work/plain/app.log"
    start_shipper plain
    shipped plain
}

case_follows_a_file_that_grows() {
    configure grows 'partitions.usefixed="0"' 'confParam=["compression.codec=zstd","enable.idempotence=true"]'
    start_shipper grows
    for part in {0..9}; do
        make_log "$((part * 300))" 300 >>"$work/grows/app.log"
        sleep 0.1
    done
    shipped grows
}

with_codec() {
    configure "$1" 'partitions.usefixed="0"' "confParam=[\"compression.codec=$1\"]"
    make_log 1 3000 >"$work/$1/app.log"
    start_shipper "$1"
    shipped "$1"
}
case_gzip() { with_codec gzip; }
case_snappy() { with_codec snappy; }
case_lz4() { with_codec lz4; }

case_continues_after_its_own_restart() {
    configure restart 'partitions.usefixed="0"' 'confParam=["enable.idempotence=true"]'
    make_log 1 2000 >"$work/restart/app.log"
    start_shipper restart
    shipped restart
    end_shipper
    make_log 2001 2000 >>"$work/restart/app.log"
    start_shipper restart
    shipped restart
}

# A key per service: each service's lines stay in order, whatever partition they are in.
case_keyed() {
    create keyed 4
    configure keyed 'key="service"' 'dynaKey="on" partitions.auto="on"' 'confParam=["partitioner=murmur2"]'
    make_log 1 4000 >"$work/keyed/app.log"
    start_shipper keyed
    local service
    for _ in {1..300}; do
        consume keyed -e -f '%k\t%p\t%s\n' >"$work/keyed/got" 2>/dev/null || true
        if [[ $(wc -l <"$work/keyed/got") -ge 4000 ]]; then break; fi
        sleep 0.1
    done
    for service in web api worker billing; do
        grep "^$service " "$work/keyed/app.log" >"$work/keyed/wanted"
        awk -F '\t' -v key="$service" '$1 == key' "$work/keyed/got" | cut -f 3- | cmp "$work/keyed/wanted" -
        [[ $(awk -F '\t' -v key="$service" '$1 == key { print $2 }' "$work/keyed/got" | sort -u | wc -l) == 1 ]]
    done
    [[ $(cut -f 2 "$work/keyed/got" | sort -u | wc -l) -gt 1 ]]
}

# Lines are written while the broker is gone; none is lost, and their order stays.
case_the_broker_is_killed_amid_shipping() {
    configure killed 'partitions.usefixed="0"' 'confParam=["enable.idempotence=true","acks=all"]'
    make_log 1 2000 >"$work/killed/app.log"
    start_shipper killed
    shipped killed
    make_log 2001 500 >>"$work/killed/app.log"
    broker_stop KILL || true
    make_log 2501 500 >>"$work/killed/app.log"
    sleep 1
    broker_start
    make_log 3001 1000 >>"$work/killed/app.log"
    shipped killed
}

check() {
    # Not in an `if`, where bash ignores `set -e`.
    local status began=$SECONDS
    set +e
    (
        set -e
        trap 'end_shipper' EXIT
        "case_$1"
    ) >"$work/output" 2>&1
    status=$?
    set -e
    if [[ $status == 0 ]]; then
        passed=$((passed + 1))
        echo "ok      $1 ($((SECONDS - began)) s)"
    else
        failed=$((failed + 1))
        echo "FAILED  $1:"
        tail -n 20 "$work/output" | sed 's/^/        /'
    fi
}

for name in ships_a_file follows_a_file_that_grows gzip snappy lz4 continues_after_its_own_restart keyed; do
    check "$name"
done
if broker_is_ours; then
    check the_broker_is_killed_amid_shipping
else
    echo "skipped the_broker_is_killed_amid_shipping: this broker is not ours to end"
fi
echo "rsyslog: $passed passed, $failed failed"
[[ $failed == 0 ]]
