// Tap and tun under the contract test: the far side is a packet socket on the interface itself,
// which stands where the host's network stack is.
#pragma once

#include "tests/drivers/fixture.hh"

namespace lanes::test {

class TapFixture : public Fixture {
  public:
    TapFixture() { missing = space_.missing(); }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        return open_with(&drivers::open_tap, queues, std::move(incoming));
    }
    void inject(std::size_t first, std::size_t count) override {
        far_.send(incoming_, first, count);
    }
    std::vector<Bytes> collect(std::size_t count) override { return far_.collect(count); }
    bool set_link(bool up) override {
        set_interface("contract0", up);
        return true;
    }

  protected:
    drivers::OpenResult open_with(engine::OpenPort opener, unsigned queues,
                                  std::vector<Bytes> incoming) {
        incoming_ = std::move(incoming);
        engine::PortSpec spec;
        spec.name = "near";
        spec.device = "contract0";
        auto port = opener(spec, queues);
        if (port) far_.open(spec.device);
        return port;
    }

  private:
    NetworkNamespace space_;
    PacketSocket far_;
    std::vector<Bytes> incoming_;
};

class TunFixture : public TapFixture {
  public:
    TunFixture() { len_min = 20; }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        return open_with(&drivers::open_tun, queues, std::move(incoming));
    }
    Bytes make(std::size_t len, unsigned flow, std::uint32_t number) override {
        return make_packet(len, flow, number);
    }
};

}  // namespace lanes::test
