#include "gateway/config.hpp"

#include <CLI/CLI.hpp>
#include <libpq-fe.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "gateway/address.hpp"
#include "gateway/config_file.hpp"
#include "gateway/listen_address.hpp"

namespace gateway {

namespace {

// What a number may be.
struct Range {
    double lowest = 1;
    double highest = 1e9;
};
constexpr double day = 86400, megabyte = 1024 * 1024;
constexpr Range or_none{0, 1e9}, seconds{1, day}, seconds_or_none{0, day};
// What is written into one frame stays far below what a frame holds (hub/writer.cpp), twice as well.
constexpr Range bytes{1, 256 * megabyte};

class Settings {
  public:
    Settings(CLI::App& app, Config& config) : app_(app), config_(config) {}

    void add_all() {
        Config& c = config_;
        group("Database");
        add("database-url", c.database_url,
            "libpq connection string or URL of the database; one with a password is refused as a flag");
        add("slot", c.slot, "name of the replication slot; made when it does not exist");
        add("publication", c.publication, "publications to stream, separated by commas");
        add("recreate-lost-slot", c.recreate_lost_slot,
            "make the slot anew when the server has invalidated it; all clients are told to read again");
        add("max-change-bytes", c.max_change_bytes, "larger rows are sent without their values",
            {1024, 256 * megabyte});
        add("pool-size", c.pool_size, "connections for functions and look-ups", {1, 100});
        add("query-timeout", c.query_timeout, "longest time of a function, in milliseconds", {1, day * 1000});
        add("queue-length", c.queue_length, "requests that may wait for a connection");
        add("queries-per-caller", c.queries_per_caller,
            "functions and snapshots of one user, and of one tenant, that run at the same time; 0 for two "
            "less than "
            "pool-size, at least one",
            or_none);

        group("Network");
        add("listen", c.listen,
            "addresses HOST:PORT or unix:PATH; HOST is numeric (IPv6 in brackets), localhost, or empty for "
            "all of IPv4; sockets of systemd are used instead");
        add("cors-origins", c.cors_origins, "origins of pages that may call; * for all");
        add("proxies", c.proxies, "addresses of proxies, from which everybody may come");
        add("trust-forwarded", c.trust_forwarded,
            "take the client's address from X-Forwarded-For of a proxy");
        add("compression", c.compression, "offer permessage-deflate");
        add("io-uring", c.io_uring, "send to many sockets with one system call, where the kernel allows it");
        add("dashboard", c.dashboard, "folder with the files of /dashboard");

        group("Tokens");
        add("jwt-secret-file", c.jwt_secret_file,
            "file with the secret of HS256, HS384 and HS512; or the secret itself in the environment "
            "variable PG_REALTIMED_JWT_SECRET");
        add("jwks-file", c.jwks_file, "file with a JSON Web Key Set, or keys in PEM");
        add("jwks-url", c.jwks_url, "address of a JSON Web Key Set");
        add("api-keys-file", c.api_keys_file,
            "file with lines KEY=ROLE: opaque keys (sb_publishable_...) that count as tokens of a role");
        add("jwks-refresh", c.jwks_refresh, "seconds between two looks at jwks-file and jwks-url", seconds);
        add("jwt-audience", c.jwt_audience, "audiences, one of which a token must name");
        add("jwt-issuer", c.jwt_issuer, "issuers, one of which must have issued a token");
        add("jwt-leeway", c.jwt_leeway, "seconds by which clocks may differ", seconds_or_none);
        add("tenant-claim", c.tenant_claim,
            "claim that names tenants beside tenant_memberships, for example app_metadata.tenant_ids");
        add("service-roles", c.service_roles, "roles of tokens that see every tenant");
        add("roles", c.role_pairs, "TOKEN_ROLE=DATABASE_ROLE: as whom functions and snapshots run");

        group("Resuming");
        add("resume-window", c.resume_window, "seconds for which changes are kept for those who come back",
            seconds);
        add("resume-bytes", c.resume_bytes, "bytes that are kept at most", {megabyte, megabyte * megabyte});

        group("Limits");
        add("max-connections", c.max_connections, "open connections");
        add("connections-per-address", c.connections_per_address,
            "of them, of one address, 0 for no limit. Addresses of proxies have none", or_none);
        add("connections-per-second-per-address", c.connections_per_second_per_address,
            "new connections of one address, four times as many at once, 0 for no limit", or_none);
        add("connections-per-second", c.connections_per_second, "new connections");
        add("requests-per-second", c.requests_per_second,
            "HTTP requests of one address, of one user, and of one tenant");
        add("channels-per-socket", c.limits.channels_per_socket, "channels");
        add("bindings-per-socket", c.limits.bindings_per_socket,
            "postgres_changes of all channels of a socket");
        add("joins-per-second", c.limits.joins_per_second,
            "joins of one socket, and patterns in their filters");
        add("join-bytes", c.limits.join_bytes, "bytes of a join", bytes);
        add("pattern-time", c.limits.pattern_time,
            "milliseconds that like, ilike, match and imatch of one address, and of one user, may take for a "
            "change; five "
            "times that in a second, and four times that of all clients of a table",
            {1, 1e6});
        add("messages-per-second", c.limits.messages_per_second, "messages of one socket");
        add("message-bytes", c.message_bytes, "bytes of a message of a client", bytes);
        add("body-bytes", c.body_bytes, "bytes of the body of a request", bytes);
        add("topic-bytes", c.limits.topic_bytes, "bytes of the name of a topic", bytes);
        add("broadcast-bytes", c.limits.broadcast_bytes, "bytes of event and payload of a broadcast", bytes);
        add("broadcast-bytes-per-second", c.limits.broadcast_bytes_per_second,
            "bytes of the broadcasts of one socket, and of one address by HTTP; twice as many at once. "
            "Presence counts with "
            "what it sends to the others",
            bytes);
        add("presence-bytes", c.limits.presence_bytes, "bytes of what a client tracks", bytes);
        add("presence-per-topic", c.limits.presence_per_topic, "clients that are tracked on a topic");
        add("presence-topic-bytes", c.limits.presence_topic_bytes,
            "bytes of all that is tracked on a topic, or by a socket", bytes);
        add("send-queue-bytes", c.send_queue_bytes,
            "bytes that may wait at a socket; a slower client is closed", bytes);
        add("answer-bytes", c.answer_bytes, "bytes of all answers to requests that wait to be taken",
            {1, megabyte * megabyte});
        add("user-answer-bytes", c.user_answer_bytes,
            "of them, of one user, and of one address without a token", {1, megabyte * megabyte});
        add("answer-bytes-per-second", c.answer_bytes_per_second,
            "at which an answer has to be taken, behind stall-timeout; a slower connection is closed",
            {1, 1e9});
        add("snapshot-rows", c.snapshot_rows, "rows of a snapshot");
        add("snapshot-bytes", c.snapshot_bytes, "bytes of its rows", bytes);
        add("handshake-timeout", c.handshake_timeout,
            "seconds until a request must have come, and until a WebSocket must have joined its first "
            "channel",
            seconds);
        add("join-timeout", c.limits.join_timeout,
            "seconds until a join is answered, unless the client says how long it waits", {0.01, day});
        add("idle-timeout", c.idle_timeout, "seconds without a message of a client", seconds);
        add("stall-timeout", c.stall_timeout,
            "seconds for a client to take anything of what waits for it, and to complete a message that it "
            "has begun",
            seconds);
        add("drain-timeout", c.drain_timeout, "seconds for clients to go after SIGTERM", seconds_or_none);

        group("Watching");
        add("report-interval", c.report_interval,
            "seconds between two reports of all connections into realtime_connection_metrics; 0 for none",
            seconds_or_none);
        add("metrics-tenants", c.metrics_tenants, "tenants that have series of their own in /metrics",
            or_none);
        add("log-level", c.log_level, "trace, debug, info, warning, error");
        add("log-format", c.log_format, "text or json");
        settings_.at("publication").kind = SettingKind::List; // the server takes it apart
    }

    // The file gives what neither a flag nor the environment gives, whose turn has been before. CLI11 would ask the file before the
    // environment. Empty, or what is wrong.
    std::string apply_file(const std::string& path) {
        std::map<std::string, SettingKind> known;
        for (const auto& [name, setting] : settings_) {
            known.emplace(name, setting.kind);
        }
        std::vector<FileSetting> given;
        if (std::string fault = read_config_file(path, known, given); !fault.empty()) {
            return fault;
        }
        for (FileSetting& one : given) {
            const Setting& setting = settings_.at(one.name);
            if (setting.option->count() != 0) {
                continue;
            }
            if (one.list && setting.list != nullptr) {
                *setting.list = std::move(*one.list);
                continue;
            }
            try {
                setting.option->add_result(one.list ? CLI::detail::join(*one.list, ",") : one.text);
                setting.option->run_callback();
            } catch (const CLI::ParseError& error) {
                return one.place + ": " + error.what();
            }
        }
        return {};
    }

  private:
    struct Setting {
        CLI::Option* option = nullptr;
        SettingKind kind = SettingKind::Text;
        std::vector<std::string>* list = nullptr;
    };

    void group(std::string name) { group_ = std::move(name); }

    template <class Value>
    void add(const std::string& name, Value& value, const std::string& help, Range range = {}) {
        std::string variable = "PG_REALTIMED_" + name;
        std::transform(variable.begin(), variable.end(), variable.begin(), [](unsigned char letter) {
            return letter == '-' ? '_' : static_cast<char>(std::toupper(letter));
        });
        auto* option = app_.add_option("--" + name, value, help)->envname(variable)->capture_default_str();
        option->group(group_);
        Setting& setting = settings_[name];
        setting.option = option;
        if constexpr (std::is_same_v<Value, bool>) {
            setting.kind = SettingKind::Boolean;
        } else if constexpr (std::is_arithmetic_v<Value>) {
            setting.kind = std::is_floating_point_v<Value> ? SettingKind::Number : SettingKind::Integer;
            if (name.ends_with("-bytes") || name.ends_with("-bytes-per-second")) {
                setting.kind = SettingKind::Size;
                option->transform(CLI::AsSizeValue(false)); // 1MB and such
            }
            option->check(CLI::Range(range.lowest, range.highest));
            if constexpr (std::is_floating_point_v<Value>) {
                // Within every range, as comparisons say.
                option->check([](const std::string& text) {
                    const std::string fault = "Value " + text + " is no number";
                    return std::isnan(std::strtod(text.c_str(), nullptr)) ? fault : std::string();
                });
            }
        }
        if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            setting.kind = SettingKind::List;
            setting.list = &value;
            option->delimiter(',')->take_all();
            option->transform([](std::string text) { return CLI::detail::trim(text); }); // "a, b"
        }
    }

    CLI::App& app_;
    Config& config_;
    std::string group_;
    std::map<std::string, Setting> settings_;
};

bool is_slot_name(const std::string& name) {
    return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
    });
}

// libpq says what is wrong with it, too, and quotes the password.
bool is_understood(const std::string& url) {
    const bool is_connection_string = url.starts_with("postgresql://") || url.starts_with("postgres://") ||
                                      url.find('=') != std::string::npos;
    PQconninfoOption* const options = is_connection_string ? PQconninfoParse(url.c_str(), nullptr) : nullptr;
    const bool understood = !is_connection_string || options != nullptr;
    PQconninfoFree(options);
    return understood;
}

// Whether a connection string holds a secret.
bool has_password(const std::string& url) {
    PQconninfoOption* const options = PQconninfoParse(url.c_str(), nullptr);
    bool has = false;
    for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr;
         ++option) {
        const std::string_view keyword = option->keyword;
        const bool secret =
            keyword == "password" || keyword == "sslpassword" || keyword == "oauth_client_secret";
        has = has || (secret && option->val != nullptr && *option->val != '\0');
    }
    PQconninfoFree(options);
    return has;
}

// Flags are seen by every user of the machine, in ps and in /proc.
bool shows_password(int argc, const char* const* argv) {
    const std::string flag = "--database-url";
    for (int index = 1; index < argc; ++index) {
        const std::string argument = argv[index];
        if ((argument == flag && index + 1 < argc && has_password(argv[index + 1])) ||
            (argument.starts_with(flag + "=") && has_password(argument.substr(flag.size() + 1)))) {
            return true;
        }
    }
    return false;
}

// Of a file that holds a password; empty when others cannot read it.
std::string warning_about(const std::string& file, const std::string& url) {
    struct stat status {};
    constexpr unsigned others = S_IRGRP | S_IROTH;
    return has_password(url) && stat(file.c_str(), &status) == 0 && (status.st_mode & others) != 0
               ? "pg_realtimed: warning: file \"" + file +
                     "\" holds a password of the database and can be read by other users; make its mode 0600"
               : std::string();
}

} // namespace

std::string fault_of(const Config& config) {
    if (!is_understood(config.database_url)) {
        return "database-url is no connection string or URL as libpq reads them; characters of a password "
               "may "
               "have to be written as %XX (it is not shown, because it may hold one)";
    }
    if (!is_slot_name(config.slot)) {
        return "slot \"" + config.slot + "\" is no name of a slot: up to 63 of a-z, 0-9 and _";
    }
    for (const std::string& text : config.listen) {
        ListenAddress address;
        if (std::string fault = read_listen_address(text, address); !fault.empty()) {
            return fault;
        }
    }
    for (const std::string& proxy : config.proxies) {
        if (address_in(proxy).empty()) {
            return "proxies has \"" + proxy + "\", which is no address of one machine";
        }
    }
    if (config.jwt_secret.empty() && config.jwt_secret_file.empty() && config.jwks_file.empty() &&
        config.jwks_url.empty()) {
        return "there is no key to verify tokens with: set jwt-secret-file, jwks-file, jwks-url or the "
               "environment variable PG_REALTIMED_JWT_SECRET";
    }
    static const char* const levels[] = {"trace", "debug", "info", "warning", "error"};
    if (std::none_of(std::begin(levels), std::end(levels),
                     [&](const char* level) { return config.log_level == level; })) {
        return "log-level \"" + config.log_level + "\" is none of trace, debug, info, warning, error";
    }
    if (config.log_format != "text" && config.log_format != "json") {
        return "log-format \"" + config.log_format + "\" is neither text nor json";
    }
    for (const std::string& pair : config.role_pairs) {
        const std::size_t sign = pair.find('=');
        if (sign == 0 || sign == std::string::npos || sign + 1 == pair.size()) {
            return "roles has \"" + pair + "\", which is no TOKEN_ROLE=DATABASE_ROLE";
        }
    }
    return {};
}

Parsed parse_config(int argc, const char* const* argv) {
    Config config;
    CLI::App app("Realtime gateway of pg_realtime: reads one replication slot and serves many browsers.\n"
                 "Every setting is a flag, an environment variable and a key of the configuration file.",
                 "pg_realtimed");
    app.set_version_flag("--version", "pg_realtimed " PG_REALTIME_VERSION);
    std::string file;
    app.add_option("--config", file, "configuration file (TOML)")->envname("PG_REALTIMED_CONFIG");
    app.add_flag("--check", config.check, "verify settings, keys and database, and end");
    Settings settings(app, config);
    settings.add_all();
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return {std::nullopt, app.exit(success)};
    } catch (const CLI::ParseError& error) {
        app.exit(error, std::cout, std::cerr);
        return {std::nullopt, 2};
    }
    if (shows_password(argc, argv)) {
        std::cerr << "pg_realtimed: database-url holds a password, which every user of the machine sees when "
                     "it is a flag; "
                     "set the environment variable PG_REALTIMED_DATABASE_URL, the key database-url of a file "
                     "for --config "
                     "(mode 0600), or a password file of libpq (PGPASSFILE)\n";
        return {std::nullopt, 2};
    }
    const std::string url_before = config.database_url;
    if (const std::string fault = file.empty() ? std::string() : settings.apply_file(file); !fault.empty()) {
        std::cerr << "pg_realtimed: " << fault << '\n';
        return {std::nullopt, 2};
    }
    if (config.database_url != url_before) {
        if (const std::string warning = warning_about(file, config.database_url); !warning.empty()) {
            std::cerr << warning << '\n';
        }
    }
    // Not a flag: everybody sees those.
    if (const char* secret = std::getenv("PG_REALTIMED_JWT_SECRET")) {
        config.jwt_secret = secret;
    }
    if (const std::string fault = fault_of(config); !fault.empty()) {
        std::cerr << "pg_realtimed: " << fault << '\n';
        return {std::nullopt, 2};
    }
    for (std::string& proxy : config.proxies) {
        proxy = address_in(proxy);
    }
    for (const std::string& pair : config.role_pairs) {
        const std::size_t sign = pair.find('=');
        config.roles[pair.substr(0, sign)] = pair.substr(sign + 1);
    }
    return {std::move(config), 0};
}

} // namespace gateway
