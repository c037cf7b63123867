// Health: how a lane is, in one word and in one sentence that an operator can act on, and what a
// receiver works out from heartbeats: exact loss and the variation of the delay. Control only; pure
// arithmetic, no clock of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "lanes/acceptor.hh"
#include "lanes/moment.hh"
#include "lanes/notes.hh"

namespace lanes {

enum class LaneState : std::uint8_t { up, silent, no_key, stale_sender, clock };

/// As operators read it: `up`, `silent`, `no-key`, `stale-sender`, `clock`.
std::string_view name_of(LaneState state) noexcept;

struct Health {
    LaneState state = LaneState::no_key;
    std::string cause;
};

/// Silence after which a lane is `silent`: three heartbeats lost, and some patience.
inline constexpr std::uint64_t silence_ns = 3500 * ns_per_ms;

/// What heartbeats have told about the way from sender to receiver.
class LinkMeter {
  public:
    /// A new session at `place`; `follows` says that another was live, so that this one has been
    /// heard from its first packet on.
    enum class Start : std::uint8_t { follows, late };
    void open(unsigned place, Start start) noexcept;
    /// The session at `place` has ended with `accepted` packets.
    void close(unsigned place, std::uint64_t accepted) noexcept;
    void heard(unsigned place, const HeardHeartbeat& heartbeat, std::uint64_t now_ns,
               std::uint64_t boot_ns) noexcept;

    /// Whether the session at `place` is followed by one that heartbeats came of, and packets of it
    /// are missing: its last heartbeat may have overtaken them on the way to another worker.
    bool awaits(unsigned place) const noexcept;
    /// Of a session that awaits packets, `accepted` have come by now.
    void came(unsigned place, std::uint64_t accepted) noexcept;

    void heard_data(std::uint64_t boot_ns) noexcept { heard_boot_ns_ = boot_ns; }

    /// Packets that were sent and have not been accepted: exact for sessions that have ended or
    /// are followed by another, and as of the last heartbeat for the one that is in use.
    std::uint64_t lost() const noexcept;
    /// Smoothed variation of the delay (RFC 3550, 6.4.1), in nanoseconds.
    std::uint64_t delay_variation_ns() const noexcept {
        return static_cast<std::uint64_t>(variation_ns_);
    }
    /// Boot time of the last heartbeat or of data; 0: none.
    std::uint64_t heard_boot_ns() const noexcept { return heard_boot_ns_; }

  private:
    struct Count {
        bool live = false;
        std::uint64_t order = 0;  ///< of opening
        bool based = false;       ///< base_sent and base_accepted are known
        std::uint64_t base_sent = 0;
        std::uint64_t base_accepted = 0;
        std::uint64_t sent = 0;
        std::uint64_t accepted = 0;

        std::uint64_t lost(std::uint64_t accepted_by_now) const noexcept;
    };

    std::array<Count, sessions_max> counts_;
    std::uint64_t lost_before_ = 0;  ///< in sessions that have ended
    std::uint64_t opened_ = 0;
    std::uint64_t heard_order_ = 0;  ///< of the newest session that a heartbeat came of
    double variation_ns_ = 0;
    std::uint64_t last_sent_ns_ = 0;
    std::uint64_t last_now_ns_ = 0;
    std::uint64_t heard_boot_ns_ = 0;
};

/// What a receiving end knows of the announcements that came.
struct AnnounceTally {
    static constexpr std::size_t verdicts = 8;
    std::array<std::uint64_t, verdicts> counts{};
    Acceptor::Verdict last = Acceptor::Verdict::accepted;
    std::uint64_t last_stamp = 0;
    std::uint64_t last_unix_ns = 0;  ///< our clock when it came
    std::uint64_t last_boot_ns = 0;  ///< 0: none has come

    void add(Acceptor::Verdict verdict, std::uint64_t stamp, Moment now) noexcept;
    /// Nearly all of these are counted by workers and never seen by Control.
    std::uint64_t& repeats() noexcept {
        return counts[static_cast<std::size_t>(Acceptor::Verdict::repeat)];
    }
};

/// The health of a receiving lane. `save_error` is empty, or why its state cannot be written.
Health health_of(const Acceptor& acceptor, const LinkMeter& meter, const AnnounceTally& tally,
                 const std::string& save_error, Moment now);

/// `12 s`, `3 min`, `5 h`: for sentences.
std::string span_text(std::uint64_t ns);

}  // namespace lanes
