// SendEnd: a sealed sending lane in Control's hands: its Announcer, and what that asks for made
// true: sessions built and published to workers, announcements and heartbeats queued.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lanes/announcer.hh"
#include "lanes/lane.hh"
#include "lanes/outbox.hh"
#include "lanes/session.hh"

namespace lanes {

class SendEnd;

/// A session that workers may still be using for a moment; freed after a grace period.
struct RetiredSeal {
    std::unique_ptr<SealSession> session;
    SendEnd* end;  ///< sends its last heartbeat; nullptr: nobody does
};

class SendEnd final : public Announcer::Owner {
  public:
    /// All of it outlives the end.
    struct Tools {
        crypto::Backend& backend;
        crypto::Random& random;
        Outbox& outbox;
        std::vector<RetiredSeal>& retired;
    };

    SendEnd(std::string name, Lane& lane, Announcer::Settings settings, Tools tools,
            const SenderRecord& former);
    ~SendEnd() override;

    Announcer& announcer() noexcept { return announcer_; }
    const Announcer& announcer() const noexcept { return announcer_; }
    const std::string& name() const noexcept { return name_; }
    Lane& lane() const noexcept { return lane_; }

    /// Steps the machine and sends a heartbeat when one is due; returns when there is more.
    std::uint64_t step(Moment now);
    /// A last heartbeat of a session that workers have left for good: it closes the receiver's
    /// books on it.
    void close_books(SealSession& session, Moment now);

    void announce(const AnnounceBytes& bytes) override;
    void prepare(const Terms& terms, const crypto::SessionSecret& secret) override;
    void activate() override;
    void expire() override;

    std::string save_error;  ///< why its state could not be written; empty: it could

  private:
    void heartbeat(SealSession& session, Moment now);

    std::string name_;
    Lane& lane_;
    Tools tools_;
    std::uint32_t id_;
    std::uint64_t limit_;
    Announcer announcer_;
    std::unique_ptr<SealSession> prepared_;
    std::unique_ptr<SealSession> current_;
    std::uint64_t heartbeat_boot_ns_ = 0;  ///< when the next one is due
};

}  // namespace lanes
