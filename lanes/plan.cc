// See plan.hh.
#include "lanes/plan.hh"

#include <algorithm>
#include <new>

#include "lanes/carrier.hh"

namespace lanes {
namespace {

/// The smallest lane packet that a path must carry: enough for a fragment with some bytes in it.
constexpr std::uint32_t packet_max_least =
    wire::header_bytes + wire::inner_bytes + wire::fragment_bytes + 64 + wire::tag_bytes;

std::uint64_t bit(PortIndex index) noexcept {
    return index == no_port ? 0 : std::uint64_t{1} << index;
}

engine::Error failed(const LaneSpec& spec, const std::string& why) {
    return {0, "lane " + spec.name + ": " + why};
}

wire::Kind kind_of(engine::PortKind kind) {
    // On ip ports each packet says itself which of the two it is.
    return kind == engine::PortKind::ip ? wire::Kind::ipv4 : wire::Kind::ethernet;
}

engine::Result<void> fill_path(const LaneSpec& spec, const PathSpec& path, Ports& ports,
                               NextHops& next_hops, engine::PortKind kind, PathPlan& plan) {
    Ports::Slot& slot = ports.at(path.port);
    const engine::PortInfo& info = slot.port->info();
    const bool raw = info.kind == engine::PortKind::ethernet;
    if (!raw && info.kind != engine::PortKind::carrier) {
        return failed(spec, "port " + info.name + " cannot carry lane packets");
    }
    if (!raw && path.carrier == CarrierKind::ethernet) {
        return failed(spec, "port " + info.name + " takes UDP destinations only, not a MAC");
    }
    if (auto ok = prepare_path(path, info, spec.id, kind_of(kind), plan); !ok) {
        return failed(spec, ok.error().message);
    }
    plan.slot = &slot.shared;
    if (path.carrier == CarrierKind::udp && raw && !path.has_next_hop_mac) {
        plan.next_hop = next_hops.find(slot.shared, next_hop_of(path));
    }
    if (!raw) {
        auto endpoint = slot.port->add_endpoint(path.to);
        if (!endpoint) return failed(spec, endpoint.error().message);
        plan.endpoint = *endpoint;
    }
    return {};
}

engine::Result<void> fill_paths(const LaneSpec& spec, Ports& ports, NextHops& next_hops,
                                Plan& plan) {
    auto* paths = reinterpret_cast<PathPlan*>(&plan + 1);
    plan.packet_max =
        spec.mtu == 0 ? wire::header_bytes + wire::inner_bytes + wire::body_bytes_max : spec.mtu;
    if (spec.mtu == 0 && plan.sealed) plan.packet_max += wire::tag_bytes;
    for (std::size_t i = 0; i < spec.paths.size(); ++i) {
        const PathSpec& path = spec.paths[i];
        auto filled = fill_path(spec, path, ports, next_hops, plan.kind, paths[i]);
        if (!filled) return filled;
        plan.packet_max =
            std::min(plan.packet_max, packet_max(path, ports.at(path.port).port->info()));
    }
    if (plan.packet_max < packet_max_least) {
        return failed(spec, "an mtu of " + std::to_string(plan.packet_max) +
                                " bytes for lane packets is too small; at least " +
                                std::to_string(packet_max_least) + " are needed");
    }
    return {};
}

}  // namespace

static_assert(std::is_trivially_destructible_v<Plan> && std::is_trivially_destructible_v<PathPlan>);

namespace {

constexpr std::align_val_t plan_alignment{engine::cache_line};

std::size_t plan_bytes(unsigned paths) {
    return sizeof(Plan) + paths * sizeof(PathPlan);
}

Plan* make_plan_at(void* memory, unsigned paths) {
    Plan* plan = new (memory) Plan;
    for (unsigned i = 0; i < paths; ++i) new (reinterpret_cast<PathPlan*>(plan + 1) + i) PathPlan;
    plan->path_count = static_cast<std::uint8_t>(paths);
    return plan;
}

}  // namespace

Plan* new_plan(unsigned paths) {
    return make_plan_at(::operator new(plan_bytes(paths), plan_alignment), paths);
}

void PlanDelete::operator()(const Plan* plan) const noexcept {
    if (store != nullptr) return store->free(plan);
    ::operator delete(const_cast<Plan*>(plan), plan_alignment);
}

engine::Result<PlanStore> PlanStore::create(std::uint32_t plans_max) {
    PlanStore store;
    for (unsigned paths = 0; paths < kinds; ++paths) {
        const std::size_t lines = (plan_bytes(paths) + engine::cache_line - 1) / engine::cache_line;
        auto slab = Slab::create(plans_max, lines * engine::cache_line);
        if (!slab) return slab.error();
        store.slabs_[paths] = std::move(*slab);
    }
    return store;
}

PlanPtr PlanStore::make(unsigned paths) {
    if (paths < kinds) {
        const std::uint32_t place = slabs_[paths].take();
        if (place != Slab::none) {
            return PlanPtr(make_plan_at(slabs_[paths].at(place), paths), PlanDelete{this});
        }
    }
    return PlanPtr(new_plan(paths));
}

void PlanStore::free(const Plan* plan) noexcept {
    Slab& slab = slabs_[plan->path_count];
    slab.give(slab.place_of(plan));
}

void leave_next_hops(const Plan& plan, NextHops& next_hops) {
    for (const PathPlan& path : plan.paths()) {
        if (path.next_hop != nullptr) next_hops.leave(*path.next_hop);
    }
}

engine::Result<PlanPtr> build_plan(const LaneSpec& spec, Ports& ports, NextHops& next_hops,
                                   PlanStore& plans) {
    for (const auto& slot : ports.slots()) {
        if ((ports_of(spec) & bit(slot.shared.index)) != 0 && slot.taken() && !slot.port) {
            return failed(spec, "port " + slot.spec.name + " is closed");
        }
    }
    const bool outward = spec.role == Role::send || spec.role == Role::relay;
    PlanPtr owner = plans.make(outward ? static_cast<unsigned>(spec.paths.size()) : 0);
    auto* plan = const_cast<Plan*>(owner.get());
    plan->role = spec.role;
    plan->sealed = spec.keys != nullptr;
    plan->bundle = spec.bundle;
    plan->kind = ports.at(spec.port).port->info().kind;
    if (spec.role == Role::receive) {
        plan->out = &ports.at(spec.port).shared;
        for (const PathSpec& path : spec.paths) plan->arrival_ports |= bit(path.port);
    } else if (spec.role == Role::patch) {
        plan->out = &ports.at(spec.patch_to).shared;
        if (ports.at(spec.patch_to).port->info().kind != plan->kind) {
            return failed(spec, "the two ports are of different kinds and cannot be patched");
        }
    } else {
        if (spec.role == Role::relay) plan->arrival_ports = bit(spec.port);
        if (auto filled = fill_paths(spec, ports, next_hops, *plan); !filled) {
            leave_next_hops(*plan, next_hops);
            return filled.error();
        }
    }
    return owner;
}

const engine::IpAddress& next_hop_of(const PathSpec& path) noexcept {
    return path.has_next_hop_ip ? path.next_hop_ip : path.to.address;
}

std::uint64_t ports_of(const LaneSpec& spec) noexcept {
    std::uint64_t mask = bit(spec.port) | bit(spec.patch_to);
    for (const PathSpec& path : spec.paths) mask |= bit(path.port);
    return mask;
}

}  // namespace lanes
