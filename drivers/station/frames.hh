// What the station reads and writes: ARP (RFC 826), neighbour discovery (RFC 4861) and echo (RFC
// 792, RFC 4443), as functions of bytes that know no port and keep no state. station.cc decides
// what to do with what they find. Called by workers.
//
// A frame is either right in every field that the RFCs say to check, or nothing to the station: it
// is not answered, not believed and left to whoever counts broken frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/address.hh"

namespace lanes::drivers {

/// Who the station is. Addresses that no host can have are left out.
class Identity {
  public:
    Identity() = default;
    Identity(const engine::MacAddress& mac, std::span<const engine::IpPrefix> addresses);

    const engine::MacAddress& mac() const noexcept { return mac_; }
    std::span<const engine::IpPrefix> addresses() const noexcept { return addresses_; }
    bool empty() const noexcept { return addresses_.empty(); }

    /// Of the 4 or 16 bytes at `ip`.
    bool owns(const std::byte* ip, bool v6) const noexcept;
    bool owns(const engine::IpAddress& ip) const noexcept;
    /// Whether `ip` may be the address of another single host: who claims another is not answered.
    bool host(const std::byte* ip, bool v6) const noexcept;
    /// The directed broadcast address of one of its networks (RFC 919).
    bool broadcast(const engine::IpAddress& ip) const noexcept;
    bool on_link(const engine::IpAddress& ip) const noexcept;
    /// The own address to ask `ip` from: on the same link if there is one, else the first of its
    /// family.
    std::optional<engine::IpAddress> speaker_to(const engine::IpAddress& ip) const noexcept;

  private:
    engine::MacAddress mac_;
    std::vector<engine::IpPrefix> addresses_;
};

/// What a frame is to the station.
struct Finding {
    enum class Answer : std::uint8_t { none, arp, advertisement, echo, echo_v6 };
    /// Alone: for nobody but the station. Everybody: others on the link may want it too.
    enum class For : std::uint8_t { others, alone, everybody };

    Answer answer = Answer::none;
    For whom = For::others;
    bool tells = false;        ///< the frame says that `neighbour` is at `mac`
    std::uint32_t ip_at = 14;  ///< where ARP or IP begins
    std::uint32_t body = 0;    ///< echo: bytes of the ICMP message
    engine::IpAddress neighbour;
    engine::MacAddress mac;
};

/// Whether a frame could be for the station at all: the EtherType, and the protocol behind it.
/// What a worker pays for each frame that is not.
bool may_concern_station(std::span<const std::byte> frame) noexcept;

/// Looks at a whole frame.
Finding examine(std::span<const std::byte> frame, const Identity& own) noexcept;

/// Each is no longer than this, answers to echo requests excepted.
inline constexpr std::uint32_t station_frame_bytes = 14 + 4 + 40 + 32;
/// Shorter frames are filled with zeros: not every device does that itself.
inline constexpr std::uint32_t ethernet_frame_bytes_min = 60;

/// Bytes of the answer that `finding` asks for, at least ethernet_frame_bytes_min.
std::uint32_t answer_bytes(const Finding& finding) noexcept;
/// Writes it: answer_bytes() at `to`. `frame` is the one that was found.
void write_answer(const Finding& finding, std::span<const std::byte> frame, const Identity& own,
                  std::byte* to) noexcept;

/// Writes the question who has `address`, to `at` or (zeros) to everybody who might, or, when
/// `address` is the station's own, an announcement of it (RFC 5227, 3; RFC 4861, 7.2.6). Returns
/// its bytes, at most station_frame_bytes; 0 when the station has no address of this family.
std::uint32_t write_question(const engine::IpAddress& address, const engine::MacAddress& at,
                             const Identity& own, std::byte* to) noexcept;

}  // namespace lanes::drivers
