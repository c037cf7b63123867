// The dpdk driver under the contract test, on three virtual devices that carry real frames in and
// out of the process' own memory:
//
//   net_memif      port -- memif over a socket in this process -- another dpdk port
//   net_af_packet  port -- contract0 ===== contract1 -- packet socket
//   net_tap        port -- contract0, made by DPDK -- packet socket
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>

#include "drivers/registry.hh"
#include "tests/drivers/fixture.hh"

namespace lanes::test {

inline engine::PortSpec dpdk_spec(const std::string& name, const std::string& device) {
    engine::PortSpec spec;
    spec.name = name;
    spec.driver = "dpdk";
    spec.device = device;
    return spec;
}

inline drivers::OpenResult open_dpdk_port(const engine::PortSpec& spec,
                                          const engine::WorkerCores& cores) {
    // By the registry: the program may have been built without.
    return drivers::find_driver("dpdk")->open(spec, cores);
}

/// Why no port can be opened on such a device here; empty: it can. Tried once for each driver.
inline const std::string& dpdk_missing(const std::string& device) {
    static std::map<std::string, std::string> known;
    const std::string driver = device.substr(0, device.find_first_of("0123456789"));
    const auto found = known.find(driver);
    if (found != known.end()) return found->second;
    const auto port = open_dpdk_port(dpdk_spec("probe", device), 1);
    return known[driver] = port ? std::string() : port.error().message;
}

class DpdkFixture : public Fixture {
  public:
    DpdkFixture() { pollable = false; }

  protected:
    std::vector<Bytes> incoming_;
};

/// A socket in the file system, which DPDK removes: of an abstract one it keeps the listener for
/// the rest of the process.
inline std::string memif_arguments(const std::string& role) {
    return ",role=" + role + ",socket-abstract=no,socket=/tmp/lanes-test-" +
           std::to_string(::getpid()) + ".sock";
}

/// To be called between the closing of a memif's two ends: DPDK's thread that hears of the first
/// takes the second apart, and is not ready for that to happen elsewhere meanwhile.
inline void let_memif_settle() {
    ::usleep(20'000);
}

class DpdkMemifFixture : public DpdkFixture {
  public:
    ~DpdkMemifFixture() override { let_memif_settle(); }
    DpdkMemifFixture() { missing = dpdk_missing("net_memif9" + memif_arguments("server")); }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        incoming_ = std::move(incoming);
        queues_ = queues;
        auto near =
            open_dpdk_port(dpdk_spec("near", "net_memif0" + memif_arguments("server")), queues);
        if (!near) return near;
        auto far =
            open_dpdk_port(dpdk_spec("far", "net_memif1" + memif_arguments("client")), queues);
        if (!far) return far;
        far_ = std::move(*far);
        if (!connect(**near)) return engine::Error{0, "the two ends of the memif do not connect"};
        return near;
    }

    void inject(std::size_t first, std::size_t count) override {
        for (std::size_t i = first; i < first + count; ++i) send(incoming_[i]);
    }

    std::vector<Bytes> collect(std::size_t count) override {
        std::vector<Bytes> got;
        const std::size_t most = count == 0 ? ~std::size_t{0} : count;
        for (unsigned queue = 0; queue < queues_; ++queue) {
            // What was sent is in the shared ring at once, so an empty queue stays empty.
            while (got.size() < most) {
                engine::Burst burst;
                if (far_->rx(queue).receive(burst, counters_) == 0) break;
                for (const engine::Frame& frame : burst) {
                    got.emplace_back(frame.data, frame.data + frame.len);
                }
                far_->rx(queue).release(burst);
            }
        }
        return got;
    }

  private:
    void send(const Bytes& frame) {
        const std::uint32_t flow = frame.size() < marked_len_min ? 0 : mark_of(frame).flow;
        engine::TxQueue& queue = far_->tx(flow % queues_);
        engine::Frame room;
        if (queue.claim({&room, 1}, static_cast<std::uint32_t>(frame.size())) != 1) return;
        std::memcpy(room.data, frame.data(), frame.size());
        room.len = static_cast<std::uint32_t>(frame.size());
        queue.send({&room, 1}, counters_);
        queue.flush(counters_);
    }

    /// A thread of DPDK's connects the two; a frame that went through proves it.
    bool connect(engine::Port& near) {
        send(Bytes(60));
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (std::chrono::steady_clock::now() < deadline) {
            far_->tx(0).flush(counters_);
            engine::Burst burst;
            if (near.rx(0).receive(burst, counters_) != 0) {
                near.rx(0).release(burst);
                // A client's receive queue offers its buffers when it is first looked at.
                return collect(0).empty();
            }
            ::usleep(1000);
        }
        return false;
    }

    unsigned queues_ = 0;
    std::unique_ptr<engine::Port> far_;
    engine::WorkerCounters counters_;
};

/// Devices whose far side is an interface of a namespace of the test's own.
class DpdkInterfaceFixture : public DpdkFixture {
  public:
    DpdkInterfaceFixture() { missing = space_.missing(); }
    void inject(std::size_t first, std::size_t count) override {
        far_.send(incoming_, first, count);
    }
    std::vector<Bytes> collect(std::size_t count) override { return far_.collect(count); }

  protected:
    PacketSocket far_;

  private:
    NetworkNamespace space_;
};

class DpdkAfPacketFixture : public DpdkInterfaceFixture {
  public:
    DpdkAfPacketFixture() {
        if (!missing.empty()) return;
        if (std::system("ip link add contract0 type veth peer name contract1") != 0) {
            missing = "a veth pair cannot be made here";
            return;
        }
        set_interface("contract0", true);
        set_interface("contract1", true);
        missing = dpdk_missing("net_af_packet9,iface=contract0");
    }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        incoming_ = std::move(incoming);
        far_.open("contract1");
        return open_dpdk_port(
            dpdk_spec("near", "net_af_packet0,iface=contract0,qpairs=" + std::to_string(queues)),
            queues);
    }
    bool set_link(bool up) override {
        set_interface("contract0", up);
        return true;
    }
};

class DpdkTapFixture : public DpdkInterfaceFixture {
  public:
    DpdkTapFixture() {
        if (missing.empty()) missing = dpdk_missing("net_tap9,iface=contract9");
    }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        incoming_ = std::move(incoming);
        auto port = open_dpdk_port(dpdk_spec("near", "net_tap0,iface=contract0"), queues);
        if (port) far_.open("contract0");
        return port;
    }
};

}  // namespace lanes::test
