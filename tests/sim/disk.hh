// Disk: the state store of one simulated machine, with a memory of all that was ever on it: it can
// be lost, set back to any earlier version, fail, and lie. What a failed save leaves behind is what
// the contract of StateStore allows: either the old entry or the new one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lanes/state_store.hh"
#include "tests/sim/dice.hh"

namespace lanes::sim {

/// For one entry, whatever its name: a machine has one lane.
class Disk final : public StateStore {
  public:
    explicit Disk(Dice dice) : dice_(dice) {}

    engine::Result<std::optional<std::string>> load(const std::string&) override { return now_; }

    engine::Result<void> save(std::span<const Entry> entries) override {
        const bool fails = dice_.chance(failing_);
        const bool written = !fails || dice_.chance(0.5);
        for (const Entry& entry : entries) {
            if (!written || lying_) continue;
            now_ = entry.text;
            versions_.push_back(entry.text);
        }
        if (fails) return engine::Error{5, "save: Input/output error"};
        return {};
    }

    void set_failing(double share) noexcept { failing_ = share; }
    void set_lying() noexcept { lying_ = true; }

    /// Whether this changed anything.
    bool lose() { return std::exchange(now_, std::nullopt).has_value(); }
    bool set_back() {
        if (versions_.empty()) return false;
        const std::string& old = versions_[dice_.below(versions_.size())];
        const bool changed = now_ != old;
        now_ = old;
        return changed;
    }

  private:
    Dice dice_;
    std::optional<std::string> now_;
    std::vector<std::string> versions_;
    double failing_ = 0;
    bool lying_ = false;
};

}  // namespace lanes::sim
