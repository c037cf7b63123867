// `lanes shell`: lines for a running node, typed by a person: edited and remembered by libedit,
// completed by management's own grammar. Ctrl-C empties the line or gives up waiting for an answer,
// Ctrl-D and `exit` leave. The connection stays between lines; a node that was restarted meanwhile
// is connected again, and a line is never sent twice.
#include <histedit.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "tools/client.hh"
#include "tools/commands.hh"

namespace lanes::tools {
namespace {

using namespace std::chrono_literals;

constexpr int history_lines = 1000;
/// A node that restarts is away for a moment.
constexpr auto restart_patience = 3s;
constexpr auto restart_pause = 100ms;
/// How long names of lanes are good for completion.
constexpr auto names_life = 5s;
constexpr std::size_t offered_max = 200;

/// Where lines are remembered; empty: nowhere.
std::string history_file() {
    namespace fs = std::filesystem;
    std::error_code failed;
    if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != 0) {
        const fs::path folder = fs::path(state) / "lanes";
        fs::create_directories(folder, failed);
        return failed ? std::string() : (folder / "history").string();
    }
    const char* home = std::getenv("HOME");
    return home == nullptr || *home == 0 ? std::string() : std::string(home) + "/.lanes_history";
}

/// Names in an answer to `show lanes --json`, and the node's own.
struct Names {
    std::string node;
    std::vector<std::string> lanes;
};

Names names_in(const std::string& text) {
    Names names;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return names;
    // What listens may be no node of ours: whatever is of another type counts as not there.
    const auto text_of = [](const nlohmann::json& object, const char* key) {
        const auto at = object.find(key);
        return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
    };
    names.node = text_of(json, "node");
    const auto lanes = json.find("lanes");
    if (lanes == json.end() || !lanes->is_array()) return names;
    for (const auto& lane : *lanes) {
        if (lane.is_object()) names.lanes.push_back(text_of(lane, "name"));
    }
    return names;
}

class Shell {
  public:
    explicit Shell(std::string socket) : client_(std::move(socket)) {}

    int run();

  private:
    using Clock = std::chrono::steady_clock;

    static Shell& of(EditLine* line) {
        void* self = nullptr;
        el_get(line, EL_CLIENTDATA, &self);
        return *static_cast<Shell*>(self);
    }
    static char* prompt(EditLine* line) { return of(line).prompt_.data(); }
    static unsigned char on_tab(EditLine* line, int) { return of(line).complete(); }
    static unsigned char on_interrupt(EditLine* line, int) { return of(line).interrupt(); }

    void set_up();
    void tear_down();
    void learn_names();
    unsigned char complete();
    unsigned char interrupt();
    void offer(const std::vector<std::string>& words);
    void remember(const char* text);
    engine::Result<manage::Answer> ask(const std::string& line);
    void answer(const std::string& line);

    Client client_;
    EditLine* line_ = nullptr;
    History* history_ = nullptr;
    std::string file_ = history_file();
    std::string prompt_ = "lanes> ";
    Names names_;
    Clock::time_point names_from_{};
};

void Shell::set_up() {
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, history_lines);
    history(history_, &event, H_SETUNIQUE, 1);
    if (!file_.empty()) history(history_, &event, H_LOAD, file_.c_str());
    line_ = el_init("lanes", stdin, stdout, stderr);
    el_set(line_, EL_CLIENTDATA, this);
    el_set(line_, EL_PROMPT, &Shell::prompt);
    el_set(line_, EL_EDITOR, "emacs");
    el_set(line_, EL_SIGNAL, 1);  // it follows the size of the terminal
    el_set(line_, EL_HIST, history, history_);
    el_set(line_, EL_ADDFN, "lanes-complete", "complete the word", &Shell::on_tab);
    el_set(line_, EL_BIND, "^I", "lanes-complete", nullptr);
    el_set(line_, EL_ADDFN, "lanes-interrupt", "empty the line", &Shell::on_interrupt);
    el_set(line_, EL_BIND, "^C", "lanes-interrupt", nullptr);
    el_set(line_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    // While a line is typed, Ctrl-C is a key like others.
    el_set(line_, EL_SETTY, "-d", "-isig", nullptr);
    el_source(line_, nullptr);
}

void Shell::tear_down() {
    HistEvent event;
    if (!file_.empty()) {
        history(history_, &event, H_SAVE, file_.c_str());
        ::chmod(file_.c_str(), S_IRUSR | S_IWUSR);
    }
    el_end(line_);
    history_end(history_);
}

void Shell::learn_names() {
    const auto now = Clock::now();
    if (names_from_ != Clock::time_point() && now - names_from_ < names_life) return;
    const auto said = client_.ask("show lanes --json");
    if (!said || said.value().status != 0) return;
    names_ = names_in(said.value().text);
    names_from_ = now;
    if (!names_.node.empty()) prompt_ = names_.node + "> ";
}

void Shell::offer(const std::vector<std::string>& words) {
    std::size_t width = 0;
    for (const std::string& word : words) width = std::max(width, word.size() + 2);
    int columns = 80;
    el_get(line_, EL_GETTC, "co", &columns);
    const std::size_t each = std::max<std::size_t>(1, static_cast<std::size_t>(columns) / width);
    std::putchar('\n');
    for (std::size_t i = 0; i < std::min(words.size(), offered_max); ++i) {
        const bool last = i % each == each - 1 || i + 1 == words.size();
        std::printf("%-*s%s", last ? 0 : static_cast<int>(width), words[i].c_str(),
                    last ? "\n" : "");
    }
    if (words.size() > offered_max) {
        std::printf("and %zu more\n", words.size() - offered_max);
    }
}

unsigned char Shell::complete() {
    const LineInfo* info = el_line(line_);
    const std::string text(info->buffer, static_cast<std::size_t>(info->cursor - info->buffer));
    learn_names();
    const auto words = manage::complete(text, names_.lanes);
    if (words.empty()) return CC_ERROR;
    std::string common = words.front();
    for (const std::string& word : words) {
        const auto apart = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
        common.erase(apart.first, common.end());
    }
    // What stands there of the word: the end of the line that is a beginning of what was found.
    std::size_t begun = std::min(common.size(), text.size());
    const std::size_t word_at = text.find_last_of(" \t") + 1;
    begun = std::min(begun, text.size() - word_at);
    std::string more = common.size() >= text.size() - word_at ? common.substr(begun) : "";
    if (words.size() == 1) more += ' ';
    if (!more.empty()) {
        return el_insertstr(line_, more.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
    }
    offer(words);
    return CC_REDISPLAY;
}

unsigned char Shell::interrupt() {
    const LineInfo* info = el_line(line_);
    const auto behind = static_cast<int>(info->lastchar - info->cursor);
    el_cursor(line_, behind);
    std::fputs("^C\n", stdout);
    el_deletestr(line_, static_cast<int>(info->lastchar - info->buffer));
    // A line is what ends with \n; without one it would be the end of all lines.
    el_insertstr(line_, "\n");
    return CC_NEWLINE;
}

void Shell::remember(const char* text) {
    HistEvent event;
    history(history_, &event, H_ENTER, text);
}

/// Asks, and when nobody listens waits a little for a node that is being restarted.
engine::Result<manage::Answer> Shell::ask(const std::string& line) {
    const auto until = Clock::now() + restart_patience;
    for (bool said = false;; said = true) {
        const auto ready = client_.connect();
        if (ready) return client_.ask(line);
        const int code = ready.error().code;
        const bool away = code == ENOENT || code == ECONNREFUSED;
        if (!away || Clock::now() >= until) return ready.error();
        if (!said) std::fputs("the node is away; waiting for it ...\n", stderr);
        std::this_thread::sleep_for(restart_pause);
    }
}

void Shell::answer(const std::string& line) {
    const auto said = ask(line);
    if (!said) {
        const bool given_up = said.error().code == EINTR;
        std::fprintf(stderr, "%s\n",
                     given_up ? "gave up waiting" : ("lanes: " + said.error().message).c_str());
        return;
    }
    std::fwrite(said.value().text.data(), 1, said.value().text.size(), stdout);
    std::fflush(stdout);
}

int Shell::run() {
    if (auto ready = client_.connect(); !ready) {
        std::fprintf(stderr, "lanes: %s\n", ready.error().message.c_str());
        return exit_no_node;
    }
    // Ctrl-C ends the wait for an answer, not the shell.
    struct sigaction quiet {};
    quiet.sa_handler = [](int) {};
    ::sigaction(SIGINT, &quiet, nullptr);
    set_up();
    learn_names();
    int length = 0;
    while (const char* typed = el_gets(line_, &length)) {
        if (length <= 0) break;
        std::string line(typed, static_cast<std::size_t>(length));
        const std::size_t end = line.find_last_not_of(" \t\r\n");
        if (end == std::string::npos) continue;
        line.erase(end + 1);
        line.erase(0, line.find_first_not_of(" \t"));
        remember(line.c_str());
        if (line == "exit" || line == "quit") break;
        answer(line);
        names_from_ = {};  // it may have changed them
    }
    if (length <= 0) std::putchar('\n');
    tear_down();
    return exit_good;
}

}  // namespace

int shell(const Target& target) {
    const auto path = socket_of(target);
    if (!path) {
        std::fprintf(stderr, "lanes: %s\n", path.error().message.c_str());
        return path.error().code == 0 ? exit_unreadable : exit_no_node;
    }
    return Shell(path.value()).run();
}

}  // namespace lanes::tools
