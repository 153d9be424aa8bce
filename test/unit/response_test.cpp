#include "web/response.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "request_of.hpp"
#include "web/cors.hpp"

namespace {

std::string written(const web::Response& response) {
    std::string out = "before|";
    web::write_response(out, response);
    return out.substr(7);
}

TEST(Response, IsWrittenWithItsLength) {
    const std::vector<web::Header> headers = {{"Content-Type", "application/json"}, {"Retry-After", "2"}};
    web::Response response;
    response.status = 429;
    response.headers = headers;
    response.body = R"({"error":"slow down"})";
    response.date = "Sun, 06 Nov 1994 08:49:37 GMT";
    EXPECT_EQ(written(response),
              "HTTP/1.1 429 Too Many Requests\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Content-Type: application/json\r\nRetry-After: 2\r\nConnection: keep-alive\r\n"
              "Content-Length: 21\r\n\r\n{\"error\":\"slow down\"}");
    response.to_head_request = true;
    response.keep_alive = false;
    EXPECT_EQ(written(response), "HTTP/1.1 429 Too Many Requests\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                 "Content-Type: application/json\r\nRetry-After: 2\r\nConnection: close\r\n"
                                 "Content-Length: 21\r\n\r\n");
    EXPECT_EQ(written({}), "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
}

TEST(Response, HasNoBodyWhereThereCanBeNone) {
    for (const int status : {204, 304}) {
        web::Response response;
        response.status = status;
        response.body = "never seen";
        const std::string text = written(response);
        EXPECT_EQ(text.find("Content-Length"), std::string::npos);
        EXPECT_EQ(text.substr(text.find("\r\n\r\n")), "\r\n\r\n");
    }
}

TEST(Response, KeepsHeadersFromBeingInjected) {
    const std::string nul("v\0w", 3);
    const std::vector<web::Header> headers = {{"A", "v\r\nSet-Cookie: x"},
                                              {"B", "v\nw\x7f"},
                                              {"C", nul},
                                              {"Bad Name", "x"},
                                              {"Bad:Name", "x"},
                                              {"Bad\r\nName", "x"},
                                              {"", "x"},
                                              {"content-length", "7"},
                                              {"Transfer-Encoding", "chunked"},
                                              {"connection", "close"},
                                              {"DATE", "x"},
                                              {"D", "gr\xc3\xbc\xc3\x9f"}};
    web::Response response;
    response.headers = headers;
    EXPECT_EQ(written(response),
              "HTTP/1.1 200 OK\r\nA: v  Set-Cookie: x\r\nB: v w \r\nC: v w\r\n"
              "D: gr\xc3\xbc\xc3\x9f\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
}

TEST(Response, SaysWhatAnUpgradeHeaderNeeds) {
    const std::vector<web::Header> headers = {{"Upgrade", "websocket"}};
    web::Response response;
    response.status = 426;
    response.headers = headers;
    response.keep_alive = false;
    EXPECT_NE(written(response).find("\r\nConnection: Upgrade, close\r\n"), std::string::npos);
}

TEST(Response, NamesEveryStatusAndSurvivesImpossibleOnes) {
    for (const int status :
         {400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 422, 426, 429, 431, 500, 501, 503, 505}) {
        EXPECT_NE(web::reason_phrase(status), "Unknown") << status;
    }
    web::Response response;
    response.status = -7;
    EXPECT_EQ(written(response).substr(0, 36), "HTTP/1.1 500 Internal Server Error\r\n");
}

TEST(StreamHead, PromisesNoLengthSoThatTheStreamEndsWithTheConnection) {
    const std::vector<web::Header> headers = {{"Content-Type", "text/event-stream"}};
    web::Response response;
    response.headers = headers;
    std::string out;
    web::write_stream_head(out, response);
    EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
}

TEST(HttpDate, IsThatOfTheRfc) {
    EXPECT_EQ(web::format_http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(web::format_http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(web::format_http_date(951'782'400), "Tue, 29 Feb 2000 00:00:00 GMT");
    EXPECT_EQ(web::format_http_date(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(web::format_http_date(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
}

std::string of_headers(const std::vector<web::Header>& headers) {
    std::string text;
    for (const web::Header& header : headers) {
        text += std::string(header.name) + ": " + std::string(header.value) + "\n";
    }
    return text;
}

std::string permission(const web::Cors& cors, const web::RequestHead& request) {
    std::vector<web::Header> headers;
    cors.add_headers(headers, request);
    return of_headers(headers);
}

TEST(Cors, AllowsEveryOriginOrExactlyTheListedOnes) {
    const web::Cors every({"*"});
    const web::Cors some({"https://app.example", "http://localhost:3000"});
    const web::Cors none({});
    const auto from_app = request_of({"Origin: https://app.example"});
    const auto from_elsewhere = request_of({"Origin: https://app.example.evil"});
    const auto from_two = request_of({"Origin: https://app.example", "Origin: https://app.example"});
    const auto from_nowhere = request_of({});
    const std::string exposed = "Access-Control-Expose-Headers: Retry-After, X-Request-Id\n";
    for (const auto* request : {&from_app, &from_elsewhere, &from_nowhere}) {
        EXPECT_EQ(permission(every, *request), "Access-Control-Allow-Origin: *\n" + exposed);
    }
    EXPECT_EQ(permission(some, from_app),
              "Vary: Origin\nAccess-Control-Allow-Origin: https://app.example\n" + exposed);
    for (const auto* request : {&from_elsewhere, &from_two, &from_nowhere}) {
        EXPECT_EQ(permission(some, *request), "Vary: Origin\n");
    }
    EXPECT_EQ(permission(none, from_app), "Vary: Origin\n");
    EXPECT_TRUE(some.allows("http://localhost:3000"));
    EXPECT_FALSE(some.allows("http://localhost:30000"));
    EXPECT_FALSE(some.allows("null"));
    EXPECT_FALSE(some.allows(""));
}

TEST(Cors, AnswersThePreflightOfTheStockClient) {
    const web::Cors some({"https://app.example"});
    const auto ask = [](const std::string& origin) {
        return request_of({"Origin: " + origin, "Access-Control-Request-Method: POST",
                           "Access-Control-Request-Headers: apikey,authorization,content-type,x-client-info"},
                          "OPTIONS /realtime/v1/api/broadcast HTTP/1.1");
    };
    EXPECT_TRUE(web::Cors::is_preflight(ask("https://app.example")));
    EXPECT_FALSE(web::Cors::is_preflight(request_of({"Origin: https://app.example"}, "OPTIONS / HTTP/1.1")));
    EXPECT_FALSE(web::Cors::is_preflight(request_of({"Origin: a", "Access-Control-Request-Method: POST"})));

    const auto request = ask("https://app.example");
    std::vector<web::Header> headers;
    some.add_preflight_headers(headers, request);
    const std::string text = of_headers(headers);
    for (const char* name :
         {"apikey", "authorization", "content-type", "x-client-info", "traceparent", "tracestate", "baggage",
          "x-retry-count", "x-connection-id", "x-batch-id", "x-request-id"}) {
        EXPECT_NE(text.find(name), std::string::npos) << name;
    }
    EXPECT_NE(text.find("Access-Control-Allow-Origin: https://app.example\n"), std::string::npos);
    EXPECT_NE(text.find("Access-Control-Allow-Methods: GET, POST, OPTIONS\n"), std::string::npos);

    const auto stranger = ask("https://evil.example");
    headers.clear();
    some.add_preflight_headers(headers, stranger);
    EXPECT_EQ(of_headers(headers), "Vary: Origin\n");
}

} // namespace
