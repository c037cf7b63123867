// See json.hh.
#include "manage/json.hh"

#include <algorithm>
#include <charconv>

namespace lanes::manage {
namespace {

bool plain(char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

constexpr std::string_view replacement = "\xef\xbf\xbd";

/// Bytes of the UTF-8 character that `text` begins with; 0: it begins with none.
std::size_t character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t bytes = lead >= 0xf0 && lead < 0xf5   ? 4
                              : lead >= 0xe0 && lead < 0xf0 ? 3
                              : lead >= 0xc2 && lead < 0xe0 ? 2
                                                            : 0;
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
    const bool beyond = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
    return overlong || beyond ? 0 : bytes;
}

}  // namespace

JsonWriter::JsonWriter() {
    out_ = "{";
    open_ = "}";
    text("schema", "lanes/1");
}

void JsonWriter::comma() {
    if (!first_) out_ += ',';
    first_ = false;
}

void JsonWriter::key(std::string_view key) {
    comma();
    quoted(key);
    out_ += ':';
}

void JsonWriter::quoted(std::string_view value) {
    static constexpr char digits[] = "0123456789abcdef";
    out_ += '"';
    while (!value.empty()) {
        // Nearly all of it, at once: character by character this was a tenth of `show lanes`.
        const auto odd = std::find_if_not(value.begin(), value.end(), plain);
        const auto run = static_cast<std::size_t>(odd - value.begin());
        out_ += value.substr(0, run);
        value.remove_prefix(run);
        if (value.empty()) break;
        const std::size_t bytes = character_bytes(value);
        const char c = value.front();
        if (bytes == 0) {
            out_ += replacement;
        } else if (c == '"' || c == '\\') {
            out_ += '\\';
            out_ += c;
        } else if (bytes == 1 && static_cast<unsigned char>(c) < 0x20) {
            out_ += "\\u00";
            out_ += digits[c >> 4];
            out_ += digits[c & 15];
        } else {
            out_ += value.substr(0, bytes);
        }
        value.remove_prefix(bytes == 0 ? 1 : bytes);
    }
    out_ += '"';
}

JsonWriter& JsonWriter::text(std::string_view name, std::string_view value) {
    key(name);
    quoted(value);
    return *this;
}

JsonWriter& JsonWriter::number(std::string_view name, std::uint64_t value) {
    key(name);
    char digits[20];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    return *this;
}

JsonWriter& JsonWriter::truth(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::null(std::string_view name) {
    key(name);
    out_ += "null";
    return *this;
}

JsonWriter& JsonWriter::object(std::string_view name) {
    key(name);
    out_ += '{';
    open_ += '}';
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::array(std::string_view name) {
    key(name);
    out_ += '[';
    open_ += ']';
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::object() {
    comma();
    out_ += '{';
    open_ += '}';
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
    comma();
    quoted(value);
    return *this;
}

JsonWriter& JsonWriter::end() {
    out_ += open_.back();
    open_.pop_back();
    first_ = false;
    return *this;
}

std::string JsonWriter::done() {
    while (!open_.empty()) end();
    out_ += '\n';
    return std::move(out_);
}

}  // namespace lanes::manage
