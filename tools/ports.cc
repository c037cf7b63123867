// `lanes ports`. See commands.hh; what there is, port_list.hh finds.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/commands.hh"
#include "tools/port_list.hh"
#include "tools/table.hh"

namespace lanes::tools {
namespace {

std::string as_json(const std::vector<DriverPorts>& all) {
    nlohmann::ordered_json drivers = nlohmann::ordered_json::array();
    for (const DriverPorts& ports : all) {
        nlohmann::ordered_json devices = nlohmann::ordered_json::array();
        for (const Device& device : ports.devices) {
            nlohmann::ordered_json one = {{"device", device.name},
                                          {"usable", device.usable && ports.built},
                                          {"why", device.why}};
            for (const auto& [name, value] : device.facts) one[name] = value;
            devices.push_back(std::move(one));
        }
        drivers.push_back({{"driver", ports.driver},
                           {"built", ports.built},
                           {"needs", ports.needs},
                           {"devices", std::move(devices)}});
    }
    const nlohmann::ordered_json whole = {{"drivers", std::move(drivers)}};
    return whole.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string as_text(const std::vector<DriverPorts>& all) {
    std::string text;
    for (const DriverPorts& ports : all) {
        text += ports.driver + (ports.built ? "" : " (this program was built without it)") +
                ": needs " + ports.needs + "\n";
        std::vector<std::vector<std::string>> rows;
        for (const Device& device : ports.devices) {
            std::string facts;
            for (const auto& [name, value] : device.facts) {
                if (!facts.empty()) facts += ", ";
                facts += name + " " + value;
            }
            const bool usable = device.usable && ports.built;
            rows.push_back({usable ? "  yes" : "  no ", device.name, facts, device.why});
        }
        text += table(rows) + "\n";
    }
    return text;
}

}  // namespace

int ports(Output output) {
    const auto all = list_ports(Machine());
    std::fputs((output == Output::json ? as_json(all) : as_text(all)).c_str(), stdout);
    return exit_good;
}

}  // namespace lanes::tools
