// Netlink: the questions that drivers ask of the kernel's network set-up, over rtnetlink by
// libmnl. One socket, one request at a time, each answered by a single round trip to the kernel
// (nothing here waits for the network). af_packet asks for its interface, the route and the
// neighbour of a next hop; tap and tun set the interface that they made. Control only, and main
// before there are workers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/address.hh"
#include "engine/result.hh"

struct mnl_socket;
struct nlmsghdr;

namespace lanes::drivers {

/// An interface as the kernel describes it.
struct Interface {
    int index = 0;
    std::string name;
    engine::MacAddress mac;                   ///< zeros if it has none (tun)
    std::uint32_t mtu = 0;                    ///< bytes
    std::uint16_t type = 0;                   ///< ARPHRD_ETHER and so on
    bool up = false;                          ///< set up by the administrator
    bool carrier = false;                     ///< and the link carries frames
    std::uint64_t tx_dropped = 0;             ///< frames the host could not send through it
    std::vector<engine::IpPrefix> addresses;  ///< global ones first, then link-local
};

/// What the kernel's routing table says of a destination.
struct Route {
    enum class Type : std::uint8_t { unicast, local, broadcast, multicast, other };
    Type type = Type::unicast;
    engine::IpAddress next_hop;  ///< the gateway, or the destination itself when it is on the link
};

/// What the kernel's neighbour table says of an address.
struct Neighbour {
    bool known = false;  ///< `mac` can be used now
    bool fresh = false;  ///< confirmed lately; if not, a probe is due
    engine::MacAddress mac;
};

class Netlink {
  public:
    static engine::Result<Netlink> open();
    Netlink(Netlink&& other) noexcept;
    Netlink& operator=(Netlink&& other) noexcept;
    ~Netlink();

    /// The interface of this name with its addresses; ENODEV and the list of those that exist
    /// when there is none.
    engine::Result<Interface> interface(const std::string& name);
    /// The same without addresses, by one question: what is asked once a second.
    engine::Result<Interface> look_up(const std::string& name);
    /// Every interface, without addresses, in the kernel's order.
    engine::Result<std::vector<Interface>> interfaces();

    engine::Result<void> set_up(int index);
    engine::Result<void> set_down(int index);
    engine::Result<void> set_mtu(int index, std::uint32_t mtu);
    /// Adds an interface address with its on-link route. An IPv6 address is usable at once (no
    /// duplicate address detection). One that is there already is not an error.
    engine::Result<void> add_address(int index, const engine::IpPrefix& prefix);
    engine::Result<void> delete_address(int index, const engine::IpPrefix& prefix);
    /// Deletes the interface itself.
    engine::Result<void> delete_interface(int index);

    /// The route to `destination` out of interface `index`, or the kernel's refusal.
    engine::Result<Route> route(int index, const engine::IpAddress& destination);
    /// The neighbour table's entry; `known` is false when there is none.
    engine::Result<Neighbour> neighbour(int index, const engine::IpAddress& address);
    /// Asks the kernel to resolve or confirm a neighbour (NTF_USE); the answer is seen by a later
    /// neighbour().
    engine::Result<void> probe(int index, const engine::IpAddress& address);

  private:
    using OnMessage = std::function<void(const nlmsghdr&)>;
    Netlink(mnl_socket* socket, unsigned port) noexcept : socket_(socket), port_(port) {}

    /// Sends `request` and hands every answer to `on_message` until the kernel says that it is
    /// done. The error carries the kernel's errno and, if it gave one, its own sentence.
    engine::Result<void> transact(nlmsghdr& request, const OnMessage& on_message,
                                  const std::string& what);
    engine::Result<void> change_link(int index, unsigned flags, unsigned mask, std::uint32_t mtu,
                                     const std::string& what);
    engine::Result<void> change_address(bool add, int index, const engine::IpPrefix& prefix);
    engine::Result<std::vector<engine::IpPrefix>> addresses(int index);

    mnl_socket* socket_;
    unsigned port_;
    unsigned sequence_ = 0;
};

}  // namespace lanes::drivers
