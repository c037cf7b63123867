// See netlink.hh: the socket, links and addresses. Messages are built and taken apart with libmnl;
// the kernel's side is described in rtnetlink(7).
#include "drivers/netlink/netlink.hh"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "drivers/netlink/message.hh"

namespace lanes::drivers {
namespace {

using engine::Error;
using engine::IpAddress;
using engine::IpPrefix;
using engine::Result;

Interface interface_of(const nlmsghdr& message) {
    const ifinfomsg& link = payload_of<ifinfomsg>(message);
    Interface found;
    found.index = link.ifi_index;
    found.type = link.ifi_type;
    found.up = (link.ifi_flags & IFF_UP) != 0;
    found.carrier = (link.ifi_flags & IFF_RUNNING) != 0;
    each_attribute<ifinfomsg>(message, [&](std::uint16_t type, const nlattr& attribute) {
        if (type == IFLA_IFNAME) found.name = mnl_attr_get_str(&attribute);
        if (type == IFLA_MTU) found.mtu = mnl_attr_get_u32(&attribute);
        if (type == IFLA_ADDRESS) take_mac(attribute, found.mac);
        if (type == IFLA_STATS64) {
            // Kernels add fields at the end; the first ones never move.
            rtnl_link_stats64 stats{};
            std::memcpy(&stats, mnl_attr_get_payload(&attribute),
                        std::min<std::size_t>(sizeof stats, mnl_attr_get_payload_len(&attribute)));
            found.tx_dropped = stats.tx_dropped;
        }
    });
    return found;
}

/// The sentence that the kernel adds to a refusal, when it does (NLMSGERR_ATTR_MSG).
std::string refusal_of(const nlmsghdr& message) {
    if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
    const nlmsgerr& refusal = payload_of<nlmsgerr>(message);
    // Unless capped, the kernel repeats the whole request before its own attributes.
    const bool capped = (message.nlmsg_flags & NLM_F_CAPPED) != 0;
    const std::size_t skip =
        sizeof(nlmsgerr) + (capped ? 0 : MNL_ALIGN(refusal.msg.nlmsg_len) - sizeof(nlmsghdr));
    if (mnl_nlmsg_get_payload_len(&message) < skip) return {};
    std::string text;
    const auto visit = [](const nlattr* attribute, void* to) {
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG) {
            static_cast<std::string*>(to)->assign(mnl_attr_get_str(attribute));
        }
        return MNL_CB_OK;
    };
    mnl_attr_parse(&message, static_cast<unsigned>(skip), visit, &text);
    return text;
}

}  // namespace

Result<Netlink> Netlink::open() {
    mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == nullptr) return engine::system_error(errno, "open a netlink socket");
    Netlink netlink(socket, 0);
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        return engine::system_error(errno, "bind a netlink socket");
    }
    netlink.port_ = mnl_socket_get_portid(socket);
    // Both only make errors more telling; a kernel without them is as good.
    int on = 1;
    mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof on);
    mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof on);
    return netlink;
}

Netlink::Netlink(Netlink&& other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)),
      port_(other.port_),
      sequence_(other.sequence_) {}

Netlink& Netlink::operator=(Netlink&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(port_, other.port_);
    std::swap(sequence_, other.sequence_);
    return *this;
}

Netlink::~Netlink() {
    if (socket_ != nullptr) mnl_socket_close(socket_);
}

Result<void> Netlink::transact(nlmsghdr& request, const OnMessage& on_message,
                               const std::string& what) {
    request.nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(socket_, &request, request.nlmsg_len) < 0) {
        return engine::system_error(errno, what);
    }
    std::vector<char> buffer(64 * 1024);
    for (;;) {
        const ssize_t received = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
        if (received < 0 && errno == EINTR) continue;
        if (received < 0) return engine::system_error(errno, what);
        int left = static_cast<int>(received);
        const void* start = buffer.data();
        for (const nlmsghdr* message = static_cast<const nlmsghdr*>(start);
             mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            // An answer to an earlier request that was given up on.
            if (!mnl_nlmsg_seq_ok(message, sequence_)) continue;
            if (!mnl_nlmsg_portid_ok(message, port_)) continue;
            if (message->nlmsg_type == NLMSG_DONE) return {};
            if (message->nlmsg_type == NLMSG_ERROR) {
                const int code = -payload_of<nlmsgerr>(*message).error;
                if (code == 0) return {};
                const std::string refusal = refusal_of(*message);
                return engine::system_error(code, refusal.empty() ? what : what + ": " + refusal);
            }
            if (message->nlmsg_type >= NLMSG_MIN_TYPE) on_message(*message);
        }
    }
}

Result<Interface> Netlink::look_up(const std::string& name) {
    Request request(RTM_GETLINK, NLM_F_ACK);
    request.extend<ifinfomsg>().ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(request.header, IFLA_IFNAME, name.c_str());
    std::optional<Interface> found;
    const auto take = [&](const nlmsghdr& message) {
        if (message.nlmsg_type == RTM_NEWLINK) found = interface_of(message);
    };
    const auto done = transact(*request.header, take, "look up the interface " + name);
    if (!done) return done.error();
    if (!found) return Error{ENODEV, "no network interface `" + name + "`"};
    return std::move(*found);
}

Result<std::vector<Interface>> Netlink::interfaces() {
    Request request(RTM_GETLINK, NLM_F_DUMP);
    request.extend<ifinfomsg>().ifi_family = AF_UNSPEC;
    std::vector<Interface> found;
    const auto take = [&](const nlmsghdr& message) {
        if (message.nlmsg_type == RTM_NEWLINK) found.push_back(interface_of(message));
    };
    if (auto done = transact(*request.header, take, "list network interfaces"); !done) {
        return done.error();
    }
    return found;
}

Result<Interface> Netlink::interface(const std::string& name) {
    auto all = interfaces();
    if (!all) return all.error();
    std::string names;
    for (Interface& candidate : *all) {
        if (candidate.name != name) {
            names += (names.empty() ? "" : ", ") + candidate.name;
            continue;
        }
        auto its_addresses = addresses(candidate.index);
        if (!its_addresses) return its_addresses.error();
        candidate.addresses = std::move(*its_addresses);
        return std::move(candidate);
    }
    return Error{ENODEV, "no network interface `" + name + "`; there are: " + names};
}

Result<std::vector<IpPrefix>> Netlink::addresses(int index) {
    Request request(RTM_GETADDR, NLM_F_DUMP);
    request.extend<ifaddrmsg>().ifa_family = AF_UNSPEC;
    std::vector<IpPrefix> global;
    std::vector<IpPrefix> local;
    const auto take = [&](const nlmsghdr& message) {
        const ifaddrmsg& header = payload_of<ifaddrmsg>(message);
        if (message.nlmsg_type != RTM_NEWADDR || header.ifa_index != static_cast<unsigned>(index)) {
            return;
        }
        // IFA_LOCAL is the interface's own; on a point-to-point link IFA_ADDRESS is the peer's.
        std::optional<IpAddress> own;
        std::optional<IpAddress> other;
        each_attribute<ifaddrmsg>(message, [&](std::uint16_t type, const nlattr& attribute) {
            if (type == IFA_LOCAL) own = address_of(attribute);
            if (type == IFA_ADDRESS) other = address_of(attribute);
        });
        if (!own) own = other;
        if (!own) return;
        (header.ifa_scope == RT_SCOPE_UNIVERSE ? global : local)
            .push_back({*own, header.ifa_prefixlen});
    };
    if (auto done = transact(*request.header, take, "list addresses"); !done) return done.error();
    global.insert(global.end(), local.begin(), local.end());
    return global;
}

Result<void> Netlink::change_link(int index, unsigned flags, unsigned mask, std::uint32_t mtu,
                                  const std::string& what) {
    Request request(RTM_NEWLINK, NLM_F_ACK);
    ifinfomsg& link = request.extend<ifinfomsg>();
    link.ifi_family = AF_UNSPEC;
    link.ifi_index = index;
    link.ifi_flags = flags;
    link.ifi_change = mask;
    if (mtu != 0) mnl_attr_put_u32(request.header, IFLA_MTU, mtu);
    return transact(
        *request.header, [](const nlmsghdr&) {}, what);
}

Result<void> Netlink::set_up(int index) {
    return change_link(index, IFF_UP, IFF_UP, 0, "set the interface up");
}

Result<void> Netlink::set_down(int index) {
    return change_link(index, 0, IFF_UP, 0, "set the interface down");
}

Result<void> Netlink::set_mtu(int index, std::uint32_t mtu) {
    return change_link(index, 0, 0, mtu, "set the interface's mtu to " + std::to_string(mtu));
}

Result<void> Netlink::change_address(bool add, int index, const IpPrefix& prefix) {
    // The constants of the kernel's headers are plain ints.
    const int type = add ? RTM_NEWADDR : RTM_DELADDR;
    const int flags = add ? NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE : NLM_F_ACK;
    Request request(static_cast<std::uint16_t>(type), static_cast<std::uint16_t>(flags));
    ifaddrmsg& header = request.extend<ifaddrmsg>();
    header.ifa_family = family_of(prefix.address);
    header.ifa_prefixlen = prefix.len;
    header.ifa_scope = RT_SCOPE_UNIVERSE;
    header.ifa_index = static_cast<unsigned>(index);
    if (prefix.address.v6) header.ifa_flags = IFA_F_NODAD;
    request.add(IFA_LOCAL, prefix.address);
    request.add(IFA_ADDRESS, prefix.address);
    return transact(
        *request.header, [](const nlmsghdr&) {},
        (add ? "add address " : "delete address ") + engine::to_string(prefix));
}

Result<void> Netlink::add_address(int index, const IpPrefix& prefix) {
    return change_address(true, index, prefix);
}

Result<void> Netlink::delete_address(int index, const IpPrefix& prefix) {
    return change_address(false, index, prefix);
}

Result<void> Netlink::delete_interface(int index) {
    Request request(RTM_DELLINK, NLM_F_ACK);
    ifinfomsg& link = request.extend<ifinfomsg>();
    link.ifi_family = AF_UNSPEC;
    link.ifi_index = index;
    return transact(
        *request.header, [](const nlmsghdr&) {}, "delete the interface");
}

}  // namespace lanes::drivers
