#include "pg/guard.hpp"

namespace pg {

namespace {

// Cuts at a character boundary: error text must stay valid in the server's encoding.
template <std::size_t size> void copy_text(char (&to)[size], std::string_view text) {
    std::size_t length = text.size();
    if (length > size - 1) {
        length = static_cast<std::size_t>(
            pg_mbcliplen(text.data(), static_cast<int>(text.size()), static_cast<int>(size) - 1));
    }
    std::memcpy(to, text.data(), length);
    to[length] = '\0';
}

} // namespace

void CaughtError::set(const char* sqlstate_, std::string_view message_, std::string_view detail_,
                      std::string_view hint_) {
    copy_text(sqlstate, sqlstate_);
    copy_text(message, message_);
    copy_text(detail, detail_);
    copy_text(hint, hint_);
}

void raise(const CaughtError& error) {
    const int code = MAKE_SQLSTATE(error.sqlstate[0], error.sqlstate[1], error.sqlstate[2], error.sqlstate[3],
                                   error.sqlstate[4]);
    ereport(ERROR, (errcode(code), errmsg("%s", error.message),
                    error.detail[0] != '\0' ? errdetail("%s", error.detail) : 0,
                    error.hint[0] != '\0' ? errhint("%s", error.hint) : 0));
    pg_unreachable();
}

} // namespace pg
