// Checkpoint: the file that a soak lives on in when its process dies. JSON lines: the first says
// with which options it was made, each other is one Sample. A line is on the disk before the next
// interval begins; one that the end of the process tore is cut off when the soak is resumed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/soak/sample.hh"

namespace lanes::bench {

/// What must be the same for samples to be of one soak: name as on the command line, value.
using SoakTerms = std::vector<std::pair<std::string, std::string>>;

class Checkpoint {
  public:
    enum class Mode : std::uint8_t {
        begin,   ///< the file must not be there, or be empty
        resume,  ///< goes on with what is there, if it is of the same terms
    };

    /// Opens and locks the file. When resuming, `take` gets each sample that is there. `series` is
    /// how many values a sample has. Throws std::runtime_error with what is wrong and what to do.
    Checkpoint(const std::string& path, Mode mode, const SoakTerms& terms, std::size_t series,
               const std::function<void(const Sample&)>& take);
    ~Checkpoint();
    Checkpoint(const Checkpoint&) = delete;
    Checkpoint& operator=(const Checkpoint&) = delete;

    /// Appends a line and waits until the disk has it. Throws.
    void add(const Sample& sample);

    /// Characters of a torn last line that were cut off.
    std::size_t torn_chars() const noexcept { return torn_chars_; }

  private:
    void append(std::string line);
    void lock();
    std::string contents() const;
    [[noreturn]] void fail(const std::string& what) const;
    [[noreturn]] void fail_errno(const std::string& what) const;

    std::string path_;
    int descriptor_ = -1;
    std::size_t torn_chars_ = 0;
};

/// One line, without its newline; and back. Throws when the text is no sample.
std::string to_line(const Sample& sample);
Sample sample_from(const std::string& line, std::size_t series);

}  // namespace lanes::bench
