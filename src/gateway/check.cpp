#include "gateway/check.hpp"

#include <libpq-fe.h>

#include <iostream>
#include <memory>
#include <optional>
#include <set>

#include "gateway/gatekeeper.hpp"
#include "gateway/grant_hint.hpp"
#include "gateway/link.hpp"
#include "gateway/read_file.hpp"

namespace gateway {

namespace {

using Row = std::vector<std::optional<std::string>>;
using Parameters = std::vector<std::pair<const char*, std::string>>;

std::string quoted(const std::string& text) {
    return '"' + text + '"';
}

// A connection that is waited for: nothing else goes on meanwhile.
class Session {
  public:
    Session(const std::string& url, const Parameters& more) {
        std::vector<const char*> names{"dbname"}, values{url.c_str()};
        for (const auto& [name, value] : more) {
            names.push_back(name);
            values.push_back(value.c_str());
        }
        names.push_back(nullptr);
        values.push_back(nullptr);
        connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
        if (PQstatus(connection_.get()) != CONNECTION_OK) {
            fault_ = one_line(PQerrorMessage(connection_.get()));
        }
    }

    // What kept the connection or the last statement from succeeding, or empty.
    const std::string& fault() const { return fault_; }
    const std::string& sqlstate() const { return sqlstate_; } // of the fault of a statement
    int version() const { return PQserverVersion(connection_.get()); }

    std::vector<Row> ask(const char* statement, const std::vector<std::string>& parameters = {}) {
        std::vector<const char*> values;
        for (const std::string& parameter : parameters) {
            values.push_back(parameter.c_str());
        }
        return rows_of(PQexecParams(connection_.get(), statement, static_cast<int>(values.size()), nullptr,
                                    values.data(), nullptr, nullptr, 0));
    }

    // For commands of replication, which take no parameters.
    std::vector<Row> command(const char* text) { return rows_of(PQexec(connection_.get(), text)); }

    std::string identifier(const std::string& name) const {
        const std::unique_ptr<char, decltype(&PQfreemem)> text(
            PQescapeIdentifier(connection_.get(), name.data(), name.size()), PQfreemem);
        return text == nullptr ? quoted(name) : text.get();
    }

  private:
    std::vector<Row> rows_of(PGresult* taken) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(taken, PQclear);
        fault_.clear();
        sqlstate_.clear();
        std::vector<Row> rows;
        const ExecStatusType status = PQresultStatus(result.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            fault_ = one_line(PQerrorMessage(connection_.get()));
            const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
            sqlstate_ = state == nullptr ? "" : state;
            return rows;
        }
        for (int row = 0; row < PQntuples(result.get()); ++row) {
            Row& values = rows.emplace_back();
            for (int column = 0; column < PQnfields(result.get()); ++column) {
                values.emplace_back();
                if (PQgetisnull(result.get(), row, column) == 0) {
                    values.back() = PQgetvalue(result.get(), row, column);
                }
            }
        }
        return rows;
    }

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, PQfinish};
    std::string fault_, sqlstate_;
};

// The names of a list as PostgreSQL writes it: separated by commas, in quotes or folded to lower case.
std::vector<std::string> names_of(const std::string& list) {
    std::vector<std::string> names(1);
    bool in_quotes = false;
    for (std::size_t at = 0; at < list.size(); ++at) {
        const char letter = list[at];
        if (letter == '"') {
            if (in_quotes && at + 1 < list.size() && list[at + 1] == '"') {
                names.back() += list[++at];
            } else {
                in_quotes = !in_quotes;
            }
        } else if (in_quotes) {
            names.back() += letter;
        } else if (letter == ',') {
            names.emplace_back();
        } else if (letter != ' ' && letter != '\t' && letter != '\n') {
            names.back() += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
        }
    }
    return names;
}

class Check {
  public:
    explicit Check(const Config& config) : config_(config) {}

    int run() {
        look_at_files();
        Session session(config_.database_url,
                        {{"application_name", "pg_realtimed"},
                         {"connect_timeout", "10"},
                         {"client_encoding", "UTF8"},
                         {"options", "-c statement_timeout=" + std::to_string(config_.query_timeout)}});
        if (!session.fault().empty()) {
            wrong("the database cannot be reached: " + session.fault(),
                  "Look at database-url, and whether the server runs and lets the gateway in (pg_hba.conf).");
            return code_;
        }
        if (!look_at_server(session)) {
            return code_;
        }
        look_at_roles(session);
        look_at_publications(session);
        look_at_slot(session);
        look_at_replication(session);
        look_at_plugin(session);
        return code_;
    }

  private:
    static void well(const std::string& what) { std::cout << "ok: " << what << '\n'; }
    static void note(const std::string& what) { std::cout << "note: " << what << '\n'; }
    void wrong(const std::string& what, const std::string& hint) {
        std::cout << "WRONG: " << what << "\n    " << hint << '\n';
        code_ = 1;
    }

    // The one row of a question. Without it something is wrong that nobody expects.
    std::optional<Row> row_of(Session& session, const char* statement,
                              const std::vector<std::string>& parameters = {}) {
        auto rows = session.ask(statement, parameters);
        if (rows.size() != 1) {
            wrong("the database does not answer: " + session.fault(), "The server's log may tell more.");
            return std::nullopt;
        }
        return std::move(rows.front());
    }

    void look_at_files() {
        TokenGatekeeper gatekeeper(uv_default_loop(), config_);
        if (const std::string fault = gatekeeper.load(); !fault.empty()) {
            wrong("the keys cannot be used: " + fault,
                  "Look at jwt-secret-file, jwks-file, jwks-url and api-keys-file.");
        } else {
            well("there are keys for tokens: " + std::to_string(gatekeeper.key_count()));
        }
        if (config_.dashboard.empty()) {
            return;
        }
        std::string page;
        if (const std::string fault = read_file(config_.dashboard + "/index.html", page); !fault.empty()) {
            wrong("the dashboard cannot be shown: " + fault,
                  "Setting dashboard names the folder that has its index.html.");
        } else {
            well("the dashboard can be read");
        }
    }

    // False when the rest cannot be asked for.
    bool look_at_server(Session& session) {
        const auto row = row_of(
            session,
            "SELECT pg_catalog.current_setting('wal_level'), session_user, pg_catalog.current_database(), "
            "(SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user), "
            "(SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = "
            "e.extnamespace WHERE e.extname = 'pg_realtime')");
        if (!row) {
            return false;
        }
        const std::string wal_level = (*row)[0].value_or("");
        role_ = (*row)[1].value_or("");
        database_ = (*row)[2].value_or("");
        well("role " + quoted(role_) + " can connect to database " + quoted(database_));
        is_logical_ = wal_level == "logical";
        if (is_logical_) {
            well("wal_level is logical");
        } else {
            wrong("wal_level is " + wal_level + ", not logical",
                  "Set wal_level = logical and restart the server.");
        }
        may_replicate_ = (*row)[3] == "t";
        if (may_replicate_) {
            well("role " + quoted(role_) + " may replicate");
        } else {
            wrong("role " + quoted(role_) + " may not replicate",
                  "ALTER ROLE " + session.identifier(role_) + " REPLICATION;");
        }
        if (!(*row)[4]) {
            wrong("extension pg_realtime is not installed in database " + quoted(database_),
                  "CREATE EXTENSION pg_realtime; or name another database in database-url.");
            return false;
        }
        schema_ = *(*row)[4];
        return true;
    }

    void look_at_roles(Session& session) {
        const auto member =
            row_of(session, "SELECT pg_catalog.pg_has_role(session_user, 'realtime_gateway', 'USAGE'), "
                            "pg_catalog.pg_has_role(session_user, 'realtime_gateway', 'MEMBER')");
        if (member && (*member)[0] == "t") {
            well("role " + quoted(role_) + " has the rights of realtime_gateway");
            const std::string count =
                "SELECT pg_catalog.count(*) FROM " + session.identifier(schema_) + ".realtime_tables";
            if (const auto tables = row_of(session, count.c_str())) {
                note("registered tables: " + (*tables)[0].value_or(""));
            }
        } else if (member) {
            const bool is_member = (*member)[1] == "t";
            wrong("role " + quoted(role_) +
                      (is_member ? " is a member of realtime_gateway, but does not inherit its rights"
                                 : " is no member of realtime_gateway"),
                  grant_hint(session.version(), "realtime_gateway", session.identifier(role_), Right::Inherit,
                             is_member));
        }
        for (const auto& [of_token, role] : config_.roles) {
            look_at_role(session, of_token, role);
        }
    }

    void look_at_role(Session& session, const std::string& of_token, const std::string& role) {
        const auto row =
            row_of(session,
                   "SELECT r.oid IS NOT NULL, COALESCE(pg_catalog.pg_has_role(session_user, "
                   "r.oid, $2), false) "
                   "FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_roles r ON r.rolname = $1",
                   {role, session.version() >= version_of_membership_options ? "SET" : "MEMBER"});
        if (!row) {
            return;
        }
        const std::string whom = quoted(role) + " for tokens of role " + quoted(of_token);
        if ((*row)[0] != "t") {
            wrong("role " + whom + " does not exist",
                  "CREATE ROLE " + session.identifier(role) + "; or name another one in the setting roles.");
        } else if ((*row)[1] != "t") {
            wrong("role " + quoted(role_) + " may not act as " + whom,
                  grant_hint(session.version(), session.identifier(role), session.identifier(role_),
                             Right::SetRole, false));
        } else {
            well("role " + quoted(role_) + " may act as " + whom);
        }
    }

    void look_at_publications(Session& session) {
        for (const std::string& name : names_of(config_.publication)) {
            const auto row = row_of(session,
                                    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_publication "
                                    "WHERE pubname = $1",
                                    {name});
            if (row && (*row)[0] == "1") {
                well("publication " + quoted(name) + " exists");
            } else if (row) {
                wrong("publication " + quoted(name) + " does not exist in database " + quoted(database_),
                      name == Config().publication
                          ? "realtime_add_table() makes it with the first table."
                          : "CREATE PUBLICATION " + session.identifier(name) +
                                " ...; or name another one in the setting publication.");
            }
        }
    }

    void look_at_slot(Session& session) {
        // to_jsonb() for what only later versions have.
        const auto rows =
            session.ask("SELECT s.slot_type, s.plugin, s.database, s.wal_status, s.two_phase, s.active_pid, "
                        "pg_catalog.to_jsonb(s) ->> 'invalidation_reason' "
                        "FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1",
                        {config_.slot});
        const std::string slot = "slot " + quoted(config_.slot);
        if (!session.fault().empty()) {
            wrong(slot + " cannot be looked at: " + session.fault(), "The server's log may tell more.");
            return;
        }
        if (rows.empty()) {
            look_for_free_slot(session);
            return;
        }
        const Row& row = rows.front();
        const std::string other =
            "Choose another name with slot, or drop it with pg_drop_replication_slot().";
        if (row[0] != "logical") {
            wrong(slot + " is a " + row[0].value_or("") + " one", other);
        } else if (row[1] != "pg_realtime") {
            wrong(slot + " is of output plugin " + quoted(row[1].value_or("")) + ", not pg_realtime", other);
        } else if (row[2] != database_) {
            wrong(slot + " is of database " + quoted(row[2].value_or("")) + ", not " + quoted(database_),
                  other);
        } else if (row[4] == "t") {
            wrong(slot + " was made with two_phase, which the gateway does not read", other);
        } else if (row[3] == "lost" && config_.recreate_lost_slot) {
            // The gateway mends this, and a check before each start must not keep it from doing so.
            note(slot + " is lost (" + row[6].value_or("max_slot_wal_keep_size") +
                 "); it will be made anew, and all clients are told to read again");
        } else if (row[3] == "lost") {
            wrong(slot + " is lost (" + row[6].value_or("max_slot_wal_keep_size") + ")",
                  "Drop it with pg_drop_replication_slot(), or set recreate-lost-slot.");
        } else {
            slot_is_read_ = row[5].has_value();
            well(slot + " is ours" + (row[5] ? ", and read by process " + *row[5] + " now" : ""));
        }
    }

    void look_for_free_slot(Session& session) {
        const auto row = row_of(session, "SELECT m.most, pg_catalog.count(s.slot_name) < m.most "
                                         "FROM (SELECT pg_catalog.current_setting('max_replication_slots')"
                                         "::integer AS most) m "
                                         "LEFT JOIN pg_catalog.pg_replication_slots s ON true "
                                         "GROUP BY m.most");
        if (!row) {
            return;
        }
        if ((*row)[1] == "t") {
            well("slot " + quoted(config_.slot) + " can be made");
        } else {
            wrong("slot " + quoted(config_.slot) + " cannot be made: all " + (*row)[0].value_or("") +
                      " of max_replication_slots are used",
                  "Drop one that nobody reads, or raise max_replication_slots and restart the server.");
        }
    }

    void look_at_replication(Session& session) {
        const auto row = row_of(session, "SELECT pg_catalog.current_setting('max_wal_senders'), "
                                         "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication) "
                                         "< pg_catalog.current_setting('max_wal_senders')::integer");
        if (!row) {
            return;
        }
        if ((*row)[1] != "t" && slot_is_read_) {
            note("a replication connection cannot be tried: all of max_wal_senders are used, one of them by "
                 "who reads the slot");
            return;
        }
        if ((*row)[1] != "t") {
            wrong("a replication connection cannot be made: all " + (*row)[0].value_or("") +
                      " of max_wal_senders are used",
                  "Raise max_wal_senders and restart the server.");
            return;
        }
        Session replication(
            config_.database_url,
            {{"replication", "database"}, {"application_name", "pg_realtimed"}, {"connect_timeout", "10"}});
        if (replication.fault().empty()) {
            replication.command("IDENTIFY_SYSTEM");
        }
        if (replication.fault().empty()) {
            well("a replication connection can be made");
        } else {
            wrong("a replication connection cannot be made: " + replication.fault(),
                  "pg_hba.conf must let the role into the database itself; max_wal_senders must have room.");
        }
    }

    // Only superusers see output_plugin_libraries: the server is asked for a slot that lasts as long as this session. It looks at the
    // setting first of all; a slot then waits for transactions that go on, which is not waited for.
    void look_at_plugin(Session& session) {
        if (!may_replicate_ || !is_logical_) {
            return; // which was said
        }
        constexpr const char *out_of_rights = "42501", *out_of_time = "57014", *out_of_slots = "53400";
        session.command("SET statement_timeout = '2s'");
        session.ask("SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM "
                    "pg_catalog.pg_create_logical_replication_slot("
                    "'pg_realtimed_check_' || pg_catalog.pg_backend_pid(), 'pg_realtime', true)");
        const std::string fault = session.fault(), state = session.sqlstate();
        session.command("RESET statement_timeout");
        if (fault.empty() || state == out_of_time) {
            well("the server takes pg_realtime as an output plugin");
        } else if (state == out_of_slots) {
            note("whether the server takes pg_realtime as an output plugin cannot be tried: all of "
                 "max_replication_slots are used");
        } else if (state == out_of_rights) {
            wrong(
                "the server does not take pg_realtime as an output plugin: " + fault,
                "Add it to output_plugin_libraries in postgresql.conf, for example output_plugin_libraries = "
                "'pgoutput, test_decoding, pg_realtime', and reload.");
        } else {
            wrong("the server does not take pg_realtime as an output plugin: " + fault,
                  "Look at wal_level, and whether the extension's library is installed where the server "
                  "looks.");
        }
    }

    const Config& config_;
    std::string role_, database_, schema_;
    bool slot_is_read_ = false, may_replicate_ = false, is_logical_ = false;
    int code_ = 0;
};

} // namespace

int check(const Config& config) {
    return Check(config).run();
}

} // namespace gateway
