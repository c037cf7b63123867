// What the tests of the domain stand on: a node in Threads::none mode (or with threads) over
// memory ports whose far ends the test holds, and lane packets made by hand, byte by byte, with a
// checksum of the test's own.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "drivers/open.hh"
#include "engine/bytes.hh"
#include "lanes/control.hh"

namespace lanes::test {

using Bytes = std::vector<std::byte>;

/// What the port opener of a node does beyond opening memory ports.
struct Knobs {
    std::map<std::string, engine::PortKind> kinds;  ///< ports that say they are of this kind
    std::set<std::string> failing;                  ///< ports that cannot be opened
    std::map<engine::IpAddress, engine::MacAddress> neighbours;
    std::map<std::string, unsigned> opened;  ///< how often
    std::set<std::string> silenced;
    std::map<std::string, engine::Link> links;  ///< of ports that say something of theirs
    std::map<std::string, unsigned> renewed;    ///< how often
    std::set<std::string> stuck;                ///< ports that cannot take up a renewed device
};

/// Opens memory ports for a node. `knobs` outlives the node.
PortOpener opener(Knobs& knobs);

/// A name for a wire that no other test has.
std::string fresh_wire();

engine::PortSpec port_spec(const std::string& name, const std::string& wire,
                           std::vector<std::string> addresses = {}, std::uint32_t mtu = 1500);

/// The other end of a wire, in the test's hands.
class Far {
  public:
    explicit Far(const std::string& wire, std::uint32_t mtu = 1500, unsigned queues = 1);
    /// False: the wire is full.
    bool send(const Bytes& frame, unsigned queue = 0);
    /// Everything that has come.
    std::vector<Bytes> collect();
    engine::MacAddress mac() const { return port_->info().mac; }
    engine::Port& port() { return *port_; }

  private:
    std::unique_ptr<engine::Port> port_;
    unsigned queues_;
    engine::WorkerCounters counters_;
};

/// A clock that goes when it is told to.
class HandClock final : public Clock {
  public:
    Moment now() noexcept override {
        if (asked) asked();
        return moment;
    }
    void advance(std::uint64_t ns) noexcept {
        moment.boot_ns += ns;
        moment.unix_ns += ns;
    }

    Moment moment{1000 * ns_per_second, 1'763'000'000 * ns_per_second};
    std::function<void()> asked;  ///< called whenever somebody asks for the time
};

/// A node of one worker; the test turns the crank and winds the clock.
class Node {
  public:
    explicit Node(unsigned workers = 1, Control::Threads threads = Control::Threads::none);
    Node(unsigned workers, Control::Threads threads, std::unique_ptr<StateStore> store,
         std::string backend = "auto");
    /// An empty spec with this node's fixed settings.
    NodeSpec spec() const;
    /// apply() that must succeed.
    Fleet::Tally apply(NodeSpec next);
    /// Rounds until nothing is received any more.
    void run();
    /// Lets `ns` pass, a tick of Control and a run() at a time.
    void pass(std::uint64_t ns);
    std::uint64_t drops(engine::Drop reason) const {
        return control->totals().drops[static_cast<std::size_t>(reason)];
    }
    Control::LaneTotals lane(const std::string& name) const {
        return control->totals(*control->fleet().lane(name));
    }

    Knobs knobs;
    HandClock clock;
    std::unique_ptr<Control> control;

  private:
    unsigned workers_;
    std::string backend_ = "auto";
};

PathSpec over(PortIndex port);  ///< receive
PathSpec over_udp(PortIndex port, const std::string& to, const engine::MacAddress& next_hop);
PathSpec over_resolved(PortIndex port, const std::string& to);
PathSpec over_ethernet(PortIndex port, const engine::MacAddress& to);

LaneSpec lane_spec(const std::string& name, std::uint32_t id, Role role, PortIndex port,
                   std::vector<PathSpec> paths);
LaneSpec patch_spec(const std::string& name, PortIndex from, PortIndex to);

/// The vector of one or more specs that cannot be copied.
template <typename... Specs>
std::vector<LaneSpec> lanes_of(Specs... specs) {
    std::vector<LaneSpec> lanes;
    (lanes.push_back(std::move(specs)), ...);
    return lanes;
}

Bytes text_bytes(const std::string& hex);
void append(Bytes& to, const Bytes& more);

/// An Ethernet frame of `len` bytes (>= 14) whose bytes depend on `number`.
Bytes ethernet_frame(std::size_t len, std::uint32_t number);
/// An IPv4 packet (header and pattern) of `len` bytes (>= 20).
Bytes ip_packet(std::size_t len, std::uint32_t number);

/// RFC 1071 in network order, word by word.
std::uint16_t naive_checksum(const Bytes& bytes);

/// A lane packet: 16 bytes of header and `inner`.
Bytes lane_packet(std::uint32_t id, std::uint64_t sequence, const Bytes& inner,
                  std::uint16_t subspace = 0, std::uint8_t type = 0x11);
/// kind, flags, length, body.
Bytes inner_packet(std::uint8_t kind, const Bytes& body);
/// The fragment's body: id, index, count, stride, bytes.
Bytes fragment_body(std::uint32_t id, unsigned index, unsigned count, unsigned stride,
                    const Bytes& bytes);

/// Ethernet, IP and UDP around `payload`, with good checksums.
Bytes carry_ipv4(const Bytes& payload, const engine::MacAddress& to_mac, const std::string& from,
                 const std::string& to, std::uint16_t port = 4790);
Bytes carry_ipv6(const Bytes& payload, const engine::MacAddress& to_mac, const std::string& from,
                 const std::string& to, std::uint16_t port = 4790);
Bytes carry_ethernet(const Bytes& payload, const engine::MacAddress& to_mac);

}  // namespace lanes::test
