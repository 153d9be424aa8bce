#include "gateway/replication.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "gateway/log.hpp"
#include "wire/change.hpp"

namespace gateway {

namespace {

constexpr unsigned tick_milliseconds = 100;
constexpr double status_seconds = 10; // between two status updates
constexpr double confirm_seconds = 1; // after which a new confirmation is told
constexpr double silence_asks = 20;   // s without a message until the server is asked whether it is there
constexpr double silence_ends = 60;   // s until the connection is given up
constexpr double connect_ends = 15;   // s for connecting and starting
constexpr double create_ends =
    86400;                          // s for making the slot: the server waits for all transactions that write
constexpr double create_tells = 10; // s after which the log says so
constexpr std::size_t turn_bytes = 1 << 20; // read before others get their turn

constexpr std::size_t data_head = 1 + 8 + 8 + 8;      // w, start, end of WAL, time
constexpr std::size_t keepalive_size = 1 + 8 + 8 + 1; // k, end of WAL, time, answer wanted

std::uint64_t read_u64(const char* at) {
    std::uint64_t value = 0;
    for (int byte = 0; byte < 8; ++byte) {
        value = value << 8 | static_cast<unsigned char>(at[byte]);
    }
    return value;
}

void write_u64(char* at, std::uint64_t value) {
    for (int byte = 7; byte >= 0; --byte) {
        at[byte] = static_cast<char>(value & 0xff);
        value >>= 8;
    }
}

// A walsender whose client takes nothing cannot end, not even by SIGTERM, and the checkpointer that invalidates the slot
// waits for it. The kernel gives the connection up instead, if it is one of TCP.
constexpr const char* ends_frozen = "-c tcp_user_timeout=60s";

constexpr const char* slot_waits = "the server makes the slot when the transactions that write now have "
                                   "ended; look for old ones in pg_stat_activity";

// A WAL address as PostgreSQL writes it; 0 for anything else.
std::uint64_t read_lsn(const char* text) {
    return protocol::read_lsn(text).value_or(0);
}

std::string literal(const std::string& text) {
    std::string quoted = "'";
    for (const char letter : text) {
        quoted += letter;
        if (letter == '\'') {
            quoted += letter;
        }
    }
    return quoted + "'";
}

} // namespace

Replication::Replication(uv_loop_t* loop, Resolver& resolver, const Config& config, hub::Hub& hub)
    : Link(loop, resolver), config_(config), hub_(hub), assembler_(hub), tick_(new uv_timer_t()),
      more_(new uv_idle_t()) {
    uv_timer_init(loop, tick_);
    tick_->data = this;
    uv_idle_init(loop, more_);
    more_->data = this;
}

Replication::~Replication() {
    uv_close(reinterpret_cast<uv_handle_t*>(tick_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
    uv_close(reinterpret_cast<uv_handle_t*>(more_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_idle_t*>(handle); });
}

void Replication::start() {
    up_to_date_ = hub_.now();
    uv_timer_start(
        tick_, [](uv_timer_t* timer) { static_cast<Replication*>(timer->data)->on_tick(); }, 0,
        tick_milliseconds);
}

void Replication::stop() {
    stopping_ = true;
    if (step_ == Step::Stream) {
        hub_.history.trim(hub_.now());
        send_status(false);
    }
    uv_timer_stop(tick_);
    uv_idle_stop(more_);
    disconnect();
    step_ = Step::Idle;
}

Replication::Status Replication::status() const {
    const bool behind = step_ != Step::Stream || hub_.head().lsn < server_lsn_;
    return {step_ == Step::Stream,
            problem_,
            server_lsn_,
            hub_.head().lsn,
            hub_.history.confirmed(),
            behind ? hub_.now() - up_to_date_ : 0,
            connects_,
            assembler_.repeated(),
            bytes_,
            slots_recreated_};
}

void Replication::on_tick() {
    const double now = hub_.now();
    if (step_ == Step::Idle) {
        if (!stopping_ && !connected() && now >= retry_at_) {
            retry_at_ = 1e18; // on_lost() sets the next time
            connect_began_ = now;
            connect(config_.database_url, {{"replication", "database"},
                                           {"application_name", "pg_realtimed"},
                                           {"connect_timeout", "10"},
                                           {"options", ends_frozen}});
        } else if (retry_at_ > 1e17 && now - connect_began_ > connect_ends) {
            give_up(too_slow());
        }
        return;
    }
    if (step_ != Step::Stream) {
        const bool creating = step_ == Step::CreateSlot;
        if (now - connect_began_ > (creating ? create_ends : connect_ends)) {
            give_up("the server did not answer in time");
        } else if (creating && problem_ != slot_waits && now - connect_began_ > create_tells) {
            spdlog::warn("replication: {}", slot_waits);
            problem_ = slot_waits;
        }
        return;
    }
    if (now - last_input_ > silence_ends) {
        give_up("the server has been silent for too long");
        return;
    }
    const bool confirm = hub_.history.confirmed() > sent_confirmed_ && now - last_status_ > confirm_seconds;
    const bool ask_server = !hub_.ready() || now - last_input_ > silence_asks;
    if (confirm || ask_server || now - last_status_ > status_seconds) {
        send_status(ask_server);
    }
}

void Replication::give_up(const std::string& why) {
    disconnect();
    on_lost(why);
}

void Replication::on_lost(const std::string& why) {
    const bool was_streaming = step_ == Step::Stream;
    step_ = Step::Idle;
    reading_ = false;
    command_.clear();
    uv_idle_stop(more_);
    assembler_.reset();
    hub_.on_stream_end();
    if (problem_ != why) {
        spdlog::error("replication: {}{}", was_streaming ? "the stream ended: " : "", why);
    }
    problem_ = why;
    retry_at_ = hub_.now() + pause_.after_failure(was_streaming && has_progressed());
}

// A stream that ends at the same transaction each time has begun well each time. One that has lived for a while did, too, when
// there was nothing to come.
bool Replication::has_progressed() const {
    constexpr double proven_seconds = 10;
    return hub_.complete_head().lsn > stream_began_at_ || hub_.now() - stream_began_ > proven_seconds;
}

void Replication::ask(Step step, const std::string& command) {
    step_ = step;
    command_ = command;
    if (!reading_) {
        send_command();
    }
}

void Replication::send_command() {
    if (PQsendQuery(connection(), command_.c_str()) == 0) {
        give_up(one_line(PQerrorMessage(connection())));
        return;
    }
    command_.clear();
    flush();
}

void Replication::on_connected() {
    ++connects_;
    last_input_ = hub_.now();
    ask(Step::Identify, "IDENTIFY_SYSTEM");
}

void Replication::on_input() {
    last_input_ = hub_.now();
    if (step_ == Step::Stream) {
        read_stream();
        return;
    }
    while (step_ != Step::Idle && step_ != Step::Stream && PQisBusy(connection()) == 0) {
        PGresult* result = PQgetResult(connection());
        if (result == nullptr) {
            // Only now is the connection free for the next command.
            reading_ = false;
            if (!command_.empty()) {
                send_command();
            }
            break;
        }
        reading_ = true;
        on_result(result);
        PQclear(result);
        if (step_ == Step::Stream) {
            read_stream(); // it may have come together with the answer
            return;
        }
    }
}

void Replication::on_result(const PGresult* result) {
    const ExecStatusType status = PQresultStatus(result);
    if (step_ == Step::Timelines) {
        on_timelines(result);
        return;
    }
    if (status == PGRES_FATAL_ERROR) {
        const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (step_ == Step::Start && state != nullptr && std::strcmp(state, "55000") == 0) {
            spdlog::error("replication: slot \"{}\" cannot be used: {}", config_.slot,
                          one_line(PQresultErrorMessage(result)));
        }
        give_up(one_line(PQresultErrorMessage(result)));
        return;
    }
    switch (step_) {
    case Step::Identify:
        on_identified(result);
        break;
    case Step::FindSlot:
        on_slot_found(result);
        break;
    case Step::DropSlot:
        if (status == PGRES_COMMAND_OK) {
            create_slot();
        }
        break;
    case Step::CreateSlot:
        if (status == PGRES_TUPLES_OK) {
            slot_confirmed_ = read_lsn(PQgetvalue(result, 0, 1));
            spdlog::info("replication: made slot \"{}\" at {}", config_.slot, PQgetvalue(result, 0, 1));
            connect_began_ = hub_.now(); // that may have taken long
            begin_stream();
        }
        break;
    case Step::Start:
        if (status == PGRES_COPY_BOTH) {
            step_ = Step::Stream;
            problem_.clear();
            assembler_.reset();
            server_lsn_ = std::max(server_lsn_, target_);
            sent_confirmed_ = slot_confirmed_;
            begin_history();
            stream_began_ = hub_.now();
            stream_began_at_ = hub_.complete_head().lsn;
            spdlog::info("replication: reading slot \"{}\"", config_.slot);
            send_status(true);
        }
        break;
    case Step::Idle:
    case Step::Timelines:
    case Step::Stream:
        break;
    }
}

void Replication::on_identified(const PGresult* result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        return;
    }
    target_ = read_lsn(PQgetvalue(result, 0, 2));
    const auto timeline = static_cast<std::uint32_t>(std::strtoul(PQgetvalue(result, 0, 1), nullptr, 10));
    if (server_system_ != PQgetvalue(result, 0, 0) || timelines_.current != timeline) {
        server_system_ = PQgetvalue(result, 0, 0);
        timelines_ = {timeline, {}};
    }
    if (timeline > 1 && timelines_.before.empty()) {
        ask(Step::Timelines, "TIMELINE_HISTORY " + std::to_string(timeline));
        return;
    }
    find_slot();
}

void Replication::on_timelines(const PGresult* result) {
    std::optional<std::vector<stream::Timelines::Left>> before;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 && PQnfields(result) == 2) {
        before = stream::Timelines::read_history(
            {PQgetvalue(result, 0, 1), static_cast<std::size_t>(PQgetlength(result, 0, 1))});
    }
    if (before) {
        timelines_.before = std::move(*before);
    } else {
        spdlog::warn(
            "replication: the history of timeline {} cannot be had ({}); clients with cursors of others "
            "are told to read again",
            timelines_.current, one_line(PQresultErrorMessage(result)));
    }
    find_slot();
}

void Replication::find_slot() {
    // Behind a failover or a restore the same addresses may mean other changes.
    other_history_ = had_slot_ && (server_system_ != system_ || !timelines_.have(hub_.head()) ||
                                   target_ < hub_.head().lsn);
    if (other_history_) {
        spdlog::error("replication: the server continues another history (a failover or a restore); all "
                      "clients are told to "
                      "read again");
    }
    ask(Step::FindSlot, "SELECT s.plugin, s.database = current_database(), s.wal_status = 'lost', "
                        "s.confirmed_flush_lsn, s.two_phase, "
                        "(SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
                        "WHERE e.extname = 'pg_realtime') "
                        "FROM (SELECT 1) one LEFT JOIN pg_replication_slots s ON s.slot_name = " +
                            literal(config_.slot));
}

void Replication::on_slot_found(const PGresult* result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        return;
    }
    if (PQgetisnull(result, 0, 5) != 0) {
        give_up("extension pg_realtime is not installed in the database; run CREATE EXTENSION pg_realtime");
        return;
    }
    hub_.extension_schema = PQgetvalue(result, 0, 5);
    if (PQgetisnull(result, 0, 0) != 0) {
        // Either it never was there, or it is gone; then whoever listens has missed something.
        if (had_slot_) {
            spdlog::error(
                "replication: slot \"{}\" is gone; it is made anew, and all clients are told to read again",
                config_.slot);
            ++slots_recreated_;
        }
        create_slot();
        return;
    }
    const auto is_true = [&](int column) { return std::strcmp(PQgetvalue(result, 0, column), "t") == 0; };
    if (std::strcmp(PQgetvalue(result, 0, 0), "pg_realtime") != 0 || !is_true(1) || is_true(4)) {
        give_up(
            "slot \"" + config_.slot +
            "\" is not ours: it is of another output plugin or database, or with two_phase; choose another "
            "name with --slot");
        return;
    }
    if (is_true(2)) {
        if (!config_.recreate_lost_slot) {
            give_up("slot \"" + config_.slot +
                    "\" was invalidated because it kept more than max_slot_wal_keep_size; "
                    "drop it with pg_drop_replication_slot()");
            return;
        }
        spdlog::error("replication: the server has invalidated slot \"{}\" (max_slot_wal_keep_size); it is "
                      "dropped and made "
                      "anew, and all clients are told to read again",
                      config_.slot);
        ++slots_recreated_;
        ask(Step::DropSlot, "DROP_REPLICATION_SLOT \"" + config_.slot + "\"");
        return;
    }
    slot_confirmed_ = read_lsn(PQgetvalue(result, 0, 3));
    if (slot_confirmed_ == 0) {
        give_up("slot \"" + config_.slot + "\" is still being made by somebody else");
        return;
    }
    begin_stream();
}

void Replication::create_slot() {
    slot_is_new_ = true;
    ask(Step::CreateSlot,
        "CREATE_REPLICATION_SLOT \"" + config_.slot + "\" LOGICAL pg_realtime NOEXPORT_SNAPSHOT");
}

void Replication::begin_stream() {
    // What ended before this address we have. The server reads all from the confirmed place on again nevertheless, for what had
    // not ended there, but need not send it. A place that is not ahead of the confirmed one means the latter.
    const bool goes_on = had_slot_ && !slot_is_new_ && !other_history_;
    const std::string from = goes_on ? protocol::text_of_lsn(hub_.complete_head().lsn) : "0/0";
    ask(Step::Start, "START_REPLICATION SLOT \"" + config_.slot + "\" LOGICAL " + from +
                         " (\"format\" 'frame', \"memberships\" 'on', \"publication_names\" " +
                         literal(config_.publication) + ", \"max_change_bytes\" " +
                         literal(std::to_string(config_.max_change_bytes)) + ")");
}

// Tells the hub whether what comes continues what came before.
void Replication::begin_history() {
    const bool lost = had_slot_ && (slot_is_new_ || other_history_);
    if (lost) {
        // Cursors begin anew: those that we remember would hide new changes.
        assembler_.start_after({slot_confirmed_, 0});
        server_lsn_ = target_;
    }
    had_slot_ = true;
    slot_is_new_ = false;
    system_ = server_system_;
    assembler_.set_timeline(timelines_.current);
    hub_.on_stream_start(slot_confirmed_, target_, lost, timelines_);
}

void Replication::read_stream() {
    std::size_t taken = 0;
    while (step_ == Step::Stream) {
        if (taken >= turn_bytes) {
            // More is not taken in meanwhile, or what libpq holds would grow as long as the server is faster than we.
            pause_reading();
            last_input_ = hub_.now();
            uv_idle_start(more_,
                          [](uv_idle_t* idle) { static_cast<Replication*>(idle->data)->read_stream(); });
            return;
        }
        char* buffer = nullptr;
        const int size = PQgetCopyData(connection(), &buffer, 1);
        if (size == 0) {
            break;
        }
        if (size < 0) {
            const PGresult* result = PQgetResult(connection());
            std::string why = one_line(PQerrorMessage(connection()));
            PQclear(const_cast<PGresult*>(result));
            give_up(why.empty() ? "the server ended the stream" : why);
            return;
        }
        taken += static_cast<std::size_t>(size);
        bytes_ += static_cast<std::uint64_t>(size);
        if (!read_message(buffer, static_cast<std::size_t>(size))) {
            return;
        }
    }
    uv_idle_stop(more_);
    if (hub_.head().lsn >= server_lsn_) {
        up_to_date_ = hub_.now();
    }
    resume_reading();
}

// Owns `buffer`.
bool Replication::read_message(char* buffer, std::size_t size) {
    if (size >= data_head && buffer[0] == 'w') {
        server_lsn_ = std::max(server_lsn_, read_u64(buffer + 9));
        const auto block = std::make_shared<stream::Block>(
            buffer, std::string_view(buffer + data_head, size - data_head), PQfreemem);
        const std::string fault = assembler_.feed(block);
        if (!fault.empty()) {
            give_up(fault);
            return false;
        }
        return true;
    }
    if (size == keepalive_size && buffer[0] == 'k') {
        const std::uint64_t sent = read_u64(buffer + 1);
        const bool answer = buffer[17] != 0;
        PQfreemem(buffer);
        server_lsn_ = std::max(server_lsn_, sent);
        // Everything before the address was decoded, and what concerns us was sent before this message.
        if (!assembler_.in_transaction()) {
            hub_.on_progress(sent);
        }
        if (answer && shuts_down(sent)) {
            // It waits until everything is confirmed, and would for the whole resume window. The slot keeps its place.
            give_up("the server shuts down");
            return false;
        }
        if (answer) {
            send_status(false);
        }
        return true;
    }
    PQfreemem(buffer);
    give_up("the server sent a replication message of an unknown kind");
    return false;
}

// A server that goes down asks again as soon as it has an answer; otherwise only once in half of wal_sender_timeout.
bool Replication::shuts_down(std::uint64_t sent) {
    constexpr unsigned many = 10;
    constexpr double within_seconds = 1;
    const double now = hub_.now();
    if (sent != asked_at_ || now - asked_since_ > within_seconds) {
        asked_at_ = sent;
        asked_since_ = now;
        asked_ = 0;
    }
    return ++asked_ >= many && hub_.head().lsn >= sent;
}

void Replication::send_status(bool ask_for_answer) {
    char message[1 + 8 + 8 + 8 + 8 + 1];
    const std::uint64_t confirmed = std::max(hub_.history.confirmed(), slot_confirmed_);
    uv_timeval64_t time{};
    uv_gettimeofday(&time);
    message[0] = 'r';
    write_u64(message + 1, std::max(hub_.head().lsn, confirmed)); // received
    write_u64(message + 9, confirmed);                            // stored for good
    write_u64(message + 17, confirmed);                           // applied
    write_u64(message + 25, static_cast<std::uint64_t>(time.tv_sec * 1'000'000 + time.tv_usec -
                                                       wire::postgres_epoch_in_unix_microseconds));
    message[33] = ask_for_answer ? 1 : 0;
    last_status_ = hub_.now();
    sent_confirmed_ = confirmed;
    if (PQputCopyData(connection(), message, sizeof(message)) < 0) {
        give_up(one_line(PQerrorMessage(connection())));
        return;
    }
    flush();
}

} // namespace gateway
