// Everything that can be set. A setting has one name: as a key of the configuration file, as a flag (--jwt-audience), and as
// an environment variable (PG_REALTIMED_JWT_AUDIENCE). Flags win over the environment, and that over the file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hub/limits.hpp"

namespace gateway {

struct Config {
    std::string database_url = "postgresql:///postgres";
    std::vector<std::string> listen{"127.0.0.1:4000"};
    std::string slot = "pg_realtimed";
    std::string publication = "pg_realtime";
    bool recreate_lost_slot = true;
    std::size_t max_change_bytes = 1024 * 1024;

    std::string jwt_secret_file, jwks_file, jwks_url;
    std::string jwt_secret; // from the environment only: flags are seen by everybody on the machine
    std::string api_keys_file;
    unsigned jwks_refresh = 300; // s
    std::vector<std::string> jwt_audience, jwt_issuer;
    double jwt_leeway = 0;    // s
    std::string tenant_claim; // a path, with a dot between members
    std::vector<std::string> service_roles{"service_role"};
    std::map<std::string, std::string> roles; // role of the token: role of the database
    std::vector<std::string> role_pairs{"authenticated=realtime_writer", "anon=realtime_reader"};

    double resume_window = 300; // s
    std::size_t resume_bytes = 256ULL * 1024 * 1024;

    unsigned pool_size = 4;
    unsigned query_timeout = 10'000; // ms
    std::size_t queue_length = 1000;
    std::size_t queries_per_caller =
        0; // at the same time, of one user and of one tenant; 0: RunningQuota::default_for()

    hub::Limits limits;
    std::size_t max_connections = 20'000;
    std::size_t connections_per_address = 1000;          // 0: as many as there are
    std::size_t connections_per_second_per_address = 50; // 0: as often as they like
    std::vector<std::string> proxies{"127.0.0.1", "::1"};
    std::size_t connections_per_second = 2000;
    std::size_t requests_per_second = 200; // of one address, of one user, and of one tenant
    std::size_t send_queue_bytes = 1024 * 1024;
    std::size_t message_bytes = 1'000'000;
    std::size_t body_bytes = 1024 * 1024;
    std::size_t answer_bytes = 256ULL * 1024 * 1024; // of all answers that wait to be taken
    std::size_t user_answer_bytes =
        64ULL * 1024 * 1024; // of them, of one user, or of one address without a token
    std::size_t answer_bytes_per_second = 16 * 1024; // at which an answer has to be taken at least
    std::size_t snapshot_rows = 10'000;
    std::size_t snapshot_bytes = 16ULL * 1024 * 1024;
    unsigned handshake_timeout = 10; // s
    unsigned idle_timeout = 60;      // s
    unsigned stall_timeout = 15;     // s
    unsigned drain_timeout = 10;     // s
    unsigned report_interval = 30;   // s; 0: no reports
    unsigned metrics_tenants = 100;  // series of single tenants
    bool compression = false;
    bool io_uring = true;
    std::vector<std::string> cors_origins{"*"};
    bool trust_forwarded = false;
    std::string dashboard; // folder

    std::string log_level = "info";
    std::string log_format = "text";

    bool check = false;
};

struct Parsed {
    std::optional<Config> config; // empty: the program is to end with `exit_code`
    int exit_code = 0;
};

// Reads flags, environment and file. Prints what --help and --version ask for, and what is wrong, to the standard streams.
// Exit codes: 0 help or version, 2 wrong settings.
Parsed parse_config(int argc, const char* const* argv);

// What is wrong with the values, or empty.
std::string fault_of(const Config& config);

} // namespace gateway
