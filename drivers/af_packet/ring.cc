// See ring.hh.
#include "drivers/af_packet/ring.hh"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <string>

namespace lanes::drivers {
namespace {

/// 64 slots of a multiple of 64 bytes are whole pages, so that blocks leave no gaps and slots lie
/// side by side.
constexpr std::uint32_t slots_per_block = 64;
/// Sizes up to here are rounded to a power of two; measured a little faster than tighter ones.
constexpr std::uint32_t small_slot_bytes = 4096;

std::uint32_t round_up(std::uint32_t bytes) {
    if (bytes <= small_slot_bytes) return std::bit_ceil(bytes);
    return (bytes + 1023) / 1024 * 1024;
}

}  // namespace

engine::Result<PacketRing> PacketRing::map(int socket, int option, std::uint32_t slots,
                                           std::uint32_t slot_bytes) {
    LANES_CHECK(std::has_single_bit(slots) && slots >= slots_per_block);
    PacketRing ring;
    ring.slots_ = slots;
    ring.slot_bytes_ = round_up(slot_bytes);
    tpacket_req request{};
    request.tp_frame_size = ring.slot_bytes_;
    request.tp_block_size = ring.slot_bytes_ * slots_per_block;
    request.tp_block_nr = slots / slots_per_block;
    request.tp_frame_nr = slots;
    const std::size_t bytes = std::size_t{slots} * ring.slot_bytes_;
    const std::string what = "packet ring of " + std::to_string(slots) + " frames (" +
                             std::to_string(bytes >> 10) + " KiB)";
    if (::setsockopt(socket, SOL_PACKET, option, &request, sizeof request) != 0) {
        return engine::system_error(errno, what);
    }
    void* data =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, socket, 0);
    if (data == MAP_FAILED) return engine::system_error(errno, "map " + what);
    ring.data_ = static_cast<std::byte*>(data);
    return ring;
}

PacketRing::~PacketRing() {
    if (data_ != nullptr) ::munmap(data_, std::size_t{slots_} * slot_bytes_);
}

engine::Result<engine::Descriptor> open_packet_socket() {
    engine::Descriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return engine::system_error(errno, "open a packet socket");
    return socket;
}

engine::Result<void> set_packet_options(int socket, std::span<const PacketOption> options) {
    for (const PacketOption& each : options) {
        if (::setsockopt(socket, SOL_PACKET, each.option, &each.value, sizeof each.value) != 0) {
            return engine::system_error(errno, std::string("set ") + each.name);
        }
    }
    return {};
}

engine::Result<void> bind_packet_socket(int socket, int index, std::uint16_t protocol) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol);
    address.sll_ifindex = index;
    const void* where = &address;
    if (::bind(socket, static_cast<const sockaddr*>(where), sizeof address) == 0) return {};
    return engine::system_error(errno, "bind a packet socket");
}

}  // namespace lanes::drivers
