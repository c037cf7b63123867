// WindowStore: memory for the replay windows of receiving lanes. A lane may use 64 subspaces of
// 2 KiB each and uses mostly one; the memory is sparse, so that a lane costs what its traffic has
// touched, and a lane without traffic costs nothing. Control only.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "engine/region.hh"
#include "engine/result.hh"
#include "lanes/window.hh"

namespace lanes {

class WindowStore {
  public:
    /// `words` zeroed words; they stay where they are until given back.
    engine::Result<Window::Word*> take(std::size_t words);
    /// No worker may see them any more.
    void give(Window::Word* at, std::size_t words);

  private:
    static constexpr std::size_t arena_bytes = std::size_t{1} << 30;

    std::vector<engine::Region> arenas_;
    std::size_t used_ = 0;  ///< bytes of the last arena
    std::map<std::size_t, std::vector<Window::Word*>> free_;
};

}  // namespace lanes
