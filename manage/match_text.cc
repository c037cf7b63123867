// See match_text.hh.
#include "manage/match_text.hh"

#include <cstdio>

namespace lanes::manage {
namespace {

std::string hex(std::uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%04x", value);
    return text;
}

std::string text_of(const MatchSpec::Range& range) {
    const std::string first = std::to_string(range.first);
    return range.first == range.last ? first : first + "-" + std::to_string(range.last);
}

}  // namespace

std::string match_text(const MatchSpec* match) {
    std::string text;
    const auto add = [&](const char* what, const std::string& value) {
        text += (text.empty() ? "" : ", ") + std::string(what) + ' ' + value;
    };
    const auto add_number = [&](const char* what, std::uint32_t value) {
        if (value != MatchSpec::any) add(what, std::to_string(value));
    };
    if (match == nullptr) return "every frame";
    if (match->vlan == MatchSpec::vlan_none) {
        add("vlan", "none");
    } else {
        add_number("vlan", match->vlan);
    }
    if (match->ether_type != MatchSpec::any) add("ether_type", hex(match->ether_type));
    add_number("protocol", match->protocol);
    add_number("dscp", match->dscp);
    if (match->has_source_mac) add("source_mac", to_string(match->source_mac));
    if (match->has_destination_mac) add("destination_mac", to_string(match->destination_mac));
    if (match->has_source) add("source", to_string(match->source));
    if (match->has_destination) add("destination", to_string(match->destination));
    if (!match->source_port.any()) add("source_port", text_of(match->source_port));
    if (!match->destination_port.any()) add("destination_port", text_of(match->destination_port));
    return text.empty() ? "every frame" : text;
}

}  // namespace lanes::manage
