// JSON for programs: one object, laid out so that people and `diff` can read it too.
#include "bench/output/output.hh"

namespace lanes::bench {
namespace {

/// Text that is not UTF-8 (a file's name, say) must not stop the output.
std::string dumped(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json_text(const Report& report) {
    std::string text = "{";
    const Json all = to_json(report);
    for (const auto& [name, value] : all.items()) {
        text += (text.size() == 1 ? "\n" : ",\n") + dumped(Json(name)) + ": ";
        if (!value.is_array() || value.empty()) {
            text += dumped(value);
            continue;
        }
        for (std::size_t i = 0; i < value.size(); ++i) {
            text += (i == 0 ? "[\n  " : ",\n  ") + dumped(value[i]);
        }
        text += "\n]";
    }
    return text + "\n}\n";
}

}  // namespace lanes::bench
