// Where messages go, behind one governor, and what each place did not take. For a place that is
// full a few messages wait here: a reader that is slow for a moment misses nothing. What is more,
// or comes while the place is gone, is counted; it is tried again with every message and, at most
// once a second, with tick(), and the first thing that it takes is how much it missed. The others
// are told once that it failed and once that it is back. Not thread-safe: log.cc locks and has the
// clock.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/log_governor.hh"
#include "engine/log_sink.hh"

namespace lanes::engine {

class LogPlaces {
  public:
    /// Messages that wait for one place.
    static constexpr std::size_t waiting_max = 128;

    enum class Reach : std::uint8_t { everywhere, not_stderr };
    struct Kind {
        bool by_stderr = false;  ///< stderr leads there
        /// Not there yet, and nobody asked for it: what it misses is told to it alone, should it
        /// come.
        bool maybe = false;
    };

    void add(std::unique_ptr<LogSink> sink, Kind kind);
    bool empty() const noexcept { return places_.empty(); }

    /// `message` is harmless already; all times are of one monotonic clock.
    void say(const Message& message, Reach reach, std::uint64_t now_ns);
    void tick(std::uint64_t now_ns);
    /// Says what was counted, since nobody will come again.
    void flush(std::uint64_t now_ns);
    /// Whether messages wait for a place that is full.
    bool waiting() const noexcept;

  private:
    struct Place {
        std::unique_ptr<LogSink> sink;
        Kind kind;
        std::deque<Message> waiting;  ///< older than all that is lost
        std::uint64_t lost = 0;
        std::uint64_t since_ns = 0;
        std::uint64_t tried_ns = 0;
        int why = 0;
    };
    /// A message about one place, for all others.
    struct Notice {
        const Place* about;
        Message message;
    };
    using Notices = std::vector<Notice>;

    void write(const Message& message, Reach reach, std::uint64_t now_ns);
    void tell_others(const Notices& notices, std::uint64_t now_ns);
    static void deliver(Place& place, const Message& message, std::uint64_t now_ns,
                        Notices& notices);
    static void lose(Place& place, std::uint64_t count, int why, std::uint64_t now_ns,
                     Notices& notices);
    static bool drain(Place& place, std::uint64_t now_ns, Notices& notices);
    static bool reconcile(Place& place, std::uint64_t now_ns, Notices& notices);
    static Message failed(const Place& place);
    static Message missed(const Place& place, std::uint64_t now_ns);

    std::vector<Place> places_;
    Governor governor_;
};

}  // namespace lanes::engine
