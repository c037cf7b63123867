// What an operator wants, as plain checked values: the whole of a node, its ports and lanes.
// config builds these from YAML and CSV; Control makes them true. A LaneSpec is kept small: a
// lane table brings a million of them. Keys are read from their files once, by config, and travel
// from there on in the vault's locked memory, shared and never copied.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/announce.hh"
#include "crypto/password.hh"
#include "crypto/x25519.hh"
#include "engine/address.hh"
#include "engine/log.hh"
#include "engine/port.hh"
#include "engine/worker.hh"

namespace lanes {

/// Index into NodeSpec::ports.
using PortIndex = std::uint16_t;
inline constexpr PortIndex no_port = std::numeric_limits<PortIndex>::max();

/// Which frames of the source port a sending lane takes. A field that is not set matches all.
struct MatchSpec {
    struct Range {
        std::uint16_t first = 0;
        std::uint16_t last = 65535;
        auto operator<=>(const Range&) const = default;
        bool any() const noexcept { return first == 0 && last == 65535; }
    };
    static constexpr std::uint32_t any = std::numeric_limits<std::uint32_t>::max();
    static constexpr std::uint32_t vlan_none = 0x10000;  ///< untagged frames only

    std::uint32_t vlan = any;        ///< 0 to 4095, or vlan_none
    std::uint32_t ether_type = any;  ///< behind a VLAN tag, if there is one
    std::uint32_t protocol = any;    ///< IPv4 protocol or IPv6 next header (extensions skipped)
    std::uint32_t dscp = any;        ///< 0 to 63
    bool has_source_mac = false;
    bool has_destination_mac = false;
    bool has_source = false;
    bool has_destination = false;
    engine::MacAddress source_mac;
    engine::MacAddress destination_mac;
    engine::IpPrefix source;
    engine::IpPrefix destination;
    Range source_port;  ///< TCP, UDP, SCTP, DCCP, UDP-Lite
    Range destination_port;

    bool operator==(const MatchSpec&) const = default;
};

/// How packets of a lane travel on a wire.
enum class CarrierKind : std::uint8_t { udp, ethernet };

/// One road of a lane: a port, and for senders a destination on it.
struct PathSpec {
    PortIndex port = no_port;
    CarrierKind carrier = CarrierKind::udp;
    engine::Endpoint to;            ///< udp, senders
    engine::MacAddress to_mac;      ///< ethernet carrier, senders
    bool has_next_hop_mac = false;  ///< udp on raw ports: fixed MAC instead of ARP or ND
    bool has_next_hop_ip = false;   ///< udp on raw ports: resolve this instead of `to`
    engine::MacAddress next_hop_mac;
    engine::IpAddress next_hop_ip;

    bool operator==(const PathSpec&) const = default;
};

/// What a lane does at this node.
enum class Role : std::uint8_t {
    send,     ///< frames of `port` go into the lane and out over `paths`
    receive,  ///< packets that arrive over the ports of `paths` are delivered to `port`
    patch,    ///< frames of `port` go out of `patch_to`; no tunnel at all
    relay,    ///< lane packets that arrive on `port` go on over `paths`, unopened
};

enum class Cipher : std::uint8_t { none, aes_256_gcm, chacha20_poly1305 };

/// How a sealed lane's ends know each other. With `peers` by static keys and, if there is one, the
/// secret as a pre-shared key on top; without `peers` by the secret alone.
struct KeySpec {
    static constexpr std::uint32_t rekey_seconds_default = 120;

    std::shared_ptr<const crypto::KeyPair> own;  ///< NodeSpec::keys, where there are peers
    std::vector<crypto::PublicKey> peers;        ///< send: the receivers; receive: the sender
    std::shared_ptr<const crypto::SharedSecret> secret;
    std::uint32_t rekey_seconds = rekey_seconds_default;  ///< send: life of one session's keys

    bool by_keys() const noexcept { return !peers.empty(); }
};

struct LaneSpec {
    std::string name;
    std::uint32_t id = 0;  ///< 1 to 2^32 - 1; patch: 0
    Role role = Role::send;
    Cipher cipher = Cipher::aes_256_gcm;
    bool bundle = false;          ///< send: small frames of one burst share a packet
    std::uint16_t mtu = 0;        ///< send: largest carrier payload in bytes; 0: the port's
    std::uint32_t window = 8192;  ///< receive: sequence numbers, multiple of 64, power of 2
    PortIndex port = no_port;
    PortIndex patch_to = no_port;
    std::unique_ptr<MatchSpec> match;  ///< send, patch; nullptr: every frame
    std::unique_ptr<KeySpec> keys;     ///< send, receive, unless the cipher is none
    std::vector<PathSpec> paths;
};

/// Of the value, for tables of matches; nullptr: every frame.
std::uint64_t hash_of(const MatchSpec* match) noexcept;
/// Whether two lanes match the same frames, word by word.
bool same_match(const LaneSpec& a, const LaneSpec& b);
/// Another one that says the same; keys stay where they are and are shared.
LaneSpec copy_of(const LaneSpec& lane);

/// Whether two specs ask for the same lane (matches and keys compared by value).
bool same(const LaneSpec& a, const LaneSpec& b);
/// Whether both are sealed alike: cipher, peers, secret and rekey time.
bool same_sealing(const LaneSpec& a, const LaneSpec& b);

/// Who may ask a running node and change it, and where.
struct ManageSpec {
    enum class Socket : std::uint8_t {
        usual,  ///< /run/lanes/NODE.sock, if it can be had
        given,  ///< the one of `socket`, or the node does not start
        none,
    };
    Socket kind = Socket::usual;
    std::string socket;                                ///< path
    std::optional<engine::Endpoint> telnet;            ///< on loopback; nothing: no telnet
    std::string password_file;                         ///< empty: telnet may only look
    std::shared_ptr<const crypto::Password> password;  ///< what is in that file
    std::string metrics_socket;                        ///< path; empty: no metrics there
    std::optional<engine::Endpoint> metrics;           ///< on loopback; nothing: not there

    bool operator==(const ManageSpec& other) const;
};

/// Where the node's messages go, and which. Only `level` can change while it runs.
using LogSpec = engine::LogSettings;

/// What the node gives up once its ports are open. Fixed while it runs.
struct SandboxSpec {
    bool enforce = true;
    std::string user;           ///< empty: stays who it is
    std::string group;          ///< empty: the user's own
    bool reopen_ports = false;  ///< keeps rights for a reload that opens ports

    bool operator==(const SandboxSpec&) const = default;
};

struct NodeSpec {
    std::string node;
    std::vector<unsigned> cores;  ///< one worker each; empty entry list is never valid
    engine::PollMode poll = engine::PollMode::adaptive;
    std::string state;                            ///< directory; empty: none
    std::string backend = "auto";                 ///< auto, ipsec-mb or libsodium
    std::shared_ptr<const crypto::KeyPair> keys;  ///< the node's own; nullptr: none
    std::vector<engine::PortSpec> ports;
    std::vector<LaneSpec> lanes;  ///< in file order: it is the order of `match`
    LogSpec log;
    ManageSpec manage;
    SandboxSpec sandbox;
    std::vector<std::string> files;  ///< keys and tables that were read for it
};

/// Some lanes of a node are to be others, and all the rest goes on as it is. Ports are those of the
/// NodeSpec that was applied last.
struct LaneChange {
    std::vector<LaneSpec> put;        ///< added, or in the place of the lane that has the name now
    std::vector<std::string> remove;  ///< names
    /// Where added lanes stand in the order of matches: ahead of the lane of this name, in the
    /// order in which they are listed; empty: behind all others. A lane that replaces one of its
    /// name keeps its place.
    std::string before;
};

}  // namespace lanes
