// See lanes_down.hh.
#include "tools/lanes_down.hh"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lanes::tools {

void LanesDown::add(LaneSpec lane, std::string_view behind) {
    const std::size_t at = move_up(lane.name, behind);
    all_.insert(all_.begin() + static_cast<std::ptrdiff_t>(at),
                Down{std::move(lane), std::string(behind)});
}

void LanesDown::left(std::string_view name, std::string_view behind) {
    move_up(name, behind);
}

// Those that stood before `name` stand before `behind` now, and ahead of all that stood there.
// Returns the index behind them.
std::size_t LanesDown::move_up(std::string_view name, std::string_view behind) {
    const auto stood = [&](const Down& down) { return down.before != name; };
    const auto first = std::stable_partition(all_.begin(), all_.end(), stood);
    std::vector<Down> moved(std::make_move_iterator(first), std::make_move_iterator(all_.end()));
    all_.erase(first, all_.end());
    for (Down& down : moved) down.before = behind;
    const auto there = std::find_if(all_.begin(), all_.end(),
                                    [&](const Down& down) { return down.before == behind; });
    const auto at = all_.insert(there, std::make_move_iterator(moved.begin()),
                                std::make_move_iterator(moved.end()));
    return static_cast<std::size_t>(at - all_.begin()) + moved.size();
}

const LanesDown::Down* LanesDown::find(std::string_view name) const noexcept {
    const auto at = std::find_if(all_.begin(), all_.end(),
                                 [&](const Down& down) { return down.lane.name == name; });
    return at == all_.end() ? nullptr : &*at;
}

void LanesDown::forget(std::string_view name) {
    std::erase_if(all_, [&](const Down& down) { return down.lane.name == name; });
}

void LanesDown::back(std::string_view name) {
    const Down* const own = find(name);
    if (own == nullptr) return;
    const std::string before = own->before;
    for (Down& down : all_) {
        if (&down == own) break;
        if (down.before == before) down.before = name;
    }
    forget(name);
}

void LanesDown::came(std::string_view name) {
    for (Down& down : all_) {
        if (down.before.empty()) down.before = name;
    }
}

std::vector<std::string> LanesDown::names() const {
    std::vector<std::string> names;
    for (const Down& down : all_) names.push_back(down.lane.name);
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace lanes::tools
