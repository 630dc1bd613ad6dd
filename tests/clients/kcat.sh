#!/usr/bin/env bash
# kcat as people use it: pipe a log in, read the same lines out. Started by `run`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/clients/broker.sh
. "$here/broker.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
run_id="$$-$RANDOM"
passed=0
failed=0

# 2 000 lines as a web shop's servers write them: access log, JSON and a stack trace, always the same.
make_log() {
    awk 'BEGIN {
        srand(7)
        split("GET POST PUT DELETE", method, " ")
        split("/cart /checkout /products/1881 /login /search?q=röd+tröja /img/logo.svg", path, " ")
        split("200 200 200 200 201 304 404 500", status, " ")
        split("web api worker billing", service, " ")
        for (i = 1; i <= 2000; i++) {
            ms = sprintf("2026-03-0%dT%02d:%02d:%02d.%03dZ", 1 + i / 400, rand() * 24, rand() * 60, rand() * 60, rand() * 1000)
            kind = rand()
            if (kind < 0.6)
                printf "10.%d.%d.%d - - [%s] \"%s %s HTTP/1.1\" %s %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n",
                    rand() * 256, rand() * 256, rand() * 256, ms, method[1 + int(rand() * 4)],
                    path[1 + int(rand() * 6)], status[1 + int(rand() * 8)], rand() * 50000
            else if (kind < 0.95)
                printf "{\"ts\":\"%s\",\"service\":\"%s\",\"level\":\"info\",\"trace\":\"%08x%08x\",\"order\":%d,\"msg\":\"order placed\"}\n",
                    ms, service[1 + int(rand() * 4)], rand() * 2147483647, rand() * 2147483647, i
            else
                printf "\tat com.shop.Checkout.pay(Checkout.java:%d) [%d] ~[shop.jar:?]\n", rand() * 900, i
        }
    }'
}

# Every topic is new to this run. Partition 0 throughout, whatever the default count is.
produce() { # TOPIC [OPTION…] <lines
    local topic=$1
    shift
    timeout 60 kcat -P -b "$broker_address" -t "$topic-$run_id" -p 0 "$@"
}

consume() { # TOPIC [OPTION…]
    local topic=$1
    shift
    timeout 60 kcat -C -q -b "$broker_address" -t "$topic-$run_id" -p 0 "$@"
}

whole() { consume "$1" -o beginning -e; }

same() { # FILE FILE
    if ! cmp "$1" "$2"; then
        diff "$1" "$2" | head -n 5
        return 1
    fi
}

# What was not waited for becomes readable soon; 10 s is for a busy machine.
eventually_same() { # FILE TOPIC
    for _ in {1..100}; do
        whole "$2" >"$work/got"
        if cmp -s "$1" "$work/got"; then return; fi
        sleep 0.1
    done
    same "$1" "$work/got"
}

case_metadata() {
    produce metadata <<<"a topic to list"
    timeout 30 kcat -L -b "$broker_address" >"$work/metadata"
    grep -q "topic \"metadata-$run_id\" with" "$work/metadata"
    local nodes=1
    if [[ $broker_nodes == per-core ]]; then nodes=2; fi
    grep -q "^ $nodes brokers:" "$work/metadata"
    grep -q "leader .*, replicas: .*, isrs: " "$work/metadata"
}

case_same_lines() {
    produce plain <"$work/log"
    whole plain >"$work/got"
    same "$work/log" "$work/got"
}

case_any_partition() {
    timeout 60 kcat -P -b "$broker_address" -t "any-$run_id" <"$work/log"
    timeout 60 kcat -C -q -b "$broker_address" -t "any-$run_id" -o beginning -e | sort >"$work/got"
    sort "$work/log" | same - "$work/got"
}

with_codec() {
    produce "codec-$1" -z "$1" <"$work/log"
    whole "codec-$1" >"$work/got"
    same "$work/log" "$work/got"
}
case_zstd() { with_codec zstd; }
case_lz4() { with_codec lz4; }
case_gzip() { with_codec gzip; }
case_snappy() { with_codec snappy; }

case_idempotent() {
    produce idempotent -X enable.idempotence=true <"$work/log"
    produce idempotent -X enable.idempotence=true -z zstd <"$work/log"
    whole idempotent >"$work/got"
    cat "$work/log" "$work/log" | same - "$work/got"
}

case_many_small_batches() {
    produce small -X enable.idempotence=true -X linger.ms=0 -X batch.num.messages=7 <"$work/log"
    whole small >"$work/got"
    same "$work/log" "$work/got"
}

with_acks() {
    produce "acks-$1" -X acks="$1" <"$work/log"
    eventually_same "$work/log" "acks-$1"
}
case_acks_none() { with_acks 0; }
case_acks_one() { with_acks 1; }
case_acks_all() { with_acks all; }

case_from_an_offset() {
    produce offset -z lz4 <"$work/log"
    consume offset -o 1234 -e >"$work/got"
    tail -n +1235 "$work/log" | same - "$work/got"
    consume offset -o 1234 -c 5 >"$work/got"
    sed -n 1235,1239p "$work/log" | same - "$work/got"
    consume offset -o -100 -e >"$work/got"
    tail -n 100 "$work/log" | same - "$work/got"
    consume offset -o 77 -c 3 -f '%o\n' >"$work/got"
    printf '77\n78\n79\n' | same - "$work/got"
}

case_from_a_timestamp() {
    head -n 1000 "$work/log" | produce time
    sleep 0.1
    local between
    between=$(date +%s%3N)
    sleep 0.1
    tail -n 1000 "$work/log" | produce time
    consume time -o "s@$between" -e >"$work/got"
    tail -n 1000 "$work/log" | same - "$work/got"
    consume time -o s@1000 -e >"$work/got"
    same "$work/log" "$work/got"
    timeout 30 kcat -Q -b "$broker_address" -t "time-$run_id:0:$between" >"$work/got"
    grep -q "offset 1000$" "$work/got"
}

case_keys_and_headers() {
    printf 'alice:one\nbob:two\nalice:three\n' | produce keys -K: -H source=kcat -H hop=1
    consume keys -o beginning -e -f '%k=%s %h %p %o\n' >"$work/got"
    printf '%s\n' 'alice=one source=kcat,hop=1 0 0' 'bob=two source=kcat,hop=1 0 1' \
        'alice=three source=kcat,hop=1 0 2' | same - "$work/got"
}

case_null_values() {
    printf 'key:\nkey:value\n' | produce nulls -K: -Z
    consume nulls -o beginning -e -f '%k %S\n' >"$work/got"
    printf 'key -1\nkey 5\n' | same - "$work/got"
}

case_a_line_of_900_kb() {
    awk 'BEGIN { srand(9); for (i = 0; i < 900000; i++) printf "%c", 97 + int(rand() * 26); print "" }' >"$work/big"
    produce big <"$work/big"
    whole big >"$work/got"
    same "$work/big" "$work/got"
}

case_a_reader_that_waits() {
    produce waiting <<<"first"
    consume waiting -o 1 -c 3 >"$work/waited" &
    local reader=$!
    sleep 0.5
    printf 'second\nthird\nfourth\n' | produce waiting
    wait "$reader"
    printf 'second\nthird\nfourth\n' | same - "$work/waited"
}

case_past_the_end() {
    produce end <<<"only"
    consume end -o end -e >"$work/got"
    same /dev/null "$work/got"
}

# Acknowledged lines outlive the broker's end, by whichever signal.
with_restart() { # SIGNAL TOPIC
    head -n 800 "$work/log" | produce "$2" -X enable.idempotence=true -z zstd
    end_broker "$1"
    broker_start
    head -n 800 "$work/log" >"$work/wanted"
    whole "$2" >"$work/got"
    same "$work/wanted" "$work/got"
    sed -n 801,2000p "$work/log" | produce "$2" -X acks=all
    whole "$2" >"$work/got"
    same "$work/log" "$work/got"
    end_broker "$1"
    broker_start
    whole "$2" >"$work/got"
    same "$work/log" "$work/got"
    consume "$2" -o 1000 -c 1 -f '%o %s\n' >"$work/got"
    printf '1000 %s\n' "$(sed -n 1001p "$work/log")" | same - "$work/got"
}

end_broker() {
    local status=0
    broker_stop "$1" || status=$?
    if [[ $1 == TERM && $status != 0 ]]; then
        echo "SIGTERM ended the broker with status $status instead of 0:"
        tail -n 10 "$broker_log"
        return 1
    fi
}

case_sigterm() { with_restart TERM sigterm; }
case_sigkill() { with_restart KILL sigkill; }

case_everything_after_restarts() {
    whole plain >"$work/got"
    same "$work/log" "$work/got"
    whole codec-snappy >"$work/got"
    same "$work/log" "$work/got"
}

check() {
    # Not in an `if`, where bash ignores `set -e`.
    local status began=$SECONDS
    set +e
    (
        set -e
        "case_$1"
    ) >"$work/output" 2>&1
    status=$?
    set -e
    if [[ $status == 0 ]]; then
        passed=$((passed + 1))
        echo "ok      $1 ($((SECONDS - began)) s)"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
        tail -n 20 "$work/output" | sed 's/^/        /'
    fi
}

make_log >"$work/log"
for name in metadata same_lines any_partition zstd lz4 gzip snappy idempotent many_small_batches \
    acks_none acks_one acks_all from_an_offset from_a_timestamp keys_and_headers null_values \
    a_line_of_900_kb a_reader_that_waits past_the_end; do
    check "$name"
done
if broker_is_ours; then
    for name in sigterm sigkill everything_after_restarts; do check "$name"; done
else
    echo "skipped sigterm, sigkill: this broker is not ours to end"
fi
echo "kcat: $passed passed, $failed failed"
[[ $failed == 0 ]]
