// See receive.hh. The order of the steps is the protocol's: subspace, window check, (open), window
// commit, inner checks, deliver. A clear lane has nothing to open, so check and commit are one.
#include "lanes/receive.hh"

#include <algorithm>

#include "lanes/carrier.hh"

namespace lanes {
namespace {

using engine::burst_max;
using engine::Drop;

/// Whether a body of this kind can leave through a port of that kind.
bool fits_port(wire::Kind kind, const std::byte* body, std::uint32_t len,
               engine::PortKind port) noexcept {
    if (port == engine::PortKind::ethernet) {
        return kind == wire::Kind::ethernet && len >= ethernet_header_bytes;
    }
    if (port != engine::PortKind::ip || len == 0) return false;
    const unsigned version = static_cast<unsigned>(body[0]) >> 4;
    return kind == wire::Kind::ipv4 ? version == 4 : kind == wire::Kind::ipv6 && version == 6;
}

class Receiver {
  public:
    Receiver(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
             const Plan& plan, Reassembly& reassembly) noexcept
        : worker_(worker),
          memory_(memory),
          lane_(lane),
          plan_(plan),
          reassembly_(reassembly),
          share_(lane.shares[worker.index]),
          out_(plan.out->port.load(std::memory_order_acquire)) {}

    void run(std::span<const LanePacket> packets) noexcept {
        // Runs of one block of one subspace: one swap of the window takes them all.
        for (std::size_t i = 0; i < packets.size();) {
            const std::uint16_t subspace = packets[i].subspace;
            if (subspace >= clear_subspaces) {
                drop(Drop::bad_subspace);
                ++i;
                continue;
            }
            const std::uint64_t block = packets[i].sequence / Window::block_numbers;
            std::uint64_t wanted = 0;
            std::size_t end = i;
            for (; end < packets.size() && packets[end].subspace == subspace &&
                   packets[end].sequence / Window::block_numbers == block;
                 ++end) {
                const std::uint64_t bit = bit_of(packets[end]);
                if ((wanted & bit) != 0) break;  // twice in one burst: a run of its own
                wanted |= bit;
            }
            accept(packets.subspan(i, end - i), lane_.window(subspace).commit(block, wanted));
            i = end;
        }
        deliver();
    }

  private:
    static std::uint64_t bit_of(const LanePacket& packet) noexcept {
        return std::uint64_t{1} << packet.sequence % Window::block_numbers;
    }

    void drop(Drop reason) noexcept {
        worker_.counters.drop(reason);
        share_.dropped.add(1);
    }

    void accept(std::span<const LanePacket> packets, Window::Outcome outcome) noexcept {
        unsigned fresh = 0;
        std::uint64_t newest = 0;
        for (const LanePacket& packet : packets) {
            if (outcome.old) {
                drop(Drop::replay_old);
                share_.old.add(1);
            } else if ((outcome.fresh & bit_of(packet)) == 0) {
                drop(Drop::replay_duplicate);
                share_.duplicates.add(1);
            } else {
                ++fresh;
                newest = std::max(newest, packet.sequence);
                open(packet);
            }
        }
        share_.packets.add(fresh);
        count_newest(newest);
    }

    void count_newest(std::uint64_t newest) noexcept {
        const std::uint32_t restarts = lane_.restarts.load(std::memory_order_relaxed);
        const bool same = share_.restarts == restarts;
        share_.restarts = restarts;
        share_.newest.set(same ? std::max(newest, share_.newest.get()) : newest);
    }

    /// The inner packet of an accepted lane packet.
    void open(const LanePacket& packet) noexcept {
        std::byte* inner = packet.data + wire::header_bytes;
        const std::uint32_t len = packet.len - wire::header_bytes;
        if (len < wire::inner_bytes) return drop(Drop::malformed_inner);
        const wire::Inner head = wire::read_inner(inner);
        const std::uint32_t used = wire::inner_bytes + head.length;
        if (used > len) return drop(Drop::malformed_inner);
        if (!wire::all_zero(inner + used, len - used)) return drop(Drop::bad_padding);
        std::byte* body = inner + wire::inner_bytes;
        switch (wire::Kind{head.kind}) {
            case wire::Kind::bundle:
                return unbundle(body, head.length);
            case wire::Kind::fragment:
                return reassemble(packet, body, head.length);
            case wire::Kind::heartbeat:
                return worker_.counters.absorbed.add(1);
            default:
                break;
        }
        gather(wire::Kind{head.kind}, body, head.length, packet.frame);
    }

    void gather(wire::Kind kind, std::byte* body, std::uint32_t len,
                engine::Frame* owner) noexcept {
        if (out_ == nullptr) return drop(Drop::tx_refused);
        if (!fits_port(kind, body, len, plan_.kind)) return drop(Drop::unknown_kind);
        if (count_ == burst_max) deliver();
        items_[count_++] = {body, len, owner};
    }

    void unbundle(std::byte* body, std::uint32_t len) noexcept {
        worker_.counters.absorbed.add(1);
        while (len > 0) {
            const wire::Inner head =
                len < wire::inner_bytes ? wire::Inner{} : wire::read_inner(body);
            const std::uint32_t used = wire::inner_bytes + head.length;
            worker_.counters.made.add(1);
            if (len < wire::inner_bytes || used > len) return drop(Drop::malformed_inner);
            // Neither bundles nor fragments within: gather() knows no such kind.
            gather(wire::Kind{head.kind}, body + wire::inner_bytes, head.length, nullptr);
            body += used;
            len -= used;
        }
    }

    void reassemble(const LanePacket& packet, const std::byte* body, std::uint32_t len) noexcept {
        if (len < wire::fragment_bytes) return drop(Drop::malformed_fragment);
        const wire::Fragment fragment = wire::read_fragment(body);
        const Reassembly::Whole whole =
            reassembly_.add(worker_, {lane_.index, packet.subspace}, fragment,
                            body + wire::fragment_bytes, len - wire::fragment_bytes);
        if (whole.inner == nullptr) return;
        const wire::Inner head = wire::read_inner(whole.inner);
        if (std::uint32_t{head.length} + wire::inner_bytes != whole.len) {
            drop(Drop::malformed_inner);
        } else {
            gather(wire::Kind{head.kind}, whole.inner + wire::inner_bytes, head.length, nullptr);
            deliver();  // the slot is wanted back
        }
        reassembly_.done(whole);
    }

    void deliver() noexcept {
        if (count_ == 0) return;
        std::uint64_t bytes = 0;
        for (unsigned i = 0; i < count_; ++i) bytes += items_[i].len;
        const unsigned sent =
            emit(worker_, memory_, out_->tx(worker_.index), items_.first(count_), NoHead{});
        share_.dropped.add(count_ - sent);
        share_.bytes.add(bytes);
        count_ = 0;
    }

    engine::WorkerContext& worker_;
    const engine::FrameMemory* memory_;
    Lane& lane_;
    const Plan& plan_;
    Reassembly& reassembly_;
    LaneShare& share_;
    engine::Port* out_;
    unsigned count_ = 0;
    engine::Scratch<Item, burst_max> items_;
};

}  // namespace

void receive_run(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
                 const Plan& plan, std::span<const LanePacket> packets,
                 Reassembly& reassembly) noexcept {
    Receiver(worker, memory, lane, plan, reassembly).run(packets);
}

}  // namespace lanes
