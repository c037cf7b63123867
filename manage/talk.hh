// Talk: one side of a conversation about a node, without its descriptor: bytes go in, bytes come
// out, and nothing ever waits. There are two ways to talk: the protocol of the unix socket
// (line_talk.hh) and telnet (telnet_talk.hh). Sessions drive them; tests and fuzzers do too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "manage/command.hh"

namespace lanes::manage {

/// Of a line that somebody says, its end included.
inline constexpr std::size_t line_bytes_max = 4096;
/// What a session takes from its descriptor at a time.
inline constexpr std::size_t read_bytes_max = 4096;

/// Answers a line for somebody with these rights.
using Ask = std::function<Answer(std::string_view line, Rights rights)>;

class Talk {
  public:
    virtual ~Talk() = default;

    /// Takes what came, at most read_bytes_max; only while not ready() and not awaits().
    virtual void take(std::string_view bytes) = 0;
    /// Whether step() has something to do.
    virtual bool ready() const noexcept = 0;
    /// Whether an answer is being made that takes its time: nothing is heard meanwhile, and step()
    /// looks for it.
    virtual bool awaits() const noexcept = 0;
    /// Answers at most one line; appends to `out` what is to be sent. `now_ns` is CLOCK_MONOTONIC.
    virtual void step(std::uint64_t now_ns, std::string& out) = 0;
    /// Nothing more is to be said: the session ends when all was sent.
    virtual bool over() const noexcept = 0;
    /// Ends the conversation with a last word.
    virtual void dismiss(std::string_view why, std::string& out) = 0;
};

/// Why a line cannot be taken as text: "" when it can. No control characters, no bytes that are not
/// UTF-8.
std::string_view not_text(std::string_view line) noexcept;

}  // namespace lanes::manage
