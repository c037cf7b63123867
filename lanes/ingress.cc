// See ingress.hh.
#include "lanes/ingress.hh"

#include "lanes/forward.hh"
#include "lanes/runs.hh"
#include "lanes/send.hh"
#include "lanes/trace.hh"

namespace lanes {
namespace {

using engine::burst_max;
using engine::Drop;

/// Starts to fetch what a worker touches of a lane, long before it does.
void prefetch(const Lane* lane, unsigned worker) noexcept {
    __builtin_prefetch(lane);
    __builtin_prefetch(reinterpret_cast<const LaneShare*>(lane + 1) + worker, 1);
}

/// The line that all plans have, and what `lines` - 1 further ones hold of its path.
void prefetch_plan(const Plan* plan, unsigned lines) noexcept {
    const auto* bytes = reinterpret_cast<const std::byte*>(plan);
    for (unsigned i = 0; i < lines; ++i) __builtin_prefetch(bytes + i * engine::cache_line);
}

/// What is known to be needed once the plan's first line is there.
void prefetch_path(const Plan& plan) noexcept {
    if (plan.path_count == 0) return;
    const PathPlan& path = plan.paths()[0];
    __builtin_prefetch(path.bytes.data());
    if (path.template_bytes() > engine::cache_line) {
        __builtin_prefetch(path.bytes.data() + engine::cache_line);
    }
    if (path.next_hop != nullptr) __builtin_prefetch(path.next_hop);
}

bool all_same(Lane* const* lanes, unsigned n) noexcept {
    for (unsigned i = 1; i < n; ++i) {
        if (lanes[i] != lanes[0]) return false;
    }
    return true;
}

/// Brings the lanes of a mixed burst into the cache, all at once instead of one after the other.
/// `plan_lines` are what every plan of these lanes has.
void prefetch_all(Lane* const* lanes, unsigned n, unsigned worker, unsigned plan_lines) noexcept {
    if (all_same(lanes, n)) return;
    for (unsigned i = 0; i < n; ++i) {
        if (lanes[i] != nullptr) prefetch(lanes[i], worker);
    }
    const Plan* plans[burst_max];
    for (unsigned i = 0; i < n; ++i) {
        plans[i] = nullptr;
        if (lanes[i] == nullptr) continue;
        plans[i] = lanes[i]->plan.load(std::memory_order_acquire);
        if (plans[i] != nullptr) prefetch_plan(plans[i], plan_lines);
    }
    for (unsigned i = 0; i < n; ++i) {
        if (plans[i] != nullptr) prefetch_path(*plans[i]);
    }
}

const engine::Frame& frame_of(const LanePacket& packet) noexcept {
    return *packet.frame;
}
const engine::Frame& frame_of(const engine::Frame* frame) noexcept {
    return *frame;
}

/// Deals with a run by `take`; with the first of it alone, if somebody traces the lane.
template <typename Run, typename Take>
void one_traced(engine::WorkerContext& worker, Lane& lane, PortIndex from, Run run,
                Take&& take) noexcept {
    Trace* trace = lane.trace.load(std::memory_order_acquire);
    if (trace == nullptr) [[likely]]
        return take(run);
    if (Trace::Entry* entry = trace->claim(); entry != nullptr) {
        {
            const TraceOne one(worker, *entry, from, frame_of(run[0]), run.size());
            take(run.first(1));
        }
        run = run.subspan(1);
    }
    if (!run.empty()) take(run);
}

}  // namespace

void Ingress::run(engine::WorkerContext& worker, engine::RxQueue& queue,
                  engine::Burst& burst) noexcept {
    const PortPlan* plan = plan_.load(std::memory_order_acquire);
    if (plan == nullptr) return worker.counters.drop(Drop::no_lane, burst.size());
    const engine::FrameMemory* memory = queue.memory();
    engine::Frame* frames[burst_max];
    unsigned frame_count = 0;
    if (!plan->carries) {
        for (engine::Frame& frame : burst) frames[frame_count++] = &frame;
        return depart(worker, memory, *plan, {frames, frame_count});
    }
    engine::Scratch<LanePacket, burst_max> packets;
    std::uint32_t ids[burst_max];
    unsigned packet_count = 0;
    for (engine::Frame& frame : burst) {
        const Arrival arrival = parse_carrier(frame, plan->listener);
        if (arrival.packet == nullptr) {
            if (arrival.drop == Drop::not_for_us && plan->sources()) {
                frames[frame_count++] = &frame;
            } else {
                worker.counters.drop(arrival.drop);
            }
            continue;
        }
        if (arrival.len < wire::header_bytes) {
            worker.counters.drop(Drop::malformed_packet);
            continue;
        }
        const wire::Header header = wire::read_header(arrival.packet);
        const wire::Type type{header.type};
        if (type != wire::Type::data &&
            (type != wire::Type::announce || arrival.len != wire::announce_bytes)) {
            worker.counters.drop(Drop::malformed_packet);
            continue;
        }
        packets[packet_count] = {&frame,       arrival.packet,  arrival.len,    type,
                                 header.epoch, header.subspace, header.sequence};
        ids[packet_count++] = header.lane;
    }
    if (packet_count != 0) arrive(worker, memory, *plan, packets.first(packet_count), ids);
    if (frame_count != 0) depart(worker, memory, *plan, {frames, frame_count});
}

void Ingress::arrive(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                     const PortPlan& plan, std::span<const LanePacket> packets,
                     const std::uint32_t* ids) noexcept {
    const LaneTable::Reader reader(table_);
    const auto n = static_cast<unsigned>(packets.size());
    unsigned same = 1;
    while (same < n && ids[same] == ids[0]) ++same;  // NOLINT(clang-analyzer-core*): an id for each
    if (same == n) {
        Lane* lane = reader.find(ids[0]);
        if (lane == nullptr) return worker.counters.drop(Drop::unknown_lane, n);
        return arrive_run(worker, memory, plan, *lane, packets);
    }
    Lane* lanes[burst_max];
    reader.find({ids, n}, lanes);
    prefetch_all(lanes, n, worker.index, 1);
    for (unsigned i = 0; i < n; ++i) {
        if (lanes[i] == nullptr) {
            worker.counters.drop(Drop::unknown_lane);
        } else if (lanes[i]->windows != nullptr && packets[i].subspace < clear_subspaces) {
            lanes[i]->window(packets[i].subspace).prefetch(packets[i].sequence);
        }
    }
    for_each_run({lanes, n}, [&](Lane& lane, std::span<const std::uint8_t> members) noexcept {
        engine::Scratch<LanePacket, burst_max> run;
        unsigned count = 0;
        for (const std::uint8_t i : members) run[count++] = packets[i];
        arrive_run(worker, memory, plan, lane, run.first(count));
    });
}

void Ingress::arrive_run(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                         const PortPlan& plan, Lane& lane,
                         std::span<const LanePacket> packets) noexcept {
    one_traced(worker, lane, plan.index, packets, [&](std::span<const LanePacket> some) noexcept {
        take_packets(worker, memory, plan, lane, some);
    });
}

void Ingress::take_packets(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                           const PortPlan& plan, Lane& lane,
                           std::span<const LanePacket> packets) noexcept {
    const engine::InPhase transform(worker.phases, engine::Phase::transform);
    const Plan* what = lane.plan.load(std::memory_order_acquire);
    Drop reason = Drop::unknown_lane;
    if (what != nullptr) {
        const bool relays = what->role == Role::relay;
        if (!relays && what->role != Role::receive) {
            reason = Drop::not_receiving;
        } else if ((what->arrival_ports & std::uint64_t{1} << plan.index) == 0) {
            reason = Drop::wrong_port;
        } else if (relays) {
            return relay_run(worker, memory, lane, *what, packets);
        } else {
            return receive_run(worker, *workshops_[worker.index], memory, lane, *what, packets,
                               reassembly_);
        }
    }
    worker.counters.drop(reason, packets.size());
    lane.shares[worker.index].dropped.add(packets.size());
}

void Ingress::depart(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                     const PortPlan& plan, std::span<engine::Frame* const> frames) noexcept {
    if (plan.matches == nullptr) return worker.counters.drop(Drop::no_lane, frames.size());
    if (Lane* only = plan.matches->only(); only != nullptr) {
        return depart_run(worker, memory, plan, *only, frames);
    }
    Lane* lanes[burst_max];
    const auto n = static_cast<unsigned>(frames.size());
    engine::Scratch<FlowKey, burst_max> keys;
    for (unsigned i = 0; i < n; ++i) {
        keys[i] = read_flow_key(frames[i]->data, frames[i]->len, plan.listener.kind);
    }
    plan.matches->find(keys.first(n), lanes);
    prefetch_all(lanes, n, worker.index, 2);
    for (unsigned i = 0; i < n; ++i) {
        if (lanes[i] == nullptr) worker.counters.drop(Drop::no_lane);
    }
    for_each_run({lanes, n}, [&](Lane& lane, std::span<const std::uint8_t> members) noexcept {
        engine::Frame* run[burst_max];
        unsigned count = 0;
        for (const std::uint8_t i : members) run[count++] = frames[i];
        depart_run(worker, memory, plan, lane, {run, count});
    });
}

void Ingress::depart_run(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                         const PortPlan& plan, Lane& lane,
                         std::span<engine::Frame* const> frames) noexcept {
    one_traced(worker, lane, plan.index, frames,
               [&](std::span<engine::Frame* const> some) noexcept {
                   take_frames(worker, memory, lane, some);
               });
}

void Ingress::take_frames(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                          Lane& lane, std::span<engine::Frame* const> frames) noexcept {
    const engine::InPhase transform(worker.phases, engine::Phase::transform);
    const Plan* what = lane.plan.load(std::memory_order_acquire);
    if (what == nullptr) return worker.counters.drop(Drop::no_lane, frames.size());
    if (what->role == Role::patch) return patch_run(worker, memory, lane, *what, frames);
    send_run(worker, *workshops_[worker.index], memory, lane, *what, frames);
}

}  // namespace lanes
