// See grammar.hh.
#include "manage/grammar.hh"

namespace lanes::manage {
namespace {

constexpr std::string_view blanks = " \t";

bool blank(char c) {
    return blanks.find(c) != blanks.npos;
}

/// Reads one word from `at` on; returns where it ends.
std::size_t read_word(std::string_view line, std::size_t at, Word& word, bool& open) {
    char quote = 0;
    for (; at < line.size(); ++at) {
        const char c = line[at];
        if (quote == 0 && blank(c)) break;
        if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
            word.quoted = true;
        } else if (quote != 0 && c == quote) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' && at + 1 < line.size() &&
                   (quote == 0 || line[at + 1] == '"' || line[at + 1] == '\\')) {
            word.quoted = true;
            word.text += line[++at];
        } else {
            word.text += c;
        }
    }
    open = quote != 0;
    return at;
}

}  // namespace

Words split(std::string_view line) {
    Words words;
    for (std::size_t at = 0;;) {
        while (at < line.size() && blank(line[at])) ++at;
        if (at == line.size()) return words;
        Word word;
        word.begin = at;
        at = read_word(line, at, word, words.open);
        words.all.push_back(std::move(word));
    }
}

std::string_view rest_of(std::string_view line, const Word& word) {
    line.remove_prefix(word.begin);
    return line.substr(0, line.find_last_not_of(blanks) + 1);
}

}  // namespace lanes::manage
