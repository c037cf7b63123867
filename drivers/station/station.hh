// Station: what a host's kernel would do for the addresses of a port that has no kernel behind it
// (RFC 1122's word is host; here the engine is none, it only keeps its neighbours content). It
// answers ARP (RFC 826), neighbour solicitations (RFC 4861) and echo requests (RFC 792, RFC 4443)
// for the port's own addresses, and finds the MAC addresses that next hops have. Used by the dpdk
// driver, and by af_xdp where it takes all frames.
//
// Workers call serve() once per burst, on the frames that they received; it answers through the
// same worker's transmit queue, without a state of its own. Control asks next_hop(); what is not
// known is asked for by the next worker that calls serve(), and its answer is remembered in a table
// that workers write and Control reads (neighbours.hh, which says what is believed and what not).
//
// What is broken, forged or for somebody else stays in the burst, so that a bridged host's ARP goes
// through a lane and the worker counts the rest by its reasons. Frames with a VLAN tag are not the
// station's, unless the tag is a priority without a VLAN. The device must hand over frames to
// 33:33:ff:xx:xx:xx, the group of each IPv6 address (promiscuous, or all multicast): no
// reports of membership (MLD) are sent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/port.hh"

namespace lanes::drivers {

class Station {
  public:
    /// Speaks for the addresses of `info` with its MAC address. `gateways`: next hops of what is
    /// not on the link, at most one of each family.
    Station(const engine::PortInfo& info, std::vector<engine::IpAddress> gateways);
    ~Station();

    /// Worker: looks at the frames of `burst` from number `first` on, which it has just received
    /// from this port. Those that are for the station alone (ARP and neighbour discovery for its
    /// addresses, echo requests to them) are answered through `tx`, counted (received and absorbed,
    /// and made for each answer), taken out of the burst and put into `taken`, from its beginning,
    /// so that the caller can give back their buffers; returns how many. Sends what Control asked
    /// for, too, and at the first call announces the port's addresses. When it sent something it
    /// flushes.
    unsigned serve(engine::Burst& burst, unsigned first, engine::TxQueue& tx,
                   engine::WorkerCounters& worker,
                   std::span<engine::Frame, engine::burst_max> taken) noexcept;

    /// Whether there is something to send though nothing was received: then serve() is due.
    bool waiting() const noexcept;

    /// Control: the MAC address that leads to `destination` now, or nothing, and then it is asked
    /// for (at most once a second each). A known one is asked for again every half minute, and
    /// forgotten when nobody answers any more. Groups and broadcast addresses need no asking.
    /// `now_ns`: engine::monotonic_ns().
    std::optional<engine::MacAddress> next_hop(const engine::IpAddress& destination,
                                               std::uint64_t now_ns);

  private:
    struct Table;
    std::unique_ptr<Table> table_;
};

}  // namespace lanes::drivers
