// Story: what `why` tells of a lane, before it becomes text or JSON: the steps of its path with
// what was found at each, what was refused and for which reason, what the other end must have, and
// what to do. why.cc builds one; nothing here knows lanes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/drop.hh"

namespace lanes::manage {

struct Story {
    struct Step {
        enum class Finding : std::uint8_t { good, bad, told };
        Finding finding = Finding::told;
        std::string step;  ///< "frames in", "session", "path"
        std::string text;
    };
    struct Refusal {
        engine::Drop reason;
        std::uint64_t packets = 0;
        /// Reasons are counted for the whole node; of some it is known how many were this lane's.
        enum class Scope : std::uint8_t { lane, node } scope = Scope::node;
    };

    std::string lane;
    std::string summary;  ///< "receives for port lan, sealed with aes-256-gcm"
    std::string state;
    std::string cause;
    std::vector<Step> steps;
    std::vector<Refusal> refused;
    std::vector<std::string> other_end;
    std::vector<std::string> to_do;

    void good(std::string step, std::string text);
    void bad(std::string step, std::string text);
    void tell(std::string step, std::string text);

    std::string as_text() const;
    std::string as_json(const std::string& node) const;
};

}  // namespace lanes::manage
