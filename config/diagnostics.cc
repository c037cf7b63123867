// See diagnostics.hh.
#include "config/diagnostics.hh"

#include <algorithm>
#include <tuple>
#include <utility>

#include "config/text.hh"

namespace lanes::config {

std::string to_string(const Diagnostic& diagnostic) {
    std::string result = diagnostic.file;
    if (diagnostic.line > 0) {
        result += say(":", std::to_string(diagnostic.line), ":", std::to_string(diagnostic.column));
    }
    result += diagnostic.level == Diagnostic::Level::error ? ": error: " : ": warning: ";
    return result + diagnostic.message;
}

std::uint16_t Diagnostics::add_file(std::string name) {
    files_.push_back(std::move(name));
    return static_cast<std::uint16_t>(files_.size() - 1);
}

void Diagnostics::add(List& list, const Place& place, std::string&& message) {
    ++list.reported;
    if (list.kept.size() < kept_max) list.kept.push_back({place, std::move(message)});
}

void Diagnostics::error(const Place& place, std::string message) {
    add(errors_, place, std::move(message));
}

void Diagnostics::warning(const Place& place, std::string message) {
    add(warnings_, place, std::move(message));
}

std::string Diagnostics::text_of(const Place& place) const {
    return say(files_[place.file], ":", std::to_string(place.line), ":",
               std::to_string(place.column));
}

std::vector<Diagnostic> Diagnostics::sorted() const {
    struct Item {
        const Entry* entry;
        Diagnostic::Level level;
    };
    std::vector<Item> items;
    for (const Entry& entry : errors_.kept) items.push_back({&entry, Diagnostic::Level::error});
    for (const Entry& entry : warnings_.kept) items.push_back({&entry, Diagnostic::Level::warning});
    const auto key = [](const Item& item) {
        const Place& place = item.entry->place;
        return std::tuple(place.file, place.line, place.column);
    };
    std::stable_sort(items.begin(), items.end(),
                     [&](const Item& a, const Item& b) { return key(a) < key(b); });
    std::vector<Diagnostic> result;
    for (const Item& item : items) {
        const Place& place = item.entry->place;
        result.push_back(
            {files_[place.file], place.line, place.column, item.level, item.entry->message});
    }
    return result;
}

}  // namespace lanes::config
