// The progress line on a real terminal: a pseudo-terminal takes the place of standard error.
#include "bench/progress.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "engine/clock.hh"

namespace lanes::bench {
namespace {

/// Standard error is a terminal of `columns` while this lives.
class Terminal {
  public:
    explicit Terminal(unsigned short columns) {
        master_ = ::posix_openpt(O_RDWR | O_NOCTTY);
        REQUIRE(master_ >= 0);
        REQUIRE(::grantpt(master_) == 0);
        REQUIRE(::unlockpt(master_) == 0);
        const int slave = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
        REQUIRE(slave >= 0);
        termios mode{};
        REQUIRE(::tcgetattr(slave, &mode) == 0);
        ::cfmakeraw(&mode);
        REQUIRE(::tcsetattr(slave, TCSANOW, &mode) == 0);
        const winsize size{24, columns, 0, 0};
        REQUIRE(::ioctl(slave, TIOCSWINSZ, &size) == 0);
        saved_ = ::dup(STDERR_FILENO);
        ::dup2(slave, STDERR_FILENO);
        ::close(slave);
        ::setenv("TERM", "xterm", 1);
    }
    ~Terminal() {
        restore();
        ::close(master_);
    }
    void restore() {
        if (saved_ < 0) return;
        ::dup2(saved_, STDERR_FILENO);
        ::close(saved_);
        saved_ = -1;
    }
    /// All that has been written up to now.
    std::string seen() const {
        std::string all;
        pollfd ready{master_, POLLIN, 0};
        char part[4096];
        while (::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0) {
            const ssize_t got = ::read(master_, part, sizeof part);
            if (got <= 0) break;
            all.append(part, static_cast<std::size_t>(got));
        }
        return all;
    }

  private:
    int master_ = -1;
    int saved_ = -1;
};

const std::string wipe = "\r\x1b[K";

}  // namespace

TEST_CASE("a progress line is drawn on a terminal, cut to its width, and wiped at the end") {
    Terminal terminal(20);
    std::string drawn, left;
    {
        Progress progress;
        CHECK(progress.shown());
        progress.show("12345678901234567890123456789");
        drawn = terminal.seen();
    }
    left = terminal.seen();
    terminal.restore();
    CHECK(drawn == wipe + "1234567890123456789");
    CHECK(left == wipe);
}

TEST_CASE("a progress line cannot move the cursor, and letters beyond ASCII are not cut in two") {
    Terminal terminal(8);
    std::string drawn;
    {
        Progress progress;
        progress.show("\x1b[2J\n\xc3\xa4\xc3\xb6\xc3\xbc");
        drawn = terminal.seen();
    }
    terminal.restore();
    CHECK(drawn == wipe + " [2J \xc3\xa4\xc3\xb6");
}

TEST_CASE("a progress line that is younger than a quarter of a second stays") {
    Terminal terminal(80);
    std::string drawn;
    bool due = false;
    std::uint64_t spent_ns = 0;
    // On a busy machine the two calls may be too far apart to prove anything.
    for (int attempt = 0; attempt < 20; ++attempt) {
        Progress progress;
        const std::uint64_t start_ns = engine::monotonic_ns();
        progress.show("first");
        due = progress.due();
        progress.show("second");
        spent_ns = engine::monotonic_ns() - start_ns;
        drawn = terminal.seen();
        if (spent_ns < 200'000'000) break;
        progress.clear();
        terminal.seen();
    }
    terminal.restore();
    REQUIRE(spent_ns < 200'000'000);
    CHECK_FALSE(due);
    CHECK(drawn.ends_with(wipe + "first"));
}

TEST_CASE("nothing is drawn when progress is off, or into a file") {
    Terminal terminal(80);
    std::string drawn;
    {
        Progress progress(Progress::Mode::off);
        CHECK_FALSE(progress.due());
        progress.show("line");
        progress.clear();
        drawn = terminal.seen();
    }
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, STDERR_FILENO);
    ::close(null);
    const bool shown = Progress().shown();
    terminal.restore();
    CHECK(drawn.empty());
    CHECK_FALSE(shown);
}

TEST_CASE("rates and times are written in three digits and the unit that fits") {
    CHECK(rate_text(0) == "0 pps");
    CHECK(rate_text(999) == "999 pps");
    CHECK(rate_text(1000) == "1.00 kpps");
    CHECK(rate_text(45'600) == "45.6 kpps");
    CHECK(rate_text(999'900) == "1.00 Mpps");
    CHECK(rate_text(1'234'567) == "1.23 Mpps");
    CHECK(bits_text(12.3e9) == "12.3 Gbit/s");
    CHECK(bits_text(99.97e9) == "100 Gbit/s");
    CHECK(time_text(0) == "0.0 s");
    CHECK(time_text(4.25) == "4.2 s");
    CHECK(time_text(59.4) == "59 s");
    CHECK(time_text(59.6) == "1 min 00 s");
    CHECK(time_text(125) == "2 min 05 s");
    CHECK(time_text(3600 * 3 + 240) == "3 h 04 min");
    CHECK(time_text(86400 * 2 + 3 * 3600) == "2 d 03 h");
}

}  // namespace lanes::bench
