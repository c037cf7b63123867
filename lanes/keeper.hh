// Keeper: everything that Control does for sealed lanes. It holds an end for each of them, steps
// their machines when they are due, reads the workers' notes, writes state to disk in batches
// before anything depends on it, frees keys when no worker uses them any more, and says in the log
// when a lane's state changes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "crypto/aead.hh"
#include "crypto/random.hh"
#include "engine/counters.hh"
#include "engine/quiescent.hh"
#include "engine/result.hh"
#include "lanes/fleet.hh"
#include "lanes/health.hh"
#include "lanes/moment.hh"
#include "lanes/outbox.hh"
#include "lanes/receive_end.hh"
#include "lanes/send_end.hh"
#include "lanes/state_store.hh"
#include "lanes/workshop.hh"

namespace lanes {

class Keeper {
  public:
    /// What the keeper works with; all of it outlives it.
    struct Tools {
        engine::Quiescent& quiescent;
        const Workshops& workshops;
        engine::WorkerCounters& counters;
        Outbox& outbox;
        StateStore& store;
        Clock& clock;
        crypto::Random& random;
    };

    /// `backend` is Control's own.
    Keeper(Tools tools, std::unique_ptr<crypto::Backend> backend);
    ~Keeper();

    /// Whether `spec` can be sealed on this machine.
    engine::Result<void> check(const LaneSpec& spec) const;

    /// Lets go of the sealed lanes that went and takes up those that came: first detach(), then,
    /// when no worker uses the former any more, attach().
    void detach(const Fleet::Turnover& turnover);
    void attach(const Fleet::Turnover& turnover);

    /// Does what is due; returns after how long, in nanoseconds, it wants to be called again.
    std::uint64_t tick();

    /// Whether some lane is sealed.
    bool has_lanes() const noexcept { return !ends_.empty(); }

    /// Saves how far receivers have come. The workers have ended.
    void stop();

    struct Status {
        Health health;
        bool has_session = false;
        std::uint32_t epoch = 0;               ///< of the newest session
        std::uint64_t session_age_ns = 0;      ///< send: in use since; receive: known since
        std::uint64_t lost = 0;                ///< receive
        std::uint64_t delay_variation_ns = 0;  ///< receive
        AnnounceTally announcements{};         ///< receive
        /// Receive: boot time of the last heartbeat or data, to a second; 0: nothing was heard.
        std::uint64_t heard_boot_ns = 0;
    };
    /// Nothing for lanes that are not sealed.
    std::optional<Status> status(const Lane& lane) const;

  private:
    struct End;
    using Due = std::multimap<std::uint64_t, End*>;  ///< by boot time

    void let_go();
    void add(const Fleet::Entry& entry);
    void add_send(const Fleet::Entry& entry, End& end);
    void add_receive(const Fleet::Entry& entry, End& end);
    void read_notes(Moment now);
    void read(const Note& note, Moment now);
    void judge(End& end, const AnnounceBytes& bytes, Moment now);
    void step_due(Moment now);
    void step(End& end, Moment now);
    void save(Moment now);
    void saved(End& end, const engine::Result<void>& result, Moment now);
    void free_retired(Moment now);
    void watch(Moment now);
    void schedule(End& end, std::uint64_t boot_ns);
    std::uint64_t wait_ns(Moment now) const;

    Tools tools_;
    std::unique_ptr<crypto::Backend> backend_;
    WindowStore windows_;
    std::vector<RetiredSeal> retired_seal_;
    std::vector<std::unique_ptr<OpenSession>> retired_open_;
    std::unordered_map<const Lane*, std::unique_ptr<End>> ends_;
    std::vector<std::unique_ptr<End>> detached_;
    Due due_;
    std::vector<End*> unsaved_;
    std::uint64_t watch_boot_ns_ = 0;
    std::uint64_t notes_ = 0;  ///< that the last look found
    bool waiting_ = false;     ///< some receiving lane has no session
};

}  // namespace lanes
