// See progress.hh.
#include "bench/progress.hh"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/clock.hh"

namespace lanes::bench {
namespace {

constexpr std::uint64_t interval_ns = 250'000'000;
constexpr const char* wipe = "\r\x1b[K";

/// A terminal that can go back to the start of its line and erase it.
bool watched() {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

std::size_t width() {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return known ? size.ws_col : 80;
}

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
        if (written <= 0) return;  // nobody is looking any more
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// Three significant digits and a prefix: "1.23 M", "45.6 k", "789 ".
std::string prefixed(double value) {
    static constexpr const char* prefixes[] = {"", "k", "M", "G", "T"};
    std::size_t at = 0;
    while (std::abs(value) >= 999.5 && at + 1 < std::size(prefixes)) {
        value /= 1000;
        ++at;
    }
    const double size = std::abs(value);
    const bool whole = at == 0 && value == std::floor(value);
    char text[32];
    std::snprintf(text, sizeof text, "%.*f %s",
                  whole || size >= 99.95 ? 0
                  : size >= 9.995        ? 1
                                         : 2,
                  value, prefixes[at]);
    return text;
}

}  // namespace

Progress::Progress(Mode mode) : shown_(mode == Mode::automatic && watched()) {}

Progress::~Progress() {
    clear();
}

bool Progress::due() const noexcept {
    return shown_ && engine::monotonic_ns() - drawn_ns_ >= interval_ns;
}

void Progress::show(const std::string& line) {
    if (!due()) return;
    // One column stays free: a line that fills the terminal would wrap.
    const std::size_t columns = width() - 1;
    std::string text = wipe;
    std::size_t used = 0;
    for (const char letter : line) {
        const auto byte = static_cast<unsigned char>(letter);
        const bool starts = (byte & 0xc0) != 0x80;  // of a code point of UTF-8
        if (starts && used++ == columns) break;
        text += byte < 0x20 || byte == 0x7f ? ' ' : letter;
    }
    write_all(text);
    drawn_ = true;
    drawn_ns_ = engine::monotonic_ns();
}

void Progress::clear() {
    if (drawn_) write_all(wipe);
    drawn_ = false;
}

std::string rate_text(double packets_per_second) {
    return prefixed(packets_per_second) + "pps";
}

std::string bits_text(double bits_per_second) {
    return prefixed(bits_per_second) + "bit/s";
}

std::string time_text(double seconds) {
    char text[48];
    const auto whole = static_cast<unsigned long long>(std::llround(std::max(0.0, seconds)));
    if (seconds < 9.95) {
        std::snprintf(text, sizeof text, "%.1f s", std::max(0.0, seconds));
    } else if (whole < 60) {
        std::snprintf(text, sizeof text, "%llu s", whole);
    } else if (whole < 3600) {
        std::snprintf(text, sizeof text, "%llu min %02llu s", whole / 60, whole % 60);
    } else if (whole < 86400) {
        std::snprintf(text, sizeof text, "%llu h %02llu min", whole / 3600, whole / 60 % 60);
    } else {
        std::snprintf(text, sizeof text, "%llu d %02llu h", whole / 86400, whole / 3600 % 24);
    }
    return text;
}

}  // namespace lanes::bench
