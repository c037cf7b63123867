// Sender: the sending end of the lane: an Announcer, the sessions it makes, and the way of a
// payload onto the network. Stands for Control and all sending workers of one process, on a machine
// that outlives the process.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "lanes/announcer.hh"
#include "lanes/session.hh"
#include "tests/sim/machine.hh"

namespace lanes::sim {

class Sender final : public Machine, private Announcer::Owner {
  public:
    Sender(const Surroundings& around, Dice dice);

    void start();
    /// The process ends at once. An orderly stop is no different: a sender has nothing to add to
    /// what is on its disk.
    void crash();
    bool up() const noexcept { return announcer_.has_value(); }

    /// Control's step: what is due. Also notices that the power failed during a save.
    void step();
    std::uint64_t wake_ns() const noexcept { return wake_ns_; }
    /// A burst of 1 to `most` payloads in one subspace, as a worker would seal it.
    void send(unsigned most);
    void renew() { announcer_->renew(); }

    /// Of the last session announced; of none: 0.
    std::uint64_t last_stamp() const noexcept { return up() ? announcer_->record().stamp : 0; }
    SessionName in_use() const noexcept { return current_.name(); }
    /// The one that is announced and not yet in use, or none.
    SessionName next() const noexcept { return prepared_.name(); }

    struct Totals {
        std::uint64_t stopped = 0;  ///< payloads refused at the hard limit
        std::uint64_t keyless = 0;  ///< payloads refused for want of a session
        std::uint64_t sessions = 0;
    };
    const Totals& totals() const noexcept { return totals_; }

  private:
    struct Session {
        std::uint64_t stamp = 0;
        std::unique_ptr<SealSession> keys;
        std::vector<std::uint32_t> key_ids;  ///< in the ledger; Control's last

        SessionName name() const noexcept {
            return keys ? SessionName{stamp, key_ids[0]} : SessionName{};
        }
    };
    struct Former {
        Terms terms;
        crypto::SessionSecret secret;
    };

    void announce(const AnnounceBytes& bytes) override;
    void prepare(const Terms& terms, const crypto::SessionSecret& secret) override;
    void activate() override;
    void expire() override;

    void save_if_due();
    void heartbeat_if_due();
    Session make_session(const Terms& terms, const crypto::SessionSecret& secret);
    /// The packet that carries `inner` (header and body, padded), before it is sealed.
    static Bytes frame(std::uint8_t epoch, std::uint16_t subspace, std::uint64_t sequence,
                       std::span<const std::byte> inner);
    void seal_and_send(SealKey& key, std::uint32_t key_id, std::uint64_t first,
                       std::vector<Bytes>& packets);
    Bytes payload_inner(std::uint64_t stamp, std::uint16_t subspace, std::uint64_t sequence);
    Bytes strange_inner();

    const Surroundings& around_;
    Dice dice_;
    std::optional<Announcer> announcer_;
    Session prepared_;
    Session current_;
    std::optional<Former> former_;                    ///< for Mutation::reused_secret
    std::map<std::uint64_t, std::size_t> announced_;  ///< by stamp, for Mutation::no_repeats
    std::uint64_t wake_ns_ = never;
    std::uint64_t save_boot_ns_ = 0;  ///< when the save under way is done; 0: none
    std::uint64_t heartbeat_boot_ns_ = 0;
    Totals totals_;
};

}  // namespace lanes::sim
