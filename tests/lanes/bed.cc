// See bed.hh.
#include "tests/lanes/bed.hh"

#include <catch2/catch.hpp>

#include <atomic>

namespace lanes::test {
namespace {

using engine::store_be;

/// A memory port that may claim to be of another kind, and that knows its neighbours.
class BedPort final : public engine::Port {
  public:
    BedPort(std::unique_ptr<engine::Port> inner, Knobs& knobs)
        : inner_(std::move(inner)), knobs_(knobs), info_(inner_->info()) {
        const auto kind = knobs.kinds.find(info_.name);
        if (kind != knobs.kinds.end()) info_.kind = kind->second;
    }
    const engine::PortInfo& info() const noexcept override { return info_; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return inner_->rx(queue); }
    engine::TxQueue& tx(unsigned queue) noexcept override { return inner_->tx(queue); }
    std::optional<engine::MacAddress> next_hop(const engine::IpAddress& to) override {
        const auto found = knobs_.neighbours.find(to);
        return found == knobs_.neighbours.end() ? std::nullopt : std::optional(found->second);
    }
    engine::Result<void> silence_host() override {
        knobs_.silenced.insert(info_.name);
        return {};
    }
    engine::Link link() override {
        const auto found = knobs_.links.find(info_.name);
        return found == knobs_.links.end() ? engine::Link{} : found->second;
    }
    engine::Result<void> renew() override {
        if (knobs_.stuck.count(info_.name) != 0) return engine::Port::renew();
        ++knobs_.renewed[info_.name];
        knobs_.links.erase(info_.name);
        info_.mac.bytes[5] ^= 0x10;
        return {};
    }

  private:
    std::unique_ptr<engine::Port> inner_;
    Knobs& knobs_;
    engine::PortInfo info_;
};

void append_u16(Bytes& to, std::uint16_t value) {
    to.push_back(static_cast<std::byte>(value >> 8));
    to.push_back(static_cast<std::byte>(value & 0xff));
}

Bytes mac_bytes(const engine::MacAddress& mac) {
    Bytes bytes;
    for (const std::uint8_t byte : mac.bytes) bytes.push_back(std::byte{byte});
    return bytes;
}

Bytes address_bytes(const std::string& text) {
    const engine::IpAddress address = *engine::parse_ip(text);
    Bytes bytes;
    for (unsigned i = 0; i < address.bits() / 8; ++i) {
        bytes.push_back(std::byte{address.bytes[i]});
    }
    return bytes;
}

Bytes ethernet_head(const engine::MacAddress& to, std::uint16_t type) {
    Bytes frame = mac_bytes(to);
    append(frame, text_bytes("020000000099"));
    append_u16(frame, type);
    return frame;
}

/// A UDP datagram whose checksum covers `pseudo`, addresses and whatever comes with them.
Bytes datagram(const Bytes& payload, const Bytes& addresses, std::uint16_t port) {
    const auto len = static_cast<std::uint16_t>(8 + payload.size());
    Bytes udp;
    append_u16(udp, 61440);
    append_u16(udp, port);
    append_u16(udp, len);
    append_u16(udp, 0);
    append(udp, payload);
    Bytes covered = addresses;
    append_u16(covered, 17);
    append_u16(covered, len);
    append(covered, udp);
    std::uint16_t sum = naive_checksum(covered);
    if (sum == 0) sum = 0xffff;
    store_be(udp.data() + 6, sum);
    return udp;
}

}  // namespace

PortOpener opener(Knobs& knobs) {
    return [&knobs](
               const engine::PortSpec& spec,
               const engine::WorkerCores& cores) -> engine::Result<std::unique_ptr<engine::Port>> {
        ++knobs.opened[spec.name];
        if (knobs.failing.count(spec.name) != 0) {
            return engine::Error{5, "port " + spec.name + ": told to fail"};
        }
        auto port = drivers::open_memory(spec, cores);
        if (!port) return port.error();
        return std::unique_ptr<engine::Port>(std::make_unique<BedPort>(std::move(*port), knobs));
    };
}

std::string fresh_wire() {
    static std::atomic<unsigned> next{0};
    return "bed-" + std::to_string(next.fetch_add(1));
}

engine::PortSpec port_spec(const std::string& name, const std::string& wire,
                           std::vector<std::string> addresses, std::uint32_t mtu) {
    engine::PortSpec spec;
    spec.name = name;
    spec.driver = "memory";
    spec.device = wire;
    spec.mtu = mtu;
    for (const auto& address : addresses) spec.addresses.push_back(*engine::parse_prefix(address));
    return spec;
}

Far::Far(const std::string& wire, std::uint32_t mtu, unsigned queues) : queues_(queues) {
    auto port = drivers::open_memory(port_spec("far", wire, {}, mtu), queues);
    REQUIRE(port);
    port_ = std::move(*port);
}

bool Far::send(const Bytes& frame, unsigned queue) {
    engine::Frame room;
    engine::TxQueue& tx = port_->tx(queue);
    if (tx.claim({&room, 1}, static_cast<std::uint32_t>(frame.size())) != 1) return false;
    if (!frame.empty()) std::memcpy(room.data, frame.data(), frame.size());
    room.len = static_cast<std::uint32_t>(frame.size());
    tx.send({&room, 1}, counters_);
    tx.flush(counters_);
    return true;
}

std::vector<Bytes> Far::collect() {
    std::vector<Bytes> got;
    for (unsigned queue = 0; queue < queues_; ++queue) {
        engine::Burst burst;
        while (port_->rx(queue).receive(burst, counters_) != 0) {
            for (const auto& frame : burst) got.emplace_back(frame.data, frame.data + frame.len);
            port_->rx(queue).release(burst);
            burst.clear();
        }
    }
    return got;
}

Node::Node(unsigned workers, Control::Threads threads) : Node(workers, threads, nullptr) {}

Node::Node(unsigned workers, Control::Threads threads, std::unique_ptr<StateStore> store,
           std::string backend)
    : workers_(workers), backend_(std::move(backend)) {
    auto made = Control::create(spec(), opener(knobs), threads,
                                {clock, crypto::system_random(), std::move(store)});
    REQUIRE(made);
    control = std::move(*made);
}

NodeSpec Node::spec() const {
    NodeSpec spec;
    spec.node = "bed";
    // Core 0 for all: there may be only one, and the tests do not measure.
    spec.cores.assign(workers_, 0);
    spec.backend = backend_;
    return spec;
}

Fleet::Tally Node::apply(NodeSpec next) {
    auto applied = control->apply(std::move(next));
    if (!applied) FAIL(applied.error().message);
    return *applied;
}

void Node::run() {
    for (unsigned received = 1; received != 0;) {
        received = 0;
        for (auto& worker : control->workers()) received += worker->round();
    }
}

void Node::pass(std::uint64_t ns) {
    const std::uint64_t end = clock.moment.boot_ns + ns;
    for (;;) {
        const std::uint64_t wait = std::max(control->tick(), ns_per_ms);
        run();
        if (clock.moment.boot_ns + wait >= end) break;
        clock.advance(wait);
    }
    clock.advance(end - clock.moment.boot_ns);
}

PathSpec over(PortIndex port) {
    PathSpec path;
    path.port = port;
    return path;
}

PathSpec over_udp(PortIndex port, const std::string& to, const engine::MacAddress& next_hop) {
    PathSpec path = over_resolved(port, to);
    path.has_next_hop_mac = true;
    path.next_hop_mac = next_hop;
    return path;
}

PathSpec over_resolved(PortIndex port, const std::string& to) {
    PathSpec path = over(port);
    path.to = *engine::parse_endpoint(to);
    return path;
}

PathSpec over_ethernet(PortIndex port, const engine::MacAddress& to) {
    PathSpec path = over(port);
    path.carrier = CarrierKind::ethernet;
    path.to_mac = to;
    return path;
}

LaneSpec lane_spec(const std::string& name, std::uint32_t id, Role role, PortIndex port,
                   std::vector<PathSpec> paths) {
    LaneSpec lane;
    lane.name = name;
    lane.id = id;
    lane.role = role;
    lane.cipher = Cipher::none;
    lane.port = port;
    lane.paths = std::move(paths);
    return lane;
}

LaneSpec patch_spec(const std::string& name, PortIndex from, PortIndex to) {
    LaneSpec lane = lane_spec(name, 0, Role::patch, from, {});
    lane.patch_to = to;
    return lane;
}

Bytes text_bytes(const std::string& hex) {
    Bytes bytes;
    std::string digits;
    for (const char c : hex) {
        if (c != ' ' && c != '\n') digits += c;
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

void append(Bytes& to, const Bytes& more) {
    to.insert(to.end(), more.begin(), more.end());
}

Bytes ethernet_frame(std::size_t len, std::uint32_t number) {
    Bytes frame = text_bytes("0200000000aa 0200000000bb 0801");
    frame.resize(len);
    for (std::size_t i = 14; i < len; ++i) {
        frame[i] = static_cast<std::byte>(i * 7 + number * 31 + (number >> (i % 4 * 8)));
    }
    return frame;
}

Bytes ip_packet(std::size_t len, std::uint32_t number) {
    Bytes packet = ethernet_frame(len + 14, number);
    packet.erase(packet.begin(), packet.begin() + 14);
    packet[0] = std::byte{0x45};
    return packet;
}

std::uint16_t naive_checksum(const Bytes& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        sum += static_cast<std::uint32_t>(bytes[i]) << 8;
        if (i + 1 < bytes.size()) sum += static_cast<std::uint32_t>(bytes[i + 1]);
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

Bytes lane_packet(std::uint32_t id, std::uint64_t sequence, const Bytes& inner,
                  std::uint16_t subspace, std::uint8_t type) {
    Bytes packet(16);
    packet[0] = std::byte{type};
    store_be(packet.data() + 2, subspace);
    store_be(packet.data() + 4, id);
    store_be(packet.data() + 8, sequence);
    append(packet, inner);
    return packet;
}

Bytes inner_packet(std::uint8_t kind, const Bytes& body) {
    Bytes inner{std::byte{kind}, std::byte{0}};
    append_u16(inner, static_cast<std::uint16_t>(body.size()));
    append(inner, body);
    return inner;
}

Bytes fragment_body(std::uint32_t id, unsigned index, unsigned count, unsigned stride,
                    const Bytes& bytes) {
    Bytes body(4);
    store_be(body.data(), id);
    body.push_back(static_cast<std::byte>(index));
    body.push_back(static_cast<std::byte>(count));
    append_u16(body, static_cast<std::uint16_t>(stride));
    append(body, bytes);
    return body;
}

Bytes carry_ipv4(const Bytes& payload, const engine::MacAddress& to_mac, const std::string& from,
                 const std::string& to, std::uint16_t port) {
    Bytes addresses = address_bytes(from);
    append(addresses, address_bytes(to));
    const Bytes udp = datagram(payload, addresses, port);
    Bytes ip = text_bytes("4500 0000 0000 4000 4011 0000");
    store_be(ip.data() + 2, static_cast<std::uint16_t>(20 + udp.size()));
    append(ip, addresses);
    store_be(ip.data() + 10, naive_checksum(ip));
    Bytes frame = ethernet_head(to_mac, 0x0800);
    append(frame, ip);
    append(frame, udp);
    return frame;
}

Bytes carry_ipv6(const Bytes& payload, const engine::MacAddress& to_mac, const std::string& from,
                 const std::string& to, std::uint16_t port) {
    Bytes addresses = address_bytes(from);
    append(addresses, address_bytes(to));
    const Bytes udp = datagram(payload, addresses, port);
    Bytes ip = text_bytes("6000 0000 0000 1140");
    store_be(ip.data() + 4, static_cast<std::uint16_t>(udp.size()));
    append(ip, addresses);
    Bytes frame = ethernet_head(to_mac, 0x86dd);
    append(frame, ip);
    append(frame, udp);
    return frame;
}

Bytes carry_ethernet(const Bytes& payload, const engine::MacAddress& to_mac) {
    Bytes frame = ethernet_head(to_mac, 0x88b5);
    append(frame, payload);
    if (frame.size() < 60) frame.resize(60);
    return frame;
}

}  // namespace lanes::test
