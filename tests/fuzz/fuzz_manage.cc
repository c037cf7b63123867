// libFuzzer target: any bytes said to a node over its unix socket and over telnet, in pieces of any
// size, by somebody who may do everything. Each answer has the length that it says, what goes out
// over telnet is telnet, and what completion offers goes on from what was typed. The first byte
// says how; corpus: tests/fuzz/corpus/manage.
#include <algorithm>
#include <limits>
#include <string>

#include "engine/log.hh"
#include "manage/command.hh"
#include "manage/grammar.hh"
#include "manage/line_talk.hh"
#include "manage/telnet_talk.hh"
#include "tests/fuzz/node.hh"

using namespace lanes;
using namespace lanes::manage;

namespace {

/// A real Control to look at; what would change it is only heard.
class Listening final : public manage::Node {
  public:
    Control& control() noexcept override { return node_.control(); }
    const std::string& name() const noexcept override { return name_; }
    const std::string& file() const noexcept override { return name_; }
    std::uint64_t started_ns() const noexcept override { return 0; }
    engine::Result<ReloadPlan> plan_reload() override { return ReloadPlan{}; }
    engine::Result<ReloadPlan> reload() override { return engine::Error{0, "no"}; }
    engine::Result<void> put_lane(std::string_view) override { return {}; }
    engine::Result<void> remove_lane(std::string_view) override { return {}; }
    engine::Result<void> lane_down(std::string_view) override { return {}; }
    engine::Result<void> lane_up(std::string_view) override { return {}; }
    std::vector<std::string> lanes_down() const override { return {}; }
    void stop() override {}

  private:
    fuzz::Node node_;
    std::string name_ = "fuzz";
};

Answer ask(std::string_view line, Rights rights) {
    static Listening node;
    Answer answer = execute(node, line, rights);
    engine::log_only(static_cast<engine::Severity>(0));
    LANES_CHECK(answer.status >= 0 && answer.status <= 2);
    LANES_CHECK(answer.later || answer.text.ends_with('\n'));
    return answer;
}

/// Feeds all bytes in pieces; returns all that was said. For what takes its time, time flies.
std::string converse(Talk& talk, std::string_view bytes, std::size_t piece) {
    constexpr std::uint64_t at_last_ns = std::numeric_limits<std::uint64_t>::max();
    std::string out;
    while (!talk.over()) {
        while ((talk.ready() || talk.awaits()) && !talk.over()) {
            talk.step(talk.awaits() ? at_last_ns : out.size(), out);
        }
        if (bytes.empty()) break;
        const std::size_t len = std::min(piece, bytes.size());
        talk.take(bytes.substr(0, len));
        bytes.remove_prefix(len);
    }
    return out;
}

void check_lines(std::string_view out) {
    while (!out.empty()) {
        const std::size_t end = out.find('\n');
        LANES_CHECK(end != out.npos && end > 2 && out[1] == ' ');
        const auto len = std::stoul(std::string(out.substr(2, end - 2)));
        LANES_CHECK(len > 0 && end + 1 + len <= out.size() && out[end + len] == '\n');
        out.remove_prefix(end + 1 + len);
    }
}

void check_telnet(std::string_view out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (out[i] == '\n') LANES_CHECK(i > 0 && out[i - 1] == '\r');
        if (static_cast<unsigned char>(out[i]) != 255) continue;
        LANES_CHECK(++i < out.size());
        const auto verb = static_cast<unsigned char>(out[i]);
        LANES_CHECK(verb == 255 || verb == 251 || verb == 252 || verb == 254);
        if (verb != 255) LANES_CHECK(++i < out.size());
    }
}

void check_grammar(const std::string& line) {
    const std::string names[] = {"alpha", "beta", "alpine"};
    const Words words = split(line);
    for (const std::string& offer : complete(line, names)) {
        const bool within = !line.empty() && line.back() != ' ' && line.back() != '\t';
        if (within && !words.all.empty()) LANES_CHECK(offer.starts_with(words.all.back().text));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t piece = 1 + data[0] / 2u;
    check_grammar(text);
    if (data[0] % 2 == 0) {
        LineTalk talk(ask);
        check_lines(converse(talk, text, piece));
        return 0;
    }
    static const auto password =
        std::make_shared<const crypto::Password>(crypto::Password::of("open sesame"));
    TelnetGate gate{"fuzz", password};
    TelnetTalk talk(ask, gate, "somebody");
    check_telnet(converse(talk, text, piece));
    return 0;
}
