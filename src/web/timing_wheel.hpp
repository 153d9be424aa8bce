// Timeouts of many sockets: scheduling, cancelling and passing one tick cost the same however many there are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace web {

// Times are milliseconds of any clock that does not run backwards; they are arguments.
using Milliseconds = std::uint64_t;

// A ring of slots, each for one tick. A timer hangs in the slot of its deadline; when that is more than one
// round away, each round passes it by once. Deadlines are exact: advance(now) fires what is due at `now`,
// nothing else, however long a tick is.
//
// Memory: 16 bytes a slot, once; nothing for a timer beside the timer itself (24 bytes), which lives inside
// what it is for. Not thread-safe. Allocates in the constructor only.
class TimingWheel {
    struct Link {
        Link* before = this;
        Link* behind = this;

        Link() = default;
        ~Link() { unlink(); }
        Link(const Link&) = delete;
        Link& operator=(const Link&) = delete;

        bool alone() const { return behind == this; }
        void unlink() {
            before->behind = behind;
            behind->before = before;
            before = behind = this;
        }
        void append(Link& link) {
            link.before = before;
            link.behind = this;
            before->behind = &link;
            before = &link;
        }
    };

  public:
    // A base or a member of what it is for. Its destruction cancels it, and a wheel's destruction cancels all
    // of its timers.
    class Timer : private Link {
      public:
        bool scheduled() const { return !alone(); }
        Milliseconds deadline() const { return deadline_; }
        void cancel() { unlink(); }

      private:
        friend class TimingWheel;
        Milliseconds deadline_ = 0;
    };

    // `tick` and `slots` are at least 1. Choose slots * tick so that most timeouts end within it; the
    // defaults are 64 ms and 65 s.
    explicit TimingWheel(Milliseconds now, Milliseconds tick = 64, std::size_t slots = 1024)
        : tick_(std::max<Milliseconds>(tick, 1)), slot_count_(std::max<std::size_t>(slots, 1)), now_(now),
          slots_(std::make_unique<Link[]>(slot_count_)) {}
    ~TimingWheel() {
        for (std::size_t index = 0; index < slot_count_; ++index) {
            while (!slots_[index].alone()) {
                slots_[index].behind->unlink();
            }
        }
    }
    TimingWheel(const TimingWheel&) = delete;
    TimingWheel& operator=(const TimingWheel&) = delete;

    // The time of the last advance().
    Milliseconds now() const { return now_; }

    // A timer that is scheduled already moves. A deadline that has passed is due at the next advance().
    void schedule(Timer& timer, Milliseconds deadline) {
        timer.unlink();
        timer.deadline_ = deadline;
        slot_of(std::max(deadline, now_)).append(timer);
    }

    // Calls fire(Timer&) for every timer with a deadline of `now` or before, tick after tick; within a tick,
    // and after more than one round at once, in no particular order. The timer is not scheduled any more by
    // then. `fire` may schedule, cancel and destroy any timer; what it schedules fires in a later advance().
    // It must not throw, call advance() or destroy the wheel. A `now` before the last one counts as the last
    // one.
    template <class Fire> void advance(Milliseconds now, Fire&& fire) {
        now = std::max(now, now_);
        Link due;
        const Milliseconds last = now / tick_;
        Milliseconds tick = now_ / tick_;
        // More than one round at once: every slot, each once.
        tick = std::max(tick, last - std::min<Milliseconds>(last, slot_count_ - 1));
        for (; tick <= last; ++tick) {
            collect(slots_[tick % slot_count_], now, due);
        }
        now_ = now;
        while (!due.alone()) {
            Timer& timer = *static_cast<Timer*>(due.behind);
            timer.unlink();
            fire(timer);
        }
    }

  private:
    Link& slot_of(Milliseconds time) { return slots_[time / tick_ % slot_count_]; }

    static void collect(Link& slot, Milliseconds now, Link& due) {
        for (Link* link = slot.behind; link != &slot;) {
            Link* next = link->behind;
            if (static_cast<Timer*>(link)->deadline_ <= now) {
                link->unlink();
                due.append(*link);
            }
            link = next;
        }
    }

    Milliseconds tick_;
    std::size_t slot_count_;
    Milliseconds now_;
    std::unique_ptr<Link[]> slots_;
};

} // namespace web
