// See replay.hh. The file is read twice, to know how much memory it takes, and to fill it.
#include "drivers/pcap/replay.hh"

#include <algorithm>
#include <cstring>
#include <span>

#include "drivers/failure.hh"
#include "engine/bytes.hh"
#include "engine/limits.hh"

namespace lanes::drivers {
namespace {

using engine::PortSpec;
using engine::Result;

/// Memory for the frames of one file, head- and tailroom included.
constexpr std::size_t replay_bytes_max = std::size_t{1} << 30;
/// A file may say anything of its times. Beyond this (146 years) sums of them would wrap.
constexpr std::uint64_t due_max_ns = std::uint64_t{1} << 62;

/// A number that is equal for frames of one flow: from MAC addresses, EtherType, and for IP the
/// addresses and, when every packet of the flow has them, the ports.
std::uint64_t flow_of(std::span<const std::byte> frame) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    const auto mix = [&](std::size_t from, std::size_t len) {
        for (std::size_t i = from; i < from + len && i < frame.size(); ++i) {
            hash = (hash ^ static_cast<std::uint8_t>(frame[i])) * 0x100000001b3u;
        }
    };
    const auto u16 = [&](std::size_t at) {
        return at + 2 <= frame.size() ? engine::load_be<std::uint16_t>(&frame[at]) : 0u;
    };
    const auto u8 = [&](std::size_t at) {
        return at < frame.size() ? static_cast<unsigned>(frame[at]) : 0u;
    };
    mix(0, 14);
    const std::size_t ip = u16(12) == 0x8100 ? 18 : 14;
    const unsigned type = u16(ip - 2);
    const auto has_ports = [](unsigned protocol) { return protocol == 6 || protocol == 17; };
    if (type == 0x0800) {
        mix(ip + 12, 8);
        const bool fragment = (u16(ip + 6) & 0x3fff) != 0;
        if (!fragment && has_ports(u8(ip + 9))) mix(ip + (u8(ip) & 0xf) * 4, 4);
    } else if (type == 0x86dd) {
        mix(ip + 8, 32);
        if (has_ports(u8(ip + 6))) mix(ip + 40, 4);
    }
    return hash ^ (hash >> 32);
}

Result<Capture> open_capture(const PortSpec& spec) {
    char reason[PCAP_ERRBUF_SIZE] = "";
    Capture capture(::pcap_open_offline_with_tstamp_precision(spec.read.c_str(),
                                                              PCAP_TSTAMP_PRECISION_NANO, reason));
    // libpcap's reason names the file.
    if (!capture) return failure(spec, 0, std::string("read: ") + reason, "");
    const int type = ::pcap_datalink(capture.get());
    if (type != DLT_EN10MB) {
        const char* name = ::pcap_datalink_val_to_name(type);
        return failure(spec, 0,
                       "read: " + spec.read + " has link type " +
                           (name != nullptr ? name : std::to_string(type)) + ", not EN10MB",
                       "only Ethernet captures can be replayed");
    }
    return capture;
}

/// Calls `take(header, bytes)` for every frame of the file until it returns false; an error if the
/// file is broken.
template <typename Take>
Result<void> for_each_frame(const PortSpec& spec, Take take) {
    auto capture = open_capture(spec);
    if (!capture) return capture.error();
    for (;;) {
        pcap_pkthdr* header = nullptr;
        const u_char* bytes = nullptr;
        const int got = ::pcap_next_ex(capture->get(), &header, &bytes);
        if (got == PCAP_ERROR_BREAK) return {};
        if (got != 1) {
            return failure(spec, 0, "read: " + spec.read + ": " + ::pcap_geterr(capture->get()),
                           "the file is cut or damaged; `editcap` may save its good part");
        }
        if (!take(*header, std::as_bytes(std::span(bytes, header->caplen)))) return {};
    }
}

bool usable(const pcap_pkthdr& header) noexcept {
    return header.caplen == header.len && header.caplen != 0 &&
           header.caplen <= engine::frame_bytes_max;
}

std::size_t room_of(std::uint32_t len) noexcept {
    const std::size_t bytes = engine::headroom_bytes + len + engine::tailroom_bytes;
    return (bytes + engine::cache_line - 1) / engine::cache_line * engine::cache_line;
}

/// First pass: how much there is.
Result<std::size_t> measure(const PortSpec& spec, Replay& replay) {
    std::size_t bytes = 0;
    auto read = for_each_frame(spec, [&](const pcap_pkthdr& header, auto) {
        if (!usable(header)) {
            ++replay.left_out;
            return true;
        }
        ++replay.frames;
        bytes += room_of(header.caplen);
        replay.longest = std::max(replay.longest, header.caplen);
        return bytes <= replay_bytes_max;
    });
    if (!read) return read.error();
    if (replay.frames == 0) {
        return failure(spec, 0, "read: " + spec.read + " has no whole frame to replay", "");
    }
    if (bytes > replay_bytes_max) {
        return failure(spec, 0, "read: " + spec.read + " needs more than 1024 MiB of memory",
                       "cut it with `editcap -c`");
    }
    return bytes;
}

/// Second pass: the frames themselves. The file is read anew and may have changed meanwhile; what
/// no longer fits is left out.
Result<void> load(const PortSpec& spec, Replay& replay, unsigned queues) {
    replay.shares.resize(queues);
    std::byte* at = replay.region.data();
    const std::byte* const end = at + replay.region.size();
    std::uint64_t first_ns = 0;
    std::uint64_t due_ns = 0;
    replay.frames = 0;
    auto read = for_each_frame(spec, [&](const pcap_pkthdr& header, auto bytes) {
        if (!usable(header)) return true;
        if (room_of(header.caplen) > static_cast<std::size_t>(end - at)) return false;
        const std::uint64_t stamp_ns = static_cast<std::uint64_t>(header.ts.tv_sec) * second_ns +
                                       static_cast<std::uint64_t>(header.ts.tv_usec);
        if (replay.frames++ == 0) first_ns = stamp_ns;
        // Time that runs backwards in the file stands still here: the order of the file counts.
        if (stamp_ns > first_ns)
            due_ns = std::max(due_ns, std::min(stamp_ns - first_ns, due_max_ns));
        std::byte* data = at + engine::headroom_bytes;
        std::memcpy(data, bytes.data(), bytes.size());
        replay.shares[flow_of(bytes) % queues].push_back({data, header.caplen, due_ns});
        at += room_of(header.caplen);
        return true;
    });
    // The next repetition follows after the mean gap; a file without any gap gives it 1 ms.
    const std::uint64_t gaps = replay.frames > 1 ? replay.frames - 1 : 1;
    replay.duration_ns = due_ns + (due_ns == 0 ? 1'000'000 : due_ns / gaps + 1);
    return read;
}

}  // namespace

Result<void> load_replay(const PortSpec& spec, unsigned queues, Replay& replay) {
    replay.repeat = spec.repeat;
    replay.pace = spec.pace;
    replay.shares.resize(queues);
    if (spec.read.empty()) return {};
    auto bytes = measure(spec, replay);
    if (!bytes) return bytes.error();
    auto region = engine::Region::map(*bytes, engine::Region::Pages::huge);
    if (!region) return failure(spec, region.error().code, "read: " + region.error().message, "");
    replay.region = std::move(*region);
    return load(spec, replay, queues);
}

}  // namespace lanes::drivers
