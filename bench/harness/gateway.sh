# shellcheck shell=bash
# A private server with the gateway, for bench/fanout and bench/changes; to be sourced from the project's folder.

folder=$(mktemp -d "${TMPDIR:-/tmp}/pg_realtime_bench.XXXXXX")
port=$((20000 + RANDOM % 10000))
secret=0123456789abcdef0123456789abcdef
gateway=
exits=()

at_exit() { # COMMAND
    exits+=("$1")
}

stop_everything() {
    local command
    for command in "${exits[@]}"; do
        $command >/dev/null 2>&1 || true
    done
    [ -z "$gateway" ] || kill "$gateway" 2>/dev/null || true
    setup/cluster stop "$folder/cluster" >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop_everything EXIT

# One token a line for subjects on standard input.
member_tokens() {
    perl -MDigest::SHA=hmac_sha256 -MMIME::Base64=encode_base64url -ne '
        chomp;
        my $text = join ".", map { encode_base64url($_) } q({"alg":"HS256"}),
            sprintf q({"role":"%s","sub":"%s","exp":%d}), $_ eq "" ? "anon" : "authenticated", $_, time + 86400;
        print $text, ".", encode_base64url(hmac_sha256($text, "'"$secret"'")), "\n"'
}

restart_gateway() {
    if [ -n "$gateway" ]; then
        kill "$gateway"
        wait "$gateway" || true
    fi
    PG_REALTIMED_JWT_SECRET=$secret taskset -c 0 build/gateway/pg_realtimed --database-url "dbname=bench user=bench_gateway" \
        --listen "127.0.0.1:$port" --report-interval 0 --joins-per-second 100000 --messages-per-second 1000000 \
        --connections-per-second 100000 --drain-timeout 1 >/dev/null 2>"$folder/gateway.log" &
    gateway=$!
    until grep -q 'reading slot' "$folder/gateway.log"; do
        kill -0 "$gateway" || { cat "$folder/gateway.log" >&2; exit 1; }
        sleep 0.1
    done
}

resident() { # of the gateway, in kB
    awk '/^VmRSS/ { print $2 }' "/proc/$gateway/status"
}

start_gateway() { # SQL
    PG_REALTIME_BIN=$(setup/stage "$folder/stage")
    export PG_REALTIME_BIN
    setup/cluster start "$folder/cluster" >&2
    eval "$(setup/cluster env "$folder/cluster")"
    "$PG_REALTIME_BIN/psql" -X -q -c 'CREATE DATABASE bench'
    "$PG_REALTIME_BIN/psql" -X -q -d bench -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_realtime" \
        -c "CREATE ROLE bench_gateway LOGIN REPLICATION" -c "GRANT realtime_gateway, realtime_reader, realtime_writer TO bench_gateway" \
        -c "$1" >/dev/null
    g++ -std=c++20 -O2 -o "$folder/websocket_client" bench/websocket_client.cpp
    echo | member_tokens >"$folder/anonymous"
    restart_gateway
}
