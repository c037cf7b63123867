// See tracing.hh.
#include "lanes/tracing.hh"

#include <cerrno>

namespace lanes {

engine::Result<std::unique_ptr<Tracing>> Tracing::begin(Control& control, std::string_view lane,
                                                        unsigned frames) {
    Lane* on = control.fleet().lane(lane);
    if (on == nullptr) return engine::Error{ENOENT, "no lane " + std::string(lane)};
    std::unique_ptr<Tracing> tracing(new Tracing(control, lane, frames));
    Trace* nobody = nullptr;
    if (!on->trace.compare_exchange_strong(nobody, &tracing->trace_)) {
        return engine::Error{EBUSY, "somebody traces lane " + std::string(lane) +
                                        " at the moment: try again when that has ended"};
    }
    return tracing;
}

Tracing::~Tracing() {
    if (Lane* on = lane(); on != nullptr) on->trace.store(nullptr, std::memory_order_release);
    // A lane that went has let go of the trace, but a worker may hold it yet.
    control_.wait_for_workers();
}

bool Tracing::goes_on() const {
    return !trace_.complete() && lane() != nullptr;
}

/// The lane that it hangs on, which may have another name by now; nullptr: none.
Lane* Tracing::lane() const {
    const auto ours = [&](const Lane* one) {
        return one != nullptr && one->trace.load(std::memory_order_relaxed) == &trace_;
    };
    if (Lane* named = control_.fleet().lane(name_); ours(named)) return named;
    for (const auto& [name, entry] : control_.fleet().entries()) {
        if (ours(entry.lane)) return entry.lane;
    }
    return nullptr;
}

}  // namespace lanes
