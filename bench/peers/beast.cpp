// Boost.Beast on one asio thread: sends what one client sends to all. A message is kept once; each socket has a queue of
// references and writes one message at a time, which is all that the library offers.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket.hpp>

#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Message = std::shared_ptr<const std::string>;
using Error = beast::error_code;

class Session;
std::unordered_set<Session*> sessions;

class Session : public std::enable_shared_from_this<Session> {
  public:
    explicit Session(asio::ip::tcp::socket socket) : stream_(std::move(socket)) {}
    ~Session() { sessions.erase(this); }

    void start() {
        stream_.next_layer().socket().set_option(asio::ip::tcp::no_delay(true));
        stream_.text(true);
        stream_.async_accept([self = shared_from_this()](Error error) {
            if (!error) {
                sessions.insert(self.get());
                self->read();
            }
        });
    }

    void send(const Message& message) {
        queue_.push_back(message);
        if (queue_.size() == 1) {
            write();
        }
    }

  private:
    void read() {
        stream_.async_read(buffer_, [self = shared_from_this()](Error error, std::size_t) {
            if (error) {
                return;
            }
            const auto message =
                std::make_shared<const std::string>(beast::buffers_to_string(self->buffer_.data()));
            self->buffer_.consume(self->buffer_.size());
            for (Session* session : sessions) {
                session->send(message);
            }
            self->read();
        });
    }

    void write() {
        stream_.async_write(asio::buffer(*queue_.front()),
                            [self = shared_from_this()](Error error, std::size_t) {
                                if (error) {
                                    return;
                                }
                                self->queue_.pop_front();
                                if (!self->queue_.empty()) {
                                    self->write();
                                }
                            });
    }

    beast::websocket::stream<beast::tcp_stream> stream_;
    beast::flat_buffer buffer_;
    std::deque<Message> queue_;
};

void accept(asio::ip::tcp::acceptor& acceptor) {
    acceptor.async_accept([&acceptor](Error error, asio::ip::tcp::socket socket) {
        if (!error) {
            std::make_shared<Session>(std::move(socket))->start();
        }
        accept(acceptor);
    });
}

} // namespace

int main(int, char** arguments) {
    asio::io_context loop(1);
    asio::ip::tcp::acceptor acceptor(
        loop, {asio::ip::address_v4::loopback(), static_cast<unsigned short>(std::atoi(arguments[1]))});
    acceptor.listen(4096);
    accept(acceptor);
    loop.run();
    return 0;
}
