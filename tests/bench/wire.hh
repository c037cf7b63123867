// A memory wire with a faulty end, and a testbed over it in virtual time: what traffic_test and
// search_test measure.
#pragma once

#include <memory>
#include <string>

#include "bench/traffic/port_testbed.hh"
#include "drivers/open.hh"
#include "engine/check.hh"
#include "tests/bench/impaired_port.hh"

namespace lanes::test {

/// One end of the wire `name`; the first two calls get the two ends. Alive as long as its ports.
inline std::unique_ptr<engine::Port> open_wire_end(const std::string& name, unsigned queues = 1,
                                                   std::uint32_t ring_frames = 4096) {
    engine::PortSpec spec;
    spec.name = name;
    spec.driver = "memory";
    spec.device = name;
    spec.ring_frames = ring_frames;
    auto port = drivers::open_memory(spec, queues);
    LANES_CHECK(port);
    return std::move(*port);
}

struct SimulatedBed {
    explicit SimulatedBed(const Impairments& impairments, const bench::Profile& profile = {},
                          std::uint64_t tick_ns = 1000)
        : time(tick_ns),
          from(open_wire_end(name)),
          to(open_wire_end(name)),
          impaired(*to, time, impairments) {
        time.watch(impaired);
        testbed = std::make_unique<bench::PortTestbed>(*from, impaired, profile, time);
    }

    static std::string next_name() {
        static unsigned last = 0;
        return "simulated-" + std::to_string(++last);
    }

    const std::string name = next_name();
    VirtualTime time;
    std::unique_ptr<engine::Port> from;
    std::unique_ptr<engine::Port> to;
    ImpairedPort impaired;
    std::unique_ptr<bench::PortTestbed> testbed;
};

}  // namespace lanes::test
