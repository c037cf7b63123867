// Every pair of drivers, with a real far side at both ends, and one worker between: how often is a
// frame copied on its way? Never where it is patched between ports of one memory; once, into a
// claimed slot, where it is patched between two memories; never where it is sealed or opened,
// because the cipher writes what it makes to where it leaves from.
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>

#include "tests/drivers/fixtures.hh"
#include "tests/lanes/sealed_tools.hh"

namespace lanes::test {
namespace {

using engine::PortKind;

constexpr unsigned frames_sent = 40;
constexpr std::uint32_t lane_id = 101;
/// Every port takes lane packets for a group.
constexpr engine::MacAddress group{{0x03, 0, 0, 0, 0, 1}};
constexpr auto patience = std::chrono::seconds(3);

struct Driver {
    const char* name;
    PortKind kind;
    /// Ports of drivers that say the same here share a memory; empty: with nobody.
    const char* memory;
    std::function<std::unique_ptr<Fixture>()> make;
    bool alone = false;  ///< there cannot be two of it in a process
};

template <typename F>
Driver driver(const char* name, PortKind kind, const char* memory = "") {
    return {name, kind, memory, [] { return std::make_unique<F>(); }, false};
}

const std::vector<Driver>& all() {
    static const std::vector<Driver> drivers = {
        driver<MemoryFixture>("memory", PortKind::ethernet, "memory"),
        driver<AfPacketFixture>("af_packet", PortKind::ethernet),
        driver<TapFixture>("tap", PortKind::ethernet),
        driver<TunFixture>("tun", PortKind::ip),
        driver<UdpFixture>("udp", PortKind::carrier),
        driver<PcapFixture>("pcap", PortKind::ethernet),
        driver<AfXdpFixture>("af_xdp", PortKind::ethernet, "af_xdp"),
        {"dpdk (net_tap)", PortKind::ethernet, "dpdk",
         [] { return std::make_unique<DpdkTapFixture>(); }, true},
        {"dpdk (net_af_packet)", PortKind::ethernet, "dpdk",
         [] { return std::make_unique<DpdkAfPacketFixture>(); }, true},
    };
    return drivers;
}

bool possible(const Driver& from, const Driver& to) {
    return &from != &to || !from.alone;
}

bool share(const Driver& a, const Driver& b) {
    return *a.memory != 0 && std::string(a.memory) == b.memory;
}

/// A fixture with its port; made in this order, since each lives in a namespace of its own.
struct End {
    End(const Driver& of, const std::function<std::vector<Bytes>(Fixture&)>& incoming)
        : fixture(of.make()) {
        if (!fixture->missing.empty()) return;
        auto opened = fixture->open(1, incoming(*fixture));
        if (!opened) FAIL(of.name << ": " << opened.error().message);
        port = std::move(*opened);
    }

    std::unique_ptr<Fixture> fixture;
    std::unique_ptr<engine::Port> port;
};

bool skipped(const End& in, const End& out) {
    if (in.port && out.port) return false;
    WARN("skipped: " << in.fixture->missing << out.fixture->missing);
    return true;
}

std::vector<Bytes> no_frames(Fixture&) {
    return {};
}

std::vector<Bytes> frames_of(Fixture& fixture) {
    std::vector<Bytes> frames;
    for (unsigned i = 0; i < frames_sent; ++i) frames.push_back(fixture.make(200, 0, i));
    return frames;
}

/// One lane between two ports, in the hands of a Control whose worker the test turns.
class Lab {
  public:
    Lab(std::unique_ptr<engine::Port> in, std::unique_ptr<engine::Port> out, LaneSpec lane) {
        std::map<std::string, std::unique_ptr<engine::Port>> ports;
        ports["in"] = std::move(in);
        ports["out"] = std::move(out);
        auto made = Control::create(spec(),
                                    [ports = std::make_shared<decltype(ports)>(std::move(ports))](
                                        const engine::PortSpec& port, const engine::WorkerCores&) {
                                        return engine::Result<std::unique_ptr<engine::Port>>(
                                            std::move(ports->at(port.name)));
                                    },
                                    Control::Threads::none,
                                    {clock_, crypto::system_random(), memory_.open()});
        if (!made) FAIL(made.error().message);
        control_ = std::move(*made);
        NodeSpec all = spec();
        for (const char* name : {"in", "out"}) {
            engine::PortSpec port;
            port.name = name;
            all.ports.push_back(port);
        }
        all.lanes.push_back(std::move(lane));
        auto applied = control_->apply(std::move(all));
        if (!applied) FAIL(applied.error().message);
    }

    /// Turns until the lane has moved so many packets, or for as long as patience lasts.
    void run(std::uint64_t packets) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (moved() < packets && std::chrono::steady_clock::now() < deadline) round();
        round();
    }
    /// Lets time pass, for keys.
    void pass(std::uint64_t ns) {
        for (std::uint64_t at = 0; at < ns; at += 10 * ns_per_ms) {
            round();
            clock_.advance(10 * ns_per_ms);
            control_->tick();
        }
        round();
    }
    std::uint64_t moved() const { return control_->totals(*control_->fleet().lane("it")).packets; }
    Control::Totals totals() const { return control_->totals(); }

  private:
    static NodeSpec spec() {
        NodeSpec spec;
        spec.node = "pairs";
        spec.cores = {0};
        return spec;
    }
    void round() { control_->workers()[0]->round(); }

    HandClock clock_;
    Memory memory_;
    std::unique_ptr<Control> control_;
};

LaneSpec lane_of(Role role, std::vector<PathSpec> paths) {
    LaneSpec lane = lane_spec("it", lane_id, role, role == Role::send ? 0 : 1, std::move(paths));
    lane.cipher = Cipher::aes_256_gcm;
    lane.keys = std::make_unique<KeySpec>();
    lane.keys->secret = secret_of(7);
    return lane;
}

/// A road out of port `port` of a driver of this kind.
PathSpec road(PortKind kind, PortIndex port) {
    if (kind == PortKind::carrier) return over_resolved(port, "127.0.0.1:7000");
    return over_ethernet(port, group);
}

/// What a sender of `frames` of this kind puts on the wire: first what brings the keys.
struct Sealed {
    std::vector<Bytes> announced, data;
};
Sealed seal(const std::vector<Bytes>& frames, PortKind kind, PortKind carrier) {
    const std::string lan = fresh_wire(), wan = fresh_wire();
    Far far_lan(lan), far_wan(wan);
    Memory memory;
    Node node(1, Control::Threads::none, memory.open());
    node.knobs.kinds["in"] = kind;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", lan), port_spec("out", wan)};
    spec.lanes = lanes_of(lane_of(Role::send, {over_ethernet(1, group)}));
    node.apply(std::move(spec));
    node.pass(300 * ns_per_ms);
    Sealed sealed;
    sealed.announced = far_wan.collect();
    for (const Bytes& frame : frames) REQUIRE(far_lan.send(frame));
    node.run();
    sealed.data = far_wan.collect();
    if (carrier != PortKind::carrier) return sealed;
    for (auto* packets : {&sealed.announced, &sealed.data}) {
        for (Bytes& packet : *packets) packet.erase(packet.begin(), packet.begin() + 14);
    }
    return sealed;
}

void patch(const Driver& from, const Driver& to) {
    End in(from, frames_of), out(to, no_frames);
    if (skipped(in, out)) return;
    const auto frames = frames_of(*in.fixture);
    LaneSpec lane = patch_spec("it", 0, 1);
    Lab lab(std::move(in.port), std::move(out.port), std::move(lane));
    in.fixture->inject(0, frames_sent);
    lab.run(frames_sent);
    CHECK(lab.moved() == frames_sent);
    CHECK(lab.totals().copies == (share(from, to) ? 0 : frames_sent));
    CHECK(lab.totals().balanced());
    CHECK(out.fixture->collect(frames_sent) == frames);
}

void seal_over(const Driver& from, const Driver& to) {
    End in(from, frames_of), out(to, no_frames);
    if (skipped(in, out)) return;
    if (!in.fixture->live) return;  // its frames come before there are keys
    Lab lab(std::move(in.port), std::move(out.port), lane_of(Role::send, {road(to.kind, 1)}));
    lab.pass(300 * ns_per_ms);
    const std::size_t before = out.fixture->collect(0).size();
    const std::uint64_t copies = lab.totals().copies;  // of the announcements
    in.fixture->inject(0, frames_sent);
    lab.run(frames_sent);
    CHECK(before >= 3);  // the announcements
    CHECK(lab.moved() == frames_sent);
    CHECK(lab.totals().copies == copies);
    CHECK(lab.totals().balanced());
    CHECK(out.fixture->collect(frames_sent).size() == frames_sent);
}

void open_from(const Driver& from, const Driver& to) {
    Sealed sealed;
    std::vector<Bytes> frames;
    {
        const auto fixture = to.make();
        if (!fixture->missing.empty()) return;  // said by another section
        frames = frames_of(*fixture);
    }
    sealed = seal(frames, to.kind, from.kind);
    REQUIRE(sealed.data.size() >= frames_sent);
    std::vector<Bytes> incoming = sealed.announced;
    incoming.insert(incoming.end(), sealed.data.begin(), sealed.data.end());
    End in(from, [&](Fixture&) { return incoming; }), out(to, no_frames);
    if (skipped(in, out)) return;
    if (!in.fixture->live) return;
    Lab lab(std::move(in.port), std::move(out.port), lane_of(Role::receive, {over(0)}));
    in.fixture->inject(0, sealed.announced.size());
    lab.pass(300 * ns_per_ms);
    in.fixture->inject(sealed.announced.size(), sealed.data.size());
    lab.run(frames_sent);
    CHECK(lab.moved() >= frames_sent);
    CHECK(lab.totals().copies == 0);
    CHECK(lab.totals().balanced());
    CHECK(out.fixture->collect(frames_sent) == frames);
}

}  // namespace

TEST_CASE("a patched frame is copied once between two memories, and never within one") {
    for (const Driver& from : all()) {
        for (const Driver& to : all()) {
            if (!possible(from, to) || from.kind != to.kind || from.kind == PortKind::carrier) {
                continue;
            }
            DYNAMIC_SECTION(from.name << " to " << to.name) {
                patch(from, to);
            }
        }
    }
}

TEST_CASE("a frame that is sealed is written once, by the cipher, between any two drivers") {
    for (const Driver& from : all()) {
        for (const Driver& to : all()) {
            if (!possible(from, to) || from.kind == PortKind::carrier || to.kind == PortKind::ip) {
                continue;
            }
            DYNAMIC_SECTION(from.name << " to " << to.name) {
                seal_over(from, to);
            }
        }
    }
}

TEST_CASE("a frame that is opened is written once, by the cipher, between any two drivers") {
    for (const Driver& from : all()) {
        for (const Driver& to : all()) {
            if (!possible(from, to) || from.kind == PortKind::ip || to.kind == PortKind::carrier) {
                continue;
            }
            DYNAMIC_SECTION(from.name << " to " << to.name) {
                open_from(from, to);
            }
        }
    }
}

}  // namespace lanes::test
