// Another program that measures, run to its end: lanes-bench itself, or a command line.
#pragma once

#include <string>
#include <vector>

#include "bench/report.hh"

namespace lanes::bench {

class Program {
  public:
    /// This very program.
    static Program self();

    /// `command`: the path of a program, or a line for the shell. Arguments are put behind it; a
    /// line that contains `$@` says itself where they go.
    static Program of(const std::string& command);

    /// Runs it with `arguments` and reads the report that it prints. Throws std::runtime_error with
    /// what it wrote to standard error, if it fails or prints something else.
    Report run(const std::vector<std::string>& arguments) const;

  private:
    std::string name_;
    std::vector<std::string> begin_;
};

}  // namespace lanes::bench
