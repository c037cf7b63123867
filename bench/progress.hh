// Progress: the one line that a person watches while a long measurement runs. It lives on standard
// error, only if that is a terminal, is redrawn at most four times a second, and is gone when the
// results are printed.
#pragma once

#include <cstdint>
#include <string>

namespace lanes::bench {

class Progress {
  public:
    enum class Mode : std::uint8_t { automatic, off };
    explicit Progress(Mode mode = Mode::automatic);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Whether anybody sees it; callers need not format lines that nobody sees.
    bool shown() const noexcept { return shown_; }
    /// Whether show() would draw now, or the last line is too young.
    bool due() const noexcept;
    /// Draws `line`, cut to the width of the terminal, if due().
    void show(const std::string& line);
    /// Wipes the line; for those who print something else.
    void clear();

  private:
    bool shown_ = false;
    bool drawn_ = false;
    std::uint64_t drawn_ns_ = 0;
};

/// "1.23 Mpps", "45.6 kpps"; "12.3 Gbit/s"; "2 min 05 s".
std::string rate_text(double packets_per_second);
std::string bits_text(double bits_per_second);
std::string time_text(double seconds);

}  // namespace lanes::bench
