// See line_talk.hh.
#include "manage/line_talk.hh"

#include <utility>

#include "engine/utf8.hh"

namespace lanes::manage {

std::string_view not_text(std::string_view line) noexcept {
    while (!line.empty()) {
        const engine::CodePoint point = engine::decode_utf8(line);
        if (point.len == 0) return "the line is not UTF-8";
        if (point.value < 0x20 || (point.value >= 0x7f && point.value < 0xa0)) {
            return "there is a control character in the line";
        }
        line.remove_prefix(point.len);
    }
    return "";
}

void LineTalk::take(std::string_view bytes) {
    heard_ += bytes;
    // Of a line that will not be taken, only its end matters.
    if (heard_.find('\n') == heard_.npos && (too_long_ || heard_.size() >= line_bytes_max)) {
        too_long_ = true;
        heard_.clear();
    }
}

bool LineTalk::ready() const noexcept {
    return !later_ && heard_.find('\n') != heard_.npos;
}

void LineTalk::step(std::uint64_t now_ns, std::string& out) {
    if (later_) {
        Answer answer;
        if (!later_->look(now_ns, answer)) return;
        later_.reset();
        return say(answer, out);
    }
    const std::size_t end = heard_.find('\n');
    if (end == heard_.npos) return;
    const std::string line = heard_.substr(0, end);
    heard_.erase(0, end + 1);
    if (std::exchange(too_long_, false) || line.size() >= line_bytes_max) {
        say({2, "a line may have at most " + std::to_string(line_bytes_max) + " bytes\n"}, out);
    } else if (const std::string_view why = not_text(line); !why.empty()) {
        say({2, std::string(why) + '\n'}, out);
    } else {
        const Answer answer = ask_(line, Rights::write);
        later_ = answer.later;
        if (!later_) say(answer, out);
    }
    // What came behind it may be the beginning of one that is too long.
    take("");
}

void LineTalk::dismiss(std::string_view why, std::string& out) {
    say({1, std::string(why) + '\n'}, out);
    over_ = true;
}

void LineTalk::say(const Answer& answer, std::string& out) {
    out += std::to_string(answer.status) + ' ' + std::to_string(answer.text.size()) + '\n';
    out += answer.text;
}

}  // namespace lanes::manage
