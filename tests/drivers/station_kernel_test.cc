// The station and a real kernel as its neighbour, over a veth pair:
//
//   namespace here                          namespace there
//   af_packet port + station                the kernel
//   near0  10.77.0.9/24, fd77::9/64 ------- far0  10.77.0.2/24, fd77::2/64
//
// The kernel here has other addresses (two_hosts.hh) and so nothing to say about the station's. A
// thread pumps frames as a driver would.
#include <sys/wait.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "drivers/station/station.hh"
#include "engine/clock.hh"
#include "tests/drivers/two_hosts.hh"

namespace lanes::test {
namespace {

class PumpedStation {
  public:
    PumpedStation() {
        engine::PortSpec spec;
        spec.name = "wan";
        spec.device = "near0";
        spec.addresses = {*engine::parse_prefix("10.77.0.9/24"),
                          *engine::parse_prefix("fd77::9/64")};
        auto opened = drivers::open_af_packet(spec, 1);
        if (!opened) FAIL(opened.error().message);
        port_ = std::move(*opened);
        station = std::make_unique<drivers::Station>(
            port_->info(),
            std::vector{*engine::parse_ip("10.77.0.2"), *engine::parse_ip("fd77::2")});
    }
    void start() {
        thread_ = std::thread([this] { pump(); });
    }
    ~PumpedStation() {
        done_.store(true);
        if (thread_.joinable()) thread_.join();
    }
    std::string next_hop(const std::string& destination) {
        std::string found;
        eventually([&] {
            const auto mac =
                station->next_hop(*engine::parse_ip(destination), engine::monotonic_ns());
            if (mac) found = to_string(*mac);
            return mac.has_value();
        });
        return found;
    }
    std::string mac() const { return to_string(port_->info().mac); }

    std::unique_ptr<drivers::Station> station;

  private:
    void pump() {
        engine::WorkerCounters worker;
        std::array<engine::Frame, engine::burst_max> taken;
        while (!done_.load()) {
            engine::Burst burst;
            const unsigned received = port_->rx(0).receive(burst, worker);
            const unsigned n = station->serve(burst, 0, port_->tx(0), worker, taken);
            for (unsigned i = 0; i < n; ++i) burst.push(taken[i]);
            if (received != 0) {
                port_->rx(0).release(burst);
            } else {
                std::this_thread::sleep_for(std::chrono::microseconds(200));
            }
        }
    }

    std::unique_ptr<engine::Port> port_;
    std::atomic<bool> done_{false};
    std::thread thread_;
};

/// Whether a command succeeds.
bool succeeds(const std::string& command) {
    const int status = ::system((command + " >/dev/null 2>&1").c_str());
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string far_mac_text(TwoHosts& hosts) {
    std::string text;
    hosts.at_far([&] {
        auto netlink = drivers::Netlink::open();
        text = to_string(netlink->interface("far0")->mac);
    });
    return text;
}

bool far_neighbour_is(const std::string& address, const std::string& mac) {
    return succeeds("ip neigh show dev far0 | grep -i '^" + address + " .*" + mac + "'");
}

}  // namespace

TEST_CASE("a kernel resolves and pings a station, small and large, IPv4 and IPv6") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    PumpedStation bed;
    bed.start();
    hosts.at_far([&] {
        for (const std::string size : {"0", "56", "1400"}) {
            for (const std::string address : {"10.77.0.9", "fd77::9"}) {
                INFO(address << " " << size);
                CHECK(succeeds("ping -c 3 -i 0.02 -W 2 -s " + size + " " + address));
            }
        }
        CHECK(far_neighbour_is("10.77.0.9", bed.mac()));
        CHECK(far_neighbour_is("fd77::9", bed.mac()));
        CHECK(!succeeds("ping -c 1 -W 0.2 -s 4000 10.77.0.9"));  // fragments
        CHECK(!succeeds("ping -c 1 -W 0.2 10.77.0.8"));          // nobody
        CHECK(succeeds("ping -c 1 -W 2 -R 10.77.0.9"));          // with an option
    });
}

TEST_CASE("a station keeps a kernel from taking its IPv6 address") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    PumpedStation bed;
    bed.start();
    hosts.at_far([&] {
        TwoHosts::run("sysctl -qw net.ipv6.conf.far0.accept_dad=1 net.ipv6.conf.all.accept_dad=1");
        TwoHosts::run("ip addr add fd77::9/64 dev far0");
        CHECK(eventually([] { return succeeds("ip addr show dev far0 | grep dadfailed"); }));
    });
}

TEST_CASE("a station finds the MAC address of a kernel, on the link and as a gateway") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    const std::string expected = far_mac_text(hosts);
    PumpedStation bed;
    bed.start();
    CHECK(bed.next_hop("10.77.0.2") == expected);
    CHECK(bed.next_hop("fd77::2") == expected);
    CHECK(bed.next_hop("198.51.100.1") == expected);
    CHECK(bed.next_hop("2001:db8::1") == expected);
}

TEST_CASE("a kernel that knew another MAC address hears the announcement of a station") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    hosts.at_far([&] {
        TwoHosts::run("ip neigh add 10.77.0.9 lladdr 02:00:00:00:00:99 nud stale dev far0");
        TwoHosts::run("ip neigh add fd77::9 lladdr 02:00:00:00:00:99 nud stale dev far0");
    });
    PumpedStation bed;
    bed.start();
    hosts.at_far([&] {
        CHECK(eventually([&] { return far_neighbour_is("10.77.0.9", bed.mac()); }));
        CHECK(eventually([&] { return far_neighbour_is("fd77::9", bed.mac()); }));
    });
}

}  // namespace lanes::test
