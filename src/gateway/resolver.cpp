#include "gateway/resolver.hpp"

#include <netdb.h>

#include <algorithm>
#include <array>
#include <utility>

namespace gateway {

namespace {

constexpr unsigned patience_milliseconds = 4000; // for further names, when there is something to try already
constexpr std::size_t most_addresses = 32;       // of a name

std::vector<std::string> texts_of(const addrinfo* addresses) {
    std::vector<std::string> texts;
    for (; addresses != nullptr && texts.size() < most_addresses; addresses = addresses->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (getnameinfo(addresses->ai_addr, addresses->ai_addrlen, text.data(),
                        static_cast<socklen_t>(text.size()), nullptr, 0, NI_NUMERICHOST) == 0 &&
            std::find(texts.begin(), texts.end(), text.data()) == texts.end()) {
            texts.emplace_back(text.data());
        }
    }
    return texts;
}

std::string fault_of_name(const std::string& name, const char* why) {
    return "could not translate host name \"" + name + "\" to address: " + why;
}

void add_fault(std::string& faults, const std::string& fault) {
    faults += (faults.empty() || fault.empty() ? "" : "; ") + fault;
}

} // namespace

struct Resolver::Request {
    uv_getaddrinfo_t handle{};
    Resolver* resolver = nullptr; // null when it is gone
    std::string name;
    std::vector<Wait*> waits;
};

Resolver::~Resolver() {
    for (auto& [name, request] : requests_) {
        request->resolver = nullptr;
        uv_cancel(reinterpret_cast<uv_req_t*>(&request->handle));
    }
}

std::unique_ptr<Resolver::Wait> Resolver::look_up(const std::vector<std::string>& names, bool has_others,
                                                  Done done) {
    auto wait = std::make_unique<Wait>(*this, has_others, std::move(done));
    for (const std::string& name : names) {
        wait->ask(name);
    }
    wait->end_in(wait->asked_.empty() ? 0 : patience_milliseconds);
    return wait;
}

void Resolver::forget(const Request& request) {
    const auto found = requests_.find(request.name);
    if (found != requests_.end() && found->second == &request) {
        requests_.erase(found);
    }
}

void Resolver::on_answer(uv_getaddrinfo_t* handle, int status, addrinfo* addresses) {
    const std::unique_ptr<Request> request(static_cast<Request*>(handle->data));
    const std::vector<std::string> texts = status == 0 ? texts_of(addresses) : std::vector<std::string>();
    uv_freeaddrinfo(addresses);
    if (request->resolver == nullptr) {
        return;
    }
    // Whoever asks from now on, for example because of this answer, asks anew.
    request->resolver->forget(*request);
    while (!request->waits.empty()) {
        Wait* const wait = request->waits.back();
        request->waits.pop_back();
        std::erase(wait->asked_, request.get());
        if (texts.empty()) {
            add_fault(wait->faults_,
                      fault_of_name(request->name, status == 0 ? "it has none" : uv_strerror(status)));
        } else {
            wait->found_[request->name] = texts;
        }
        if (wait->asked_.empty()) {
            wait->finish();
        }
    }
}

Resolver::Wait::Wait(Resolver& resolver, bool has_others, Done done)
    : resolver_(resolver), has_others_(has_others), done_(std::move(done)), timer_(new uv_timer_t()) {
    uv_timer_init(resolver.loop_, timer_);
    timer_->data = this;
}

Resolver::Wait::~Wait() {
    uv_close(reinterpret_cast<uv_handle_t*>(timer_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
    for (Request* request : asked_) {
        std::erase(request->waits, this);
        // One that a thread has begun cannot be cancelled; the next who asks for the name takes it over.
        if (request->waits.empty() && uv_cancel(reinterpret_cast<uv_req_t*>(&request->handle)) == 0) {
            resolver_.forget(*request);
        }
    }
}

void Resolver::Wait::ask(const std::string& name) {
    Request*& request = resolver_.requests_[name];
    if (request == nullptr) {
        auto made = std::make_unique<Request>();
        made->handle.data = made.get();
        made->resolver = &resolver_;
        made->name = name;
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        const int status =
            uv_getaddrinfo(resolver_.loop_, &made->handle, on_answer, name.c_str(), nullptr, &hints);
        if (status != 0) {
            resolver_.requests_.erase(name);
            add_fault(faults_, fault_of_name(name, uv_strerror(status)));
            return;
        }
        request = made.release();
    }
    request->waits.push_back(this);
    asked_.push_back(request);
}

void Resolver::Wait::end_in(unsigned milliseconds) {
    uv_timer_start(
        timer_, [](uv_timer_t* timer) { static_cast<Wait*>(timer->data)->on_time(); }, milliseconds,
        patience_milliseconds);
}

void Resolver::Wait::on_time() {
    if (!asked_.empty() && !has_others_ && found_.empty()) {
        return; // nothing could be done without
    }
    add_fault(faults_, unanswered());
    finish();
}

std::string Resolver::Wait::unanswered() const {
    std::string faults;
    for (const Request* request : asked_) {
        add_fault(faults, fault_of_name(request->name, "the resolver did not answer in time"));
    }
    return faults;
}

void Resolver::Wait::finish() {
    uv_timer_stop(timer_);
    if (const auto done = std::exchange(done_, nullptr)) {
        const HostAddresses found = std::move(found_);
        const std::string faults = std::move(faults_);
        done(found, faults);
    }
}

} // namespace gateway
