// Building rtnetlink messages and taking them apart, for netlink.cc (links and addresses) and
// route.cc (routes and neighbours) only. Requests grow in a buffer of their own; answers
// are walked attribute by attribute, and what is not of the expected length is passed over.
#pragma once

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "engine/address.hh"

namespace lanes::drivers {

/// A request and the buffer that it grows in.
struct Request {
    alignas(NLMSG_ALIGNTO) std::array<char, 1024> bytes{};
    nlmsghdr* header = mnl_nlmsg_put_header(bytes.data());

    Request(std::uint16_t type, std::uint16_t flags) {
        header->nlmsg_type = type;
        header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    }
    template <typename Payload>
    Payload& extend() {
        return *static_cast<Payload*>(mnl_nlmsg_put_extra_header(header, sizeof(Payload)));
    }
    void add(std::uint16_t attribute, const engine::IpAddress& address) {
        mnl_attr_put(header, attribute, address.bits() / 8, address.bytes.data());
    }
};

inline std::uint8_t family_of(const engine::IpAddress& address) {
    return address.v6 ? AF_INET6 : AF_INET;
}

/// Calls `visit(type, attribute)` for each attribute behind a fixed header of `Payload`.
template <typename Payload, typename Visit>
void each_attribute(const nlmsghdr& message, Visit visit) {
    const nlattr* attribute =
        static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, sizeof(Payload)));
    const char* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
    while (mnl_attr_ok(
        attribute,
        static_cast<int>(end - static_cast<const char*>(static_cast<const void*>(attribute))))) {
        visit(mnl_attr_get_type(attribute), *attribute);
        attribute = mnl_attr_next(attribute);
    }
}

template <typename Payload>
const Payload& payload_of(const nlmsghdr& message) {
    return *static_cast<const Payload*>(mnl_nlmsg_get_payload(&message));
}

/// The address in `attribute`, which the kernel sends in 4 or 16 bytes; behind `skip` bytes.
inline std::optional<engine::IpAddress> address_of(const nlattr& attribute, std::size_t skip = 0) {
    const std::size_t len = mnl_attr_get_payload_len(&attribute);
    if (len != skip + 4 && len != skip + 16) return std::nullopt;
    engine::IpAddress address;
    address.v6 = len == skip + 16;
    std::memcpy(address.bytes.data(),
                static_cast<const std::byte*>(mnl_attr_get_payload(&attribute)) + skip, len - skip);
    return address;
}

inline void take_mac(const nlattr& attribute, engine::MacAddress& mac) {
    if (mnl_attr_get_payload_len(&attribute) != mac.bytes.size()) return;
    std::memcpy(mac.bytes.data(), mnl_attr_get_payload(&attribute), mac.bytes.size());
}

}  // namespace lanes::drivers
