// See tables.hh.
#include "config/tables.hh"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "config/cells.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

constexpr std::size_t piece_bytes = std::size_t{64} << 10;
/// Spreadsheets begin a UTF-8 file with this.
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Collects the cells of a row; at its end, makes a lane of them.
class RowReader final : public CellReader::Sink {
  public:
    RowReader(std::uint16_t file, LaneReader& lanes, Diagnostics& diagnostics)
        : file_(file), lanes_(lanes), diagnostics_(diagnostics) {}

    void cell(std::string_view text, const Place& at) override {
        if (cells_.empty()) text_.clear();
        if (cells_.size() > table_columns_max) return;
        if (text.size() > cell_bytes_max) {
            diagnostics_.error(at, say("the cell has ", std::to_string(text.size()),
                                       " bytes; expected at most ", std::to_string(cell_bytes_max),
                                       "; shorten it, or look for a quote that is not closed"));
            broken_ = true;
            text = {};
        } else if (const auto bad = find_bad_text(text)) {
            diagnostics_.error(
                at, say("found ", bad->what, " in the cell; expected text; ", bad->remedy));
            broken_ = true;
        }
        cells_.push_back({text_.size(), text.size(), at});
        text_ += text;
    }

    bool end_of_row() override {
        if (cells_.empty()) return true;
        if (header_) {
            if (!broken_) row();
        } else {
            read_header();
        }
        cells_.clear();
        broken_ = false;
        return !hopeless_;
    }

    void end_of_table() {
        if (header_ || hopeless_) return;
        diagnostics_.error({1, 1, file_},
                           "the table is empty; expected a header row with the names of the "
                           "columns; begin with `name,id,send,over.port,over.to,cipher`");
    }

  private:
    struct Cell {
        std::size_t offset;
        std::size_t len;
        Place at;
    };

    std::string_view text_of(const Cell& cell) const {
        return std::string_view(text_).substr(cell.offset, cell.len);
    }

    void read_header() {
        header_ = true;
        if (cells_.size() > table_columns_max) {
            diagnostics_.error(cells_[table_columns_max].at,
                               say("the table has more than ", std::to_string(table_columns_max),
                                   " columns; expected columns of a lane table; is this one?"));
            hopeless_ = true;
            return;
        }
        for (const Cell& cell : cells_) read_column(cell);
        const auto has = [&](LaneKey key) {
            return std::find(columns_.begin(), columns_.end(), key) != columns_.end();
        };
        if (!has(LaneKey::name)) {
            diagnostics_.error(cells_[0].at,
                               "the table has no column `name`; expected one in every lane "
                               "table; add it");
            hopeless_ = true;
        }
        if (!has(LaneKey::send) && !has(LaneKey::receive) && !has(LaneKey::relay) &&
            !has(LaneKey::patch_from)) {
            diagnostics_.error(cells_[0].at,
                               "the table has no column that says what its lanes do; expected "
                               "one of send, receive, relay, patch.from; add it");
            hopeless_ = true;
        }
    }

    void read_column(const Cell& cell) {
        const std::string_view name = text_of(cell);
        const auto column = std::find(lane_columns.begin(), lane_columns.end(), name);
        if (column == lane_columns.end()) {
            const std::string hint = did_you_mean(name, lane_columns);
            diagnostics_.error(cell.at, say("unknown column ", shown(name), "; expected one of ",
                                            all_columns(), hint.empty() ? "; remove it" : hint));
            columns_.push_back(std::nullopt);
            return;
        }
        const auto key = static_cast<LaneKey>(column - lane_columns.begin());
        const auto before = std::find(columns_.begin(), columns_.end(), key);
        if (before != columns_.end()) {
            diagnostics_.error(cell.at,
                               say("column ", shown(name), " is already column ",
                                   std::to_string(before - columns_.begin() + 1),
                                   " of the table; expected each column once; remove one of them"));
            columns_.push_back(std::nullopt);
            return;
        }
        columns_.push_back(key);
    }

    static std::string all_columns() {
        std::string all;
        for (const std::string_view column : lane_columns) {
            if (!all.empty()) all += ", ";
            all += column;
        }
        return all;
    }

    void row() {
        if (++rows_ > table_rows_max) {
            diagnostics_.error(cells_[0].at,
                               say("the table has more than ", std::to_string(table_rows_max),
                                   " rows; expected at most that many; remove the rest"));
            hopeless_ = true;
            return;
        }
        if (cells_.size() != columns_.size()) {
            const bool more = cells_.size() > columns_.size();
            diagnostics_.error(
                more ? cells_[columns_.size()].at : cells_[0].at,
                say("the row has ", more && cells_.size() > table_columns_max ? "more than " : "",
                    std::to_string(std::min(cells_.size(), table_columns_max)), " cells; expected ",
                    std::to_string(columns_.size()), ", one for each column; ",
                    more ? "put quotes around a cell that contains a comma"
                         : "add the commas of empty cells"));
            return;
        }
        fill();
        lanes_.add(fields_);
    }

    void fill() {
        fields_.at = cells_[0].at;
        fields_.over = fields_.patch = fields_.match = Group{};
        fields_.receivers.clear();
        PathFields path;
        for (std::size_t i = 0; i < cells_.size(); ++i) {
            if (!columns_[i]) continue;
            const LaneKey key = *columns_[i];
            const Cell& cell = cells_[i];
            Scalar scalar;
            if (cell.len > 0) scalar = {text_of(cell), cell.at, Scalar::State::present, false};
            const bool over = key >= LaneKey::over_port && key <= LaneKey::over_carrier;
            (over ? path[key] : fields_[key]) = scalar;
            if (cell.len == 0) continue;
            if (key == LaneKey::receiver) {
                split_receivers(scalar);
            } else if (over) {
                note(fields_.over, cell.at);
            } else if (key >= LaneKey::match_vlan) {
                note(fields_.match, cell.at);
            } else if (key == LaneKey::patch_from || key == LaneKey::patch_to) {
                note(fields_.patch, cell.at);
            }
        }
        path.at = fields_.over.at;
        fields_.paths.clear();
        if (fields_.over.state == Scalar::State::present) fields_.paths.push_back(path);
    }

    /// A cell may have several, with blanks between them; all stand where the cell begins.
    void split_receivers(Scalar scalar) {
        std::string_view rest = scalar.text;
        for (;;) {
            rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
            if (rest.empty()) return;
            scalar.text = rest.substr(0, rest.find(' '));
            rest.remove_prefix(scalar.text.size());
            fields_.receivers.push_back(scalar);
        }
    }

    static void note(Group& group, const Place& at) {
        if (group.state == Scalar::State::absent) group = {Scalar::State::present, at};
    }

    const std::uint16_t file_;
    LaneReader& lanes_;
    Diagnostics& diagnostics_;
    std::vector<std::optional<LaneKey>> columns_;  ///< nothing: unknown, and reported
    std::vector<Cell> cells_;
    std::string text_;  ///< of all cells of the row
    LaneFields fields_;
    std::size_t rows_ = 0;
    bool header_ = false;
    bool broken_ = false;    ///< a cell of this row was reported
    bool hopeless_ = false;  ///< the table cannot be understood any further
};

/// At least `least` bytes, but at the end of the table.
engine::Result<std::string_view> next_piece(const TablePieces& pieces, std::span<char> room,
                                            std::size_t least) {
    std::size_t len = 0;
    while (len < least) {
        const auto more = pieces(room.subspan(len));
        if (!more) return more.error();
        if (more.value() == 0) break;
        len += more.value();
    }
    return std::string_view(room.data(), len);
}

}  // namespace

void read_table(const TablePieces& pieces, std::uint16_t file, LaneReader& lanes,
                Diagnostics& diagnostics) {
    RowReader rows(file, lanes, diagnostics);
    CellReader cells(file, rows, diagnostics);
    std::vector<char> room(piece_bytes);
    std::uint64_t total = 0;
    for (;;) {
        const auto piece = next_piece(pieces, room, total == 0 ? byte_order_mark.size() : 1);
        if (!piece) {
            diagnostics.error({0, 0, file},
                              say("the table cannot be read: ", piece.error().message));
            return;
        }
        std::string_view bytes = piece.value();
        if (bytes.empty()) break;
        if (total == 0 && bytes.starts_with(byte_order_mark)) {
            bytes.remove_prefix(byte_order_mark.size());
        }
        total += piece.value().size();
        if (total > table_bytes_max) {
            diagnostics.error({0, 0, file},
                              "the table is longer than 1 GiB; expected a lane table; split it");
            return;
        }
        if (!cells.feed(bytes)) return;
    }
    if (cells.finish()) rows.end_of_table();
}

}  // namespace lanes::config
