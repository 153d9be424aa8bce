// What the hub asks the database: the tenants of somebody, and what the tables look like.
#pragma once

#include "gateway/pool.hpp"
#include "hub/hub.hpp"

namespace gateway {

// What the database says about the table of memberships. Equal texts: it is the same table, with the same columns.
struct MembershipTable {
    std::string schema; // of the extension; empty: it is not installed
    std::string form;   // empty: there is no such table
    bool operator==(const MembershipTable&) const = default;
};

class Questions final : public hub::Directory, public hub::Catalog {
  public:
    explicit Questions(Pool& pool) : pool_(pool) {}

    void look_up_tenants(const hub::Identity& identity,
                         std::function<void(std::optional<hub::TenantsAnswer>)> done) override;
    // For one request of a caller, who waits in the line of the callers.
    void look_up_tenants_of_caller(const hub::Identity& identity,
                                   std::function<void(std::optional<hub::TenantsAnswer>)> done);
    void describe_tables(std::function<void(std::optional<hub::Tables>)> done) override;
    void find_only_tenant(std::function<void(std::optional<std::string>)> done) override;
    // Which table tells who is a member: DDL on it is no change of the stream. Empty when the database cannot be asked now.
    void describe_memberships(std::function<void(std::optional<MembershipTable>)> done);

  private:
    Question about_tenants(const hub::Identity& identity,
                           std::function<void(std::optional<hub::TenantsAnswer>)> done);

    Pool& pool_;
    bool said_ = false; // that tenants cannot be looked up
};

} // namespace gateway
