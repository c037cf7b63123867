// See workshop.hh.
#include "lanes/workshop.hh"

#include <utility>

namespace lanes {

engine::Result<Workshops> open_workshops(unsigned workers, const std::string& backend) {
    Workshops workshops;
    for (unsigned i = 0; i < workers; ++i) {
        auto workshop = std::make_unique<Workshop>();
        auto selected = crypto::select_backend(backend);
        if (!selected) return engine::Error{0, selected.message()};
        auto bench = engine::Region::map(Workshop::bench_bytes, engine::Region::Pages::small);
        if (!bench) return bench.error();
        workshop->backend = std::move(*selected);
        workshop->bench = std::move(*bench);
        workshop->workers = workers;
        workshops.push_back(std::move(workshop));
    }
    return workshops;
}

}  // namespace lanes
