// Result<T>: a value, or an Error that says what failed in words an operator can act on. Used on
// the set-up path only; the data path has Drop reasons (engine/drop.hh) and no exceptions.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "engine/check.hh"

namespace lanes::engine {

/// What went wrong: an errno value (0 where none applies) and a whole sentence with its context.
struct Error {
    int code = 0;
    std::string message;
};

/// Builds an Error from `what` and the text of errno `code`: "open /dev/net/tun: Permission
/// denied".
Error system_error(int code, std::string what);

template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return state_.index() == 0; }
    T& value() {
        LANES_CHECK(*this);
        return *std::get_if<0>(&state_);
    }
    const T& value() const {
        LANES_CHECK(*this);
        return *std::get_if<0>(&state_);
    }
    T& operator*() { return value(); }
    T* operator->() { return &value(); }
    const Error& error() const {
        LANES_CHECK(!*this);
        return *std::get_if<1>(&state_);
    }

  private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), failed_(true) {}

    explicit operator bool() const { return !failed_; }
    const Error& error() const {
        LANES_CHECK(failed_);
        return error_;
    }

  private:
    Error error_;
    bool failed_ = false;
};

}  // namespace lanes::engine
