// A line as somebody typed it, in words. Quotes as in a shell. command.cc finds the command that
// the words mean.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lanes::manage {

struct Word {
    std::string text;
    std::size_t begin = 0;  ///< where it stands in the line
    bool quoted = false;    ///< has quotes or a backslash: never an option
};

struct Words {
    std::vector<Word> all;
    bool open = false;  ///< the line ends within quotes
};

/// 'As it is', "with \" and \\", and outside of quotes \ before any character.
Words split(std::string_view line);

/// What is written as `{...` goes to the end of the line, without blanks there.
std::string_view rest_of(std::string_view line, const Word& word);

}  // namespace lanes::manage
