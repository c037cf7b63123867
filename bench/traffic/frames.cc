// See frames.hh.
#include "bench/traffic/frames.hh"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>

#include "bench/traffic/replay.hh"
#include "bench/traffic/replay_judge.hh"
#include "engine/bytes.hh"
#include "engine/checksum.hh"

namespace lanes::bench {
namespace {

using engine::checksum_finish;
using engine::checksum_fold;
using engine::checksum_sum;
using engine::checksum_word;
using engine::load_be;
using engine::store_be;

constexpr std::uint32_t udp_header_bytes = 8;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t ttl = 64;

void add_to_v4(std::byte* address, std::uint32_t n) noexcept {
    store_be<std::uint32_t>(address, load_be<std::uint32_t>(address) + n);
}

void add_to_v6(std::byte* address, std::uint32_t n) noexcept {
    const std::uint64_t low = load_be<std::uint64_t>(address + 8);
    store_be<std::uint64_t>(address + 8, low + n);
    if (low + n < low) store_be<std::uint64_t>(address, load_be<std::uint64_t>(address) + 1);
}

/// A sum as it stands in the frame between fill() and finish(): not complemented.
std::uint16_t load_sum(const std::byte* from) noexcept {
    std::uint16_t sum;
    std::memcpy(&sum, from, sizeof sum);
    return sum;
}
void store_sum(std::byte* to, std::uint16_t sum) noexcept {
    std::memcpy(to, &sum, sizeof sum);
}

}  // namespace

std::vector<std::byte> make_payload(std::uint64_t seed, std::size_t bytes) {
    std::mt19937_64 random(seed);
    std::vector<std::byte> payload(bytes);
    for (std::byte& byte : payload) byte = static_cast<std::byte>(random() & 0xff);
    return payload;
}

FrameMaker::FrameMaker(const Profile& profile, engine::PortKind kind)
    : overhead_bytes_(kind == engine::PortKind::ethernet ? fcs_bytes
                                                         : fcs_bytes + ethernet_header_bytes),
      ip_at_(kind == engine::PortKind::ethernet ? ethernet_header_bytes : 0),
      udp_at_(ip_at_ + (profile.source.v6 ? 40 : 20)),
      v6_(!profile.replay && profile.source.v6),
      without_addresses_(0),
      replay_(profile.replay) {
    if (replay_) {
        take_shapes(*replay_, profile.seed);
    } else {
        make_shapes(profile);
    }
    for (const Shape& shape : shapes_) len_max_ = std::max(len_max_, shape.len);
}

void FrameMaker::take_shapes(const Replay& replay, std::uint64_t seed) {
    for (const Replay::Frame& frame : replay.frames) {
        const auto bytes = replay.data(frame);
        shapes_.push_back({frame.len, frame.len - stamp_bytes, hash_replayed(bytes, seed), bytes});
    }
    cycle_.resize(shapes_.size());
    std::iota(cycle_.begin(), cycle_.end(), 0);
}

void FrameMaker::make_shapes(const Profile& profile) {
    const std::size_t address_bytes = v6_ ? 16 : 4;
    for (const engine::IpAddress* address : {&profile.source, &profile.destination}) {
        for (std::size_t i = 0; i < address_bytes; i += 2) {
            std::uint16_t word;
            std::memcpy(&word, &address->bytes[i], sizeof word);
            without_addresses_ += static_cast<std::uint16_t>(~word);
        }
    }
    for (const SizeShare& share : profile.sizes) {
        shapes_.push_back(make_shape(profile, share.size));
    }
    make_cycle(profile);
}

FrameMaker::Shape FrameMaker::make_shape(const Profile& profile, std::uint32_t size) {
    Shape shape;
    const std::uint32_t ip_len = size - fcs_bytes - ethernet_header_bytes;
    shape.len = ip_at_ + ip_len;
    shape.stamp_at = shape.len - stamp_bytes;
    const std::uint32_t payload_at = udp_at_ + udp_header_bytes;
    const auto payload = make_payload(profile.seed, shape.stamp_at - payload_at);
    shape.payload_hash = hash_payload(payload, profile.seed);
    std::vector<std::byte>& bytes = made_.emplace_back(shape.len);
    shape.bytes = bytes;
    write_headers(profile, bytes.data(), ip_len);
    std::copy(payload.begin(), payload.end(), bytes.begin() + payload_at);
    if (v6_) {
        // The sum of everything but the stamp, pseudo header included (RFC 8200, section 8.1).
        const std::uint32_t udp_len = shape.len - udp_at_;
        const std::uint64_t sum =
            checksum_sum(&bytes[ip_at_ + 8], 32) + checksum_sum(&bytes[udp_at_], udp_len) +
            checksum_word(static_cast<std::uint16_t>(udp_len)) + checksum_word(protocol_udp);
        store_sum(bytes.data() + udp_at_ + 6, checksum_fold(sum));
    }
    return shape;
}

void FrameMaker::write_headers(const Profile& profile, std::byte* to, std::uint32_t ip_len) const {
    if (ip_at_ != 0) {
        std::memcpy(to, profile.destination_mac.bytes.data(), 6);
        std::memcpy(to + 6, profile.source_mac.bytes.data(), 6);
        store_be<std::uint16_t>(to + 12, v6_ ? 0x86dd : 0x0800);
    }
    std::byte* ip = to + ip_at_;
    if (v6_) {
        store_be<std::uint32_t>(ip, 6u << 28);
        store_be<std::uint16_t>(ip + 4, static_cast<std::uint16_t>(ip_len - 40));
        ip[6] = std::byte{protocol_udp};
        ip[7] = std::byte{ttl};
        std::memcpy(ip + 8, profile.source.bytes.data(), 16);
        std::memcpy(ip + 24, profile.destination.bytes.data(), 16);
    } else {
        ip[0] = std::byte{0x45};
        store_be<std::uint16_t>(ip + 2, static_cast<std::uint16_t>(ip_len));
        store_be<std::uint16_t>(ip + 6, 0x4000);
        ip[8] = std::byte{ttl};
        ip[9] = std::byte{protocol_udp};
        std::memcpy(ip + 12, profile.source.bytes.data(), 4);
        std::memcpy(ip + 16, profile.destination.bytes.data(), 4);
        store_sum(ip + 10, checksum_finish(checksum_sum(ip, 20)));
    }
    std::byte* udp = to + udp_at_;
    store_be<std::uint16_t>(udp, profile.source_port);
    store_be<std::uint16_t>(udp + 2, profile.destination_port);
    store_be<std::uint16_t>(udp + 4, static_cast<std::uint16_t>(ip_len - (udp_at_ - ip_at_)));
}

void FrameMaker::make_cycle(const Profile& profile) {
    std::uint32_t divisor = 0;
    for (const SizeShare& share : profile.sizes) divisor = std::gcd(divisor, share.weight);
    for (std::size_t shape = 0; shape < profile.sizes.size(); ++shape) {
        cycle_.insert(cycle_.end(), profile.sizes[shape].weight / divisor,
                      static_cast<std::uint32_t>(shape));
    }
    // Fisher and Yates's shuffle, by hand because std::shuffle is not the same everywhere.
    std::mt19937_64 random(profile.seed);
    for (std::size_t i = cycle_.size(); i > 1; --i) std::swap(cycle_[i - 1], cycle_[random() % i]);
}

void FrameMaker::fill(std::byte* to, unsigned number, std::uint32_t flow) const noexcept {
    const Shape& shape = shapes_[number];
    std::memcpy(to, shape.bytes.data(), shape.len);
    if (flow == 0) return;
    std::byte* ip = to + ip_at_;
    if (v6_) {
        add_to_v6(ip + 8, flow);
        add_to_v6(ip + 24, flow);
        std::byte* sum = to + udp_at_ + 6;
        store_sum(sum,
                  checksum_fold(load_sum(sum) + without_addresses_ + checksum_sum(ip + 8, 32)));
    } else {
        add_to_v4(ip + 12, flow);
        add_to_v4(ip + 16, flow);
        const auto before = static_cast<std::uint16_t>(~load_sum(ip + 10));
        store_sum(ip + 10, checksum_finish(before + without_addresses_ + checksum_sum(ip + 12, 8)));
    }
}

void FrameMaker::finish(std::byte* frame, unsigned number, const Stamp& stamp) const noexcept {
    const Shape& shape = shapes_[number];
    std::byte* at = frame + shape.stamp_at;
    write_stamp(at, stamp, shape.payload_hash);
    if (!v6_) return;
    std::uint16_t sum = checksum_fold(checksum_sum(at, stamp_bytes));
    // Words are counted from the UDP header on; a stamp at an odd offset adds its bytes swapped.
    if (((shape.stamp_at - udp_at_) & 1) != 0) sum = engine::swap_bytes(sum);
    const std::uint16_t checksum =
        checksum_finish(std::uint64_t{load_sum(frame + udp_at_ + 6)} + sum);
    store_sum(frame + udp_at_ + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);
}

}  // namespace lanes::bench
