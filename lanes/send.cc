// See send.hh. What differs between clear and sealed lanes is only how packets are written: clear
// ones here, sealed ones by the Sealer. Sequence numbers are given to a whole run at once, before
// anything is written, and each path gets the same packets: the receiver's window makes one of the
// copies.
#include "lanes/send.hh"

#include "lanes/carrier.hh"
#include "lanes/compose.hh"
#include "lanes/egress.hh"
#include "lanes/seal.hh"

namespace lanes {
namespace {

using engine::burst_max;
using engine::Drop;
using engine::Frame;

/// One frame, one clear packet.
struct DataHead {
    static constexpr std::uint32_t fixed = wire::header_bytes + wire::inner_bytes;

    const Carrier& carrier;
    std::uint64_t sequence;     ///< of item 0
    const std::uint8_t* kinds;  ///< per item; nullptr: as in the template

    std::uint32_t bytes() const noexcept { return carrier.head_bytes() + fixed; }
    std::uint32_t frame_bytes(std::uint32_t len) const noexcept {
        return carrier.frame_bytes(len + fixed);
    }
    void write(std::byte* to, unsigned i, std::uint32_t len) const noexcept {
        carrier.write_data(to, sequence + i, len);
        if (kinds != nullptr) to[carrier.head_bytes() + wire::header_bytes] = std::byte{kinds[i]};
    }
    std::uint32_t finish(std::byte* to, std::uint32_t len) const noexcept {
        return carrier.finish(to, len + fixed);
    }
    std::uint32_t endpoint() const noexcept { return carrier.plan().endpoint; }
};

/// The inner kind of a frame, or nothing that a lane carries.
bool kind_of(const Frame& frame, engine::PortKind kind, std::uint8_t& inner) noexcept {
    if (kind == engine::PortKind::ethernet) {
        inner = static_cast<std::uint8_t>(wire::Kind::ethernet);
        return frame.len >= ethernet_header_bytes;
    }
    const unsigned version = frame.len == 0 ? 0 : static_cast<unsigned>(frame.data[0]) >> 4;
    inner = static_cast<std::uint8_t>(version == 4 ? wire::Kind::ipv4 : wire::Kind::ipv6);
    return version == 4 || version == 6;
}

/// Writes clear packets.
class ClearWriter {
  public:
    ClearWriter(engine::WorkerContext& worker, const engine::FrameMemory* memory, const Plan& plan,
                LaneShare& share) noexcept
        : worker_(worker), memory_(memory), plan_(plan), share_(share) {}

    /// Each item is a packet of its own.
    void send(std::span<Item> items, const std::uint8_t* kinds) noexcept {
        const auto count = static_cast<unsigned>(items.size());
        const std::uint64_t sequence = take_sequences(count);
        each_path(count, [&](engine::TxQueue& tx, const Carrier& carrier,
                             const engine::FrameMemory* memory) noexcept {
            return emit(worker_, memory, tx, items, DataHead{carrier, sequence, kinds});
        });
    }

    void send(std::span<const Packet> packets) noexcept {
        const auto count = static_cast<unsigned>(packets.size());
        const std::uint64_t sequence = take_sequences(count);
        each_path(count, [&](engine::TxQueue& tx, const Carrier& carrier,
                             const engine::FrameMemory*) noexcept {
            return compose_all(tx, carrier, packets, sequence);
        });
    }

  private:
    std::uint64_t take_sequences(unsigned n) noexcept {
        const std::uint64_t first = share_.next_sequence.get();
        share_.next_sequence.set(first + n);
        return first;
    }

    /// Calls send(path's queue, carrier) for each path that is ready; `packets` are lost on others.
    /// The last path may pass frames on, so it has the frames' memory; the others copy.
    template <typename Send>
    void each_path(unsigned packets, Send&& send) noexcept {
        const auto paths = plan_.paths();
        worker_.counters.made.add(std::uint64_t{packets} * (paths.size() - 1));
        unsigned most = 0;
        for (const PathPlan& path : paths) {
            engine::Port* port = path.slot->port.load(std::memory_order_acquire);
            const Carrier carrier(path, worker_.index);
            unsigned sent = 0;
            if (port == nullptr) {
                worker_.counters.drop(Drop::tx_refused, packets);
            } else if (!carrier.ready()) {
                worker_.counters.drop(Drop::no_next_hop, packets);
            } else {
                const bool last = &path == &paths.back();
                sent = send(port->tx(worker_.index), carrier, last ? memory_ : nullptr);
            }
            share_.dropped.add(packets - sent);
            most = sent > most ? sent : most;
        }
        share_.packets.add(most);
    }

    unsigned compose_all(engine::TxQueue& tx, const Carrier& carrier,
                         std::span<const Packet> packets, std::uint64_t sequence) noexcept {
        const auto count = static_cast<unsigned>(packets.size());
        std::uint32_t longest = 0;
        for (const Packet& packet : packets) longest = std::max(longest, packet.inner_bytes());
        const std::uint32_t need = carrier.frame_bytes(wire::header_bytes + longest);
        if (need > tx.max_len()) {
            worker_.counters.drop(Drop::tx_too_big, count);
            return 0;
        }
        unsigned done = 0;
        while (done < count) {
            engine::Scratch<Frame, burst_max> room;
            const unsigned n = claim_or_flush(worker_, tx, room.first(count - done), need);
            if (n == 0) break;
            for (unsigned i = 0; i < n; ++i, ++done) {
                const Packet& packet = packets[done];
                carrier.write_data(room[i].data, sequence + done, packet.body);
                compose(packet, room[i].data + carrier.head_bytes() + wire::header_bytes);
                room[i].len =
                    carrier.finish(room[i].data, wire::header_bytes + packet.inner_bytes());
                room[i].endpoint = carrier.plan().endpoint;
                worker_.counters.copies.add(packet.count);
            }
            lanes::send(worker_, tx, room.first(n));
        }
        worker_.counters.drop(Drop::tx_full, count - done);
        return done;
    }

    engine::WorkerContext& worker_;
    const engine::FrameMemory* memory_;
    const Plan& plan_;
    LaneShare& share_;
};

/// One run on its way into packets: which frames go alone, together, or in pieces. `Writer` is a
/// ClearWriter or a Sealer.
template <typename Writer>
class Sender {
  public:
    Sender(engine::WorkerContext& worker, const Plan& plan, LaneShare& share,
           Writer& writer) noexcept
        : worker_(worker),
          plan_(plan),
          share_(share),
          writer_(writer),
          body_max_(plan.packet_max - wire::header_bytes - wire::inner_bytes -
                    (plan.sealed ? wire::tag_bytes : 0)) {}

    void run(std::span<Frame* const> frames) noexcept {
        for (Frame* frame : frames) {
            std::uint8_t kind;
            if (!kind_of(*frame, plan_.kind, kind)) {
                drop(Drop::kind_mismatch, 1);
            } else if (frame->len > body_max_) {
                send_gathered();
                send_pieces(*frame, kind);
            } else {
                items_[count_] = {frame->data, frame->len, frame};
                kinds_[count_++] = kind;
            }
        }
        send_gathered();
    }

  private:
    void drop(Drop reason, std::uint64_t n) noexcept {
        worker_.counters.drop(reason, n);
        share_.dropped.add(n);
    }

    void send_gathered() noexcept {
        if (count_ == 0) return;
        std::uint64_t bytes = 0;
        for (unsigned i = 0; i < count_; ++i) bytes += items_[i].len;
        share_.bytes.add(bytes);
        if (plan_.bundle && count_ > 1) {
            engine::Scratch<Packet, burst_max> packets;
            const unsigned n =
                bundle(items_.first(count_), kinds_, body_max_, packets.first(count_));
            worker_.counters.absorbed.add(count_);
            worker_.counters.made.add(n);
            writer_.send(packets.first(n));
        } else {
            const bool ethernet = plan_.kind == engine::PortKind::ethernet;
            writer_.send(items_.first(count_), ethernet ? nullptr : kinds_);
        }
        count_ = 0;
    }

    void send_pieces(Frame& frame, std::uint8_t kind) noexcept {
        engine::Scratch<Item, wire::fragments_max> pieces;
        engine::Scratch<Packet, wire::fragments_max> packets;
        unsigned count = 0;
        if (frame.len <= wire::body_bytes_max && frame.headroom >= wire::inner_bytes) {
            std::byte* inner = frame.data - wire::inner_bytes;
            wire::write_inner(inner, wire::Kind{kind}, frame.len);
            count = cut(inner, wire::inner_bytes + frame.len, body_max_, share_.next_fragment,
                        pieces.first(wire::fragments_max), packets.first(wire::fragments_max));
        }
        if (count == 0) return drop(Drop::too_big, 1);
        ++share_.next_fragment;
        worker_.counters.absorbed.add(1);
        worker_.counters.made.add(count);
        share_.bytes.add(frame.len);
        writer_.send(packets.first(count));
    }

    engine::WorkerContext& worker_;
    const Plan& plan_;
    LaneShare& share_;
    Writer& writer_;
    std::uint32_t body_max_;
    unsigned count_ = 0;
    engine::Scratch<Item, burst_max> items_;
    std::uint8_t kinds_[burst_max];
};

}  // namespace

void send_run(engine::WorkerContext& worker, Workshop& workshop, const engine::FrameMemory* memory,
              Lane& lane, const Plan& plan, std::span<Frame* const> frames) noexcept {
    LaneShare& share = lane.shares[worker.index];
    if (!plan.sealed) {
        ClearWriter writer(worker, memory, plan, share);
        return Sender(worker, plan, share, writer).run(frames);
    }
    SealSession* session = lane.sealing.load(std::memory_order_acquire);
    if (session == nullptr) {
        worker.counters.drop(Drop::no_key, frames.size());
        return share.dropped.add(frames.size());
    }
    Sealer sealer(worker, workshop, memory, plan, share, *session);
    Sender(worker, plan, share, sealer).run(frames);
}

}  // namespace lanes
