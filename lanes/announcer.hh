// Announcer: the sender's side of a sealed lane's keys, as a state machine without a clock, a disk
// or a network of its own. It decides when a session begins, draws its secret, makes its
// announcements, says when to send them and when workers are to switch. Control steps one per
// sending lane; the simulator steps them through years.
//
//   proposed --saved()--> announced --lead over--> current --successor current--> gone
//
// A session is announced only after its stamp is on disk: a sender that starts again is ahead of
// all that it ever announced. What is announced stays announced every second, the current session
// before the next one, so that a receiver that joins finds both in an order that it accepts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "crypto/random.hh"
#include "lanes/announcement.hh"
#include "lanes/moment.hh"

namespace lanes {

/// What a sender must remember over restarts. Stamp 0: nothing is remembered.
struct SenderRecord {
    std::uint64_t stamp = 0;  ///< of the last session announced
    std::uint32_t epoch = 0;  ///< of that session

    bool operator==(const SenderRecord&) const = default;
};

/// Stamps are multiples of this: 16.8 ms in nanoseconds.
inline constexpr std::uint64_t stamp_step = std::uint64_t{1} << 24;

/// Packets under one subspace's key, of lane packets up to `packet_max` bytes, after which the
/// lane stops. For GCM 2^35 blocks in any case (NIST SP 800-38D bounds, with a margin as in
/// RFC 8446, 5.5).
std::uint64_t packet_limit(crypto::Suite suite, std::uint32_t packet_max) noexcept;

class Announcer {
  public:
    struct Settings {
        std::uint32_t lane = 0;
        KeySpec keys;
        crypto::Suite suite = crypto::Suite::aes_256_gcm;
        std::uint16_t subspaces = 1;
        std::uint16_t max_inner = 0;
        std::uint64_t packet_limit = 0;  ///< per subspace and session
        std::uint64_t run_id = 0;
    };

    /// Who owns the machine: what it wants done.
    class Owner {
      public:
        virtual ~Owner() = default;
        /// Sends these bytes over every path of the lane.
        virtual void announce(const AnnounceBytes& bytes) = 0;
        /// Makes the keys of a session ready; `secret` is wiped after the call.
        virtual void prepare(const Terms& terms, const crypto::SessionSecret& secret) = 0;
        /// The session that was prepared last is what workers seal with from their next burst on.
        virtual void activate() = 0;
        /// The lane has no keys any more: sends nothing, rather than under keys that are too old.
        virtual void expire() = 0;
    };

    /// `random` outlives the machine.
    Announcer(Settings settings, crypto::Random& random, const SenderRecord& former);

    /// Does what is due; returns the boot time at which there is more. `sent` is the highest
    /// sequence number that the current session's subspaces have come to.
    std::uint64_t step(Moment now, std::uint64_t sent, Owner& owner);

    /// A session is proposed, and record() must be on disk before anything else happens.
    bool unsaved() const noexcept { return proposed_.has_value(); }
    SenderRecord record() const noexcept;
    /// It is on disk: the session is made and announced. Call step() next.
    void saved(Moment now, Owner& owner);
    /// It could not be written; the proposal is dropped and made again a second later.
    void not_saved(Moment now) noexcept;

    /// Asks for a new session at the next step, as a rekey would.
    void renew() noexcept { renew_ = true; }

    bool sending() const noexcept { return current_.has_value(); }
    /// Of the session in use; sending() is true.
    const Terms& terms() const noexcept { return current_->terms; }
    std::uint64_t since_boot_ns() const noexcept { return current_->switch_boot_ns; }

    static constexpr std::uint64_t repeat_ns = ns_per_second;
    static constexpr unsigned first_announcements = 3;
    static constexpr std::uint64_t first_gap_ns = 50 * ns_per_ms;
    static constexpr std::uint64_t lead_ns_max = 10 * ns_per_second;
    /// What a session may live on after it should have been replaced.
    static constexpr std::uint64_t lifetime_slack_ns = 30 * ns_per_second;
    /// How much earlier than its receivers a sender takes a session for ended: clocks differ.
    static constexpr std::uint64_t lifetime_margin_ns = ns_per_second;
    /// The clock is taken to have been set by mistake when it moved by so much against the boot
    /// clock. Far beyond what a receiver takes: by less, a receiver whose own clock was ahead a
    /// little may have taken a stamp, and would take no earlier one.
    static constexpr std::uint64_t clock_step_ns = 24 * 3600 * ns_per_second;
    /// How often packets are counted at least.
    static constexpr std::uint64_t look_ns = 100 * ns_per_ms;

  private:
    struct Session {
        Terms terms;
        std::uint64_t stamp = 0;
        std::vector<AnnounceBytes> announcements;  ///< one for each receiver
        unsigned announced = 0;                    ///< times
        std::uint64_t announce_boot_ns = 0;        ///< when next
        std::uint64_t switch_boot_ns = 0;          ///< when it becomes, or became, current
        std::uint64_t end_boot_ns = 0;             ///< when receivers are about to wipe it
    };
    struct Proposal {
        std::uint64_t stamp;
        std::uint32_t epoch;
        std::uint64_t lead_ns;
    };

    std::uint64_t rekey_ns() const noexcept { return settings_.keys.rekey_seconds * ns_per_second; }
    std::uint64_t usual_lead_ns() const noexcept;
    std::optional<std::uint64_t> lead_if_due(Moment now, std::uint64_t sent) const noexcept;
    bool running_out(Moment now, std::uint64_t sent) const noexcept;
    std::uint64_t next_look(Moment now) const noexcept;
    void propose(Moment now, std::uint64_t lead_ns) noexcept;
    void watch_clock(Moment now) noexcept;
    static void announce_if_due(Session& session, Moment now, Owner& owner);

    Settings settings_;
    crypto::Random& random_;
    SenderRecord record_;
    std::optional<Proposal> proposed_;
    std::optional<Session> next_;
    std::optional<Session> current_;
    std::uint64_t retry_boot_ns_ = 0;  ///< no proposal before this
    bool renew_ = false;
    Moment seen_;  ///< the clocks at the last step; zeros before the first
    /// The last stamp before the clock was set forward while this run lasts.
    std::optional<std::uint64_t> stamp_before_step_;
};

}  // namespace lanes
