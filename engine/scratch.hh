// Scratch: an array on the stack that nobody clears first. The data path fills its arrays before it
// reads them; writing zeros to a few kilobytes per burst would cost more than some stages do.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

namespace lanes::engine {

template <typename T, std::size_t n>
class Scratch {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  public:
    Scratch() noexcept {}  // on purpose without `= default`: value-initialising must not clear it

    T& operator[](std::size_t i) noexcept { return all_[i]; }
    const T& operator[](std::size_t i) const noexcept { return all_[i]; }
    T* data() noexcept { return all_; }
    const T* data() const noexcept { return all_; }
    std::span<T> first(std::size_t count) noexcept { return {all_, count}; }

  private:
    union {
        T all_[n];
    };
};

}  // namespace lanes::engine
