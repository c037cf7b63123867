// See sealed_bed.hh.
#include "tests/lanes/sealed_bed.hh"

#include <catch2/catch.hpp>

#include <algorithm>

namespace lanes::test {
namespace {

/// What MAC address the far ends of wires send to, and nodes listen on.
constexpr engine::MacAddress node_mac{{2, 0x4c, 0x4e, 0, 0, 2}};

}  // namespace

SealedBed::SealedBed(Options options) : with(std::move(options)) {
    REQUIRE(crypto::initialise());
    keys_a = pair_of(1);
    keys_b = pair_of(2);
    secret = secret_of(3);
    lan_a = std::make_unique<Far>(lan_wire_a, with.lan_mtu, with.workers_a);
    lan_b = std::make_unique<Far>(lan_wire_b, with.lan_mtu, with.workers_b);
    for (unsigned i = 0; i < with.paths; ++i) {
        wan_wires_a.push_back(fresh_wire());
        wan_wires_b.push_back(fresh_wire());
        wan_a.push_back(std::make_unique<Far>(wan_wires_a[i], with.wan_mtu, with.workers_a));
        wan_b.push_back(std::make_unique<Far>(wan_wires_b[i], with.wan_mtu, with.workers_b));
    }
}

LaneSpec SealedBed::sending() const {
    std::vector<PathSpec> roads;
    for (unsigned i = 0; i < with.paths; ++i) {
        const auto port = static_cast<PortIndex>(1 + i);
        const char* to = with.form == Form::ipv6 ? "[2001:db8::2]:4790" : "192.0.2.2:4790";
        PathSpec road =
            with.form == Form::ethernet ? over_ethernet(port, node_mac) : over_resolved(port, to);
        road.has_next_hop_mac = with.form == Form::ipv4 || with.form == Form::ipv6;
        if (road.has_next_hop_mac) road.next_hop_mac = node_mac;
        roads.push_back(road);
    }
    LaneSpec lane = lane_spec("out", 101, Role::send, 0, std::move(roads));
    lane.cipher = with.cipher;
    lane.keys = std::make_unique<KeySpec>();
    lane.keys->rekey_seconds = with.rekey_seconds;
    if (with.mode == KeyMode::keys) {
        lane.keys->own = keys_a;
        lane.keys->peers = {keys_b->open};
    } else {
        lane.keys->secret = secret;
    }
    return lane;
}

LaneSpec SealedBed::receiving() const {
    std::vector<PathSpec> roads;
    for (unsigned i = 0; i < with.paths; ++i) roads.push_back(over(static_cast<PortIndex>(1 + i)));
    LaneSpec lane = lane_spec("in", 101, Role::receive, 0, std::move(roads));
    lane.cipher = with.cipher;
    lane.keys = std::make_unique<KeySpec>();
    if (with.mode == KeyMode::keys) {
        lane.keys->own = keys_b;
        lane.keys->peers = {keys_a->open};
    } else {
        lane.keys->secret = secret;
    }
    return lane;
}

void SealedBed::start(LaneSpec send, LaneSpec receive) {
    start_b(std::move(receive));
    start_a(std::move(send));
}

NodeSpec SealedBed::spec(const Node& node, const std::string& lan,
                         const std::vector<std::string>& wans, const char* host) const {
    NodeSpec spec = node.spec();
    spec.ports.push_back(port_spec("lan", lan, {}, with.lan_mtu));
    for (unsigned i = 0; i < with.paths; ++i) {
        spec.ports.push_back(port_spec(
            "wan" + std::to_string(i), wans[i],
            {std::string("192.0.2.") + host + "/24", std::string("2001:db8::") + host + "/64"},
            with.wan_mtu));
    }
    return spec;
}

NodeSpec SealedBed::spec_a(std::vector<LaneSpec> lanes) const {
    NodeSpec whole = spec(*a, lan_wire_a, wan_wires_a, "1");
    whole.lanes = std::move(lanes);
    return whole;
}

NodeSpec SealedBed::spec_b(std::vector<LaneSpec> lanes) const {
    NodeSpec whole = spec(*b, lan_wire_b, wan_wires_b, "2");
    whole.lanes = std::move(lanes);
    return whole;
}

void SealedBed::set_kinds(Node& node) const {
    node.knobs.kinds["lan"] = with.lan_kind;
    if (with.form != Form::kernel) return;
    for (unsigned i = 0; i < with.paths; ++i) {
        node.knobs.kinds["wan" + std::to_string(i)] = engine::PortKind::carrier;
    }
}

void SealedBed::start_a(std::vector<LaneSpec> lanes) {
    a = std::make_unique<Node>(with.workers_a, Control::Threads::none, memory_a.open(),
                               with.backend_a);
    if (with.headroom < engine::headroom_bytes) {
        auto made = Control::create(a->spec(), close_opener(opener(a->knobs), with.headroom),
                                    Control::Threads::none,
                                    {a->clock, crypto::system_random(), memory_a.open()});
        REQUIRE(made);
        a->control = std::move(*made);
    }
    a->clock.moment = time;
    set_kinds(*a);
    a->apply(spec_a(std::move(lanes)));
}

void SealedBed::start_b(std::vector<LaneSpec> lanes) {
    b = std::make_unique<Node>(with.workers_b, Control::Threads::none, memory_b.open(),
                               with.backend_b);
    b->clock.moment = time;
    set_kinds(*b);
    b->apply(spec_b(std::move(lanes)));
}

void SealedBed::stop_a() {
    a.reset();
}

void SealedBed::stop_b(bool in_order) {
    const auto before = memory_b.texts;
    b.reset();
    if (!in_order) memory_b.texts = before;
}

std::vector<Bytes> SealedBed::take(unsigned path) {
    return wan_a[path]->collect();
}

std::vector<Bytes> SealedBed::take() {
    std::vector<Bytes> all = take(0);
    for (unsigned path = 1; path < with.paths; ++path) {
        auto some = take(path);
        std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    return all;
}

void SealedBed::queue(const std::vector<Bytes>& frames, unsigned path) {
    unsigned given = 0;
    for (const Bytes& frame : frames) {
        REQUIRE(wan_b[path]->send(frame, given++ % with.workers_b));
    }
}

void SealedBed::give(const std::vector<Bytes>& frames, unsigned path) {
    unsigned given = 0;
    for (const Bytes& frame : frames) {
        if (!wan_b[path]->send(frame, given % with.workers_b)) FAIL("b's wire is full");
        if (++given % 256 == 0) b->run();
    }
    b->run();
}

void SealedBed::pass(std::uint64_t ns, std::uint64_t step_ns) {
    pass(ns, nullptr, step_ns);
}

void SealedBed::pass(std::uint64_t ns, const Way& way, std::uint64_t step_ns) {
    for (std::uint64_t passed = 0; passed < ns; passed += step_ns) {
        if (a) {
            a->clock.moment = time;
            a->control->tick();
            a->run();
            std::vector<Bytes> arriving = take();
            if (way) {
                std::vector<Bytes> changed;
                for (const Bytes& frame : arriving) {
                    const auto becomes = way(frame);
                    changed.insert(changed.end(), becomes.begin(), becomes.end());
                }
                arriving = std::move(changed);
            }
            if (b) give(arriving);
        }
        if (b) {
            b->clock.moment = time;
            b->control->tick();
            b->run();
        }
        time.boot_ns += step_ns;
        time.unix_ns += step_ns;
    }
}

void SealedBed::send(const std::vector<Bytes>& frames) {
    unsigned sent = 0;
    for (const Bytes& frame : frames) {
        if (!lan_a->send(frame, sent % with.workers_a)) FAIL("a's wire is full");
        if (++sent % 256 == 0) a->run();
    }
    a->run();
}

void SealedBed::check_through(const std::vector<Bytes>& frames) {
    send(frames);
    for (unsigned path = 0; path < with.paths; ++path) give(take(path), path);
    const std::vector<Bytes> got = received();
    REQUIRE(got.size() == frames.size());
    // Several workers have no order among them.
    const bool ordered = with.workers_a == 1 && with.workers_b == 1;
    const bool same = ordered ? got == frames : sorted(got) == sorted(frames);
    REQUIRE(same);
    REQUIRE(a->control->totals().balanced());
    REQUIRE(b->control->totals().balanced());
}

void SealedBed::start_up() {
    start();
    pass(300 * ns_per_ms);
    REQUIRE(status_a().health.state == LaneState::up);
    REQUIRE(status_b().health.state == LaneState::up);
}

void SealedBed::expect(const std::vector<Bytes>& frames, engine::Drop reason) {
    const auto before = b->control->totals();
    give(frames);
    b->clock.moment = time;
    b->control->tick();
    const auto after = b->control->totals();
    for (std::size_t i = 0; i < engine::drop_count; ++i) {
        const std::uint64_t wanted = i == static_cast<std::size_t>(reason) ? frames.size() : 0;
        if (after.drops[i] - before.drops[i] == wanted) continue;
        INFO(engine::drop_texts[i].name << " instead of " << engine::text_of(reason).name);
        REQUIRE(after.drops[i] - before.drops[i] == wanted);
    }
    REQUIRE(after.balanced());
    REQUIRE(received().empty());
}

const Lane& SealedBed::lane_a(const std::string& name) const {
    return *a->control->fleet().lane(name);
}

const Lane& SealedBed::lane_b(const std::string& name) const {
    return *b->control->fleet().lane(name);
}

Keeper::Status SealedBed::status_a(const std::string& name) const {
    a->clock.moment = time;
    return *a->control->keeper().status(lane_a(name));
}

Keeper::Status SealedBed::status_b(const std::string& name) const {
    b->clock.moment = time;
    return *b->control->keeper().status(lane_b(name));
}

SealSession& SealedBed::sealing(const std::string& name) const {
    SealSession* session = lane_a(name).sealing.load();
    REQUIRE(session != nullptr);
    return *session;
}

std::size_t SealedBed::carrier_bytes() const {
    constexpr std::size_t bytes[] = {42, 62, 14, 0};
    return bytes[static_cast<std::size_t>(with.form)];
}

Bytes SealedBed::packet_of(const Bytes& frame) const {
    REQUIRE(frame.size() >= carrier_bytes() + wire::header_bytes);
    return Bytes(frame.begin() + static_cast<std::ptrdiff_t>(carrier_bytes()), frame.end());
}

Bytes SealedBed::carry(const Bytes& packet) const {
    switch (with.form) {
        case Form::ipv4:
            return carry_ipv4(packet, node_mac, "192.0.2.1", "192.0.2.2");
        case Form::ipv6:
            return carry_ipv6(packet, node_mac, "2001:db8::1", "2001:db8::2");
        case Form::ethernet:
            return carry_ethernet(packet, node_mac);
        case Form::kernel:
            break;
    }
    return packet;
}

bool SealedBed::is_announcement(const Bytes& frame) const {
    return frame.at(carrier_bytes()) == std::byte{0x12};
}

bool SealedBed::is_heartbeat(const Bytes& frame) const {
    return !is_announcement(frame) &&
           wire::read_header(frame.data() + carrier_bytes()).subspace == wire::control_subspace;
}

bool SealedBed::is_data(const Bytes& frame) const {
    return !is_announcement(frame) && !is_heartbeat(frame);
}

}  // namespace lanes::test
