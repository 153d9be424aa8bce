// The statement that lets a login role do what it has to do as another role. Pure.
#pragma once

#include <string>

namespace gateway {

// From here on each membership says of its own whether it inherits rights and allows SET ROLE; a GRANT without either leaves a
// membership that exists as it is.
constexpr int version_of_membership_options = 160'000;

enum class Right { Inherit, SetRole };

// `role` and `login` are identifiers as SQL writes them, `version` that of the server. `is_member`: there is a membership that
// lacks the right.
inline std::string grant_hint(int version, const std::string& role, const std::string& login, Right right,
                              bool is_member) {
    const std::string grant = "GRANT " + role + " TO " + login;
    if (version >= version_of_membership_options) {
        return grant + (right == Right::Inherit ? " WITH INHERIT TRUE;" : " WITH SET TRUE;");
    }
    // Before, the login role says whether it inherits; one that is a member may SET ROLE.
    return is_member && right == Right::Inherit ? "ALTER ROLE " + login + " INHERIT;" : grant + ";";
}

} // namespace gateway
