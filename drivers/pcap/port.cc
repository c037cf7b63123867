// The pcap driver: replays a capture file (pcap or pcapng) as received frames, and records what is
// sent into a pcap file with nanosecond timestamps; by libpcap, so that every tool reads it.
//
// The file to replay (replay.hh) is read at open, whole, into memory, each frame with its own
// head- and tailroom: replaying then costs nothing, and a broken file is an error before any
// traffic. Frames are handed out where they lie. They are spread over the queues by flow, so the
// order within a flow is kept. At the recorded pace a timer wakes the worker; all queues share one
// start.
//
// Recording: each queue gathers its records and appends them to the one file in a single write per
// round: the kernel keeps appended writes apart, so workers need no lock.
// Nothing waits in memory beyond the round. When a write fails (no
// space left), a record may be cut in the file and nothing behind it could be read: recording ends
// there, and all frames from then on are counted as tx_refused.
//
// Control opens and closes; a queue is called by its worker only.
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio_ext.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "drivers/buffered_tx.hh"
#include "drivers/failure.hh"
#include "drivers/open.hh"
#include "drivers/pcap/replay.hh"
#include "engine/descriptor.hh"

namespace lanes::drivers {
namespace {

using engine::Drop;
using engine::Frame;
using engine::PortSpec;
using engine::Result;
using engine::WorkerCounters;

/// What a queue gathers for one write: the largest round, two bursts of the largest frames, fits.
constexpr std::size_t record_buffer_bytes = 16 << 20;
/// In a pcap file before each frame.
constexpr std::size_t record_header_bytes = 16;
constexpr std::uint32_t ethernet_bytes = 18;

struct CloseDump {
    void operator()(pcap_dumper_t* dump) const noexcept { ::pcap_dump_close(dump); }
};

/// The file as one queue writes it: libpcap's records are gathered here and leave in one write,
/// which the kernel appends as a whole. (A stdio stream onto the file would not do: it may flush
/// within a record.) Does not move, for the stream knows its address.
class Tape {
  public:
    static Result<std::unique_ptr<Tape>> open(const PortSpec& spec, unsigned queue, pcap_t* format);

    void record(const Frame& frame, const timespec& now) noexcept {
        pcap_pkthdr header{};
        header.ts.tv_sec = now.tv_sec;
        header.ts.tv_usec = now.tv_nsec;  // the file's precision is the nanosecond
        header.caplen = header.len = frame.len;
        ::pcap_dump(reinterpret_cast<u_char*>(dump_.get()), &header,
                    reinterpret_cast<const u_char*>(frame.data));
    }
    /// False: not all of it is in the file.
    bool write_out() noexcept {
        ::pcap_dump_flush(dump_.get());
        const ssize_t written = ::write(file_.get(), buffer_.data(), used_);
        return written == static_cast<ssize_t>(std::exchange(used_, 0));
    }

  private:
    static ssize_t gather(void* tape, const char* bytes, std::size_t len) noexcept {
        Tape& self = *static_cast<Tape*>(tape);
        if (len > self.buffer_.size() - self.used_) return 0;
        std::memcpy(self.buffer_.data() + self.used_, bytes, len);
        self.used_ += len;
        return static_cast<ssize_t>(len);
    }

    engine::Descriptor file_;
    engine::Region buffer_;
    std::size_t used_ = 0;
    std::unique_ptr<pcap_dumper_t, CloseDump> dump_;
};

Result<std::unique_ptr<Tape>> Tape::open(const PortSpec& spec, unsigned queue, pcap_t* format) {
    auto tape = std::make_unique<Tape>();
    const std::string what = "write: " + spec.write;
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (queue == 0 ? O_TRUNC : 0);
    tape->file_ = engine::Descriptor(::open(spec.write.c_str(), flags, 0644));
    if (!tape->file_) return failure(spec, errno, what, "");
    auto buffer = engine::Region::map(record_buffer_bytes, engine::Region::Pages::small);
    if (!buffer)
        return failure(spec, buffer.error().code, what + ": " + buffer.error().message, "");
    tape->buffer_ = std::move(*buffer);
    cookie_io_functions_t functions{};
    functions.write = &Tape::gather;
    std::FILE* stream = ::fopencookie(tape.get(), "w", functions);
    if (stream == nullptr) return failure(spec, errno, what, "");
    ::__fsetlocking(stream, FSETLOCKING_BYCALLER);
    tape->dump_.reset(::pcap_dump_fopen(format, stream));
    if (!tape->dump_) return failure(spec, 0, what + ": " + ::pcap_geterr(format), "");
    // Every stream begins with the file's header, the file only once.
    if (queue == 0 && !tape->write_out()) return failure(spec, errno, what, "");
    ::pcap_dump_flush(tape->dump_.get());
    tape->used_ = 0;
    return tape;
}

class PcapTx final : public BufferedTx {
  public:
    /// `tape` nullptr: counts and discards.
    PcapTx(std::unique_ptr<Tape> tape, Slots slots)
        : BufferedTx(std::move(slots)), tape_(std::move(tape)) {}

  private:
    void transmit(std::span<const Frame> frames, WorkerCounters& worker) noexcept override {
        std::uint64_t bytes = 0;
        for (const Frame& frame : frames) bytes += frame.len;
        if (tape_ != nullptr && !record(frames)) {
            worker.drop(Drop::tx_refused, frames.size());
            return;
        }
        count_sent(frames.size(), bytes, worker);
    }

    bool record(std::span<const Frame> frames) noexcept {
        if (failed_) return false;
        timespec now;
        ::clock_gettime(CLOCK_REALTIME, &now);
        for (const Frame& frame : frames) tape_->record(frame, now);
        failed_ = !tape_->write_out();
        return !failed_;
    }

    std::unique_ptr<Tape> tape_;
    bool failed_ = false;
};
static_assert(BufferedTx::frames_max * (engine::frame_bytes_max + record_header_bytes) <
              record_buffer_bytes);

class PcapPort final : public engine::Port {
  public:
    explicit PcapPort(const PortSpec& spec) : spec_(spec) {}

    Result<void> open(unsigned queues);

    const engine::PortInfo& info() const noexcept override { return info_; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned queue) noexcept override { return *tx_[queue]; }

  private:
    Result<void> add_rx(unsigned queue);
    Result<void> add_tx(unsigned queue);
    std::string describe() const;

    const PortSpec spec_;
    engine::PortInfo info_;
    Replay replay_;
    Capture format_;  ///< what the recorded file's header says
    std::vector<std::unique_ptr<PcapRx>> rx_;
    std::vector<std::unique_ptr<PcapTx>> tx_;
};

Result<void> PcapPort::add_rx(unsigned queue) {
    engine::Descriptor wake(spec_.pace == PortSpec::Pace::recorded
                                ? ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
                                : ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return failure(spec_, errno, "make a timer", "");
    rx_.push_back(std::make_unique<PcapRx>(replay_, replay_.shares[queue], std::move(wake)));
    return {};
}

Result<void> PcapPort::add_tx(unsigned queue) {
    std::unique_ptr<Tape> tape;
    if (!spec_.write.empty()) {
        auto opened = Tape::open(spec_, queue, format_.get());
        if (!opened) return opened.error();
        tape = std::move(*opened);
    }
    auto slots = Slots::map(BufferedTx::frames_max, info_.mtu + ethernet_bytes);
    if (!slots) return slots.error();
    tx_.push_back(std::make_unique<PcapTx>(std::move(tape), std::move(*slots)));
    return {};
}

std::string PcapPort::describe() const {
    std::string note;
    if (!spec_.read.empty()) {
        note = "replays " + std::to_string(replay_.frames) + " frames of " + spec_.read;
        if (spec_.repeat == 0) note += " for ever";
        if (spec_.repeat > 1) note += " " + std::to_string(spec_.repeat) + " times";
        note += spec_.pace == PortSpec::Pace::recorded ? " as recorded" : " as fast as it can";
        if (replay_.left_out != 0) {
            note += " (left out: " + std::to_string(replay_.left_out) +
                    " that were cut when captured, empty or too long)";
        }
    }
    if (!spec_.write.empty()) note += (note.empty() ? "" : ", ") + ("records to " + spec_.write);
    return note;
}

Result<void> PcapPort::open(unsigned queues) {
    if (auto loaded = load_replay(spec_, queues, replay_); !loaded) return loaded.error();
    info_.name = spec_.name;
    info_.driver = "pcap";
    info_.addresses = spec_.addresses;
    info_.mtu = spec_.mtu != 0 ? spec_.mtu : std::clamp(replay_.longest, 1514u, 65535u + 14u) - 14;
    info_.listen = spec_.listen;
    info_.source_port = spec_.source_port;
    const std::uint32_t frame_bytes = info_.mtu + ethernet_bytes;
    format_.reset(::pcap_open_dead_with_tstamp_precision(DLT_EN10MB, static_cast<int>(frame_bytes),
                                                         PCAP_TSTAMP_PRECISION_NANO));
    if (!format_) return failure(spec_, ENOMEM, "write: " + spec_.write, "");
    for (unsigned queue = 0; queue < queues; ++queue) {
        if (auto added = add_rx(queue); !added) return added.error();
        if (auto added = add_tx(queue); !added) return added.error();
    }
    info_.note = describe();
    return {};
}

}  // namespace

OpenResult open_pcap(const PortSpec& spec, const engine::WorkerCores& cores) {
    const unsigned queues = cores.count();
    auto port = std::make_unique<PcapPort>(spec);
    if (auto opened = port->open(queues); !opened) return opened.error();
    return std::unique_ptr<engine::Port>(std::move(port));
}

}  // namespace lanes::drivers
