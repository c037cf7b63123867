// See receive_end.hh.
#include "lanes/receive_end.hh"

#include <algorithm>
#include <utility>

#include "engine/log.hh"

namespace lanes {

ReceiveEnd::ReceiveEnd(std::string name, Lane& lane, std::uint32_t id, std::uint32_t window,
                       Acceptor::Settings settings, Tools tools, const ReceiverRecord& former)
    : name_(std::move(name)),
      lane_(lane),
      id_(id),
      window_(window),
      tools_(tools),
      acceptor_(std::move(settings), former) {
    published_.reader = &acceptor_.reader();
    lane_.opening.store(&published_, std::memory_order_release);
}

// No worker uses the lane any more.
ReceiveEnd::~ReceiveEnd() = default;

Acceptor::Verdict ReceiveEnd::announced(const AnnounceBytes& bytes, Moment now) {
    const Acceptor::Verdict verdict = acceptor_.offer(bytes, now);
    tally_.add(verdict, stamp_of(bytes), now);
    return verdict;
}

void ReceiveEnd::heard(const HeardHeartbeat& heartbeat, std::uint64_t now_ns, Moment now) {
    const unsigned place = heartbeat.epoch % sessions_max;
    if (!sessions_[place] || sessions_[place]->epoch != heartbeat.epoch) return;
    meter_.heard(place, heartbeat, now_ns, now.boot_ns);
}

void ReceiveEnd::install(unsigned place, const Terms& terms, const crypto::SessionSecret& secret,
                         const std::vector<std::uint64_t>& floors) {
    bool follows = false;
    for (unsigned i = 0; i < sessions_max; ++i) follows = follows || (i != place && sessions_[i]);
    wipe(place);
    const SessionMaker maker{tools_.backend, id_, terms, secret};
    auto session = maker.open(tools_.windows, window_, tools_.workers, floors);
    if (!session) {
        engine::log(engine::Severity::error, engine::events::lane_keys,
                    {{engine::Key::lane, name_}}, "lane " + name_ + ": " + session.error().message);
        return;
    }
    (*session)->announcement = acceptor_.announcement(place);
    sessions_[place] = std::move(*session);
    published_.at[place].store(sessions_[place].get(), std::memory_order_release);
    meter_.open(place,
                follows && floors.empty() ? LinkMeter::Start::follows : LinkMeter::Start::late);
}

void ReceiveEnd::wipe(unsigned place) {
    if (!sessions_[place]) return;
    published_.at[place].store(nullptr, std::memory_order_release);
    meter_.close(place, sessions_[place]->accepted(tools_.workers));
    tally_.repeats() += sessions_[place]->repeats(tools_.workers);
    tools_.retired.push_back(std::move(sessions_[place]));
}

AnnounceTally ReceiveEnd::tally() const noexcept {
    AnnounceTally tally = tally_;
    for (const auto& session : sessions_) {
        if (session) tally.repeats() += session->repeats(tools_.workers);
    }
    return tally;
}

void ReceiveEnd::look_at_data(Moment now) {
    std::uint64_t packets = 0;
    for (unsigned i = 0; i < tools_.workers; ++i) packets += lane_.shares[i].packets.get();
    if (packets != packets_) meter_.heard_data(now.boot_ns);
    packets_ = packets;
    for (unsigned place = 0; place < sessions_max; ++place) {
        if (!sessions_[place] || !meter_.awaits(place)) continue;
        meter_.came(place, sessions_[place]->accepted(tools_.workers));
    }
}

ReceiverRecord ReceiveEnd::final_record() const {
    ReceiverRecord record = acceptor_.record();
    for (const Acceptor::Live& live : acceptor_.live()) {
        if (!sessions_[live.place]) continue;
        record.resumable.push_back({live.stamp, live.epoch, floors_of(*sessions_[live.place])});
    }
    // Leftovers of an earlier stop, which were never taken up, make room for what lives.
    auto& entries = record.resumable;
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.stamp > b.stamp; });
    if (entries.size() > sessions_max) entries.resize(sessions_max);
    return record;
}

}  // namespace lanes
