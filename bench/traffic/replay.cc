// See replay.hh. libpcap reads both formats and tells them apart itself.
#include "bench/traffic/replay.hh"

#include <pcap/pcap.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "engine/limits.hh"

namespace lanes::bench {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::size_t bytes_max = std::size_t{1} << 30;
constexpr std::size_t frames_max = std::size_t{1} << 24;

struct CloseCapture {
    void operator()(pcap_t* capture) const noexcept { ::pcap_close(capture); }
};
using Capture = std::unique_ptr<pcap_t, CloseCapture>;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    throw std::runtime_error(path + ": " + what);
}

Capture open_capture(const std::string& path) {
    char reason[PCAP_ERRBUF_SIZE] = "";
    Capture capture(::pcap_open_offline_with_tstamp_precision(path.c_str(),
                                                              PCAP_TSTAMP_PRECISION_NANO, reason));
    // libpcap names the file when it cannot open it, and only then.
    if (!capture && std::string_view(reason).find(path) != std::string_view::npos) {
        throw std::runtime_error(std::string("cannot replay ") + reason);
    }
    if (!capture) fail(path, std::string("cannot be replayed: ") + reason);
    const int type = ::pcap_datalink(capture.get());
    if (type == DLT_EN10MB) return capture;
    const char* name = ::pcap_datalink_val_to_name(type);
    fail(path, std::string("has link type ") + (name != nullptr ? name : std::to_string(type)) +
                   ", not EN10MB: only captures of Ethernet frames can be replayed");
}

void add(const pcap_pkthdr& header, const u_char* bytes, std::uint64_t due_ns, Replay& replay) {
    if (header.caplen != header.len || header.caplen > engine::frame_bytes_max) {
        ++replay.incomplete;
    } else if (header.caplen < replay_len_min) {
        ++replay.left_out;
    } else {
        const auto data = std::as_bytes(std::span(bytes, header.caplen));
        replay.frames.push_back({replay.bytes.size(), header.caplen, due_ns});
        replay.bytes.insert(replay.bytes.end(), data.begin(), data.end());
        replay.longest = std::max(replay.longest, header.caplen);
    }
}

}  // namespace

std::shared_ptr<const Replay> read_replay(const std::string& path) {
    const Capture capture = open_capture(path);
    const auto replay = std::make_shared<Replay>();
    std::uint64_t first_ns = 0;
    std::uint64_t due_ns = 0;
    for (;;) {
        pcap_pkthdr* header = nullptr;
        const u_char* bytes = nullptr;
        const int got = ::pcap_next_ex(capture.get(), &header, &bytes);
        if (got == PCAP_ERROR_BREAK) break;
        if (got != 1) {
            fail(path, std::string(::pcap_geterr(capture.get())) +
                           ": the file is cut or damaged; `editcap` may save its good part");
        }
        const std::uint64_t stamp_ns = static_cast<std::uint64_t>(header->ts.tv_sec) * second_ns +
                                       static_cast<std::uint64_t>(header->ts.tv_usec);
        if (replay->frames.empty()) first_ns = stamp_ns;
        // Time that runs backwards in the file stands still here: the order of the file counts.
        if (stamp_ns > first_ns) due_ns = std::max(due_ns, stamp_ns - first_ns);
        add(*header, bytes, due_ns, *replay);
        if (replay->bytes.size() > bytes_max || replay->frames.size() > frames_max) {
            fail(path, "more than 1 GiB or 16 million frames: cut it with `editcap -c`");
        }
    }
    if (replay->frames.empty()) {
        fail(path, "no frame that can be replayed: " + std::to_string(replay->left_out) +
                       " are shorter than " + std::to_string(replay_len_min) + " bytes, of " +
                       std::to_string(replay->incomplete) + " the file has only a part");
    }
    // The file starts anew after the mean gap; one without any gap gets 1 ms.
    const std::uint64_t gaps = replay->frames.size() > 1 ? replay->frames.size() - 1 : 1;
    const std::uint64_t last_ns = replay->frames.back().due_ns;
    replay->round_ns = last_ns + (last_ns == 0 ? 1'000'000 : last_ns / gaps + 1);
    return replay;
}

}  // namespace lanes::bench
