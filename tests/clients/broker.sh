# Starts and stops the broker under test. Sourced by `run` and by the scripts that restart it.
#
# broker_binary, broker_data, broker_address, broker_nodes, broker_log: set by whoever starts it.
# A broker given from outside (`run --broker`) has no broker_binary and is never touched.
# shellcheck shell=bash

broker_is_ours() { [[ -n ${broker_binary:-} ]]; }

# Whether something accepts connections at HOST:PORT.
port_answers() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

# A port whose next two neighbours are free as well: cores of their own listen there. Brokers that
# are started at the same time, one per topology, choose from different halves.
free_port() { # [TOPOLOGY]
    local base first=20000
    if [[ ${1:-single} == per-core ]]; then first=24500; fi
    for _ in {1..100}; do
        base=$((first + RANDOM % 4490))
        if ! port_answers "127.0.0.1:$base" && ! port_answers "127.0.0.1:$((base + 1))" \
            && ! port_answers "127.0.0.1:$((base + 2))"; then
            echo "$base"
            return
        fi
    done
    echo "no three free ports in a row" >&2
    return 1
}

# The broker's process id and, once it ended, its status are in files: a case runs in a shell of
# its own, and may end a broker that another shell started.
broker_start() {
    rm -f "$broker_data.status"
    (
        "$broker_binary" serve --data "$broker_data" --listen "$broker_address" \
            --config "$(dirname "${BASH_SOURCE[0]}")/broker.toml" --cores 2 --nodes "$broker_nodes" &
        echo $! >"$broker_data.pid"
        status=0
        wait $! || status=$?
        echo "$status" >"$broker_data.status"
    ) >>"$broker_log" 2>&1 </dev/null &
    disown
    for _ in {1..300}; do
        if port_answers "$broker_address"; then return 0; fi
        if [[ -s $broker_data.status ]]; then break; fi
        sleep 0.1
    done
    echo "the broker does not answer at $broker_address; its log ends with:" >&2
    tail -n 20 "$broker_log" >&2
    broker_stop KILL || true
    return 1
}

# Ends the broker with a signal, if one runs; the status is the broker's own.
broker_stop() {
    if ! broker_is_ours || [[ ! -s $broker_data.pid ]]; then return 0; fi
    kill "-$1" "$(cat "$broker_data.pid")" 2>/dev/null || true
    rm -f "$broker_data.pid"
    for _ in {1..600}; do
        if [[ -s $broker_data.status ]]; then return "$(cat "$broker_data.status")"; fi
        sleep 0.1
    done
    echo "the broker is still there a minute after SIG$1" >&2
    return 1
}
