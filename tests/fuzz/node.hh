// A node for fuzz targets: one worker without a thread, memory ports whose far ends the target
// holds, and lanes of every role. After each input in = out + drops must hold, and no buffer may
// be missing.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "crypto/vault.hh"
#include "drivers/open.hh"
#include "engine/check.hh"
#include "lanes/control.hh"

namespace lanes::fuzz {

class Node {
  public:
    static constexpr PortIndex lan = 0;
    static constexpr PortIndex wan = 1;
    static constexpr PortIndex out = 2;
    static constexpr std::uint32_t receiving = 1, relayed = 2, sending = 3;
    /// Sealed under secret(); opened in place, and into room of another memory.
    static constexpr std::uint32_t sealed_in_place = 4, sealed_to_room = 5;

    Node() {
        LANES_CHECK(bool(crypto::initialise()));
        NodeSpec spec;
        spec.node = "fuzz";
        spec.cores = {0};
        spec.ports = {port("lan"), port("wan"), port("out")};
        spec.lanes.push_back(lane("receive", receiving, Role::receive, lan, {path(wan)}));
        spec.lanes.push_back(lane("relay", relayed, Role::relay, wan, {to_far(out), to_far(wan)}));
        LaneSpec send = lane("send", sending, Role::send, wan, {to_far(out)});
        send.mtu = 300;
        send.bundle = true;
        send.match = std::make_unique<MatchSpec>();
        send.match->destination_port = {1000, 2000};
        spec.lanes.push_back(std::move(send));
        LaneSpec patch = lane("patch", 0, Role::patch, wan, {});
        patch.patch_to = out;
        patch.match = std::make_unique<MatchSpec>();
        patch.match->has_destination = true;
        patch.match->destination = *engine::parse_prefix("2001:db8::/32");
        spec.lanes.push_back(std::move(patch));
        spec.lanes.push_back(
            sealed(lane("in place", sealed_in_place, Role::receive, lan, {path(wan)})));
        spec.lanes.push_back(
            sealed(lane("to room", sealed_to_room, Role::receive, out, {path(wan)})));
        auto made =
            Control::create(spec,
                            [](const engine::PortSpec& port, const engine::WorkerCores& cores) {
                                return drivers::open_memory(port, cores);
                            },
                            Control::Threads::none, {clock, crypto::system_random(), nullptr});
        LANES_CHECK(bool(made));
        control_ = std::move(*made);
        LANES_CHECK(bool(control_->apply(std::move(spec))));
        for (unsigned i = 0; i < 3; ++i) {
            auto far = drivers::open_memory(port(names[i]), 1);
            LANES_CHECK(bool(far));
            far_[i] = std::move(*far);
        }
    }

    Control& control() noexcept { return *control_; }

    /// Puts a frame onto the wire of port `index`.
    void send(PortIndex index, std::span<const std::byte> frame) {
        engine::TxQueue& tx = far_[index]->tx(0);
        engine::Frame room;
        if (tx.claim({&room, 1}, static_cast<std::uint32_t>(frame.size())) != 1) return;
        if (!frame.empty()) std::memcpy(room.data, frame.data(), frame.size());
        room.len = static_cast<std::uint32_t>(frame.size());
        tx.send({&room, 1}, counters_);
    }

    /// Lets the node work, empties the wires and checks the balance. Returns the frames that came
    /// out.
    unsigned run() {
        for (auto& far : far_) far->tx(0).flush(counters_);
        while (control_->workers()[0]->round() != 0) {
        }
        // Control has what workers passed on to it.
        clock.moment.boot_ns += 50 * ns_per_ms;
        clock.moment.unix_ns += 50 * ns_per_ms;
        control_->tick();
        unsigned frames = 0;
        for (auto& far : far_) {
            engine::Burst burst;
            while (far->rx(0).receive(burst, counters_) != 0) {
                for (const engine::Frame& frame : burst) LANES_CHECK(frame.len <= 10240);
                frames += burst.size();
                far->rx(0).release(burst);
                burst.clear();
            }
        }
        const Control::Totals totals = control_->totals();
        LANES_CHECK(totals.balanced());
        LANES_CHECK(totals.sent - sent_ == frames);
        sent_ = totals.sent;
        return frames;
    }

    static std::shared_ptr<const crypto::SharedSecret> secret() {
        static const auto only = std::make_shared<const crypto::SharedSecret>();
        return only;
    }
    static KeySpec key_spec() {
        KeySpec keys;
        keys.secret = secret();
        return keys;
    }

    /// Each run() takes 50 ms of it.
    class HandClock final : public Clock {
      public:
        Moment now() noexcept override { return moment; }
        Moment moment{ns_per_second, 1'700'000'000 * ns_per_second};
    };
    HandClock clock;

  private:
    static LaneSpec sealed(LaneSpec lane) {
        lane.cipher = Cipher::chacha20_poly1305;
        lane.keys = std::make_unique<KeySpec>(key_spec());
        return lane;
    }
    static constexpr const char* names[3] = {"lan", "wan", "out"};

    static engine::PortSpec port(const std::string& name) {
        engine::PortSpec spec;
        spec.name = spec.device = name;
        spec.driver = "memory";
        spec.addresses = {*engine::parse_prefix("192.0.2.2/24"),
                          *engine::parse_prefix("2001:db8::2/64")};
        spec.mtu = name == "out" ? 9000 : 1500;  // passed on one port, copied on the other
        spec.ring_frames = 256;
        return spec;
    }
    static PathSpec path(PortIndex port) {
        PathSpec path;
        path.port = port;
        return path;
    }
    static PathSpec to_far(PortIndex port) {
        PathSpec road = path(port);
        road.to = *engine::parse_endpoint(port == out ? "192.0.2.1:4790" : "[2001:db8::1]:4790");
        road.has_next_hop_mac = true;
        return road;
    }
    static LaneSpec lane(const char* name, std::uint32_t id, Role role, PortIndex port,
                         std::vector<PathSpec> paths) {
        LaneSpec lane;
        lane.name = name;
        lane.id = id;
        lane.role = role;
        lane.cipher = Cipher::none;
        lane.port = port;
        lane.paths = std::move(paths);
        lane.window = 1024;
        return lane;
    }

    std::unique_ptr<Control> control_;
    std::unique_ptr<engine::Port> far_[3];
    engine::WorkerCounters counters_;
    std::uint64_t sent_ = 0;
};

}  // namespace lanes::fuzz
