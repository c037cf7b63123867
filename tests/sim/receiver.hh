// Receiver: one receiving end of the lane: an Acceptor, its sessions, and the protocol's way of a
// packet: length, lane, session by epoch8, subspace, window check, open, window commit, inner
// checks, delivery. Each step is taken for a whole burst before the next one, as workers do, so
// that two copies of one packet can both pass the check and only one of them the commit. Stands for
// Control and all receiving workers of one process, on a machine that outlives the process.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lanes/acceptor.hh"
#include "lanes/session.hh"
#include "tests/sim/counts.hh"
#include "tests/sim/machine.hh"

namespace lanes::sim {

class Receiver final : public Machine, private Acceptor::Owner {
  public:
    Receiver(const Surroundings& around, Dice dice, unsigned number);

    void start();
    void crash();
    /// Remembers the floors of its windows, if the disk takes them, and ends.
    void stop();
    bool up() const noexcept { return acceptor_.has_value(); }

    void step();
    std::uint64_t wake_ns() const noexcept { return wake_ns_; }
    void take(std::span<const Packet> burst);

    std::uint64_t mark() const noexcept { return up() ? acceptor_->mark() : 0; }
    bool has(const SessionName& session) const noexcept;
    /// Whether it remembers the floors of a session that it does not have at present.
    bool resumes(const SessionName& session) const;

    /// What its disk says now; nothing there: a record that remembers nothing.
    ReceiverRecord remembered();

    const Counts& counts() const noexcept { return counts_; }
    std::uint64_t handed() const noexcept { return handed_; }

  private:
    struct Data {
        const OpenSession* session;
        const OpenKey* key;
        wire::Header header;
        Bytes bytes;
    };

    void install(unsigned place, const Terms& terms, const crypto::SessionSecret& secret,
                 const std::vector<std::uint64_t>& floors) override;
    void wipe(unsigned place) override;
    enum class Origin { fresh, resumed };
    void name(unsigned place, const SessionName& session, Origin origin);

    void save_if_due();
    void classify(const Packet& packet, std::vector<Data>& data);
    void offer(const Bytes& bytes);
    bool find_session(Data& data);
    bool passes_window(const Data& data);
    bool open(Data& data);
    /// Commits runs of one block of one window; what remains in `data` was first to come.
    void commit(std::vector<Data>& data);
    bool taken(const Data& data, Window::Outcome outcome);
    void deliver(const Data& data);
    void drop(End reason) noexcept { counts_.add(reason); }

    const Surroundings& around_;
    Dice dice_;
    unsigned number_;
    WindowStore windows_;
    std::optional<Acceptor> acceptor_;
    std::array<std::unique_ptr<OpenSession>, sessions_max> sessions_;
    std::array<SessionName, sessions_max> names_;
    std::map<std::uint64_t, std::uint32_t> met_;  ///< stamp -> key, of all sessions ever made here
    OpenSessions open_;
    std::array<std::vector<std::uint64_t>, sessions_max> first_floors_;  ///< early_floors
    std::uint64_t wake_ns_ = never;
    std::uint64_t save_boot_ns_ = 0;  ///< when the save under way is done; 0: none
    Counts counts_;
    std::uint64_t handed_ = 0;
};

}  // namespace lanes::sim
