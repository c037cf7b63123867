// CSV for spreadsheets and scripts, as RFC 4180 has it: CRLF, quotes doubled. One line per row; the
// environment is repeated on each, so that files of several runs can be put behind each other.
#include <set>

#include "bench/output/output.hh"

namespace lanes::bench {
namespace {

std::string quoted(const std::string& text) {
    if (text.find_first_of("\",\r\n") == std::string::npos) return text;
    std::string quotes = "\"";
    for (const char letter : text) {
        if (letter == '"') quotes += '"';
        quotes += letter;
    }
    return quotes + "\"";
}

std::string text_of(const Json& value) {
    if (value.is_null()) return "";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    return value.dump();
}

/// A row laid flat: dotted path -> text.
using Flat = std::vector<std::pair<std::string, std::string>>;

enum class Lists { left_out, joined };

void flatten(const Json& object, const std::string& prefix, Lists lists, Flat& flat) {
    for (const auto& [name, value] : object.items()) {
        const std::string path = prefix + name;
        if (value.is_object()) {
            flatten(value, path + ".", lists, flat);
        } else if (!value.is_array()) {
            flat.emplace_back(path, text_of(value));
        } else if (lists == Lists::joined) {
            std::string all;
            for (const Json& item : value) all += (all.empty() ? "" : " ") + text_of(item);
            flat.emplace_back(path, all);
        }
    }
}

}  // namespace

std::string to_csv(const Report& report) {
    Flat environment;
    flatten(report.environment, "environment.", Lists::joined, environment);
    std::vector<Flat> rows;
    std::vector<std::string> header;
    std::set<std::string> known;
    for (const Json& row : report.results) {
        Flat flat;
        flatten(row, "", Lists::left_out, flat);
        flat.insert(flat.end(), environment.begin(), environment.end());
        for (const auto& [path, text] : flat) {
            if (!path.starts_with("environment.") && known.insert(path).second) {
                header.push_back(path);
            }
        }
        rows.push_back(std::move(flat));
    }
    for (const auto& [path, text] : environment) header.push_back(path);
    std::string text;
    for (const std::string& path : header) text += (text.empty() ? "" : ",") + quoted(path);
    text += "\r\n";
    for (const Flat& row : rows) {
        for (std::size_t i = 0; i < header.size(); ++i) {
            if (i != 0) text += ',';
            for (const auto& [path, value] : row) {
                if (path != header[i]) continue;
                text += quoted(value);
                break;
            }
        }
        text += "\r\n";
    }
    return text;
}

}  // namespace lanes::bench
