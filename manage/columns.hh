// Columns: a table of text for people. Columns are as wide as their widest cell; those of numbers
// stand right. The views of management print with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lanes::manage {

class Columns {
  public:
    enum class Side : std::uint8_t { left, right };

    /// The head of each column; `sides` of those that are not there is left.
    Columns(std::vector<std::string> heads, std::vector<Side> sides);

    void add(std::vector<std::string> row);
    std::string text() const;

  private:
    std::vector<std::vector<std::string>> rows_;
    std::vector<Side> sides_;
};

/// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number);
/// "1.5 GB", "12 B".
std::string bytes_text(std::uint64_t bytes);
/// "1 lane", "2 lanes".
std::string counted(std::uint64_t number, std::string_view what);
/// "12.3 us", "4.5 ms".
std::string delay_text(std::uint64_t ns);

}  // namespace lanes::manage
