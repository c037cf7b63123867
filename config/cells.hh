// From the bytes of a CSV file (RFC 4180, strictly) to its cells, each with the place where it
// begins, by way of libcsv. libcsv knows no places, so the bytes are handed to it up to and
// including one structural byte (comma, quote, line end) at a time: when it calls back, the cell
// ended at exactly that byte. Its blank test is one that is never true: RFC 4180 keeps blanks, and
// a blank in a name is better reported than dropped in silence. tables.cc calls it.
#pragma once

#include <csv.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>

#include "config/diagnostics.hh"

namespace lanes::config {

/// Room for the public keys of sixty-four receivers.
inline constexpr std::size_t cell_bytes_max = 4096;

class CellReader {
  public:
    /// Who takes the cells.
    class Sink {
      public:
        virtual ~Sink() = default;
        /// The next cell of the row; `text` is valid for the call only.
        virtual void cell(std::string_view text, const Place& at) = 0;
        /// False when no more rows are wanted.
        virtual bool end_of_row() = 0;
    };

    CellReader(std::uint16_t file, Sink& sink, Diagnostics& diagnostics);
    ~CellReader();
    CellReader(const CellReader&) = delete;
    CellReader& operator=(const CellReader&) = delete;

    /// False when reading on is of no use: after a syntax error, or when the sink has enough.
    [[nodiscard]] bool feed(std::string_view bytes);

    /// After the last byte. False after an error.
    [[nodiscard]] bool finish();

  private:
    bool feed_piece(std::string_view piece);
    void end_piece(std::string_view piece, const Place& behind);
    Place behind(std::string_view piece);
    void report_syntax(std::string_view piece, std::size_t done);
    void rethrow();

    static void on_cell(void* text, std::size_t len, void* self);
    static void on_row(int end, void* self);

    Sink& sink_;
    Diagnostics& diagnostics_;
    csv_parser parser_{};
    Place cell_;                ///< first byte of the current cell
    Place at_;                  ///< first byte that libcsv has not seen
    std::size_t raw_cell_ = 0;  ///< bytes of the current cell so far, as written
    bool row_open_ = false;     ///< the row has a cell already
    bool called_ = false;       ///< libcsv ended a cell in this piece
    bool enough_ = false;       ///< the sink wants no more
    bool after_return_ = false;
    std::exception_ptr thrown_;  ///< by the sink; must not pass through libcsv, which is C
};

}  // namespace lanes::config
