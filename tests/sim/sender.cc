// See sender.hh.
#include "tests/sim/sender.hh"

#include <algorithm>

#include "engine/check.hh"
#include "lanes/records.hh"

namespace lanes::sim {
namespace {

constexpr std::uint16_t max_inner = 1400;
constexpr std::uint64_t heartbeat_ns = ns_per_second;
constexpr std::uint64_t no_limit = std::uint64_t{1} << 60;
const std::string entry = "send-101";

}  // namespace

Sender::Sender(const Surroundings& around, Dice dice)
    : Machine(around, dice.split()), around_(around), dice_(dice) {
    if (around.scenario.former_epoch == 0) return;
    const SenderRecord record{stamp_step, around.scenario.former_epoch};
    const StateStore::Entry text{entry, to_text(record)};
    LANES_CHECK(disk.save({&text, 1}));
}

void Sender::start() {
    start_at_ns = never;
    auto text = disk.load(entry);
    LANES_CHECK(text);
    SenderRecord record;
    if (text->has_value() && around_.mutation != Mutation::forgetful_sender) {
        auto parsed = parse_sender_record(**text);
        LANES_CHECK(parsed);
        record = *parsed;
    }
    std::byte run_id[8];
    around_.random.fill(run_id);
    const Scenario& scenario = around_.scenario;
    announcer_.emplace(Announcer::Settings{Scenario::lane, scenario.sender_keys, scenario.suite,
                                           scenario.subspaces, max_inner, scenario.packet_limit,
                                           wire::load_be<std::uint64_t>(run_id)},
                       around_.random, record);
    wake_ns_ = around_.time.ns;
    around_.log.say(
        "sender     starts, record %lu, clock %+.3f s", record.stamp,
        (static_cast<double>(clock.now().unix_ns) - static_cast<double>(around_.time.ns)) / 1e9);
}

void Sender::crash() {
    announcer_.reset();
    prepared_ = Session{};
    current_ = Session{};
    save_boot_ns_ = 0;
    heartbeat_boot_ns_ = 0;
    wake_ns_ = never;
}

void Sender::step() {
    const Moment now = clock.now();
    if (save_boot_ns_ != 0) save_if_due();
    if (!up()) return;
    const std::uint64_t sent = current_.keys ? current_.keys->sent_max() : 0;
    std::uint64_t next = announcer_->step(now, sent, *this);
    if (announcer_->unsaved() && save_boot_ns_ == 0) {
        save_boot_ns_ = now.boot_ns + dice_.below(around_.scenario.disk_ns_max + 1) + 1;
    }
    if (save_boot_ns_ != 0) next = std::min(next, save_boot_ns_);
    heartbeat_if_due();
    wake_ns_ = std::max(clock.true_at(next), around_.time.ns + 1);
}

void Sender::save_if_due() {
    const Moment now = clock.now();
    if (now.boot_ns < save_boot_ns_) return;
    save_boot_ns_ = 0;
    const StateStore::Entry text{entry, to_text(announcer_->record())};
    const bool saved{disk.save({&text, 1})};
    if (dice_.chance(cut_saves)) {
        around_.log.say("sender     loses its power in a save");
        return crash();
    }
    if (saved) return announcer_->saved(now, *this);
    around_.log.say("sender     cannot save");
    announcer_->not_saved(now);
}

void Sender::announce(const AnnounceBytes& bytes) {
    around_.ledger.announced(bytes);
    const std::size_t peers = std::max<std::size_t>(around_.scenario.sender_keys.peers.size(), 1);
    if (around_.mutation == Mutation::no_repeats &&
        ++announced_[stamp_of(bytes)] > Announcer::first_announcements * peers) {
        return;
    }
    const auto packet = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
    around_.attacker.hear(packet);
    around_.network.send(packet);
}

Sender::Session Sender::make_session(const Terms& terms, const crypto::SessionSecret& secret) {
    Session session;
    const SessionMaker maker{around_.backend, Scenario::lane, terms, secret};
    const std::uint64_t limit =
        around_.mutation == Mutation::no_limit ? no_limit : around_.scenario.packet_limit;
    auto keys = maker.seal(limit);
    LANES_CHECK(keys);
    session.keys = std::move(*keys);
    session.stamp = announcer_->record().stamp;
    for (unsigned i = 0; i <= terms.subspaces; ++i) {
        const auto subspace =
            i == terms.subspaces ? wire::control_subspace : static_cast<std::uint16_t>(i);
        session.key_ids.push_back(around_.ledger.key(
            crypto::derive_subspace(secret, {Scenario::lane, terms.epoch, subspace, terms.suite})));
    }
    return session;
}

void Sender::prepare(const Terms& terms, const crypto::SessionSecret& secret) {
    ++totals_.sessions;
    around_.log.say("sender     makes session %lu, epoch %u, lead %u ms",
                    announcer_->record().stamp, terms.epoch, terms.lead_ms);
    if (around_.mutation == Mutation::reused_secret) {
        if (former_ && !announcer_->sending()) {
            prepared_ = make_session(former_->terms, former_->secret);
            return;
        }
        former_ = Former{terms, secret.copy()};
    }
    prepared_ = make_session(terms, secret);
}

void Sender::activate() {
    if (around_.mutation == Mutation::one_session && current_.keys) return;
    around_.log.say("sender     switches to session %lu", prepared_.stamp);
    current_ = std::move(prepared_);
    prepared_ = Session{};
}

void Sender::expire() {
    around_.log.say("sender     has no session any more");
    current_ = Session{};
}

Bytes Sender::frame(std::uint8_t epoch, std::uint16_t subspace, std::uint64_t sequence,
                    std::span<const std::byte> inner) {
    const std::size_t len = std::max<std::size_t>(
        wire::header_bytes + inner.size() + wire::tag_bytes, wire::sealed_bytes_min);
    Bytes packet(len);
    wire::write_header(packet.data(), {static_cast<std::uint8_t>(wire::Type::data), epoch, subspace,
                                       Scenario::lane, sequence});
    std::ranges::copy(inner, packet.begin() + wire::header_bytes);
    return packet;
}

void Sender::seal_and_send(SealKey& key, std::uint32_t key_id, std::uint64_t first,
                           std::vector<Bytes>& packets) {
    std::vector<crypto::Job> run(packets.size());
    for (std::size_t i = 0; i < run.size(); ++i) {
        std::byte* at = packets[i].data();
        const auto text =
            static_cast<std::uint32_t>(packets[i].size() - wire::header_bytes - wire::tag_bytes);
        run[i].source = run[i].destination = at + wire::header_bytes;
        run[i].len = text;
        run[i].associated = at;
        run[i].associated_len = wire::header_bytes;
        run[i].tag = at + wire::header_bytes + text;
        run[i].nonce = crypto::make_nonce(key.iv, first + i);
        around_.ledger.sealed(key_id, run[i].nonce, first + i, around_.scenario.packet_limit);
    }
    LANES_CHECK(around_.backend.seal(key.key, run) == run.size());
    for (Bytes& bytes : packets) {
        const auto packet = std::make_shared<const Bytes>(std::move(bytes));
        around_.attacker.hear(packet);
        around_.network.send(packet);
    }
}

Bytes Sender::payload_inner(std::uint64_t stamp, std::uint16_t subspace, std::uint64_t sequence) {
    const Bytes body = around_.ledger.body(around_.ledger.next_id());
    around_.ledger.sent({around_.time.ns, stamp, sequence, subspace});
    Bytes inner(wire::inner_bytes + body.size() + (dice_.chance(0.1) ? dice_.below(20) : 0));
    wire::write_inner(inner.data(), wire::Kind::ethernet, static_cast<std::uint32_t>(body.size()));
    std::ranges::copy(body, inner.begin() + wire::inner_bytes);
    return inner;
}

/// What only a broken sender seals: of no kind, longer than it is, or with something behind it.
Bytes Sender::strange_inner() {
    Bytes inner(40);
    const std::uint64_t how = dice_.below(3);
    wire::write_inner(inner.data(), wire::Kind::ethernet, how == 1 ? 500 : 20);
    if (how == 0) inner[0] = std::byte{99};
    if (how == 2) inner[30] = std::byte{1};
    return inner;
}

void Sender::send(unsigned most) {
    auto n = static_cast<unsigned>(dice_.between(1, most));
    const auto subspace = static_cast<std::uint16_t>(dice_.below(around_.scenario.subspaces));
    if (!current_.keys) {
        totals_.keyless += n;
        return;
    }
    SealKey& key = current_.keys->keys[subspace];
    const unsigned wanted = n;
    const std::uint64_t first = key.take(n);
    totals_.stopped += wanted - n;
    std::vector<Bytes> packets;
    for (unsigned i = 0; i < n; ++i) {
        const Bytes inner = dice_.chance(around_.scenario.strange)
                                ? strange_inner()
                                : payload_inner(current_.stamp, subspace, first + i);
        packets.push_back(frame(current_.keys->epoch, subspace, first + i, inner));
    }
    if (n > 0) seal_and_send(key, current_.key_ids[subspace], first, packets);
}

void Sender::heartbeat_if_due() {
    const Moment now = clock.now();
    if (!current_.keys || now.boot_ns < heartbeat_boot_ns_) return;
    heartbeat_boot_ns_ = now.boot_ns + heartbeat_ns;
    const SealSession& keys = *current_.keys;
    Bytes inner(wire::inner_bytes + 10 + 8 * std::size_t{keys.subspaces});
    wire::write_inner(inner.data(), wire::Kind::heartbeat,
                      static_cast<std::uint32_t>(inner.size() - wire::inner_bytes));
    std::byte* body = inner.data() + wire::inner_bytes;
    wire::store_be(body, now.unix_ns);
    wire::store_be(body + 8, keys.subspaces);
    for (unsigned i = 0; i < keys.subspaces; ++i) {
        wire::store_be(body + 10 + std::size_t{8} * i, keys.keys[i].next.get());
    }
    unsigned n = 1;
    const std::uint64_t sequence = current_.keys->control.take(n);
    if (n == 0) return;
    std::vector<Bytes> packets{frame(keys.epoch, wire::control_subspace, sequence, inner)};
    seal_and_send(current_.keys->control, current_.key_ids.back(), sequence, packets);
}

}  // namespace lanes::sim
