// See spec.hh.
#include "lanes/spec.hh"

#include <cstring>

namespace lanes {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

std::uint64_t mix(std::uint64_t hash, const engine::MacAddress& mac) noexcept {
    for (const std::uint8_t byte : mac.bytes) hash = mix(hash, byte);
    return hash;
}

std::uint64_t mix(std::uint64_t hash, const engine::IpPrefix& prefix) noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, prefix.address.bytes.data(), sizeof halves);
    hash = mix(mix(hash, halves[0]), halves[1]);
    return mix(hash, std::uint64_t{prefix.len} << 1 | (prefix.address.v6 ? 1 : 0));
}

bool same_keys(const KeySpec& a, const KeySpec& b) {
    const bool same_own = a.own && b.own ? a.own->open == b.own->open : a.own == b.own;
    const bool same_secret =
        a.secret && b.secret ? a.secret->secret == b.secret->secret : a.secret == b.secret;
    return same_own && same_secret && a.peers == b.peers && a.rekey_seconds == b.rekey_seconds;
}

}  // namespace

std::uint64_t hash_of(const MatchSpec* match) noexcept {
    if (match == nullptr) return 0;
    std::uint64_t hash = mix(1, std::uint64_t{match->vlan} << 32 | match->ether_type);
    hash = mix(hash, std::uint64_t{match->protocol} << 32 | match->dscp);
    hash = mix(mix(hash, match->source_mac), match->destination_mac);
    hash = mix(mix(hash, match->source), match->destination);
    return mix(hash, std::uint64_t{match->source_port.first} << 48 |
                         std::uint64_t{match->source_port.last} << 32 |
                         std::uint64_t{match->destination_port.first} << 16 |
                         match->destination_port.last);
}

bool same_match(const LaneSpec& a, const LaneSpec& b) {
    return a.match && b.match ? *a.match == *b.match : a.match == b.match;
}

bool ManageSpec::operator==(const ManageSpec& other) const {
    const bool same_password =
        password && other.password ? *password == *other.password : password == other.password;
    return same_password && kind == other.kind && socket == other.socket &&
           telnet == other.telnet && password_file == other.password_file &&
           metrics_socket == other.metrics_socket && metrics == other.metrics;
}

LaneSpec copy_of(const LaneSpec& lane) {
    LaneSpec copy;
    copy.name = lane.name;
    copy.id = lane.id;
    copy.role = lane.role;
    copy.cipher = lane.cipher;
    copy.bundle = lane.bundle;
    copy.mtu = lane.mtu;
    copy.window = lane.window;
    copy.port = lane.port;
    copy.patch_to = lane.patch_to;
    if (lane.match) copy.match = std::make_unique<MatchSpec>(*lane.match);
    if (lane.keys) copy.keys = std::make_unique<KeySpec>(*lane.keys);
    copy.paths = lane.paths;
    return copy;
}

bool same_sealing(const LaneSpec& a, const LaneSpec& b) {
    if (a.cipher != b.cipher) return false;
    return a.keys && b.keys ? same_keys(*a.keys, *b.keys) : a.keys == b.keys;
}

bool same(const LaneSpec& a, const LaneSpec& b) {
    return same_match(a, b) && same_sealing(a, b) && a.name == b.name && a.id == b.id &&
           a.role == b.role && a.bundle == b.bundle && a.mtu == b.mtu && a.window == b.window &&
           a.port == b.port && a.patch_to == b.patch_to && a.paths == b.paths;
}

}  // namespace lanes
