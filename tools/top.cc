// `lanes top`: what a node's lanes and workers do, once a second, until q. On the terminal's
// alternate screen by plain escape sequences, which every terminal of today and ssh understand; or
// with --json an object a second.
//
// While it runs, workers time their phases. Several tops do not fight over that: whoever finds
// phases not timed turns them on, and that one turns them off when it leaves; the others then find
// them off and one of them turns them on again. So the last to leave turns them off, unless an
// operator had them on before the first came. One that is killed by KILL leaves them on.
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>

#include "tools/client.hh"
#include "tools/commands.hh"
#include "tools/top_sample.hh"

namespace lanes::tools {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto period = 1s;
/// A node that does not answer for so long is said to be away, and q is heard again.
constexpr int patience_ms = 3000;

/// What may end or disturb the loop: keys and signals, from descriptors.
class Wishes {
  public:
    enum class Wish : std::uint8_t { none, quit, redraw };

    Wishes() {
        sigset_t set;
        sigemptyset(&set);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) {
            sigaddset(&set, signal);
        }
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        ::signal(SIGPIPE, SIG_IGN);
        fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
    }
    ~Wishes() {
        if (fd_ >= 0) ::close(fd_);
    }
    Wishes(const Wishes&) = delete;
    Wishes& operator=(const Wishes&) = delete;

    enum class Keys : std::uint8_t { ignored, read };
    /// Waits until `when`, or less when something is wished.
    Wish wait(Clock::time_point when, Keys keys) {
        for (;;) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now()).count();
            pollfd entries[] = {{fd_, POLLIN, 0},
                                {keys == Keys::read ? STDIN_FILENO : -1, POLLIN, 0}};
            const int ready = ::poll(entries, 2, left < 0 ? 0 : static_cast<int>(left));
            if (ready == 0) return Wish::none;
            if (ready < 0) continue;
            if (entries[0].revents != 0) {
                signalfd_siginfo info;
                const bool read = ::read(fd_, &info, sizeof info) == sizeof info;
                return read && info.ssi_signo == SIGWINCH ? Wish::redraw : Wish::quit;
            }
            char key = 0;
            if (::read(STDIN_FILENO, &key, 1) != 1) return Wish::quit;
            if (key == 'q' || key == 'Q' || key == 3 || key == 4) return Wish::quit;
        }
    }

  private:
    int fd_ = -1;
};

/// The alternate screen, as long as it lives.
class Screen {
  public:
    Screen() {
        ::tcgetattr(STDIN_FILENO, &before_);
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        write("\x1b[?1049h\x1b[?25l");
    }
    ~Screen() {
        write("\x1b[?25h\x1b[?1049l");
        ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    struct Size {
        std::size_t columns = 80, rows = 24;
    };
    static Size size() {
        winsize told{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &told) != 0 || told.ws_col == 0) return {};
        return {told.ws_col, told.ws_row};
    }

    /// Each line over what was there, and what is left cleared: nothing flickers.
    void draw(const std::vector<std::string>& lines) {
        std::string text = "\x1b[H";
        for (std::size_t i = 0; i < lines.size(); ++i) {
            text += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
        }
        write(text + "\x1b[J");
    }

  private:
    static void write(const std::string& text) {
        std::fwrite(text.data(), 1, text.size(), stdout);
        std::fflush(stdout);
    }
    termios before_{};
};

class Top {
  public:
    explicit Top(const std::string& socket) : client_(socket, patience_ms) {}
    ~Top() {
        if (timing_) (void)client_.ask("set phases off");
    }
    Top(const Top&) = delete;
    Top& operator=(const Top&) = delete;

    /// Asks the node; the error is for the operator.
    engine::Result<Sample> look() {
        const auto lanes = client_.ask("show lanes --json");
        if (!lanes) return lanes.error();
        const auto workers = client_.ask("show workers --json");
        if (!workers) return workers.error();
        Sample sample;
        if (!read_sample(lanes.value().text, workers.value().text, sample)) {
            return engine::Error{0,
                                 "the node's answers are not understood: is it of another "
                                 "version?"};
        }
        if (!sample.timed() && !sample.workers.empty() && may_time_) {
            const auto on = client_.ask("set phases on");
            timing_ = on && on.value().status == 0;
            may_time_ = timing_;
        }
        return sample;
    }

  private:
    Client client_;
    bool timing_ = false;   ///< it was this one that turned phases on
    bool may_time_ = true;  ///< the node has not refused it
};

int run_json(Top& top, unsigned count) {
    Wishes wishes;
    auto before = top.look();
    auto when = Clock::now();
    for (unsigned said = 0; before && (count == 0 || said < count); ++said) {
        when += period;
        if (wishes.wait(when, Wishes::Keys::ignored) == Wishes::Wish::quit) return exit_good;
        auto now = top.look();
        if (!now) {
            before = std::move(now);
            break;
        }
        const std::string text = json_of(before.value(), now.value());
        std::fwrite(text.data(), 1, text.size(), stdout);
        if (std::fflush(stdout) != 0) return exit_good;  // nobody reads any more
        before = std::move(now);
    }
    if (before) return exit_good;
    std::fprintf(stderr, "lanes: %s\n", before.error().message.c_str());
    return exit_no_node;
}

int run_terminal(Top& top) {
    Wishes wishes;
    // The first look says on the plain screen that there is no node.
    auto first = top.look();
    if (!first) {
        std::fprintf(stderr, "lanes: %s\n", first.error().message.c_str());
        return exit_no_node;
    }
    Screen screen;
    Sample before = std::move(first.value());
    Sample now = before;
    std::vector<std::string> lines{"node " + now.node + ": measuring ..."};
    auto when = Clock::now();
    for (;;) {
        screen.draw(lines);
        const auto wish = wishes.wait(when + period, Wishes::Keys::read);
        if (wish == Wishes::Wish::quit) return exit_good;
        const Screen::Size size = Screen::size();
        if (wish == Wishes::Wish::none) {
            when = std::max(when + period, Clock::now() - period);
            auto next = top.look();
            if (!next) {
                lines = {next.error().message.substr(0, size.columns), "", "waiting; q quits"};
                continue;
            }
            before = std::move(now);
            now = std::move(next.value());
        }
        lines = screen_of(before, now, size.columns, size.rows);
    }
}

}  // namespace

int top(const Target& target, TopOutput output, unsigned count) {
    const auto path = socket_of(target);
    if (!path) {
        std::fprintf(stderr, "lanes: %s\n", path.error().message.c_str());
        return path.error().code == 0 ? exit_unreadable : exit_no_node;
    }
    if (output == TopOutput::terminal && ::isatty(STDIN_FILENO) * ::isatty(STDOUT_FILENO) == 0) {
        std::fputs("lanes: `top` needs a terminal; without one: top --json\n", stderr);
        return exit_unreadable;
    }
    Top top(path.value());
    return output == TopOutput::json ? run_json(top, count) : run_terminal(top);
}

}  // namespace lanes::tools
