// Acceptor: the receiver's side of a sealed lane's keys, as a state machine without a clock, a disk
// or a network of its own. It judges announcements, cheapest question first, remembers what it
// must never accept again, and says when keys are to be made and wiped. Control steps one per
// receiving lane.
//
// Replays end here: a session is accepted once, because its stamp is then the mark below which
// nothing is accepted, and the mark is on disk before a packet of the session is opened. The
// exceptions are resumptions: a receiver that stopped in good order remembers, with the stamps of
// the sessions it had, the floor of each subspace, and takes each of those sessions up once more
// from its floors on, if that happens soon.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lanes/announcement.hh"
#include "lanes/moment.hh"

namespace lanes {

/// What a receiver must remember over restarts. Mark 0: nothing is remembered.
struct ReceiverRecord {
    struct Resumable {
        std::uint64_t stamp = 0;
        std::uint32_t epoch = 0;
        /// Lowest sequence number to accept, for each subspace, Control's last.
        std::vector<std::uint64_t> floors;

        bool operator==(const Resumable&) const = default;
    };
    std::uint64_t mark = 0;              ///< the highest stamp accepted
    std::vector<Resumable> resumable{};  ///< only written when the receiver stops in good order

    bool operator==(const ReceiverRecord&) const = default;
};

/// Sessions that a receiver keeps at a time; a session's place is its epoch modulo this.
inline constexpr unsigned sessions_max = 4;

class Acceptor {
  public:
    struct Settings {
        KeySpec keys;
        crypto::Suite suite = crypto::Suite::aes_256_gcm;
    };

    enum class Verdict : std::uint8_t {
        accepted,      ///< unsaved() now; made into a session by saved()
        repeat,        ///< of a session that is live: nothing to do
        stale,         ///< its stamp is not above the mark
        bad_mac,       ///< not for us, or forged by somebody who does not know whom we are
        rate_limited,  ///< too many to look at closely
        bad_auth,      ///< not sealed by the sender we know, or not for this key or secret
        clock,         ///< its stamp is too far from our clock
        wrong_terms,   ///< genuine, but of another cipher, or of terms that make no sense
    };

    class Owner {
      public:
        virtual ~Owner() = default;
        /// Makes the session at `place`; one that is there is replaced and wiped. `floors` as in
        /// ReceiverRecord, or empty: everything is fresh.
        virtual void install(unsigned place, const Terms& terms,
                             const crypto::SessionSecret& secret,
                             const std::vector<std::uint64_t>& floors) = 0;
        virtual void wipe(unsigned place) = 0;
    };

    /// The announcement of the session at `place`, which is live.
    const AnnounceBytes& announcement(unsigned place) const noexcept {
        return sessions_[place].bytes;
    }

    Acceptor(Settings settings, const ReceiverRecord& former);

    const AnnounceReader& reader() const noexcept { return reader_; }

    /// Judges `bytes` (type, length and lane are right).
    Verdict offer(const AnnounceBytes& bytes, Moment now);

    /// Announcements were accepted; record() must be on disk before their sessions are made.
    bool unsaved() const noexcept { return !accepted_.empty(); }
    ReceiverRecord record() const { return {mark_, resumable_}; }
    void saved(Moment now, Owner& owner);
    /// It could not be written: as if the announcements had not come. The sender repeats them.
    void not_saved() noexcept;

    /// Wipes what has expired; returns the boot time at which there is more to do.
    std::uint64_t step(Moment now, Owner& owner);

    /// The sessions that are live, for a record that resumes them.
    struct Live {
        unsigned place;
        std::uint32_t epoch;
        std::uint64_t stamp;
    };
    std::vector<Live> live() const;

    /// The session that was made last, while it lives: nullptr if there is none.
    const Terms* newest() const noexcept;
    std::uint64_t newest_since_boot_ns() const noexcept;
    std::uint64_t mark() const noexcept { return mark_; }

    static constexpr std::uint64_t ahead_ns_max = 3600 * ns_per_second;
    static constexpr std::uint64_t first_contact_ns_max = 300 * ns_per_second;
    static constexpr std::uint64_t overlap_ns = 5 * ns_per_second;
    static constexpr std::uint64_t lifetime_ms_max = 3'600'000;
    static constexpr unsigned tokens_max = 5;                      ///< announcements in a burst
    static constexpr std::uint64_t token_ns = ns_per_second / 10;  ///< one more every

  private:
    struct Session {
        AnnounceBytes bytes{};
        Terms terms;
        std::uint64_t stamp = 0;  ///< 0: no session
        std::uint64_t since_boot_ns = 0;
        std::uint64_t end_boot_ns = 0;
    };
    struct Accepted {
        AnnounceBytes bytes;
        Terms terms;
        crypto::SessionSecret secret;
        std::vector<std::uint64_t> floors;
    };

    void forget_overtaken(std::uint64_t unix_ns);
    const ReceiverRecord::Resumable* resumable(std::uint64_t stamp) const noexcept;
    bool is_live(std::uint64_t stamp) const noexcept;
    bool known(const AnnounceBytes& bytes) const noexcept;
    bool take_token(std::uint64_t boot_ns) noexcept;
    bool terms_fit(const Terms& terms, const AnnounceBytes& bytes) const noexcept;
    bool clock_fits(std::uint64_t stamp, std::uint64_t unix_ns) const noexcept;
    void install(const Accepted& accepted, Moment now, Owner& owner);

    Settings settings_;
    AnnounceReader reader_;
    std::uint64_t mark_ = 0;
    std::vector<ReceiverRecord::Resumable> resumable_;
    std::array<Session, sessions_max> sessions_;
    std::vector<Accepted> accepted_;
    ReceiverRecord before_;             ///< what was on disk before the first of accepted_
    std::uint64_t tokens_boot_ns_ = 0;  ///< the time up to which tokens have been spent
};

}  // namespace lanes
