// See receiver.hh.
#include "tests/sim/receiver.hh"

#include <algorithm>
#include <functional>

#include "engine/check.hh"
#include "lanes/records.hh"

namespace lanes::sim {
namespace {

constexpr std::size_t data_bytes_min = wire::header_bytes + wire::inner_bytes + wire::tag_bytes;
const std::string entry = "receive-101";

}  // namespace

Receiver::Receiver(const Surroundings& around, Dice dice, unsigned number)
    : Machine(around, dice.split()), around_(around), dice_(dice), number_(number) {
    if (around.mutation == Mutation::lying_store) disk.set_lying();
}

ReceiverRecord Receiver::remembered() {
    auto text = disk.load(entry);
    LANES_CHECK(text);
    if (!text->has_value()) return {};
    auto record = parse_receiver_record(**text);
    if (!record) throw Breach{"record", record.error().message + " in:\n" + **text};
    return *record;
}

void Receiver::start() {
    start_at_ns = never;
    const ReceiverRecord record = remembered();
    acceptor_.emplace(
        Acceptor::Settings{around_.scenario.receiver_keys[number_], around_.scenario.suite},
        record);
    wake_ns_ = around_.time.ns;
    around_.log.say(
        "receiver %u starts, mark %lu, %zu resumable, clock %+.3f s", number_, record.mark,
        record.resumable.size(),
        (static_cast<double>(clock.now().unix_ns) - static_cast<double>(around_.time.ns)) / 1e9);
}

void Receiver::crash() {
    acceptor_.reset();
    for (unsigned place = 0; place < sessions_max; ++place) wipe(place);
    save_boot_ns_ = 0;
    wake_ns_ = never;
}

void Receiver::stop() {
    if (acceptor_->unsaved()) acceptor_->not_saved();
    ReceiverRecord record = acceptor_->record();
    for (const Acceptor::Live& live : acceptor_->live()) {
        record.resumable.push_back({live.stamp, live.epoch,
                                    around_.mutation == Mutation::early_floors
                                        ? first_floors_[live.place]
                                        : floors_of(*sessions_[live.place])});
    }
    // Sessions that were never taken up again are left behind; the newest matter.
    std::ranges::sort(record.resumable, std::ranges::greater(), &ReceiverRecord::Resumable::stamp);
    if (record.resumable.size() > sessions_max) record.resumable.resize(sessions_max);
    const StateStore::Entry text{entry, to_text(record)};
    if (!disk.save({&text, 1})) around_.log.say("receiver %u cannot save its floors", number_);
    crash();
}

void Receiver::step() {
    if (save_boot_ns_ != 0) save_if_due();
    if (!up()) return;
    const Moment now = clock.now();
    std::uint64_t next = acceptor_->step(now, *this);
    if (acceptor_->unsaved() && save_boot_ns_ == 0) {
        save_boot_ns_ = now.boot_ns + dice_.below(around_.scenario.disk_ns_max + 1) + 1;
    }
    if (save_boot_ns_ != 0) next = std::min(next, save_boot_ns_);
    wake_ns_ = std::max(clock.true_at(next), around_.time.ns + 1);
}

void Receiver::save_if_due() {
    const Moment now = clock.now();
    if (now.boot_ns < save_boot_ns_) return;
    const StateStore::Entry text{entry, to_text(acceptor_->record())};
    const bool saved{disk.save({&text, 1})};
    if (dice_.chance(cut_saves)) {
        around_.log.say("receiver %u loses its power in a save", number_);
        return crash();
    }
    if (!saved) around_.log.say("receiver %u cannot save", number_);
    if (saved || around_.mutation == Mutation::unsaved_mark) {
        acceptor_->saved(now, *this);
    } else if (around_.mutation == Mutation::stuck_save) {
        save_boot_ns_ = never;
        return;
    } else {
        acceptor_->not_saved();
    }
    save_boot_ns_ = 0;
}

bool Receiver::has(const SessionName& session) const noexcept {
    return std::ranges::count(names_, session) > 0;
}

bool Receiver::resumes(const SessionName& session) const {
    const ReceiverRecord record = up() ? acceptor_->record() : ReceiverRecord{};
    const auto met = met_.find(session.stamp);
    return met != met_.end() && met->second == session.key &&
           std::ranges::any_of(record.resumable,
                               [&](const auto& one) { return one.stamp == session.stamp; });
}

void Receiver::install(unsigned place, const Terms& terms, const crypto::SessionSecret& secret,
                       const std::vector<std::uint64_t>& floors) {
    wipe(place);
    static const std::vector<std::uint64_t> fresh;
    const SessionMaker maker{around_.backend, Scenario::lane, terms, secret};
    auto session = maker.open(windows_, around_.scenario.window, 1,
                              around_.mutation == Mutation::forgotten_floors ? fresh : floors);
    LANES_CHECK(session);
    sessions_[place] = std::move(*session);
    open_.at[place].store(sessions_[place].get(), std::memory_order_release);
    first_floors_[place] = floors_of(*sessions_[place]);
    for (const Acceptor::Live& live : acceptor_->live()) {
        if (live.place != place) continue;
        const std::uint32_t key = around_.ledger.key(
            crypto::derive_subspace(secret, {Scenario::lane, terms.epoch, 0, terms.suite}));
        name(place, {live.stamp, key}, floors.empty() ? Origin::fresh : Origin::resumed);
        around_.log.say("receiver %u makes session %lu, epoch %u%s", number_, live.stamp,
                        terms.epoch, floors.empty() ? "" : ", resumed");
    }
}

/// Remembers which session this is. One that is resumed from the floors of another one (the sender
/// was set back and gave stamp and epoch again) stays without a name: its first packets are lost.
void Receiver::name(unsigned place, const SessionName& session, Origin origin) {
    if (origin == Origin::fresh || met_[session.stamp] == session.key) names_[place] = session;
    met_[session.stamp] = session.key;
}

void Receiver::wipe(unsigned place) {
    open_.at[place].store(nullptr, std::memory_order_release);
    sessions_[place].reset();
    names_[place] = {};
}

void Receiver::take(std::span<const Packet> burst) {
    handed_ += burst.size();
    std::vector<Data> data;
    for (const Packet& packet : burst) classify(packet, data);
    std::erase_if(data, [&](Data& one) { return !find_session(one) || !passes_window(one); });
    if (around_.mutation == Mutation::early_commit) commit(data);
    std::erase_if(data, [&](Data& one) { return !open(one); });
    if (around_.mutation != Mutation::early_commit) commit(data);
    for (const Data& one : data) deliver(one);
    if (counts_.sum() != handed_) {
        throw Breach{"counters", "receiver " + std::to_string(number_) + " was handed " +
                                     std::to_string(handed_) + " packets and counted " +
                                     std::to_string(counts_.sum())};
    }
}

void Receiver::classify(const Packet& packet, std::vector<Data>& data) {
    const Bytes& bytes = *packet;
    if (bytes.size() < wire::header_bytes) return drop(End::malformed_packet);
    const wire::Header header = wire::read_header(bytes.data());
    if (header.type == static_cast<std::uint8_t>(wire::Type::announce)) {
        if (bytes.size() != wire::announce_bytes) return drop(End::malformed_packet);
        return header.lane == Scenario::lane ? offer(bytes) : drop(End::unknown_lane);
    }
    if (header.type != static_cast<std::uint8_t>(wire::Type::data) ||
        bytes.size() < data_bytes_min) {
        return drop(End::malformed_packet);
    }
    if (header.lane != Scenario::lane) return drop(End::unknown_lane);
    data.push_back({nullptr, nullptr, header, bytes});
}

void Receiver::offer(const Bytes& bytes) {
    AnnounceBytes announcement;
    std::ranges::copy(bytes, announcement.begin());
    const Moment now = clock.now();
    const std::uint64_t mark = acceptor_->mark();
    const Acceptor::Verdict verdict = acceptor_->offer(announcement, now);
    counts_.add(static_cast<End>(verdict));
    if (verdict != Acceptor::Verdict::accepted) return;
    // A resumed session was judged before.
    const std::uint64_t stamp = stamp_of(announcement);
    if (stamp > mark) Ledger::accepted(stamp, mark, now);
    wake_ns_ = around_.time.ns;
}

bool Receiver::find_session(Data& data) {
    data.session = open_.find(data.header.epoch);
    if (data.session == nullptr) {
        if (around_.mutation != Mutation::silent_drop) drop(End::no_session);
        return false;
    }
    data.key = data.session->find(data.header.subspace);
    if (data.key == nullptr) drop(End::bad_subspace);
    return data.key != nullptr;
}

bool Receiver::passes_window(const Data& data) {
    if (around_.mutation == Mutation::no_window) return true;
    switch (data.session->window(*data.key).check(data.header.sequence)) {
        case Window::Verdict::fresh:
            return true;
        case Window::Verdict::duplicate:
            drop(End::replay_duplicate);
            if (around_.mutation == Mutation::double_count) drop(End::replay_old);
            return false;
        case Window::Verdict::old:
            break;
    }
    drop(End::replay_old);
    return false;
}

bool Receiver::open(Data& data) {
    std::byte* at = data.bytes.data();
    crypto::Job job;
    job.len = static_cast<std::uint32_t>(data.bytes.size() - wire::header_bytes - wire::tag_bytes);
    const Bytes sealed = data.bytes;
    job.source = sealed.data() + wire::header_bytes;
    job.destination = at + wire::header_bytes;
    job.associated = at;
    job.associated_len = wire::header_bytes;
    job.tag = at + wire::header_bytes + job.len;
    job.nonce = crypto::make_nonce(data.key->iv, data.header.sequence);
    if (around_.backend.open(data.key->key, {&job, 1}) == 1) return true;
    if (around_.mutation == Mutation::unread_tag && dice_.chance(0.5)) {
        // Something that reads like a payload.
        wire::write_inner(at + wire::header_bytes, wire::Kind::ethernet, job.len - 4);
        return true;
    }
    drop(End::not_authentic);
    return false;
}

bool Receiver::taken(const Data& data, Window::Outcome outcome) {
    const std::uint64_t bit = std::uint64_t{1} << data.header.sequence % Window::block_numbers;
    if (!outcome.old && (outcome.fresh & bit) != 0) return true;
    if (around_.mutation == Mutation::ignored_commit) return true;
    drop(outcome.old ? End::replay_old : End::replay_duplicate);
    return false;
}

void Receiver::commit(std::vector<Data>& data) {
    if (around_.mutation == Mutation::no_window) return;
    std::vector<Data> fresh;
    for (std::size_t i = 0; i < data.size();) {
        const Data& first = data[i];
        const std::uint64_t block = first.header.sequence / Window::block_numbers;
        std::uint64_t wanted = 0;
        std::size_t end = i;
        for (; end < data.size() && data[end].key == first.key &&
               data[end].header.sequence / Window::block_numbers == block;
             ++end) {
            const std::uint64_t bit = std::uint64_t{1}
                                      << data[end].header.sequence % Window::block_numbers;
            if ((wanted & bit) != 0) break;  // twice in one burst: a run of its own
            wanted |= bit;
        }
        const Window::Outcome outcome = first.session->window(*first.key).commit(block, wanted);
        for (; i < end; ++i) {
            if (taken(data[i], outcome)) fresh.push_back(std::move(data[i]));
        }
    }
    data = std::move(fresh);
}

void Receiver::deliver(const Data& data) {
    const std::byte* inner = data.bytes.data() + wire::header_bytes;
    const std::size_t len = data.bytes.size() - wire::header_bytes - wire::tag_bytes;
    const wire::Inner head = wire::read_inner(inner);
    const std::size_t used = wire::inner_bytes + std::size_t{head.length};
    if (used > len) return drop(End::malformed_inner);
    if (!wire::all_zero(inner + used, len - used)) return drop(End::bad_padding);
    if (head.kind == static_cast<std::uint8_t>(wire::Kind::heartbeat)) return drop(End::heartbeat);
    if (head.kind != static_cast<std::uint8_t>(wire::Kind::ethernet)) {
        return drop(End::unknown_kind);
    }
    counts_.add(End::delivered);
    around_.ledger.delivered(number_, {inner + wire::inner_bytes, head.length});
}

}  // namespace lanes::sim
