// The changes of a channel or an event stream: waits for what it needs, replays what was missed, then goes live without a
// gap and without a repetition.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hub/hub.hpp"
#include "hub/meter.hpp"
#include "protocol/join.hpp"

namespace hub {

class Feed : public Watcher {
  public:
    ~Feed() override;

    void deliver_row(const FramePointer& frame, std::string_view tenant) override;
    void advance() override;
    void on_gap(protocol::Cursor head) override;
    bool continue_replay() override;
    void fall_behind(protocol::Cursor last) override;
    void on_tenants_known(bool known) override;
    void on_tenants_unknown() override;
    void on_tenant_added(const std::string& tenant) override;
    void on_tenant_removed(const std::string& tenant) override;

    bool live() const { return state_ == State::Live; }
    const IdentityPointer& identity() const { return identity_; }
    const Subscription& subscription() const { return subscription_; }

  protected:
    Feed(Hub& hub, Encoding encoding, std::string topic);

    // Begins. `needs_tenants`: also without bindings. Calls on_refused() or, once everything is known, on_open(), which may be
    // before it returns.
    void open(IdentityPointer identity, std::vector<protocol::Binding> bindings,
              std::optional<protocol::Cursor> since, bool needs_tenants);
    // Goes on for somebody else, or with a new token of the same person.
    void change_identity(IdentityPointer identity);
    // Ends: nothing is delivered any more. No virtual function is called.
    void close();
    // To be called by deliver(): a live feed whose socket takes less than comes goes on from the history, at the socket's pace.
    void look_at_queue();
    // How far the stream has come, when everything up to there was sent.
    void send_cursor();

    Sight sight() const;

    // Everything is known: the client may be told that it is subscribed. False when it changed its mind and closed.
    virtual bool on_open() = 0;
    // `code` as in the errors of the original. The feed is closed; it may be destroyed.
    virtual void on_refused(const std::string& code, const std::string& message) = 0;
    // The caller names no user, and some of the tables are for members: whether to go on with the others.
    virtual bool goes_on_without_user() = 0;
    // Whether what the owner needs to know beside the tenants is known; else it calls advance() when it is.
    virtual bool knows_enough() { return true; }
    // Some of the bindings cannot be served: whether to go on with the rest, of which there may be nothing. A notice for each
    // follows on_open() then.
    virtual bool goes_on_with_part() = 0;
    // Who the caller is has changed, or had to be asked for again: what follows is for the present sight.
    virtual void on_reopened() = 0;
    // Nothing may be shown until on_open() or on_reopened().
    virtual void on_suspended() = 0;
    // Something that the client should know. With `refetch` its rows may be wrong: it has to read them again, and changes go on
    // behind that cursor.
    virtual void on_notice(bool ok, const std::string& message, std::optional<protocol::Cursor> refetch) = 0;
    // A tenant of the caller is gone; after the router knows. May close the feed.
    virtual void on_tenant_lost(const std::string& tenant) = 0;
    // From now on every change is sent: of all bindings, or (false) of those that can be served.
    virtual void on_live(bool all) = 0;
    // Bytes that wait at the socket.
    virtual std::size_t queued_bytes() const = 0;
    // The address of the client, for what addresses may use; empty: it is not known, or that of many.
    virtual std::string_view sender() const = 0;

    Hub& hub_;
    Subscription subscription_;
    std::vector<protocol::Binding> bindings_;
    std::vector<std::uint32_t> ids_; // of the bindings; those that cannot be served have one, too
    Meter meter_;                    // deliver() counts

  private:
    enum class State : std::uint8_t { Closed, Preparing, Opening, Replaying, Live };

    // Why a binding is not served. `code` as in on_refused().
    struct Fault {
        std::string code, message;
        std::string text() const { return code + ": " + message; }
    };

    void refuse(const std::string& code, const std::string& message);
    void find_accounts();
    std::string place_of(std::size_t kind) const;
    void look_at_table(std::size_t kind);
    bool tables_are_known();
    bool may_see_something();
    void start();
    bool replay(std::size_t work);
    void go_live();
    void refetch(const std::string& why, protocol::Cursor goes_on_behind);
    void tell_of_tenant(const std::string& tenant);
    bool is_of_its_time(const stream::Change& change) const;
    void suspend();
    void show(const Sight& sight);

    IdentityPointer identity_;
    State state_ = State::Closed;
    bool watching_ = false, tenants_known_ = false, needs_tenants_ = false, opened_ = false, lags_ = false;
    std::uint64_t tables_asked_ = 0;  // version of the tables' descriptions that this waits for
    std::vector<std::size_t> places_; // of the subscription's kinds, among the bindings
    std::vector<Fault> unreadable_;   // bindings without a kind
    std::vector<Fault> faults_;       // of these and the others, as of the present tables and tenants
    bool serves_all_ = true;          // there was no fault when the client was told
    std::vector<std::optional<protocol::Cursor>> since_; // of the kinds, until they are live
    std::uint64_t position_ = 0;                         // number of the next change to replay
    protocol::Cursor replayed_;                          // the changes up to here were replayed
    Beginnings beginnings_;          // of the memberships that began behind what is replayed
    std::vector<std::string> shown_; // tenants that the client knows it sees
};

} // namespace hub
