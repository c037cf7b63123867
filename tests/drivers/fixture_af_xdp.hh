// The af_xdp driver under the contract test: the port is on one end of a veth pair that has as many
// queues as the port, and the far side is a packet socket on the other. Once in native mode, which
// on veth copies, and once in generic mode; the port takes all frames.
//
//     port -- contract0 ===== contract1 -- packet socket
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "drivers/registry.hh"
#include "engine/check.hh"
#include "tests/drivers/fixture.hh"

namespace lanes::test {

/// Why AF_XDP cannot be tested here; empty: it can.
inline std::string af_xdp_missing() {
    const std::string left_out = "built without af_xdp";
    engine::PortSpec spec;
    spec.driver = "af_xdp";
    spec.device = "none";
    const auto opened = drivers::find_driver("af_xdp")->open(spec, 1);
    if (!opened && opened.error().message.find("built without") != std::string::npos) {
        return left_out;
    }
    constexpr int af_xdp = 44;
    const engine::Descriptor socket(::socket(af_xdp, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!socket)
        return std::string("an AF_XDP socket cannot be made here: ") + std::strerror(errno);
    return {};
}

/// A veth pair, both ends with `queues` queues and up. No checksums are left for the far end to
/// complete, since nobody tells AF_XDP of them.
inline void make_veth(const std::string& near, const std::string& far, unsigned queues) {
    const std::string number = std::to_string(queues);
    const std::string many = " numrxqueues " + number + " numtxqueues " + number;
    LANES_CHECK(
        std::system(
            ("ip link add " + near + many + " type veth peer name " + far + many).c_str()) == 0);
    for (const std::string& name : {near, far}) {
        set_interface(name, true);
        LANES_CHECK(std::system(("ethtool -K " + name + " tx off >/dev/null").c_str()) == 0);
    }
}

class AfXdpFixture : public Fixture {
  public:
    explicit AfXdpFixture(engine::PortSpec::XdpMode mode = engine::PortSpec::XdpMode::copy)
        : mode_(mode) {
        missing = space_.missing();
        if (missing.empty()) missing = af_xdp_missing();
    }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        incoming_ = std::move(incoming);
        make_veth("contract0", "contract1", queues);
        engine::PortSpec spec;
        spec.name = "near";
        spec.driver = "af_xdp";
        spec.device = "contract0";
        spec.mode = mode_;
        spec.take = engine::PortSpec::Take::all;
        far_.open("contract1");
        // By the registry: the program may have been built without.
        return drivers::find_driver("af_xdp")->open(spec, queues);
    }
    void inject(std::size_t first, std::size_t count) override {
        far_.send(incoming_, first, count);
    }
    std::vector<Bytes> collect(std::size_t count) override { return far_.collect(count); }
    bool set_link(bool up) override {
        set_interface("contract0", up);
        return true;
    }

  private:
    engine::PortSpec::XdpMode mode_;
    NetworkNamespace space_;
    PacketSocket far_;
    std::vector<Bytes> incoming_;
};

class AfXdpGenericFixture : public AfXdpFixture {
  public:
    AfXdpGenericFixture() : AfXdpFixture(engine::PortSpec::XdpMode::generic) {}
};

}  // namespace lanes::test
