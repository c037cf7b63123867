// Tracing: a Trace that hangs on a lane for as long as this lives. Made, asked and destroyed on the
// Control thread, by whoever wants to know; management does.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/result.hh"
#include "lanes/control.hh"
#include "lanes/trace.hh"

namespace lanes {

class Tracing {
  public:
    /// Traces the next `frames` (1 to Trace::frames_max) of a lane. Errors: there is no such lane,
    /// somebody traces it. `control` outlives this.
    static engine::Result<std::unique_ptr<Tracing>> begin(Control& control, std::string_view lane,
                                                          unsigned frames);
    ~Tracing();
    Tracing(const Tracing&) = delete;
    Tracing& operator=(const Tracing&) = delete;

    const Trace& trace() const noexcept { return trace_; }
    /// Whether frames may still come: false once all have, or the lane is gone or was made anew.
    bool goes_on() const;

  private:
    Tracing(Control& control, std::string_view lane, unsigned frames)
        : control_(control), name_(lane), trace_(frames) {}
    Lane* lane() const;

    Control& control_;
    std::string name_;
    Trace trace_;
};

}  // namespace lanes
