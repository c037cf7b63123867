// See netlink.hh: routes and neighbours. NTF_USE makes the kernel act as if it had a packet for the
// neighbour (neigh_add() in net/core/neighbour.c): it resolves, or confirms what is stale.
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "drivers/netlink/message.hh"
#include "drivers/netlink/netlink.hh"

namespace lanes::drivers {

using engine::IpAddress;
using engine::Result;

Result<Route> Netlink::route(int index, const IpAddress& destination) {
    // The answer comes with an acknowledgement behind it, which ends the transaction.
    Request request(RTM_GETROUTE, NLM_F_ACK);
    rtmsg& header = request.extend<rtmsg>();
    header.rtm_family = family_of(destination);
    header.rtm_dst_len = static_cast<std::uint8_t>(destination.bits());
    request.add(RTA_DST, destination);
    mnl_attr_put_u32(request.header, RTA_OIF, static_cast<std::uint32_t>(index));
    Route found;
    found.next_hop = destination;
    const auto take = [&](const nlmsghdr& message) {
        if (message.nlmsg_type != RTM_NEWROUTE) return;
        switch (payload_of<rtmsg>(message).rtm_type) {
            case RTN_UNICAST:
                found.type = Route::Type::unicast;
                break;
            case RTN_LOCAL:
                found.type = Route::Type::local;
                break;
            case RTN_BROADCAST:
                found.type = Route::Type::broadcast;
                break;
            case RTN_MULTICAST:
                found.type = Route::Type::multicast;
                break;
            default:
                found.type = Route::Type::other;
                break;
        }
        each_attribute<rtmsg>(message, [&](std::uint16_t type, const nlattr& attribute) {
            // RTA_VIA: a gateway of the other family, behind two bytes that name the family.
            const bool via = type == RTA_VIA;
            if (type != RTA_GATEWAY && !via) return;
            if (const auto gateway = address_of(attribute, via ? sizeof(rtvia) : 0)) {
                found.next_hop = *gateway;
            }
        });
    };
    if (auto done = transact(*request.header, take, "route to " + to_string(destination)); !done) {
        return done.error();
    }
    return found;
}

Result<Neighbour> Netlink::neighbour(int index, const IpAddress& address) {
    Request request(RTM_GETNEIGH, NLM_F_ACK);
    ndmsg& header = request.extend<ndmsg>();
    header.ndm_family = family_of(address);
    header.ndm_ifindex = index;
    request.add(NDA_DST, address);
    Neighbour found;
    const auto take = [&](const nlmsghdr& message) {
        if (message.nlmsg_type != RTM_NEWNEIGH) return;
        constexpr unsigned usable =
            NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
        const unsigned state = payload_of<ndmsg>(message).ndm_state;
        each_attribute<ndmsg>(message, [&](std::uint16_t type, const nlattr& attribute) {
            if (type != NDA_LLADDR) return;
            take_mac(attribute, found.mac);
            found.known = (state & usable) != 0;
        });
        found.fresh = found.known && (state & (usable & ~unsigned{NUD_STALE})) != 0;
    };
    const auto done = transact(*request.header, take, "neighbour " + to_string(address));
    if (!done && done.error().code != ENOENT) return done.error();
    return found;
}

Result<void> Netlink::probe(int index, const IpAddress& address) {
    constexpr int flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    Request request(RTM_NEWNEIGH, static_cast<std::uint16_t>(flags));
    ndmsg& header = request.extend<ndmsg>();
    header.ndm_family = family_of(address);
    header.ndm_ifindex = index;
    header.ndm_state = NUD_NONE;
    header.ndm_flags = NTF_USE;
    request.add(NDA_DST, address);
    return transact(
        *request.header, [](const nlmsghdr&) {}, "probe " + to_string(address));
}

}  // namespace lanes::drivers
