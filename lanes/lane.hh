// Lane: what the workers know of one lane. A Lane keeps its address for life; what it does lies
// in a Plan, immutable, which Control replaces as a whole while packets flow. Every worker has a
// cache line of its own per lane for counters and for the numbering of what it sends.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/counters.hh"
#include "engine/port.hh"
#include "lanes/spec.hh"
#include "lanes/window.hh"
#include "lanes/wire.hh"

namespace lanes {

/// A port's place in the node: stable while the node runs, though the port itself may be closed
/// and opened again under it.
struct PortSlot {
    /// Writer: Control (release); readers: workers (acquire). nullptr: closed at the moment.
    std::atomic<engine::Port*> port{nullptr};
    PortIndex index = no_port;
};

/// The MAC address of a next hop, shared by all lanes that go there.
struct NextHop {
    static constexpr std::uint64_t known = std::uint64_t{1} << 48;
    /// 48 bits of address in network order from the top, and `known`; 0: not resolved.
    /// Writer: Control (relaxed: a single word); readers: workers.
    std::atomic<std::uint64_t> mac{0};
};

/// The longest carrier header with a lane header and an inner header behind it:
/// Ethernet (14) + IPv6 (40) + UDP (8) + 16 + 4.
inline constexpr std::uint32_t template_bytes_max = 96;

/// One road out: everything that does not change from packet to packet. Behind a Plan, the
/// templates of Ethernet and of IPv4 fill one cache line and all else that a worker reads another.
struct PathPlan {
    const PortSlot* slot = nullptr;
    const NextHop* next_hop = nullptr;  ///< nullptr: no MAC to fill in
    std::uint32_t endpoint = 0;         ///< Frame::endpoint of what goes this way
    std::uint32_t address_sum = 0;      ///< IPv4: header sum; IPv6: pseudo-header sum; no length
    std::uint16_t source_port = 0;      ///< UDP source port of subspace 0
    std::uint8_t carrier_bytes = 0;     ///< of the template, what comes before the lane header
    enum class Form : std::uint8_t { kernel_udp, ethernet, ipv4_udp, ipv6_udp } form{};
    std::array<std::byte, 4> unused{};
    /// Carrier header, lane header, inner header.
    std::array<std::byte, template_bytes_max> bytes{};

    /// Bytes of the template that are in use.
    std::uint32_t template_bytes() const noexcept {
        return carrier_bytes + wire::header_bytes + wire::inner_bytes;
    }
};

struct SealSession;
struct OpenSessions;
class Trace;

/// What a lane does, for workers.
struct Plan {
    Role role = Role::send;
    bool sealed = false;
    bool bundle = false;
    engine::PortKind kind = engine::PortKind::ethernet;  ///< of the port frames come from or go to
    std::uint8_t path_count = 0;
    std::uint32_t packet_max = 0;     ///< send, relay: the longest lane packet every path takes
    std::uint64_t arrival_ports = 0;  ///< receive: bit per PortIndex that packets may arrive on
    const PortSlot* out = nullptr;    ///< receive, patch: where frames go

    /// The paths lie directly behind the plan.
    std::span<const PathPlan> paths() const noexcept {
        return {reinterpret_cast<const PathPlan*>(this + 1), path_count};
    }
};
static_assert(sizeof(Plan) % alignof(PathPlan) == 0);
static_assert(sizeof(Plan) + offsetof(PathPlan, bytes) == engine::cache_line);

class PlanStore;

struct PlanDelete {
    PlanStore* store = nullptr;  ///< nullptr: it lies on the heap
    void operator()(const Plan* plan) const noexcept;
};
using PlanPtr = std::unique_ptr<const Plan, PlanDelete>;

/// A plan on the heap with room for `paths` paths, which may be written until it becomes const.
Plan* new_plan(unsigned paths);

/// One worker's share of a lane; only that worker writes it.
struct alignas(engine::cache_line) LaneShare {
    engine::Counter packets;  ///< sent: lane packets; received: packets accepted
    engine::Counter bytes;    ///< of the frames inside
    engine::Counter dropped;  ///< frames and packets of this lane that were dropped, any reason
    engine::Counter duplicates;
    engine::Counter old;            ///< older than the window
    engine::Counter newest;         ///< clear, received: the highest sequence number accepted
    engine::Counter next_sequence;  ///< clear, sent
    std::uint32_t next_fragment = 0;
    std::uint32_t restarts = 0;  ///< of the lane's windows, when `newest` was last counted
};
static_assert(sizeof(LaneShare) == engine::cache_line);

struct alignas(engine::cache_line) Lane {
    /// Writer: Control (release); readers: workers (acquire). nullptr: not in service.
    std::atomic<const Plan*> plan{nullptr};
    LaneShare* shares = nullptr;      ///< one per worker, behind the lane
    Window::Word* windows = nullptr;  ///< clear, receive: subspaces * window_words, zero at first
    std::uint32_t window_words = 0;   ///< words of the window of one subspace
    std::uint32_t id = 0;
    std::uint32_t index = 0;  ///< place in the lane store
    /// How often the windows were started afresh. Writer: Control (relaxed); readers: workers.
    std::atomic<std::uint32_t> restarts{0};
    /// Sealed, send: what to seal with; nullptr: nothing yet, or no more. Writer: Control
    /// (release); readers: workers (acquire), at the start of a run.
    std::atomic<SealSession*> sealing{nullptr};
    /// Sealed, receive: what to open with. Writer: Control (release); readers: workers (acquire).
    std::atomic<OpenSessions*> opening{nullptr};
    /// Who wants to know what becomes of its frames; nullptr: nobody. Writer: Control (release);
    /// readers: workers (acquire), at the start of a run.
    std::atomic<Trace*> trace{nullptr};

    Window window(std::uint16_t subspace) const noexcept {
        return Window(windows + std::size_t{subspace} * window_words, window_words);
    }
};
static_assert(sizeof(Lane) == engine::cache_line);

/// Subspaces that a clear lane accepts; a sealed lane's announcement says their number.
inline constexpr unsigned clear_subspaces = engine::workers_max;

}  // namespace lanes
