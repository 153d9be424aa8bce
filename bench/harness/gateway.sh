# shellcheck shell=bash
# A private server with the gateway, for the benchmarks of the gateway; to be sourced from the project's folder.

# The daemon as it is used, without sanitizers. To be called where packages can be installed.
build_gateway() {
    setup/packages build gateway >&2
    make -s -j "$(nproc)" all >&2
    cmake -S . -B build/gateway -DPG_REALTIME_SANITIZE=OFF -DPG_REALTIME_TESTS=OFF --log-level=ERROR >&2
    cmake --build build/gateway -j "$(nproc)" --target pg_realtimed -- --quiet >&2
    ulimit -n "$(ulimit -H -n)"
}

# Other servers (bench/peers), into build/peers.
build_peers() { # NAMES
    local name
    setup/packages peers >&2
    mkdir -p build/peers
    cp bench/peers/*.mjs bench/peers/package.json build/peers/
    npm install --prefix build/peers --no-audit --no-fund --no-package-lock --loglevel=error >&2
    for name in $1; do
        case $name in
            beast) g++ -std=c++20 -O2 -o build/peers/beast bench/peers/beast.cpp -lpthread ;;
            libwebsockets) g++ -std=c++20 -O2 -o build/peers/libwebsockets bench/peers/libwebsockets.cpp -lwebsockets -luv ;;
        esac
    done
}

[ -n "${PG_REALTIME_BENCH_INNER:-}" ] || return 0

folder=$(mktemp -d "${TMPDIR:-/tmp}/pg_realtime_bench.XXXXXX")
port=$((20000 + RANDOM % 10000))
secret=0123456789abcdef0123456789abcdef
gateway=
load=
exits=()

at_exit() { # COMMAND
    exits+=("$1")
}

stop_everything() {
    local command
    for command in "${exits[@]}"; do
        $command >/dev/null 2>&1 || true
    done
    [ -z "$load" ] || kill "$load" 2>/dev/null || true
    [ -z "$gateway" ] || kill "$gateway" 2>/dev/null || true
    setup/cluster stop "$folder/cluster" >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop_everything EXIT

# One token a line for subjects on standard input; without a subject it is of the role that is given.
member_tokens() { # ROLE
    role=$1 perl -MDigest::SHA=hmac_sha256 -MMIME::Base64=encode_base64url -ne '
        chomp;
        my $text = join ".", map { encode_base64url($_) } q({"alg":"HS256"}),
            sprintf q({"role":"%s","sub":"%s","exp":%d}), $_ eq "" ? $ENV{role} : "authenticated", $_, time + 86400;
        print $text, ".", encode_base64url(hmac_sha256($text, "'"$secret"'")), "\n"'
}

stop_gateway() {
    if [ -n "$gateway" ]; then
        kill "$gateway"
        wait "$gateway" || true
        gateway=
    fi
}

# By default no limit stands in the way of who measures.
gateway_options=(--joins-per-second 100000 --messages-per-second 1000000 --connections-per-second 100000)

restart_gateway() {
    stop_gateway
    PG_REALTIMED_JWT_SECRET=$secret taskset -c 0 build/gateway/pg_realtimed --database-url "dbname=bench user=bench_gateway" \
        --listen "127.0.0.1:$port" --report-interval 0 --drain-timeout 1 "${gateway_options[@]}" >/dev/null 2>"$folder/gateway.log" &
    gateway=$!
    until grep -q 'reading slot' "$folder/gateway.log"; do
        kill -0 "$gateway" || { cat "$folder/gateway.log" >&2; exit 1; }
        sleep 0.1
    done
}

resident() { # PROCESS: in kB
    awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

# More lines for the server's configuration.
server_lines=()

# The server may load wal2json, too: the peers of bench/changes read it.
start_gateway() { # SQL
    PG_REALTIME_BIN=$(setup/stage "$folder/stage")
    export PG_REALTIME_BIN
    setup/cluster start "$folder/cluster" "$(setup/cluster configuration | sed -n "s/^\(output_plugin_libraries = '.*\)'$/\1, wal2json'/p")" "${server_lines[@]}" >&2
    eval "$(setup/cluster env "$folder/cluster")"
    "$PG_REALTIME_BIN/psql" -X -q -c 'CREATE DATABASE bench'
    "$PG_REALTIME_BIN/psql" -X -q -d bench -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_realtime" \
        -c "CREATE ROLE bench_gateway LOGIN REPLICATION" -c "GRANT realtime_gateway, realtime_reader, realtime_writer TO bench_gateway" \
        -c "$1" >/dev/null
    g++ -std=c++20 -O2 -o "$folder/websocket_client" bench/websocket_client.cpp -luring
    echo | member_tokens anon >"$folder/anonymous"
    restart_gateway
}

# What bench/changes and bench/hostile have in common: tenants with members, their tokens, and somebody who writes.
start_gateway_with_members() { # SUBSCRIBERS TENANTS
    local user subject
    start_gateway "CREATE TABLE events (tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, sent float8 NOT NULL, text text, PRIMARY KEY (tenant_id, id));
        SELECT realtime_add_table('events');
        INSERT INTO tenant_memberships (tenant_id, user_id)
        SELECT ('00000000-0000-4000-8000-' || lpad((user_number % $2)::text, 12, '0'))::uuid,
               ('aaaaaaaa-0000-4000-8000-' || lpad(user_number::text, 12, '0'))::uuid FROM generate_series(0, $1 - 1) user_number"
    for ((user = 0; user < $1; user++)); do
        printf -v subject 'aaaaaaaa-0000-4000-8000-%012d' "$user"
        echo "$subject"
    done | member_tokens anon >"$folder/tokens"
    cat >"$folder/insert.sql" <<SQL
\\set tenant random(0, $2 - 1)
INSERT INTO events (tenant_id, sent, text) VALUES (('00000000-0000-4000-8000-' || lpad(:tenant::text, 12, '0'))::uuid, extract(epoch FROM clock_timestamp()), repeat('x', 200));
SQL
}

# Somebody who writes, until stop_load.
start_load() { # RATE
    "$PG_REALTIME_BIN/pgbench" --no-vacuum --client=4 --rate="$1" --time=86400 --protocol=prepared -f "$folder/insert.sql" bench \
        </dev/null >"$folder/load.log" 2>&1 &
    load=$!
}

stop_load() {
    if [ -n "$load" ]; then
        kill "$load"
        wait "$load" || true
        load=
    fi
}

# Latencies of changes at their subscribers while others write: deliveries, seconds, p50, p99 and longest in milliseconds.
measure_changes() { # PORT PROTOCOL SUBSCRIBERS RATE SECONDS
    start_load "$4"
    "$folder/websocket_client" --port "$1" --protocol "$2" --tokens "$folder/tokens" --sockets "$3" --mode changes --seconds "$5"
    stop_load
}
