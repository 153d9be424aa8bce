// The one reader of the slot: from the walsender to the hub, with reconnects, confirmations and what is wrong on the way.
#pragma once

#include <cstdint>
#include <string>

#include "gateway/config.hpp"
#include "gateway/link.hpp"
#include "gateway/retry_pause.hpp"
#include "hub/hub.hpp"
#include "stream/assembler.hpp"

namespace gateway {

class Replication final : public Link {
  public:
    Replication(uv_loop_t* loop, Resolver& resolver, const Config& config, hub::Hub& hub);
    ~Replication() override;

    void start();
    void stop(); // confirms once more

    struct Status {
        bool streaming = false;
        std::string problem;             // why not, or empty
        std::uint64_t server_lsn = 0;    // how far the server had sent or written, by its last message
        std::uint64_t received_lsn = 0;  // how far we have come
        std::uint64_t confirmed_lsn = 0; // what the slot need not keep any more
        double behind_seconds = 0;       // since when we are not up to date with that; 0: we are
        std::uint64_t connects = 0, repeated = 0, bytes = 0, slots_recreated = 0;
    };
    Status status() const;
    const std::string& plugin_version() const { return assembler_.plugin_version(); }

  private:
    // In this order; some are left out.
    enum class Step : unsigned char {
        Idle,
        Identify,
        Timelines,
        FindSlot,
        DropSlot,
        CreateSlot,
        Start,
        Stream
    };

    void on_connected() override;
    void on_input() override;
    void on_lost(const std::string& why) override;

    void ask(Step step, const std::string& command);
    void send_command();
    void on_result(const PGresult* result);
    void on_identified(const PGresult* result);
    void on_timelines(const PGresult* result);
    void find_slot();
    void on_slot_found(const PGresult* result);
    void create_slot();
    void begin_stream();
    void begin_history();
    void read_stream();
    bool read_message(char* buffer, std::size_t size);
    void give_up(const std::string& why);
    bool has_progressed() const;
    void on_tick();
    bool shuts_down(std::uint64_t sent);
    void send_status(bool ask_for_answer);

    const Config& config_;
    hub::Hub& hub_;
    stream::Assembler assembler_;
    uv_timer_t* tick_;
    uv_idle_t* more_; // while libpq holds data that the socket will not announce again
    Step step_ = Step::Idle;
    std::string problem_;
    std::string command_; // to be sent when the results of the one before are read
    bool reading_ = false;
    std::string server_system_, system_; // system identifier of the server: now, and when we last read
    stream::Timelines timelines_;        // of the server now
    bool stopping_ = false, slot_is_new_ = false, had_slot_ = false, other_history_ = false;
    RetryPause pause_;
    double stream_began_ = 0;
    std::uint64_t stream_began_at_ = 0; // how far we had come then
    unsigned asked_ = 0;                // questions of the server at one place, since asked_since_
    double asked_since_ = 0;
    std::uint64_t asked_at_ = 0;
    double up_to_date_ = 0; // when everything was routed that the server had told of
    double retry_at_ = 0, last_input_ = 0, last_status_ = 0, connect_began_ = 0;
    std::uint64_t slot_confirmed_ = 0, target_ = 0, server_lsn_ = 0, sent_confirmed_ = 0;
    std::uint64_t connects_ = 0, bytes_ = 0, slots_recreated_ = 0;
};

} // namespace gateway
