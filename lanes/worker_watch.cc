// See worker_watch.hh.
#include "lanes/worker_watch.hh"

#include <sys/resource.h>

#include <string>

#include "engine/log.hh"

namespace lanes {
namespace {

using engine::Severity;
using engine::Worker;

void tell(Severity severity, const Worker& worker, const std::string& text) {
    const std::string number = std::to_string(worker.index());
    engine::log(severity, engine::events::general, {{engine::Key::worker, number}},
                "worker " + number + ": " + text);
}

std::string descriptors_max() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return "unknown";
    return std::to_string(limit.rlim_cur);
}

}  // namespace

void WorkerWatch::look(const std::vector<std::unique_ptr<Worker>>& workers) {
    for (const auto& worker : workers) {
        Seen& seen = seen_[worker->index()];
        const std::string core = std::to_string(worker->core());
        const Worker::Place place = worker->hold_core();
        const bool elsewhere = place == Worker::Place::elsewhere;
        if (elsewhere && !seen.elsewhere) {
            tell(
                Severity::warning, *worker,
                "its core " + core +
                    " is offline, or forbidden to this process by now: it runs on the others until "
                    "the core is back (`lscpu --extended`, `taskset -p`)");
        } else if (!elsewhere && seen.elsewhere) {  // kernels since 6.2 bring it back themselves
            tell(Severity::notice, *worker, "is back on its core " + core);
        } else if (place == Worker::Place::brought_back) {
            tell(Severity::notice, *worker,
                 "was moved off its core " + core + " and is pinned to it again");
        }
        seen.elsewhere = elsewhere;
        const bool lacks = worker->lacks_descriptors();
        if (lacks && !seen.lacks_descriptors) {
            tell(
                Severity::warning, *worker,
                "no descriptor is left for its sleep, and it looks once a millisecond instead: the "
                "limit is " +
                    descriptors_max() + " (`LimitNOFILE=`, `ulimit -n`, `prlimit --nofile`)");
        } else if (!lacks && seen.lacks_descriptors) {
            tell(Severity::notice, *worker, "has a descriptor for its sleep again");
        }
        seen.lacks_descriptors = lacks;
    }
}

}  // namespace lanes
