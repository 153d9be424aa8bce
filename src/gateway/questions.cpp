#include "gateway/questions.hpp"

#include "gateway/log.hpp"

namespace gateway {

namespace {

// Without a snapshot no user counts as a member: the stream has no changes of a table that is not logged.
constexpr const char* tenants_statement =
    "SELECT CASE WHEN (SELECT c.relpersistence FROM pg_catalog.pg_class c WHERE c.oid = "
    "pg_catalog.to_regclass('tenant_memberships')) = 'p' THEN pg_catalog.pg_current_snapshot()::text END, "
    "t::text "
    "FROM (SELECT 1) one LEFT JOIN pg_catalog.unnest(realtime_tenant_ids()) t ON true";

// Asked by names of the catalogs only, because what is looked for may be in another schema by now.
constexpr const char* memberships_statement =
    "SELECT n.nspname, (SELECT pg_catalog.concat_ws(' ', e.oid, c.oid, c.relfilenode, c.relkind, "
    "c.relpersistence, "
    "(SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.atttypid, a.attname), ',' ORDER BY "
    "a.attnum) "
    "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) "
    "FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'tenant_memberships') "
    "FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
    "WHERE e.extname = 'pg_realtime'";

// Every registered table with its columns, one row a column. A domain counts as its base type, as in the stream.
constexpr const char* tables_statement =
    "WITH RECURSIVE domains (domain, type) AS ("
    "SELECT oid, typbasetype FROM pg_catalog.pg_type WHERE typtype = 'd' "
    "UNION ALL SELECT d.domain, t.typbasetype FROM domains d "
    "JOIN pg_catalog.pg_type t ON t.oid = d.type WHERE t.typtype = 'd'), "
    "bases AS (SELECT d.domain, t.typname FROM domains d "
    "JOIN pg_catalog.pg_type t ON t.oid = d.type WHERE t.typtype <> 'd') "
    "SELECT n.nspname, c.relname, r.access, a.attname, coalesce(b.typname, t.typname) "
    "FROM realtime_tables r JOIN pg_catalog.pg_class c ON c.oid = r.\"table\"::pg_catalog.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
    "LEFT JOIN bases b ON b.domain = t.oid "
    "ORDER BY c.oid, a.attnum";

// By the primary key, which begins with the tenant.
constexpr const char* only_tenant_statement =
    "SELECT f.tenant_id::text "
    "FROM (SELECT tenant_id FROM tenant_memberships ORDER BY tenant_id LIMIT 1) f, "
    "(SELECT tenant_id FROM tenant_memberships ORDER BY tenant_id DESC LIMIT 1) l "
    "WHERE f.tenant_id OPERATOR(pg_catalog.=) l.tenant_id";

} // namespace

void Questions::look_up_tenants(const hub::Identity& identity,
                                std::function<void(std::optional<hub::TenantsAnswer>)> done) {
    Question question = about_tenants(identity, std::move(done));
    question.line = QuestionLine::LookUp;
    pool_.ask(std::move(question));
}

void Questions::look_up_tenants_of_caller(const hub::Identity& identity,
                                          std::function<void(std::optional<hub::TenantsAnswer>)> done) {
    Question question = about_tenants(identity, std::move(done));
    question.owner = identity.subject;
    pool_.ask(std::move(question));
}

Question Questions::about_tenants(const hub::Identity& identity,
                                  std::function<void(std::optional<hub::TenantsAnswer>)> done) {
    Question question;
    question.statement = tenants_statement;
    question.claims = identity.claims;
    question.done = [this, done = std::move(done)](const Answer& answer) {
        std::optional<stream::Snapshot> snapshot;
        if (answer.ok && !answer.rows.empty() && answer.rows[0][0]) {
            snapshot = stream::Snapshot::read(*answer.rows[0][0]);
        }
        if (!snapshot) {
            // Everybody is asked for, once and again, as long as it is so.
            if (!said_) {
                said_ = true;
                spdlog::error(
                    "tenants of a caller cannot be looked up: {}",
                    answer.ok
                        ? "tenant_memberships is no logged table, so the stream does not tell who leaves"
                        : answer.message);
            }
            done(std::nullopt);
            return;
        }
        said_ = false;
        hub::TenantsAnswer tenants;
        tenants.snapshot = std::move(*snapshot);
        for (const auto& row : answer.rows) {
            if (row[1]) {
                tenants.tenants.push_back(*row[1]);
            }
        }
        done(std::move(tenants));
    };
    return question;
}

void Questions::find_only_tenant(std::function<void(std::optional<std::string>)> done) {
    Question question;
    question.statement = only_tenant_statement;
    question.line = QuestionLine::LookUp;
    question.done = [done = std::move(done)](const Answer& answer) {
        if (!answer.ok) {
            spdlog::error("tenants cannot be read: {}", answer.message);
        }
        done(answer.ok && answer.rows.size() == 1 ? answer.rows[0][0] : std::nullopt);
    };
    pool_.ask(std::move(question));
}

void Questions::describe_memberships(std::function<void(std::optional<MembershipTable>)> done) {
    Question question;
    question.statement = memberships_statement;
    question.line = QuestionLine::LookUp;
    question.done = [done = std::move(done)](const Answer& answer) {
        if (!answer.ok) {
            done(std::nullopt);
            return;
        }
        MembershipTable table;
        if (!answer.rows.empty()) {
            table = {answer.rows[0][0].value_or(""), answer.rows[0][1].value_or("")};
        }
        done(std::move(table));
    };
    pool_.ask(std::move(question));
}

void Questions::describe_tables(std::function<void(std::optional<hub::Tables>)> done) {
    Question question;
    question.statement = tables_statement;
    question.line = QuestionLine::LookUp;
    question.done = [done = std::move(done)](const Answer& answer) {
        if (!answer.ok) {
            spdlog::error("registered tables cannot be read: {}", answer.message);
            done(std::nullopt);
            return;
        }
        hub::Tables tables;
        for (const auto& row : answer.rows) {
            hub::TableDescription& table = tables[{row[0].value_or(""), row[1].value_or("")}];
            table.access = row[2] == "public" ? wire::Access::Public : wire::Access::Tenant;
            table.columns.push_back({row[3].value_or(""), row[4].value_or(""), false});
        }
        done(std::move(tables));
    };
    pool_.ask(std::move(question));
}

} // namespace gateway
