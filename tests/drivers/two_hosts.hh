// Two hosts on one cable, for tests that need the kernel's stack at the far side:
//
//   namespace here                       namespace there
//   near0  10.77.0.1/24, fd77::1/64 ---- far0  10.77.0.2/24, fd77::2/64
//
// The thread is `here` but inside of at_far(); both namespaces and the cable go with the object.
#pragma once

#include <fcntl.h>
#include <sched.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "drivers/netlink/netlink.hh"
#include "tests/drivers/fixture.hh"

namespace lanes::test {

class TwoHosts {
  public:
    TwoHosts() : far_space_(NetworkNamespace::Ipv6::on) {
        if (!far_space_.missing().empty()) return;
        far_ = current();
        no_address_detection();
        near_space_ = std::make_unique<NetworkNamespace>(NetworkNamespace::Ipv6::on);
        near_ = current();
        no_address_detection();
        run("ip link add near0 type veth peer name far0");
        run("ip link set far0 netns /proc/self/fd/" + std::to_string(far_.get()));
        at_far([&] { configure("far0", "10.77.0.2/24", "fd77::2/64"); });
        configure("near0", "10.77.0.1/24", "fd77::1/64");
    }

    const std::string& missing() const { return far_space_.missing(); }

    /// Runs `work` in the far namespace.
    void at_far(const std::function<void()>& work) {
        REQUIRE(::setns(far_.get(), CLONE_NEWNET) == 0);
        work();
        REQUIRE(::setns(near_.get(), CLONE_NEWNET) == 0);
    }

    static void run(const std::string& command) {
        INFO(command);
        REQUIRE(::system((command + " >/dev/null").c_str()) == 0);
    }

  private:
    static engine::Descriptor current() {
        return engine::Descriptor(::open("/proc/thread-self/ns/net", O_RDONLY));
    }
    /// Without it link-local addresses, which neighbour discovery speaks from, take a second.
    static void no_address_detection() { run("sysctl -qw net.ipv6.conf.default.accept_dad=0"); }
    static void configure(const std::string& name, const std::string& v4, const std::string& v6) {
        auto netlink = drivers::Netlink::open();
        REQUIRE(netlink);
        auto interface = netlink->interface(name);
        REQUIRE(interface);
        REQUIRE(netlink->set_up(interface->index));
        REQUIRE(netlink->add_address(interface->index, *engine::parse_prefix(v4)));
        REQUIRE(netlink->add_address(interface->index, *engine::parse_prefix(v6)));
    }

    NetworkNamespace far_space_;
    std::unique_ptr<NetworkNamespace> near_space_;
    engine::Descriptor far_;
    engine::Descriptor near_;
};

/// Asks again until `done`, for at most two seconds; whether it came true.
inline bool eventually(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

/// Skips a test by name when this machine cannot run it.
#define LANES_NEEDS(hosts)                      \
    if (!(hosts).missing().empty()) {           \
        WARN("skipped: " << (hosts).missing()); \
        return;                                 \
    }

}  // namespace lanes::test
