// See cells.hh.
#include "config/cells.hh"

#include <string>
#include <utility>

#include "config/text.hh"

namespace lanes::config {
namespace {

/// The longest a cell can be as written: each byte a doubled quote, and the quotes around it.
constexpr std::size_t raw_cell_bytes_max = 2 * cell_bytes_max + 2;

}  // namespace

CellReader::CellReader(std::uint16_t file, Sink& sink, Diagnostics& diagnostics)
    : sink_(sink), diagnostics_(diagnostics), cell_{1, 1, file}, at_{1, 1, file} {
    csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);  // fails for nullptr only
    csv_set_space_func(&parser_, [](unsigned char) { return 0; });
}

CellReader::~CellReader() {
    csv_free(&parser_);
}

bool CellReader::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::size_t structural = bytes.find_first_of(",\"\r\n");
        const std::size_t len = structural == bytes.npos ? bytes.size() : structural + 1;
        if (!feed_piece(bytes.substr(0, len))) return false;
        bytes.remove_prefix(len);
    }
    return true;
}

bool CellReader::finish() {
    const int result = csv_fini(&parser_, &on_cell, &on_row, this);
    rethrow();
    if (result == 0) return true;
    diagnostics_.error(cell_,
                       "the quoted cell that begins here never ends; expected a closing quote; "
                       "add it, and double the quotes within the cell");
    return false;
}

/// One structural byte at most, and at the end.
bool CellReader::feed_piece(std::string_view piece) {
    called_ = false;
    const Place next = behind(piece);
    const std::size_t done =
        csv_parse(&parser_, piece.data(), piece.size(), &on_cell, &on_row, this);
    rethrow();
    if (done != piece.size()) {
        report_syntax(piece, done);
        return false;
    }
    end_piece(piece, next);
    if (raw_cell_ <= raw_cell_bytes_max) return !enough_;
    diagnostics_.error(
        cell_, say("the cell that begins here is longer than ", std::to_string(cell_bytes_max),
                   " bytes; expected a shorter one; look for a quote that is not closed"));
    return false;
}

/// Finds out where the cell of the next piece begins.
void CellReader::end_piece(std::string_view piece, const Place& next) {
    const char last = piece.back();
    at_ = next;
    raw_cell_ += piece.size();
    // A line end on its own at the start of a row: an empty line, or the second half of CR LF.
    const bool empty_line = (last == '\n' || last == '\r') && !row_open_ && raw_cell_ == 1;
    if (called_) row_open_ = last == ',';
    if (!called_ && !empty_line) return;
    cell_ = at_;
    raw_cell_ = 0;
}

/// Where the byte behind `piece` stands. A carriage return ends a line, and a line feed that
/// follows it belongs to it.
Place CellReader::behind(std::string_view piece) {
    const char last = piece.back();
    const bool joined = after_return_ && piece == "\n";
    after_return_ = last == '\r';
    if (joined) return at_;
    if (last == '\r' || last == '\n') return {at_.line + 1, 1, at_.file};
    return {at_.line, at_.column + static_cast<std::uint32_t>(piece.size()), at_.file};
}

void CellReader::report_syntax(std::string_view piece, std::size_t done) {
    if (csv_error(&parser_) != CSV_EPARSE) {
        diagnostics_.error(cell_,
                           say("the table cannot be read: ", csv_strerror(csv_error(&parser_))));
        return;
    }
    const Place place{at_.line, at_.column + static_cast<std::uint32_t>(done), at_.file};
    if (piece[done] == '"') {
        diagnostics_.error(place,
                           "found a quote within a cell that does not begin with one; expected "
                           "the quote as its first byte (no blank before it); put quotes around "
                           "the whole cell, and double those within");
    } else {
        diagnostics_.error(place, say("found ", shown(piece.substr(done, 1)),
                                      " behind a closing quote; expected a comma or the end of "
                                      "the line; double the quotes within the cell"));
    }
}

void CellReader::rethrow() {
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void CellReader::on_cell(void* text, std::size_t len, void* self) {
    auto& reader = *static_cast<CellReader*>(self);
    reader.called_ = true;
    if (reader.thrown_) return;
    try {
        reader.sink_.cell(std::string_view(static_cast<const char*>(text), len), reader.cell_);
    } catch (...) {
        reader.thrown_ = std::current_exception();
    }
}

void CellReader::on_row(int, void* self) {
    auto& reader = *static_cast<CellReader*>(self);
    reader.called_ = true;
    if (reader.thrown_) return;
    try {
        if (!reader.sink_.end_of_row()) reader.enough_ = true;
    } catch (...) {
        reader.thrown_ = std::current_exception();
    }
}

}  // namespace lanes::config
