// What is answered to a request that cannot be served.
#pragma once

#include <string>
#include <string_view>
#include <variant>

namespace web {

// `status` is the HTTP status to answer with, `message` one English sentence without a full stop that names what was
// wrong. The message is plain printable ASCII, whatever the request held.
struct Error {
    int status = 400;
    std::string message;
};

template <class Value> using Result = std::variant<Value, Error>;

// A stranger's value inside an error message: in quotes, cut to 100 characters, whatever is not printable
// ASCII as "?".
std::string shown(std::string_view value);

} // namespace web
