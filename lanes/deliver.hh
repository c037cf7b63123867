// Delivery: the second half of receiving, from inner packets, opened and checked against the
// window, to frames on the port that the lane delivers to. Reads what an inner packet says of
// itself, takes bundles apart, hands fragments to reassembly. Called by receive_run(), on workers.
#pragma once

#include "engine/port.hh"
#include "engine/worker.hh"
#include "lanes/carrier.hh"
#include "lanes/egress.hh"
#include "lanes/lane.hh"
#include "lanes/reassembly.hh"
#include "lanes/receive.hh"

namespace lanes {

class Delivery {
  public:
    Delivery(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
             const Plan& plan, Reassembly& reassembly) noexcept
        : worker_(worker),
          lane_(lane),
          plan_(plan),
          reassembly_(reassembly),
          share_(lane.shares[worker.index]) {
        engine::Port* port = plan.out->port.load(std::memory_order_acquire);
        if (port == nullptr) return;
        tx_ = &port->tx(worker.index);
        max_len_ = tx_->max_len();
        shared_ = memory != nullptr && tx_->memory() == memory;
    }

    /// The inner packet of `len` bytes, padding included, that lies at `inner` in the frame of
    /// `packet`. It leaves with the next flush(), if not earlier.
    void take(const LanePacket& packet, std::byte* inner, std::uint32_t len) noexcept {
        wire::Inner head;
        const Form form = look(inner, len, head);
        std::byte* body = inner + wire::inner_bytes;
        if (form == Form::frame) return gather(body, head.length, packet.frame);
        if (form == Form::special) {
            take_apart(packet, wire::Kind{head.kind}, body, head.length);
        }
    }
    /// Sends what was gathered.
    void flush() noexcept;

    /// What an inner packet is.
    enum class Form : std::uint8_t {
        frame,    ///< one frame for our port
        special,  ///< to be taken apart, put together or taken note of
        dropped,  ///< broken, and counted
    };
    /// Looks at an inner packet of `len` bytes; `head` is what it says of itself.
    Form look(const std::byte* inner, std::uint32_t len, wire::Inner& head) noexcept {
        if (len < wire::inner_bytes) return dropped(Drop::malformed_inner);
        head = wire::read_inner(inner);
        const std::uint32_t used = wire::inner_bytes + head.length;
        if (used > len) return dropped(Drop::malformed_inner);
        if (used != len && !wire::all_zero(inner + used, len - used)) {
            return dropped(Drop::bad_padding);
        }
        const wire::Kind kind{head.kind};
        if (fits_port(kind, inner + wire::inner_bytes, head.length)) return Form::frame;
        if (kind == wire::Kind::bundle || kind == wire::Kind::fragment ||
            kind == wire::Kind::heartbeat) {
            return Form::special;
        }
        return dropped(Drop::unknown_kind);
    }

    /// Sends frames that were written into room that queue() gave.
    void send(std::span<const engine::Frame> frames) noexcept;

    /// Where frames go; nullptr: the port is closed.
    engine::TxQueue* queue() const noexcept { return tx_; }
    /// Whether received frames can leave through it as they are.
    bool shared() const noexcept { return shared_; }

  private:
    using Drop = engine::Drop;

    void drop(Drop reason) noexcept {
        worker_.counters.drop(reason);
        share_.dropped.add(1);
    }
    Form dropped(Drop reason) noexcept {
        drop(reason);
        return Form::dropped;
    }

    /// Whether a body of this kind can leave through our port.
    bool fits_port(wire::Kind kind, const std::byte* body, std::uint32_t len) const noexcept {
        if (plan_.kind == engine::PortKind::ethernet) {
            return kind == wire::Kind::ethernet && len >= ethernet_header_bytes;
        }
        if (plan_.kind != engine::PortKind::ip || len == 0) return false;
        const unsigned version = static_cast<unsigned>(body[0]) >> 4;
        return kind == wire::Kind::ipv4 ? version == 4 : kind == wire::Kind::ipv6 && version == 6;
    }

    /// A body that fits the port; `owner` as in Item.
    void gather(std::byte* body, std::uint32_t len, engine::Frame* owner) noexcept {
        if (tx_ == nullptr) return drop(Drop::tx_refused);
        const bool pass = shared_ && owner != nullptr && len <= max_len_;
        if (count_ == engine::burst_max || (count_ != 0 && pass != passing_)) flush();
        passing_ = pass;
        if (!pass) {
            items_[count_++] = {body, len, owner};
            return;
        }
        engine::Frame& frame = frames_[count_];
        const auto before = static_cast<std::uint32_t>(body - owner->data);
        frame = *owner;
        frame.data = body;
        frame.headroom += before;
        frame.tailroom += owner->len - before - len;
        frame.len = len;
        frame.endpoint = 0;
        owners_[count_++] = owner;
    }
    /// The same for one that came within another packet.
    void gather_part(wire::Kind kind, std::byte* body, std::uint32_t len) noexcept {
        if (!fits_port(kind, body, len)) return drop(Drop::unknown_kind);
        gather(body, len, nullptr);
    }

    void take_apart(const LanePacket& packet, wire::Kind kind, std::byte* body,
                    std::uint32_t len) noexcept;
    void unbundle(std::byte* body, std::uint32_t len) noexcept;
    void reassemble(const LanePacket& packet, const std::byte* body, std::uint32_t len) noexcept;

    engine::WorkerContext& worker_;
    Lane& lane_;
    const Plan& plan_;
    Reassembly& reassembly_;
    LaneShare& share_;
    engine::TxQueue* tx_ = nullptr;  ///< nullptr: the port is closed
    std::uint32_t max_len_ = 0;
    bool shared_ = false;

    // What flush() will send: frames to be passed on as they are, or items to be copied.
    bool passing_ = false;
    unsigned count_ = 0;
    engine::Scratch<engine::Frame, engine::burst_max> frames_;
    engine::Frame* owners_[engine::burst_max];
    engine::Scratch<Item, engine::burst_max> items_;
};

}  // namespace lanes
