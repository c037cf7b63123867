// See send.hh. Sequence numbers are given to a whole run at once, before anything is written, and
// each path then gets the same packets: the receiver's window makes one of the copies.
#include "lanes/send.hh"

#include "lanes/carrier.hh"
#include "lanes/egress.hh"

namespace lanes {
namespace {

using engine::burst_max;
using engine::Drop;
using engine::Frame;

constexpr std::uint32_t head_bytes = wire::header_bytes + wire::inner_bytes;

/// One frame, one packet.
struct DataHead {
    const Carrier& carrier;
    std::uint64_t sequence;     ///< of item 0
    const std::uint8_t* kinds;  ///< per item; nullptr: as in the template

    std::uint32_t bytes() const noexcept { return carrier.head_bytes() + head_bytes; }
    std::uint32_t frame_bytes(std::uint32_t len) const noexcept {
        return carrier.frame_bytes(len + head_bytes);
    }
    void write(std::byte* to, unsigned i, std::uint32_t len) const noexcept {
        carrier.write_data(to, sequence + i, len);
        if (kinds != nullptr) to[carrier.head_bytes() + wire::header_bytes] = std::byte{kinds[i]};
    }
    std::uint32_t finish(std::byte* to, std::uint32_t len) const noexcept {
        return carrier.finish(to, len + head_bytes);
    }
    std::uint32_t endpoint() const noexcept { return carrier.plan().endpoint; }
};

/// One piece of a frame, one packet.
struct FragmentHead {
    const Carrier& carrier;
    std::uint64_t sequence;   ///< of piece 0
    wire::Fragment fragment;  ///< of piece 0

    std::uint32_t bytes() const noexcept {
        return carrier.head_bytes() + head_bytes + wire::fragment_bytes;
    }
    std::uint32_t frame_bytes(std::uint32_t len) const noexcept {
        return carrier.frame_bytes(len + head_bytes + wire::fragment_bytes);
    }
    void write(std::byte* to, unsigned i, std::uint32_t len) const noexcept {
        carrier.write_data(to, sequence + i, len + wire::fragment_bytes);
        std::byte* inner = to + carrier.head_bytes() + wire::header_bytes;
        inner[0] = std::byte{static_cast<std::uint8_t>(wire::Kind::fragment)};
        wire::Fragment piece = fragment;
        piece.index = static_cast<std::uint8_t>(i);
        wire::write_fragment(inner + wire::inner_bytes, piece);
    }
    std::uint32_t finish(std::byte* to, std::uint32_t len) const noexcept {
        return carrier.finish(to, len + head_bytes + wire::fragment_bytes);
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

/// One run on its way: what is common to all of its frames and paths.
class Sender {
  public:
    Sender(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
           const Plan& plan) noexcept
        : worker_(worker), memory_(memory), plan_(plan), share_(lane.shares[worker.index]) {}

    void run(std::span<Frame* const> frames) noexcept {
        const std::uint32_t body_max = plan_.packet_max - head_bytes;
        for (Frame* frame : frames) {
            std::uint8_t kind;
            if (!kind_of(*frame, plan_.kind, kind)) {
                drop(Drop::kind_mismatch, 1);
            } else if (frame->len > body_max) {
                send_gathered();
                send_fragments(*frame, kind);
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

    std::uint64_t take_sequences(unsigned n) noexcept {
        const std::uint64_t first = share_.next_sequence;
        share_.next_sequence += n;
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
            if (port == nullptr) {
                drop(Drop::tx_refused, packets);
            } else if (!carrier.ready()) {
                drop(Drop::no_next_hop, packets);
            } else {
                const bool last = &path == &paths.back();
                const unsigned sent =
                    send(port->tx(worker_.index), carrier, last ? memory_ : nullptr);
                share_.dropped.add(packets - sent);
                most = sent > most ? sent : most;
            }
        }
        share_.packets.add(most);
    }

    void send_gathered() noexcept {
        if (count_ == 0) return;
        std::uint64_t bytes = 0;
        for (unsigned i = 0; i < count_; ++i) bytes += items_[i].len;
        share_.bytes.add(bytes);
        if (plan_.bundle && count_ > 1) {
            send_bundles();
        } else {
            const std::uint64_t sequence = take_sequences(count_);
            const std::uint8_t* kinds = plan_.kind == engine::PortKind::ethernet ? nullptr : kinds_;
            each_path(count_, [&](engine::TxQueue& tx, const Carrier& carrier,
                                  const engine::FrameMemory* memory) noexcept {
                return emit(worker_, memory, tx, items_.first(count_),
                            DataHead{carrier, sequence, kinds});
            });
        }
        count_ = 0;
    }

    void send_fragments(Frame& frame, std::uint8_t kind) noexcept {
        constexpr std::uint32_t overhead = head_bytes + wire::fragment_bytes;
        const std::uint32_t inner_len = wire::inner_bytes + frame.len;
        const std::uint32_t stride = plan_.packet_max - overhead;
        const std::uint32_t count = (inner_len + stride - 1) / stride;
        if (frame.len > wire::body_bytes_max || count > wire::fragments_max ||
            frame.headroom < wire::inner_bytes) {
            return drop(Drop::too_big, 1);
        }
        std::byte* inner = frame.data - wire::inner_bytes;
        wire::write_inner(inner, wire::Kind{kind}, frame.len);
        engine::Scratch<Item, wire::fragments_max> pieces;
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t at = i * stride;
            pieces[i] = {inner + at, at + stride < inner_len ? stride : inner_len - at, nullptr};
        }
        worker_.counters.absorbed.add(1);
        worker_.counters.made.add(count);
        share_.bytes.add(frame.len);
        const std::uint64_t sequence = take_sequences(count);
        const wire::Fragment first{share_.next_fragment++, 0, static_cast<std::uint8_t>(count),
                                   static_cast<std::uint16_t>(stride)};
        each_path(count, [&](engine::TxQueue& tx, const Carrier& carrier,
                             const engine::FrameMemory*) noexcept {
            return emit(worker_, nullptr, tx, pieces.first(count),
                        FragmentHead{carrier, sequence, first});
        });
    }

    /// How many of the items from `first` on share one packet, and the body they make.
    unsigned bundle_from(unsigned first, std::uint32_t& body) const noexcept {
        const std::uint32_t body_max = plan_.packet_max - head_bytes;
        body = 0;
        unsigned n = 0;
        while (first + n < count_) {
            const std::uint32_t more = wire::inner_bytes + items_[first + n].len;
            if (n > 0 && body + more > body_max) break;
            body += more;
            ++n;
        }
        return n;
    }

    void send_bundles() noexcept {
        struct Group {
            unsigned first;
            unsigned n;
            std::uint32_t body;
        };
        Group groups[burst_max];
        unsigned group_count = 0;
        std::uint32_t longest = 0;
        for (unsigned i = 0; i < count_;) {
            Group group{i, 0, 0};
            group.n = bundle_from(i, group.body);
            // A bundle of one is no bundle: its own inner header is enough.
            if (group.n == 1) group.body = items_[i].len;
            longest = group.body > longest ? group.body : longest;
            i += group.n;
            groups[group_count++] = group;
        }
        worker_.counters.absorbed.add(count_);
        worker_.counters.made.add(group_count);
        const std::uint64_t sequence = take_sequences(group_count);
        each_path(group_count, [&](engine::TxQueue& tx, const Carrier& carrier,
                                   const engine::FrameMemory*) noexcept {
            const std::uint32_t need = carrier.frame_bytes(longest + head_bytes);
            if (need > tx.max_len()) {
                worker_.counters.drop(Drop::tx_too_big, group_count);
                return 0u;
            }
            unsigned done = 0;
            while (done < group_count) {
                engine::Scratch<Frame, burst_max> room;
                const unsigned n =
                    claim_or_flush(worker_, tx, room.first(group_count - done), need);
                if (n == 0) break;
                for (unsigned g = 0; g < n; ++g, ++done) {
                    const Group& group = groups[done];
                    write_group(room[g], carrier, sequence + done, group.first, group.n,
                                group.body);
                }
                tx.send(room.first(n), worker_.counters);
            }
            worker_.counters.drop(Drop::tx_full, group_count - done);
            return done;
        });
    }

    void write_group(Frame& frame, const Carrier& carrier, std::uint64_t sequence, unsigned first,
                     unsigned n, std::uint32_t body) noexcept {
        carrier.write_data(frame.data, sequence, body);
        std::byte* inner = frame.data + carrier.head_bytes() + wire::header_bytes;
        std::byte* to = inner + wire::inner_bytes;
        inner[0] = n == 1 ? std::byte{kinds_[first]}
                          : std::byte{static_cast<std::uint8_t>(wire::Kind::bundle)};
        for (unsigned i = first; i < first + n; ++i) {
            if (n > 1) {
                wire::write_inner(to, wire::Kind{kinds_[i]}, items_[i].len);
                to += wire::inner_bytes;
            }
            std::memcpy(to, items_[i].data, items_[i].len);
            to += items_[i].len;
        }
        worker_.counters.copies.add(n);
        frame.len = carrier.finish(frame.data, body + head_bytes);
        frame.endpoint = carrier.plan().endpoint;
    }

    engine::WorkerContext& worker_;
    const engine::FrameMemory* memory_;
    const Plan& plan_;
    LaneShare& share_;
    unsigned count_ = 0;
    engine::Scratch<Item, burst_max> items_;
    std::uint8_t kinds_[burst_max];
};

}  // namespace

void send_run(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
              const Plan& plan, std::span<Frame* const> frames) noexcept {
    Sender(worker, memory, lane, plan).run(frames);
}

}  // namespace lanes
