// See network.hh.
#include "tests/sim/network.hh"

#include <algorithm>

namespace lanes::sim {

void Network::set_faults(const Faults& faults) noexcept {
    faults_ = faults;
    perfect_ = false;
    blackout_at_ns_ = time_.ns + dice_.wait(faults.blackout_gap_ns);
    blackout_end_ns_ = blackout_at_ns_;
}

void Network::set_perfect() noexcept {
    perfect_ = true;
}

void Network::send(const Packet& packet) {
    // Receiver by receiver, so that a burst of the sender arrives in its order.
    for (unsigned receiver = 0; receiver < receivers_; ++receiver) {
        for (unsigned path = 0; path < paths_; ++path) carry(receiver, packet);
    }
}

void Network::inject(unsigned receiver, Packet packet) {
    put(receiver, std::move(packet), 0);
}

bool Network::blacked_out() noexcept {
    if (faults_.blackout_ns == 0 || time_.ns < blackout_at_ns_) return false;
    if (blackout_end_ns_ <= blackout_at_ns_) {
        blackout_end_ns_ = blackout_at_ns_ + dice_.wait(faults_.blackout_ns);
    }
    if (time_.ns < blackout_end_ns_) return true;
    blackout_at_ns_ = time_.ns + dice_.wait(faults_.blackout_gap_ns);
    blackout_end_ns_ = blackout_at_ns_;
    return false;
}

void Network::carry(unsigned receiver, const Packet& packet) {
    if (perfect_) return put(receiver, packet, quantum_ns);
    if (blacked_out() || dice_.chance(faults_.loss)) {
        ++totals_.put;
        ++totals_.lost;
        return;
    }
    unsigned copies = 1;
    while (copies < 5 && dice_.chance(faults_.duplicate)) ++copies;
    for (; copies > 0; --copies) {
        const std::uint64_t delay_ns = dice_.chance(faults_.late)
                                           ? dice_.magnitude(quantum_ns, faults_.late_ns_max)
                                           : dice_.wait(faults_.jitter_ns + 1);
        put(receiver, damaged(packet), delay_ns);
    }
}

Packet Network::damaged(Packet packet) {
    const bool corrupt = dice_.chance(faults_.corrupt);
    const bool cut = dice_.chance(faults_.cut);
    const bool lengthen = dice_.chance(faults_.lengthen);
    if (packet->empty() || !(corrupt || cut || lengthen)) return packet;
    Bytes bytes = *packet;
    if (corrupt) {
        for (std::uint64_t bits = dice_.between(1, 3); bits > 0; --bits) {
            // Half of them in the header, where they matter most.
            const std::size_t within =
                dice_.chance(0.5) ? std::min<std::size_t>(16, bytes.size()) : bytes.size();
            bytes[dice_.below(within)] ^= std::byte{1} << dice_.below(8);
        }
    }
    if (cut) bytes.resize(dice_.below(bytes.size()));
    if (lengthen) bytes.resize(bytes.size() + dice_.between(1, 40), std::byte{0});
    return std::make_shared<const Bytes>(std::move(bytes));
}

void Network::put(unsigned receiver, Packet packet, std::uint64_t delay_ns) {
    const std::uint64_t at_ns = (time_.ns + delay_ns) / quantum_ns * quantum_ns + quantum_ns;
    arrivals_[{at_ns, receiver}].push_back(std::move(packet));
    last_ns_ = std::max(last_ns_, at_ns);
    ++totals_.put;
    ++totals_.on_the_way;
}

std::uint64_t Network::next_ns() const noexcept {
    return arrivals_.empty() ? ~std::uint64_t{0} : arrivals_.begin()->first.first;
}

std::pair<unsigned, std::vector<Packet>> Network::take() {
    auto node = arrivals_.extract(arrivals_.begin());
    totals_.on_the_way -= node.mapped().size();
    totals_.handed += node.mapped().size();
    return {node.key().second, std::move(node.mapped())};
}

}  // namespace lanes::sim
