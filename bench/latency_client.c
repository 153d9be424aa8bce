/*
 * Commits one row at a time and receives it back from a slot, in one process and one thread, so that both ends are
 * timed by the same clock and neither waits for the other.
 *
 *   latency_client CONNECTION SLOT COMMITS INTERVAL_MICROSECONDS [OPTION=VALUE ...]
 *
 * Prints for each commit the microseconds from the server's answer to COMMIT, and from the sending of the INSERT, until
 * the change was received. The first is negative when the change was faster than the answer.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char insert_order[] =
    "INSERT INTO orders (tenant_id, status, customer, total, created_at, updated_at, note) VALUES "
    "('00000000-0000-4000-8000-000000000006', 'pending', $1, 12.50, now(), now(), $2)";

static const char customer[] =
    "{\"name\": \"Customer 4711\", \"email\": \"customer4711@example.com\", \"address\": {\"street\": \"Long "
    "Street 12\", "
    "\"zip\": \"14711\", \"city\": \"Springfield\"}, \"tags\": [\"regular\", \"terrace\"], \"visits\": 47}";

/* A change that takes longer than this is a broken stream, not a slow one. */
static const int64_t patience_microseconds = 10 * 1000 * 1000;
static const int64_t status_interval_microseconds = 1000 * 1000;
static const int message_header_bytes = 25; /* 'w', start, end, time */

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void fail(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static PGconn* connect_to(const char* connection, const char* replication) {
    const char* keywords[] = {"dbname", "replication", NULL};
    const char* values[] = {connection, replication, NULL};
    PGconn* server = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(server) != CONNECTION_OK)
        fail("cannot connect: %s", PQerrorMessage(server));
    return server;
}

/* The options go to the plugin as they came, quoted. */
static void start_replication(PGconn* stream, const char* slot, char** options, int count) {
    char command[4096];
    int length = snprintf(command, sizeof(command), "START_REPLICATION SLOT \"%s\" LOGICAL 0/0", slot);
    for (int i = 0; i < count; i++) {
        char* equals = strchr(options[i], '=');
        if (!equals)
            fail("not an option: %s", options[i]);
        length += snprintf(command + length, sizeof(command) - length, "%s\"%.*s\" '%s'", i ? ", " : " (",
                           (int)(equals - options[i]), options[i], equals + 1);
        if (length >= (int)sizeof(command) - 2)
            fail("too many options");
    }
    if (count > 0)
        strcpy(command + length, ")");
    PGresult* result = PQexec(stream, command);
    if (PQresultStatus(result) != PGRES_COPY_BOTH)
        fail("%s: %s", command, PQerrorMessage(stream));
    PQclear(result);
}

static void put_int64(char* out, int64_t value) {
    for (int i = 0; i < 8; i++)
        out[i] = (char)(value >> (56 - 8 * i));
}

static int64_t get_int64(const char* in) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | (unsigned char)in[i];
    return (int64_t)value;
}

static void send_status(PGconn* stream, int64_t position) {
    char message[34] = {'r'};
    put_int64(message + 1, position);
    put_int64(message + 9, position);
    put_int64(message + 17, position);
    if (PQputCopyData(stream, message, sizeof(message)) <= 0 || PQflush(stream) < 0)
        fail("cannot answer the server: %s", PQerrorMessage(stream));
}

/* Reads what has arrived; true when one of the messages contains the marker. */
static int received(PGconn* stream, const char* marker, int64_t* position) {
    int found = 0;
    char* message;
    int length;
    if (!PQconsumeInput(stream))
        fail("the stream ended: %s", PQerrorMessage(stream));
    while ((length = PQgetCopyData(stream, &message, 1)) > 0) {
        int64_t end = length >= 17 ? get_int64(message + (message[0] == 'w' ? 9 : 1)) : 0;
        if (end > *position)
            *position = end;
        if (message[0] == 'k' && length > 17 && message[17])
            send_status(stream, *position);
        if (message[0] == 'w' && length > message_header_bytes &&
            memmem(message + message_header_bytes, length - message_header_bytes, marker, strlen(marker)))
            found = 1;
        PQfreemem(message);
    }
    if (length < 0)
        fail("the stream ended: %s", PQerrorMessage(stream));
    return found;
}

/* The commit is over when the server has answered and nothing more is to come. */
static int committed(PGconn* writer) {
    if (!PQconsumeInput(writer))
        fail("the writer's connection ended: %s", PQerrorMessage(writer));
    while (!PQisBusy(writer)) {
        PGresult* result = PQgetResult(writer);
        if (!result)
            return 1;
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            fail("%s", PQerrorMessage(writer));
        PQclear(result);
    }
    return 0;
}

static void wait_for_either(PGconn* writer, PGconn* stream, int64_t until) {
    struct pollfd sockets[2] = {{writer ? PQsocket(writer) : -1, POLLIN, 0}, {PQsocket(stream), POLLIN, 0}};
    int64_t left = until - now();
    struct timespec timeout = {left > 0 ? left / 1000000 : 0, left > 0 ? left % 1000000 * 1000 : 0};
    ppoll(sockets, 2, &timeout, NULL);
}

static void measure(PGconn* writer, PGconn* stream, int commits, int64_t interval) {
    int64_t position = 0;
    int64_t next_status = 0;
    int64_t next_insert = now() + interval;
    for (int i = 0; i < commits; i++) {
        char marker[32];
        snprintf(marker, sizeof(marker), "marker-%08d", i);

        /* Keepalives of the pause are read in the pause. */
        while (now() < next_insert) {
            wait_for_either(NULL, stream, next_insert);
            received(stream, marker, &position);
        }
        if (now() >= next_status) {
            send_status(stream, position);
            next_status = now() + status_interval_microseconds;
        }

        const char* values[] = {customer, marker};
        int64_t sent = now();
        int64_t answered = 0;
        int64_t arrived = 0;
        if (!PQsendQueryPrepared(writer, "insert_order", 2, values, NULL, NULL, 0) || PQflush(writer) != 0)
            fail("cannot send: %s", PQerrorMessage(writer));
        while (!answered || !arrived) {
            wait_for_either(answered ? NULL : writer, stream, sent + patience_microseconds);
            int64_t woken = now(); /* what is there by now came at the same time, whatever is read first */
            if (received(stream, marker, &position) && !arrived)
                arrived = woken;
            if (!answered && committed(writer))
                answered = woken;
            if (woken - sent > patience_microseconds)
                fail("change %d did not arrive", i);
        }
        printf("%" PRId64 " %" PRId64 "\n", arrived - answered, arrived - sent);
        next_insert += interval;
        if (next_insert < now())
            next_insert = now() + interval;
    }
}

int main(int argc, char** argv) {
    if (argc < 5)
        fail("usage: %s CONNECTION SLOT COMMITS INTERVAL_MICROSECONDS [OPTION=VALUE ...]", argv[0]);
    PGconn* writer = connect_to(argv[1], "false");
    PGconn* stream = connect_to(argv[1], "database");
    PQclear(PQprepare(writer, "insert_order", insert_order, 0, NULL));
    start_replication(stream, argv[2], argv + 5, argc - 5);
    measure(writer, stream, atoi(argv[3]), atoll(argv[4]));
    PQfinish(stream);
    PQfinish(writer);
    return 0;
}
