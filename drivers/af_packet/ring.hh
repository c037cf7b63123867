// PacketRing: one TPACKET_V2 ring of a packet socket (packet_mmap.rst of the kernel), mapped, with
// slots of one size that lie side by side, and the hand-over of a slot between the kernel and us.
// rx.hh and tx.hh have one each; a slot is touched by the queue's worker only.
#pragma once

#include <linux/if_packet.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "engine/descriptor.hh"
#include "engine/result.hh"

namespace lanes::drivers {

class PacketRing {
  public:
    PacketRing() = default;
    PacketRing(PacketRing&& other) noexcept { *this = std::move(other); }
    PacketRing& operator=(PacketRing&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(slots_, other.slots_);
        std::swap(slot_bytes_, other.slot_bytes_);
        return *this;
    }
    ~PacketRing();

    /// Gives `socket` a ring (`option`: PACKET_RX_RING or PACKET_TX_RING) of `slots` (a power of
    /// two, at least 64) of at least `slot_bytes`, and maps it.
    static engine::Result<PacketRing> map(int socket, int option, std::uint32_t slots,
                                          std::uint32_t slot_bytes);

    std::uint32_t slots() const noexcept { return slots_; }
    std::uint32_t slot_bytes() const noexcept { return slot_bytes_; }

    /// The slot of a position that counts up for ever.
    std::byte* slot(std::uint32_t position) const noexcept {
        return data_ + std::size_t{position & (slots_ - 1)} * slot_bytes_;
    }
    tpacket2_hdr& header(std::uint32_t position) const noexcept {
        return *static_cast<tpacket2_hdr*>(static_cast<void*>(slot(position)));
    }
    /// Acquires what the kernel wrote before it handed the slot over.
    std::uint32_t status(std::uint32_t position) const noexcept {
        return std::atomic_ref(header(position).tp_status).load(std::memory_order_acquire);
    }
    /// Releases what was written to the slot to the kernel.
    void set_status(std::uint32_t position, std::uint32_t status) const noexcept {
        std::atomic_ref(header(position).tp_status).store(status, std::memory_order_release);
    }

  private:
    std::byte* data_ = nullptr;
    std::uint32_t slots_ = 0;
    std::uint32_t slot_bytes_ = 0;
};

/// An option of SOL_PACKET, and its name for errors.
struct PacketOption {
    int option;
    int value;
    const char* name;
};

/// A raw packet socket that receives nothing before it is bound. This alone of all that happens to
/// it needs CAP_NET_RAW.
engine::Result<engine::Descriptor> open_packet_socket();
engine::Result<void> set_packet_options(int socket, std::span<const PacketOption> options);

/// Binds to interface `index`. `protocol` 0: still receives nothing; ETH_P_ALL: everything.
engine::Result<void> bind_packet_socket(int socket, int index, std::uint16_t protocol);

}  // namespace lanes::drivers
