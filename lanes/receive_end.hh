// ReceiveEnd: a sealed receiving lane in Control's hands: its Acceptor, the sessions that it made
// and published to workers, and what is known of the way from the sender.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "lanes/acceptor.hh"
#include "lanes/health.hh"
#include "lanes/lane.hh"
#include "lanes/notes.hh"
#include "lanes/session.hh"
#include "lanes/window_store.hh"

namespace lanes {

class ReceiveEnd final : public Acceptor::Owner {
  public:
    /// All of it outlives the end.
    struct Tools {
        crypto::Backend& backend;
        WindowStore& windows;
        unsigned workers;
        /// Sessions that workers may still use; freed after a grace period.
        std::vector<std::unique_ptr<OpenSession>>& retired;
    };

    /// `window` in sequence numbers.
    ReceiveEnd(std::string name, Lane& lane, std::uint32_t id, std::uint32_t window,
               Acceptor::Settings settings, Tools tools, const ReceiverRecord& former);
    ~ReceiveEnd() override;

    Acceptor& acceptor() noexcept { return acceptor_; }
    const Acceptor& acceptor() const noexcept { return acceptor_; }
    const LinkMeter& meter() const noexcept { return meter_; }
    AnnounceTally tally() const noexcept;
    const std::string& name() const noexcept { return name_; }
    Lane& lane() const noexcept { return lane_; }

    Acceptor::Verdict announced(const AnnounceBytes& bytes, Moment now);
    void heard(const HeardHeartbeat& heartbeat, std::uint64_t now_ns, Moment now);
    std::uint64_t step(Moment now) { return acceptor_.step(now, *this); }

    /// Data is a sign of life too, should heartbeats be lost.
    void look_at_data(Moment now);

    /// What lets a successor go on where this one stops. No worker may be using the lane.
    ReceiverRecord final_record() const;

    Health health(Moment now) const {
        return health_of(acceptor_, meter_, tally_, save_error, now);
    }

    void install(unsigned place, const Terms& terms, const crypto::SessionSecret& secret,
                 const std::vector<std::uint64_t>& floors) override;
    void wipe(unsigned place) override;

    std::string save_error;  ///< why its state could not be written, or empty

    /// What the log was last told, and from when on there is something to tell.
    struct Said {
        LaneState state = LaneState::no_key;
        Acceptor::Verdict verdict = Acceptor::Verdict::accepted;
        std::uint64_t from_boot_ns = 0;
    };
    Said said;

  private:
    std::string name_;
    Lane& lane_;
    std::uint32_t id_;
    std::uint32_t window_;
    Tools tools_;
    Acceptor acceptor_;
    LinkMeter meter_;
    AnnounceTally tally_;
    std::array<std::unique_ptr<OpenSession>, sessions_max> sessions_;
    OpenSessions published_;
    std::uint64_t packets_ = 0;  ///< accepted, when data was last looked at
};

}  // namespace lanes
