// The af_packet driver under the contract test: the port is on one end of a veth pair, and the far
// side is a packet socket on the other.
//
//     port -- contract0 ===== contract1 -- packet socket
#pragma once

#include <cstdlib>

#include "tests/drivers/fixture.hh"

namespace lanes::test {

class AfPacketFixture : public Fixture {
  public:
    AfPacketFixture() {
        missing = space_.missing();
        if (!missing.empty()) return;
        if (std::system("ip link add contract0 type veth peer name contract1") != 0) {
            missing = "a veth pair cannot be made here";
            return;
        }
        set_interface("contract0", true);
        set_interface("contract1", true);
    }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        incoming_ = std::move(incoming);
        engine::PortSpec spec;
        spec.name = "near";
        spec.driver = "af_packet";
        spec.device = "contract0";
        far_.open("contract1");
        return drivers::open_af_packet(spec, queues);
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
    NetworkNamespace space_;
    PacketSocket far_;
    std::vector<Bytes> incoming_;
};

}  // namespace lanes::test
