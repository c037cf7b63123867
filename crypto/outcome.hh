// Outcome<T>: a value, or a sentence that says why there is none. The set-up path of crypto/ speaks
// in it; this folder includes nothing of ours, so engine's Result is not at hand here. A message
// never holds a byte of a key. misuse() is for errors of the program itself, never for input.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace lanes::crypto {

/// Prints `what` to stderr and stops the program.
[[noreturn]] void misuse(const char* what) noexcept;

/// A whole sentence that an operator can act on.
struct Failure {
    std::string message;
};

template <typename T>
class [[nodiscard]] Outcome {
  public:
    Outcome(T value) : value_(std::move(value)) {}
    Outcome(Failure failure) : message_(std::move(failure.message)) {}

    explicit operator bool() const { return value_.has_value(); }
    T& operator*() {
        if (!value_) misuse("the value of an Outcome that failed");
        return *value_;
    }
    T* operator->() { return &**this; }
    const std::string& message() const { return message_; }

  private:
    std::optional<T> value_;
    std::string message_;
};

template <>
class [[nodiscard]] Outcome<void> {
  public:
    Outcome() = default;
    Outcome(Failure failure) : message_(std::move(failure.message)), failed_(true) {}

    explicit operator bool() const { return !failed_; }
    const std::string& message() const { return message_; }

  private:
    std::string message_;
    bool failed_ = false;
};

}  // namespace lanes::crypto
