// See keeper.hh.
#include "lanes/keeper.hh"

#include <algorithm>
#include <utility>

#include "engine/log.hh"
#include "lanes/records.hh"

namespace lanes {
namespace {

using engine::Drop;
using engine::Key;
using engine::log;
using engine::Severity;
namespace events = engine::events;

/// Ends stepped in one tick, so that notes are not kept waiting behind a thousand rekeys.
constexpr unsigned steps_max = 256;
/// How often notes are looked at: usually; while a lane waits for its first keys; under a flood.
constexpr std::uint64_t look_ns = 100 * ns_per_ms;
constexpr std::uint64_t look_waiting_ns = 20 * ns_per_ms;
constexpr std::uint64_t look_flood_ns = ns_per_ms;
/// Notes in one look of which there will soon be too many for the rings.
constexpr std::uint64_t flood_least = Notes::slots / 32;
/// Sending lanes that begin at once; more of them begin a millisecond apart, within a second, so
/// that their announcements and heartbeats do not come all together ever after.
constexpr std::size_t begin_at_once = 100;
constexpr std::size_t begin_within = 1000;
/// Patience with a lane that has just begun, before the log is told that it has no keys.
constexpr std::uint64_t patience_ns = 5 * ns_per_second;

Drop drop_of(Acceptor::Verdict verdict) noexcept {
    switch (verdict) {
        case Acceptor::Verdict::stale:
            return Drop::stale;
        case Acceptor::Verdict::bad_mac:
            return Drop::bad_mac;
        case Acceptor::Verdict::rate_limited:
            return Drop::rate_limited;
        case Acceptor::Verdict::bad_auth:
            return Drop::bad_auth;
        case Acceptor::Verdict::clock:
            return Drop::clock;
        default:
            return Drop::wrong_terms;
    }
}

std::uint64_t random_run_id(crypto::Random& random) {
    std::byte bytes[8];
    random.fill(bytes);
    return wire::load_be<std::uint64_t>(bytes);
}

/// What the store remembers under `entry`; a record that cannot be read counts as lost.
template <typename Record>
Record load(StateStore& store, const std::string& entry, const std::string& lane,
            engine::Result<Record> (*parse)(std::string_view)) {
    const auto lost = [&](const std::string& why) {
        log(Severity::error, events::state_store, {{Key::lane, lane}},
            "lane " + lane + ": " + why +
                "; going on as if nothing had been remembered of this lane");
        return Record{};
    };
    auto text = store.load(entry);
    if (!text) return lost(text.error().message);
    if (!*text) return Record{};
    auto record = parse(**text);
    if (!record) return lost("state " + entry + ": " + record.error().message);
    return *record;
}

}  // namespace

struct Keeper::End {
    std::string entry;  ///< in the store
    std::unique_ptr<SendEnd> send;
    std::unique_ptr<ReceiveEnd> receive;
    std::optional<Due::iterator> due;

    bool unsaved() const {
        return send ? send->announcer().unsaved() : receive->acceptor().unsaved();
    }
    const std::string& name() const { return send ? send->name() : receive->name(); }
    std::string& save_error() { return send ? send->save_error : receive->save_error; }
};

Keeper::Keeper(Tools tools, std::unique_ptr<crypto::Backend> backend)
    : tools_(tools), backend_(std::move(backend)) {}

Keeper::~Keeper() {
    ends_.clear();  // they retire what they hold
}

engine::Result<void> Keeper::check(const LaneSpec& spec) const {
    if (!spec.keys) return {};
    const char* why = backend_->unavailable(suite_of(spec.cipher));
    if (why == nullptr) return {};
    return engine::Error{0, "lane " + spec.name + ": " + why};
}

void Keeper::detach(const Fleet::Turnover& turnover) {
    for (const Lane* lane : turnover.gone) {
        const auto at = ends_.find(lane);
        if (at == ends_.end()) continue;
        detached_.push_back(std::move(at->second));
        ends_.erase(at);
    }
}

void Keeper::attach(const Fleet::Turnover& turnover) {
    let_go();
    for (const Fleet::Entry* entry : turnover.came) add(*entry);
    // Workers serve the lanes that came already, and may have heard their announcements. Those that
    // went are in no map any more, and must not be named by a note once they are freed.
    read_notes(tools_.clock.now());
}

void Keeper::let_go() {
    const Moment now = tools_.clock.now();
    save(now);
    std::vector<StateStore::Entry> last;
    for (const auto& end : detached_) {
        if (end->due) due_.erase(*end->due);
        if (end->receive) last.push_back({end->entry, to_text(end->receive->final_record())});
    }
    if (!last.empty()) {
        if (auto ok = tools_.store.save(last); !ok) {
            log(Severity::error, events::state_store, {}, ok.error().message);
        }
    }
    detached_.clear();
    free_retired(now);
}

void Keeper::add(const Fleet::Entry& entry) {
    auto end = std::make_unique<End>();
    if (entry.spec->role == Role::send) {
        add_send(entry, *end);
    } else {
        add_receive(entry, *end);
    }
    const std::size_t turn = ends_.size() < begin_at_once ? 0 : ends_.size() % begin_within;
    schedule(*end, tools_.clock.now().boot_ns + turn * ns_per_ms);
    ends_.emplace(entry.lane, std::move(end));
}

void Keeper::add_send(const Fleet::Entry& entry, End& end) {
    const LaneSpec& spec = *entry.spec;
    end.entry = "send-" + std::to_string(spec.id);
    const crypto::Suite suite = suite_of(spec.cipher);
    const std::uint32_t packet_max = entry.plan ? entry.plan->packet_max : wire::body_bytes_max;
    const std::uint32_t around = wire::header_bytes + wire::inner_bytes + wire::tag_bytes;
    const Announcer::Settings settings{
        spec.id,
        *spec.keys,
        suite,
        static_cast<std::uint16_t>(tools_.workshops.size()),
        static_cast<std::uint16_t>(std::min(packet_max - around, wire::body_bytes_max)),
        packet_limit(suite, packet_max),
        random_run_id(tools_.random)};
    end.send = std::make_unique<SendEnd>(
        spec.name, *entry.lane, settings,
        SendEnd::Tools{*backend_, tools_.random, tools_.outbox, retired_seal_},
        load(tools_.store, end.entry, spec.name, parse_sender_record));
}

void Keeper::add_receive(const Fleet::Entry& entry, End& end) {
    const LaneSpec& spec = *entry.spec;
    end.entry = "receive-" + std::to_string(spec.id);
    end.receive = std::make_unique<ReceiveEnd>(
        spec.name, *entry.lane, spec.id, spec.window,
        Acceptor::Settings{*spec.keys, suite_of(spec.cipher)},
        ReceiveEnd::Tools{*backend_, windows_, static_cast<unsigned>(tools_.workshops.size()),
                          retired_open_},
        load(tools_.store, end.entry, spec.name, parse_receiver_record));
    end.receive->said.from_boot_ns = tools_.clock.now().boot_ns + patience_ns;
}

void Keeper::schedule(End& end, std::uint64_t boot_ns) {
    if (end.due) due_.erase(*end.due);
    end.due = due_.emplace(boot_ns, &end);
}

std::uint64_t Keeper::tick() {
    const Moment now = tools_.clock.now();
    read_notes(now);
    step_due(now);
    save(now);
    free_retired(now);
    if (now.boot_ns >= watch_boot_ns_) {
        watch(now);
        watch_boot_ns_ = now.boot_ns + ns_per_second;
    }
    tools_.outbox.ring_bell();
    return wait_ns(now);
}

std::uint64_t Keeper::wait_ns(Moment now) const {
    std::uint64_t wait = look_ns;
    if (waiting_) wait = look_waiting_ns;
    if (notes_ >= flood_least) wait = look_flood_ns;
    if (!due_.empty()) {
        const std::uint64_t next = due_.begin()->first;
        wait = std::min(wait, next > now.boot_ns ? next - now.boot_ns : 0);
    }
    return wait;
}

void Keeper::read_notes(Moment now) {
    notes_ = 0;
    for (const auto& workshop : tools_.workshops) {
        Notes& notes = workshop->notes;
        // No more than a ring holds: what comes meanwhile waits for the next look.
        for (std::size_t i = 0; i < Notes::slots; ++i) {
            const Note* note = notes.front();
            if (note == nullptr) break;
            read(*note, now);
            notes.pop();
            ++notes_;
        }
    }
}

void Keeper::read(const Note& note, Moment now) {
    const auto at = ends_.find(note.lane);
    if (at == ends_.end() || !at->second->receive) {
        // The lane went while this was under way.
        if (note.kind == Note::Kind::announcement) tools_.counters.drop(Drop::unknown_lane);
        return;
    }
    if (note.kind == Note::Kind::heartbeat) {
        at->second->receive->heard(note.heartbeat, note.now_ns, now);
    } else {
        judge(*at->second, note.announcement, now);
    }
}

void Keeper::judge(End& end, const AnnounceBytes& bytes, Moment now) {
    const bool unsaved = end.unsaved();
    const Acceptor::Verdict verdict = end.receive->announced(bytes, now);
    if (verdict == Acceptor::Verdict::accepted && !unsaved) unsaved_.push_back(&end);
    if (verdict == Acceptor::Verdict::accepted || verdict == Acceptor::Verdict::repeat) {
        tools_.counters.absorbed.add(1);
    } else {
        tools_.counters.drop(drop_of(verdict));
    }
}

void Keeper::step_due(Moment now) {
    for (unsigned steps = 0; steps < steps_max && !due_.empty(); ++steps) {
        const auto first = due_.begin();
        if (first->first > now.boot_ns) return;
        End& end = *first->second;
        due_.erase(first);
        end.due.reset();
        step(end, now);
    }
}

void Keeper::step(End& end, Moment now) {
    const bool unsaved = end.unsaved();
    // Every packet that a step makes needs room: two sessions' announcements, and a heartbeat.
    if (end.send && tools_.outbox.room() < 2 * session_peers_max + 1) {
        return schedule(end, now.boot_ns + ns_per_ms);
    }
    const std::uint64_t next = end.send ? end.send->step(now) : end.receive->step(now);
    if (end.unsaved() && !unsaved) unsaved_.push_back(&end);
    schedule(end, next);
}

void Keeper::save(Moment now) {
    if (unsaved_.empty()) return;
    std::vector<StateStore::Entry> entries;
    for (const End* end : unsaved_) {
        entries.push_back({end->entry, end->send ? to_text(end->send->announcer().record())
                                                 : to_text(end->receive->acceptor().record())});
    }
    const auto result = tools_.store.save(entries);
    for (End* end : std::exchange(unsaved_, {})) saved(*end, result, now);
}

void Keeper::saved(End& end, const engine::Result<void>& result, Moment now) {
    if (!result && end.save_error() != result.error().message) {
        log(Severity::error, events::state_store,
            {{Key::lane, end.name()}, {Key::reason, result.error().message}},
            "lane " + end.name() +
                ": no new session, since its state cannot be written: " + result.error().message);
    }
    if (result && !end.save_error().empty()) {
        log(Severity::notice, events::state_store, {{Key::lane, end.name()}},
            "lane " + end.name() + ": its state can be written again");
    }
    end.save_error() = result ? "" : result.error().message;
    if (end.send) {
        Announcer& announcer = end.send->announcer();
        if (result) {
            announcer.saved(now, *end.send);
        } else {
            announcer.not_saved(now);
        }
    } else if (result) {
        end.receive->acceptor().saved(now, *end.receive);
    } else {
        end.receive->acceptor().not_saved();
    }
    step(end, now);
}

void Keeper::free_retired(Moment now) {
    if (retired_seal_.empty() && retired_open_.empty()) return;
    tools_.quiescent.wait();
    for (const RetiredSeal& retired : retired_seal_) {
        if (retired.end != nullptr) retired.end->close_books(*retired.session, now);
    }
    retired_seal_.clear();
    retired_open_.clear();
}

void Keeper::watch(Moment now) {
    waiting_ = false;
    for (const auto& [lane, end] : ends_) {
        if (!end->receive) continue;
        ReceiveEnd& receive = *end->receive;
        receive.look_at_data(now);
        const Health health = receive.health(now);
        const bool none = receive.acceptor().newest() == nullptr;
        waiting_ = waiting_ || none;
        const Acceptor::Verdict verdict = none ? receive.tally().last : Acceptor::Verdict::accepted;
        const bool same = health.state == receive.said.state && verdict == receive.said.verdict;
        if (health.state != LaneState::up && now.boot_ns < receive.said.from_boot_ns) continue;
        if (same && receive.said.from_boot_ns == 0) continue;
        receive.said = {health.state, verdict, 0};
        const bool up = health.state == LaneState::up;
        log(up ? Severity::notice : Severity::warning, events::lane_state,
            {{Key::lane, receive.name()},
             {Key::state, std::string(name_of(health.state))},
             {Key::reason, health.cause}},
            "lane " + receive.name() + " is " + std::string(name_of(health.state)) +
                (health.cause.empty() ? "" : ": " + health.cause));
    }
}

void Keeper::stop() {
    const Moment now = tools_.clock.now();
    read_notes(now);
    save(now);
    std::vector<StateStore::Entry> last;
    for (const auto& [lane, end] : ends_) {
        if (end->receive) last.push_back({end->entry, to_text(end->receive->final_record())});
    }
    if (last.empty()) return;
    if (auto ok = tools_.store.save(last); !ok) {
        log(Severity::error, events::state_store, {},
            ok.error().message + "; receiving lanes will wait for their senders' next sessions");
    }
}

std::optional<Keeper::Status> Keeper::status(const Lane& lane) const {
    const auto at = ends_.find(&lane);
    if (at == ends_.end()) return std::nullopt;
    const Moment now = tools_.clock.now();
    Status status;
    if (const auto& send = at->second->send) {
        const Announcer& announcer = send->announcer();
        if (announcer.sending()) {
            status.health = {LaneState::up, ""};
            status.has_session = true;
            status.session_age_ns = now.boot_ns - announcer.since_boot_ns();
            status.epoch = announcer.terms().epoch;
        } else {
            status.health = {LaneState::no_key, send->save_error.empty()
                                                    ? "its first session is being announced"
                                                    : send->save_error};
        }
        return status;
    }
    const ReceiveEnd& receive = *at->second->receive;
    status.health = receive.health(now);
    if (const Terms* session = receive.acceptor().newest()) {
        status.has_session = true;
        status.session_age_ns = now.boot_ns - receive.acceptor().newest_since_boot_ns();
        status.epoch = session->epoch;
    }
    status.lost = receive.meter().lost();
    status.delay_variation_ns = receive.meter().delay_variation_ns();
    status.announcements = receive.tally();
    status.heard_boot_ns = receive.meter().heard_boot_ns();
    return status;
}

}  // namespace lanes
