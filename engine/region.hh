// Region: anonymous memory by the page, zero, taken from the kernel only where it is touched, and
// given back when the Region goes. The replay windows, the lane store and the frame memories live
// in Regions: a million of something costs what is used of it, and "zero when unused" is free.
#pragma once

#include <cstddef>
#include <span>

#include "engine/result.hh"

namespace lanes::engine {

class Region {
  public:
    enum class Pages {
        small,  ///< resident only page by page: for sparse use
        huge,   ///< asks for transparent huge pages: for dense tables that are read at random
    };

    Region() = default;
    Region(Region&& other) noexcept;
    Region& operator=(Region&& other) noexcept;
    ~Region();

    /// Maps `len` bytes (rounded up to whole pages), zero.
    static Result<Region> map(std::size_t len, Pages pages);

    std::byte* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

    /// Makes [offset, offset + len) zero again; whole pages of it go back to the kernel.
    void clear(std::size_t offset, std::size_t len) noexcept;

  private:
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace lanes::engine
