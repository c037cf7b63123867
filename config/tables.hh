// Lane tables: CSV with a header row, one lane per row, one path per lane. The header says which
// column is which key; a row becomes LaneFields and goes the way of a YAML lane, so that the same
// mistakes get the same messages. The table is streamed: it may be a hundred times as long as what
// it makes. config.cc calls it, with a reader that knows files; the fuzzers with one that does not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "config/config.hh"
#include "config/lanes.hh"

namespace lanes::config {

inline constexpr std::size_t table_rows_max = 4'000'000;
inline constexpr std::uint64_t table_bytes_max = std::uint64_t{1} << 30;
inline constexpr std::size_t table_columns_max = 64;

/// Reads the table that `pieces` yields and adds its rows to `lanes`. `file` is its number, as
/// Diagnostics::add_file() gave it.
void read_table(const TablePieces& pieces, std::uint16_t file, LaneReader& lanes,
                Diagnostics& diagnostics);

}  // namespace lanes::config
