// See profile_check.hh.
#include "bench/traffic/profile_check.hh"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include "bench/traffic/replay.hh"
#include "bench/traffic/verdict.hh"

namespace lanes::bench {
namespace {

using engine::Port;
using engine::PortKind;

constexpr std::uint32_t ip_len_max = 65535;

class Faults {
  public:
    void add(const std::string& fault) { text_ += (text_.empty() ? "" : "\n") + fault; }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

std::string name_of(PortKind kind) {
    switch (kind) {
        case PortKind::ethernet:
            return "ethernet";
        case PortKind::ip:
            return "ip";
        case PortKind::carrier:
            return "carrier";
        case PortKind::datagram:
            return "datagram";
        case PortKind::stream:
            return "stream";
    }
    return "unknown";
}

void check_kind(const Port& port, Faults& faults) {
    const PortKind kind = port.info().kind;
    if (kind == PortKind::ethernet || kind == PortKind::ip) return;
    faults.add(
        "port " + port.info().name + ": a port of kind " + name_of(kind) + " (driver " +
        port.info().driver +
        ") cannot carry test frames: use one of kind ethernet or ip, such as af_packet, tap, "
        "tun or memory");
}

void check_sizes(const Profile& profile, Faults& faults) {
    if (profile.sizes.empty()) faults.add("size: at least one");
    std::uint32_t divisor = 0;
    std::uint64_t weights = 0;
    for (const SizeShare& share : profile.sizes) {
        divisor = std::gcd(divisor, share.weight);
        weights += share.weight;
        const std::string who = "size " + std::to_string(share.size);
        if (share.weight == 0) faults.add(who + ": its weight must be at least 1");
        if (share.size < size_min(profile)) {
            faults.add(who + ": less than the " + std::to_string(size_min(profile)) +
                       " bytes that hold the headers, the stamp of 18 bytes and the FCS");
        }
        if (share.size > ip_len_max + ethernet_header_bytes + fcs_bytes) {
            faults.add(who + ": more than an IP packet can have");
        }
    }
    if (divisor != 0 && weights / divisor > cycle_max) {
        faults.add("size: weights sum up to more than " + std::to_string(cycle_max));
    }
}

void check_fit(const Profile& profile, Port& from, Port& to, Faults& faults) {
    const auto largest =
        std::max_element(profile.sizes.begin(), profile.sizes.end(),
                         [](const SizeShare& a, const SizeShare& b) { return a.size < b.size; });
    if (largest == profile.sizes.end()) return;
    const std::uint64_t packet = std::uint64_t{largest->size} - fcs_bytes - ethernet_header_bytes;
    const std::string who = "size " + std::to_string(largest->size) + ": ";
    for (const Port* port : {&from, &to}) {
        if (packet <= port->info().mtu) continue;
        faults.add(who + "port " + port->info().name + " takes packets of " +
                   std::to_string(port->info().mtu) + " bytes, so sizes up to " +
                   std::to_string(port->info().mtu + ethernet_header_bytes + fcs_bytes) +
                   ": raise its mtu");
        return;
    }
    const bool ethernet = from.info().kind == PortKind::ethernet;
    const std::uint64_t len = packet + (ethernet ? ethernet_header_bytes : 0);
    if (len > from.tx(0).max_len()) {
        faults.add(who + "port " + from.info().name + " sends frames of at most " +
                   std::to_string(from.tx(0).max_len()) + " bytes");
    }
}

void check_replay(const Replay& replay, Port& from, Port& to, Faults& faults) {
    if (replay.frames.empty()) faults.add("replay: a capture without frames");
    for (const Port* port : {&from, &to}) {
        const engine::PortInfo& info = port->info();
        if (info.kind != PortKind::ethernet) {
            faults.add("port " + info.name + ": kind " + name_of(info.kind) +
                       ": captures are of Ethernet frames, which need ports of kind ethernet");
        } else if (replay.longest > info.mtu + ethernet_header_bytes + vlan_tag_bytes) {
            faults.add("port " + info.name + ": the longest frame of the capture has " +
                       std::to_string(replay.longest) + " bytes: raise the port's mtu");
        }
    }
    if (faults.text().empty() && replay.longest > from.tx(0).max_len()) {
        faults.add("port " + from.info().name + ": sends frames of at most " +
                   std::to_string(from.tx(0).max_len()) + " bytes, the capture has one of " +
                   std::to_string(replay.longest));
    }
}

void check_rest(const Profile& profile, Faults& faults) {
    if (profile.flows == 0 || profile.flows > flows_max) {
        faults.add("flows: 1 to " + std::to_string(flows_max));
    }
    if (profile.source.v6 != profile.destination.v6) {
        faults.add("source, destination: " + engine::to_string(profile.source) + " and " +
                   engine::to_string(profile.destination) + " are not of one family");
    }
    if (profile.source_port == 0 || profile.destination_port == 0) {
        faults.add("source_port, destination_port: 1 to 65535");
    }
}

}  // namespace

void check_profile(const Profile& profile, Port& from, Port& to) {
    Faults faults;
    check_kind(from, faults);
    if (&to != &from) check_kind(to, faults);
    if (profile.burst == 0 || profile.burst > frames_of_burst_max) {
        faults.add("burst: 1 to " + std::to_string(frames_of_burst_max) + " frames");
    }
    if (profile.replay) {
        check_replay(*profile.replay, from, to, faults);
        if (!faults.text().empty()) throw std::runtime_error(faults.text());
        return;
    }
    check_sizes(profile, faults);
    check_rest(profile, faults);
    if (faults.text().empty()) check_fit(profile, from, to, faults);
    if (!faults.text().empty()) throw std::runtime_error(faults.text());
}

}  // namespace lanes::bench
