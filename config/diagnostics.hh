// Diagnostics: what is wrong with a node file or its tables, with file, line and column. The list
// is what `lanes check` prints, so it is an operator's first impression of the program. Each
// message says what was found, what was expected and what to do. The list is bounded: a million
// bad rows must not become a gigabyte of messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lanes::config {

struct Diagnostic {
    enum class Level : std::uint8_t { error, warning };

    std::string file;
    unsigned line = 0;    ///< from 1; 0: the file as a whole
    unsigned column = 0;  ///< from 1, in bytes; 0: the file as a whole
    Level level = Level::error;
    std::string message;  ///< one line, no full stop
};

/// "FILE:LINE:COLUMN: error: MESSAGE"; "FILE: error: MESSAGE" where the whole file is meant.
std::string to_string(const Diagnostic& diagnostic);

/// A place in one of the files of a run.
struct Place {
    std::uint32_t line = 0;    ///< from 1
    std::uint32_t column = 0;  ///< from 1, in bytes
    std::uint16_t file = 0;    ///< as Diagnostics::add_file() gave it
};

class Diagnostics {
  public:
    /// Errors, and warnings, that are kept; the rest is only counted.
    static constexpr std::size_t kept_max = 1000;

    /// Makes a file known; places name it by the returned number. Files sort in this order.
    std::uint16_t add_file(std::string name);

    void error(const Place& place, std::string message);
    void warning(const Place& place, std::string message);

    /// All that were reported, kept or not.
    std::size_t errors() const noexcept { return errors_.reported; }
    std::size_t left_out() const noexcept {
        return errors_.reported - errors_.kept.size() + warnings_.reported - warnings_.kept.size();
    }

    /// "FILE:LINE:COLUMN", for messages that point to a second place.
    std::string text_of(const Place& place) const;

    /// What was kept, by file, line and column.
    std::vector<Diagnostic> sorted() const;

  private:
    struct Entry {
        Place place;
        std::string message;
    };
    struct List {
        std::size_t reported = 0;
        std::vector<Entry> kept;
    };
    static void add(List& list, const Place& place, std::string&& message);

    std::vector<std::string> files_;
    List errors_;
    List warnings_;
};

}  // namespace lanes::config
