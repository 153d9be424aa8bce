// The head of a GET request for "/" with these header lines, or of another request.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "web/request_parser.hpp"

inline web::RequestHead request_of(const std::vector<std::string>& headers,
                                   const std::string& line = "GET / HTTP/1.1") {
    std::string bytes = line + "\r\nHost: h\r\n";
    for (const std::string& header : headers) {
        bytes += header + "\r\n";
    }
    web::RequestParser parser({});
    EXPECT_EQ(parser.feed(bytes + "\r\n").step, web::RequestParser::Step::HeadComplete) << bytes;
    return parser.head();
}
