// The governor: decides which messages are written, so that neither a lane that flaps nor a
// thousand lanes that fall silent at once fill a disk and hide what matters.
//
//  - What was said of something within the last minute and is said again is counted, and summed up
//    when the minute is over: "... (repeated 120 times in 60 s)".
//  - Of something that changes again and again eight changes are told; then, once a minute, the
//    last of them and how many there were. So what the log says last of a thing is never older.
//  - Each event has a token bucket. What finds it empty is counted and told every ten seconds.
//
// Memory is bounded whatever names come: events are those of log_events.hh, and only so many things
// are remembered at a time. No clock of its own: tests set the time. Not thread-safe: log.cc locks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/log_events.hh"
#include "engine/log_message.hh"

namespace lanes::engine {

class Governor {
  public:
    static constexpr std::uint64_t window_ns = 60'000'000'000;
    static constexpr std::uint64_t left_out_ns = 10'000'000'000;
    static constexpr unsigned changes_max = 8;  ///< of one thing, told within a window
    static constexpr std::size_t things_max = 256;

    /// Whether the message is to be written. `before`: summaries that are to be written first.
    bool admit(const Message& message, std::uint64_t now_ns, std::vector<Message>& before);

    /// Appends the summaries whose time has come.
    void tick(std::uint64_t now_ns, std::vector<Message>& summaries);

    /// Appends all summaries and forgets everything.
    void flush(std::uint64_t now_ns, std::vector<Message>& summaries);

    std::size_t things() const noexcept { return things_.size(); }

  private:
    /// Something that messages are about.
    struct Thing {
        const Event* event;
        std::string identity;
        std::uint64_t since_ns;  ///< begin of its window
        std::uint64_t seen_ns;
        unsigned told = 1;       ///< changes within the window
        std::uint64_t held = 0;  ///< messages since then that were not written
        bool same = true;        ///< all of these say what was written last
        std::string said;        ///< last, written or not
        Message last;            ///< the last one that was not written
    };
    struct Bucket {
        std::uint64_t filled_ns = 0;
        std::uint64_t tokens = 0;  ///< in billionths
        bool used = false;
        std::uint64_t left_out = 0;
        std::uint64_t since_ns = 0;
        Severity severity = Severity::debug;  ///< the worst of what was left out
    };

    Bucket& bucket_of(const Event& event) noexcept;
    static bool take(Bucket& bucket, const Event& event, std::uint64_t now_ns) noexcept;
    bool repeated(Thing& thing, const Message& message, std::uint64_t now_ns,
                  std::vector<Message>& before);
    void remember(Thing thing, std::uint64_t now_ns, std::vector<Message>& before);
    static Message sum_up(const Thing& thing, std::uint64_t now_ns);
    static Message sum_up(const Event& event, const Bucket& bucket, std::uint64_t now_ns);

    std::vector<Thing> things_;
    std::array<Bucket, std::size(events::all)> buckets_;
};

}  // namespace lanes::engine
