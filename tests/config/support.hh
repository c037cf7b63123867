// What the config tests share: reading a node from text (tables from text, too), and comparing what
// was reported with what was wanted, place by place.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hh"

namespace lanes::config::test {

/// A folder of its own that goes with the test.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    /// Writes a file of that mode; returns its path.
    std::string write(const std::string& name, const std::string& text, unsigned mode = 0600) const;
    std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

/// One expected diagnostic: "LINE:COLUMN: error: " begins it, and `fragment` is somewhere in it.
struct Want {
    std::string begins;
    std::string fragment;
};

/// A text, and all that must be said about it, in order.
struct Case {
    std::string text;
    std::vector<Want> wants;
};

using Tables = std::map<std::string, std::string>;

/// `text` as the file `name`; its tables come from `tables`, in pieces of at most `piece_len`
/// bytes.
Loaded parse(std::string_view text, const Tables& tables = {}, std::size_t piece_len = 65536,
             const std::string& name = "node.yaml");

/// Fails unless exactly the wanted diagnostics came, each about `file`.
void expect(const Loaded& loaded, const std::vector<Want>& wants, std::string_view file);

/// Without the warnings about ports that no lane uses, for tests of other things.
Loaded without_unused(Loaded loaded);

/// A node with a port of each driver, up to and including the line `lanes:`, which is line 9.
extern const std::string_view node_head;

}  // namespace lanes::config::test
