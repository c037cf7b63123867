// The carrier: what wraps a lane packet on a wire. On ports that carry whole Ethernet frames the
// engine writes Ethernet, IP and UDP itself, from a template that Control prepared; on kernel UDP
// ports there is nothing to write but the lane packet. Workers call write and parse; Control calls
// the functions that prepare.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/bytes.hh"
#include "engine/checksum.hh"
#include "engine/drop.hh"
#include "engine/port.hh"
#include "lanes/lane.hh"
#include "lanes/spec.hh"
#include "lanes/wire.hh"

namespace lanes {

inline constexpr std::uint32_t ethernet_header_bytes = 14;
inline constexpr std::uint32_t ipv4_header_bytes = 20;
inline constexpr std::uint32_t ipv6_header_bytes = 40;
inline constexpr std::uint32_t udp_header_bytes = 8;

/// Control: fills everything of `plan` but slot, next_hop and endpoint, for lane packets of lane
/// `id` from a port like `info` to the destination of `spec`. `kind` is that of the inner packets.
/// Fails when the port has no address of the destination's family.
engine::Result<void> prepare_path(const PathSpec& spec, const engine::PortInfo& info,
                                  std::uint32_t id, wire::Kind kind, PathPlan& plan);

/// Control: the longest lane packet that fits the MTU of such a port over this carrier.
std::uint32_t packet_max(const PathSpec& spec, const engine::PortInfo& info);

/// A path's template with all that is fixed for one run of packets of one worker filled in.
class Carrier {
  public:
    /// `worker` is also the subspace.
    Carrier(const PathPlan& plan, unsigned worker) noexcept
        : plan_(plan), head_bytes_(plan.carrier_bytes) {
        // Another lane for every packet: one cache line of the template less is one miss less.
        std::memcpy(bytes_.data(), plan.bytes.data(), engine::cache_line);
        if (plan.template_bytes() > engine::cache_line) {
            constexpr std::size_t rest = template_bytes_max - engine::cache_line;
            std::memcpy(&bytes_[engine::cache_line], &plan.bytes[engine::cache_line], rest);
        }
        engine::store_be(bytes_.data() + head_bytes_ + wire::subspace_at,
                         static_cast<std::uint16_t>(worker));
        if (plan.form == PathPlan::Form::kernel_udp) return;
        if (plan.next_hop != nullptr) {
            const std::uint64_t mac = plan.next_hop->mac.load(std::memory_order_relaxed);
            ready_ = (mac & NextHop::known) != 0;
            const std::uint64_t shifted = __builtin_bswap64(mac << 16);
            std::memcpy(bytes_.data(), &shifted, 6);
        }
        if (plan.form != PathPlan::Form::ethernet) {
            engine::store_be(bytes_.data() + head_bytes_ - udp_header_bytes,
                             static_cast<std::uint16_t>(plan.source_port + worker));
        }
    }

    /// False while the next hop's MAC address is unknown.
    bool ready() const noexcept { return ready_; }
    /// Bytes that the carrier puts before a lane packet.
    std::uint32_t head_bytes() const noexcept { return head_bytes_; }
    /// Bytes of a whole frame that carries a lane packet of `len` bytes, Ethernet padding included.
    std::uint32_t frame_bytes(std::uint32_t len) const noexcept {
        const std::uint32_t least =
            plan_.form == PathPlan::Form::ethernet ? wire::ethernet_payload_min : 0;
        return head_bytes_ + (len < least ? least : len);
    }

    /// Writes carrier header, lane header and inner header for a body of `body` bytes that lies, or
    /// will lie, behind them.
    void write_data(std::byte* to, std::uint64_t sequence, std::uint32_t body) const noexcept {
        constexpr std::uint32_t fixed = wire::header_bytes + wire::inner_bytes;
        copy_short(to, bytes_.data(), head_bytes_ + fixed);
        std::byte* packet = to + head_bytes_;
        engine::store_be(packet + wire::sequence_at, sequence);
        engine::store_be(packet + wire::header_bytes + 2, static_cast<std::uint16_t>(body));
        write_lengths(to, body + fixed);
    }

    /// The epoch of the lane headers that write_sealed() writes.
    void set_epoch(std::uint8_t epoch) noexcept {
        bytes_[head_bytes_ + wire::epoch_at] = std::byte{epoch};
    }
    /// Writes carrier header and lane header of a lane packet that will have `len` bytes.
    void write_sealed(std::byte* to, std::uint64_t sequence, std::uint32_t len) const noexcept {
        copy_short(to, bytes_.data(), head_bytes_ + wire::header_bytes);
        engine::store_be(to + head_bytes_ + wire::sequence_at, sequence);
        write_lengths(to, len);
    }

    /// Writes only the carrier header, for a lane packet of `len` bytes that exists already.
    void write_head(std::byte* to, std::uint32_t len) const noexcept {
        std::memcpy(to, bytes_.data(), head_bytes_);
        write_lengths(to, len);
    }

    /// Once all bytes are in place: Ethernet padding, and the UDP checksum where it is not
    /// optional. Returns the bytes of the whole frame.
    std::uint32_t finish(std::byte* frame, std::uint32_t len) const noexcept {
        const std::uint32_t total = frame_bytes(len);
        if (plan_.form == PathPlan::Form::ethernet) {
            for (std::uint32_t at = head_bytes_ + len; at < total; ++at) frame[at] = std::byte{0};
        } else if (plan_.form == PathPlan::Form::ipv6_udp) {
            std::byte* udp = frame + head_bytes_ - udp_header_bytes;
            const std::uint32_t udp_len = udp_header_bytes + len;
            const std::uint64_t pseudo =
                plan_.address_sum + engine::checksum_word(static_cast<std::uint16_t>(udp_len));
            std::uint16_t value;
            if (plan_.endpoint == engine::udp6_by_device) {
                value = engine::checksum_fold(pseudo);
            } else {
                value = engine::checksum_finish(pseudo + engine::checksum_sum(udp, udp_len));
                if (value == 0) value = 0xffff;  // RFC 8200, 8.1: zero means none
            }
            std::memcpy(udp + 6, &value, 2);
        }
        return total;
    }

    const PathPlan& plan() const noexcept { return plan_; }

  private:
    /// Copies 16 to 96 bytes with a few wide, overlapping moves.
    static void copy_short(std::byte* to, const std::byte* from, std::uint32_t len) noexcept {
        if (len >= 64) {
            std::memcpy(to, from, 64);
            std::memcpy(to + len - 32, from + len - 32, 32);
        } else if (len >= 32) {
            std::memcpy(to, from, 32);
            std::memcpy(to + len - 32, from + len - 32, 32);
        } else {
            std::memcpy(to, from, 16);
            std::memcpy(to + len - 16, from + len - 16, 16);
        }
    }

    void write_lengths(std::byte* to, std::uint32_t len) const noexcept {
        using Form = PathPlan::Form;
        if (plan_.form == Form::kernel_udp || plan_.form == Form::ethernet) return;
        const auto udp_len = static_cast<std::uint16_t>(udp_header_bytes + len);
        engine::store_be(to + head_bytes_ - 4, udp_len);
        std::byte* ip = to + ethernet_header_bytes;
        if (plan_.form == Form::ipv6_udp) return engine::store_be(ip + 4, udp_len);
        const auto total = static_cast<std::uint16_t>(ipv4_header_bytes + udp_len);
        engine::store_be(ip + 2, total);
        const std::uint16_t sum =
            engine::checksum_finish(plan_.address_sum + engine::checksum_word(total));
        std::memcpy(ip + 10, &sum, 2);
    }

    const PathPlan& plan_;
    alignas(32) std::array<std::byte, template_bytes_max> bytes_;
    std::uint32_t head_bytes_;
    bool ready_ = true;
};

/// The head of a lane packet that exists already, as emit() has it: a carrier header before it.
struct CarrierHead {
    const Carrier& carrier;

    std::uint32_t bytes() const noexcept { return carrier.head_bytes(); }
    std::uint32_t frame_bytes(std::uint32_t len) const noexcept { return carrier.frame_bytes(len); }
    void write(std::byte* to, unsigned, std::uint32_t len) const noexcept {
        carrier.write_head(to, len);
    }
    std::uint32_t finish(std::byte* to, std::uint32_t len) const noexcept {
        return carrier.finish(to, len);
    }
    std::uint32_t endpoint() const noexcept { return carrier.plan().endpoint; }
};

/// What a port accepts lane packets on.
struct Listener {
    engine::PortKind kind = engine::PortKind::ethernet;
    engine::MacAddress mac;
    std::uint16_t listen = 0;
    std::vector<engine::IpAddress> addresses;
    std::vector<std::uint32_t> ipv4;  ///< those of IPv4 among them, as they lie in memory

    Listener() = default;
    explicit Listener(const engine::PortInfo& info);
};

/// A lane packet within a frame, or the reason why there is none. not_for_us means: an orderly
/// frame that carries no lane packet for this port.
struct Arrival {
    std::byte* packet = nullptr;
    std::uint32_t len = 0;
    engine::Drop drop{};
};

/// Workers: finds the lane packet in a received frame. Reads nothing beyond it.
Arrival parse_carrier(const engine::Frame& frame, const Listener& listener) noexcept;

}  // namespace lanes
