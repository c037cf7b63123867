// See attacker.hh.
#include "tests/sim/attacker.hh"

#include <algorithm>

#include "lanes/wire.hh"

namespace lanes::sim {
namespace {

bool is_announcement(const Bytes& bytes) {
    return bytes.size() == wire::announce_bytes &&
           wire::read_header(bytes.data()).type == static_cast<std::uint8_t>(wire::Type::announce);
}

}  // namespace

Attacker::Attacker(const TrueTime& time, Dice dice, Network& network, const Scenario& scenario)
    : time_(time), dice_(dice), network_(network), receivers_(scenario.receiver_keys.size()) {
    if (scenario.sender_keys.secret) return;
    for (const crypto::PublicKey& receiver : scenario.sender_keys.peers) {
        mac1_.emplace_back(crypto::SharedSecret{}, receiver);
    }
}

void Attacker::hear(const Packet& packet) {
    if (heard_.size() == heard_max) return;
    if (is_announcement(*packet)) {
        // Repeats are remembered once: as many of them as there are receivers were heard before.
        const std::size_t recent = std::min<std::size_t>(announcements_.size(), 8);
        for (std::size_t i = 1; i <= recent; ++i) {
            if (*heard_[announcements_[announcements_.size() - i]] == *packet) return;
        }
        announcements_.push_back(heard_.size());
    }
    heard_.push_back(packet);
}

void Attacker::inject(Packet packet) {
    network_.inject(target_, std::move(packet));
}

void Attacker::act() {
    if (heard_.empty()) return;
    target_ = static_cast<unsigned>(dice_.below(receivers_));
    switch (dice_.below(9)) {
        case 0:
            return inject(any_heard());
        case 1:
            return replay_announcements();
        case 2:
        case 3:
            return replay_stretch();
        case 4:
            return tamper();
        case 5:
            return splice();
        case 6:
            return make_up();
        case 7:
            return forge();
        default:
            return flood();
    }
}

void Attacker::replay_announcements() {
    if (announcements_.empty()) return;
    // In their order: each may be above the mark that the one before has left.
    const std::size_t first = dice_.below(announcements_.size());
    const std::size_t end = std::min(announcements_.size(), first + dice_.between(1, 6));
    for (std::size_t i = first; i < end; ++i) inject(heard_[announcements_[i]]);
}

/// Old packets from an announcement on, as they came.
void Attacker::replay_stretch() {
    if (announcements_.empty()) return;
    const std::size_t first = announcements_[dice_.below(announcements_.size())];
    const std::size_t end = std::min(heard_.size(), first + dice_.magnitude(2, 400));
    for (std::size_t i = first; i < end; ++i) inject(heard_[i]);
}

void Attacker::tamper() {
    Bytes bytes = *any_heard();
    if (bytes.size() < wire::header_bytes) return;
    wire::Header header = wire::read_header(bytes.data());
    switch (dice_.below(6)) {
        case 0:
            header.type = static_cast<std::uint8_t>(dice_.below(256));
            break;
        case 1:
            header.epoch = static_cast<std::uint8_t>(header.epoch + dice_.between(1, 8));
            break;
        case 2:
            header.subspace = static_cast<std::uint16_t>(dice_.chance(0.2) ? wire::control_subspace
                                                                           : dice_.below(70));
            break;
        case 3:
            header.lane += static_cast<std::uint32_t>(dice_.between(1, 3));
            break;
        case 4:
            header.sequence += dice_.magnitude(1, std::uint64_t{1} << 62);
            break;
        default:
            bytes.resize(dice_.below(bytes.size() + 1));
            return inject(std::move(bytes));
    }
    wire::write_header(bytes.data(), header);
    inject(std::move(bytes));
}

void Attacker::splice() {
    Bytes bytes = *any_heard();
    const Packet& other = any_heard();
    const std::size_t from_other = dice_.chance(0.8) ? wire::header_bytes : dice_.between(1, 130);
    if (std::min(bytes.size(), other->size()) < from_other) return;
    std::copy_n(other->begin(), from_other, bytes.begin());
    inject(std::move(bytes));
}

void Attacker::make_up() {
    Bytes bytes(dice_.below(200));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(dice_.next());
    // Half of them look right at first.
    if (bytes.size() >= wire::header_bytes && dice_.chance(0.5)) {
        wire::Header header = wire::read_header(any_heard()->data());
        header.sequence = dice_.next();
        wire::write_header(bytes.data(), header);
    }
    inject(std::move(bytes));
}

/// The header of tomorrow, a body that nobody sealed, and a right mac1.
void Attacker::forge() {
    if (announcements_.empty() || mac1_.empty() || time_.ns < forge_ns_) return;
    forge_ns_ = time_.ns + forge_gap_ns;
    Bytes bytes = *heard_[announcements_.back()];
    wire::Header header = wire::read_header(bytes.data());
    header.sequence += dice_.magnitude(std::uint64_t{1} << 24, std::uint64_t{1} << 42);
    wire::write_header(bytes.data(), header);
    const std::span<std::byte, wire::announce_bytes> all(bytes);
    mac1_[target_].write(all.first<crypto::mac1_covers_bytes>(),
                         all.subspan<crypto::mac1_covers_bytes>());
    inject(std::move(bytes));
}

/// Announcements that nobody made, from the future.
void Attacker::flood() {
    if (announcements_.empty()) return;
    Bytes bytes = *heard_[announcements_.back()];
    for (std::uint64_t n = dice_.between(5, 60); n > 0; --n) {
        wire::Header header = wire::read_header(bytes.data());
        header.sequence += std::uint64_t{1} << 24;
        wire::write_header(bytes.data(), header);
        for (std::size_t i = 16; i < bytes.size(); ++i) bytes[i] = std::byte(dice_.next() & 0xff);
        inject(bytes);
    }
}

}  // namespace lanes::sim
