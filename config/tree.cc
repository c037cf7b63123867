// See tree.hh. yaml-cpp calls TreeBuilder for each event; `stack_` is the way from the root to the
// collection that is open now. yaml-cpp throws on bad syntax; nothing is thrown beyond read_tree().
#include "config/tree.hh"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "config/text.hh"

namespace lanes::config {
namespace {

/// Ends the walk after an error that was reported.
struct Stop {};

class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(std::uint16_t file, Diagnostics& diagnostics)
        : file_(file), diagnostics_(diagnostics) {}

    Node take_root() { return std::move(root_); }
    bool any_document() const { return documents_ > 0; }

    /// Where the innermost list or map that is open was opened.
    std::optional<Place> opened() const {
        if (stack_.empty()) return std::nullopt;
        return stack_.back().node.at;
    }

    Place place_of(const YAML::Mark& mark) const {
        if (mark.is_null()) return {1, 1, file_};
        return {static_cast<std::uint32_t>(mark.line) + 1,
                static_cast<std::uint32_t>(mark.column) + 1, file_};
    }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ == 1) return;
        diagnostics_.error(place_of(mark),
                           "a second YAML document begins here; expected one document per node "
                           "file; remove what stands between the end of the first and here");
        throw Stop{};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Node node;
        node.at = place_of(mark);
        refuse_anchor(node, anchor);
        add(std::move(node));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        Node node;
        node.at = place_of(mark);
        node.kind = Node::Kind::broken;
        diagnostics_.error(node.at,
                           "found an alias (`*name`); expected the value itself, since a node "
                           "file has no anchors and aliases; write the value out");
        add(std::move(node));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node;
        node.kind = Node::Kind::scalar;
        node.quoted = tag == "!";
        node.at = place_of(mark);
        node.text = value;
        refuse_anchor(node, anchor);
        refuse_tag(node, tag);
        add(std::move(node));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::list, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override {
        refuse_duplicates(stack_.back().node);
        close();
    }

  private:
    struct Level {
        Node node;
        std::string key;  ///< map: the key whose value comes next
        Place key_at;
        bool has_key = false;
        bool key_broken = false;
    };

    void refuse_anchor(const Node& node, YAML::anchor_t anchor) {
        if (anchor == 0) return;
        diagnostics_.error(node.at,
                           "found an anchor (`&name`); expected a plain value, since a node file "
                           "has no anchors and aliases; remove it");
    }

    void refuse_tag(const Node& node, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        diagnostics_.error(node.at, say("found the tag ", shown(tag),
                                        "; expected a value without a tag; remove the tag"));
    }

    void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        Level level;
        level.node.kind = kind;
        level.node.at = place_of(mark);
        refuse_anchor(level.node, anchor);
        refuse_tag(level.node, tag);
        if (stack_.size() == tree_depth_max) {
            diagnostics_.error(
                level.node.at,
                say("lists and maps are nested more than ", std::to_string(tree_depth_max),
                    " deep; expected a node file, which needs 5; look for a "
                    "bracket or an indentation too many"));
            throw Stop{};
        }
        stack_.push_back(std::move(level));
    }

    void close() {
        Node node = std::move(stack_.back().node);
        stack_.pop_back();
        add(std::move(node));
    }

    void add(Node&& node) {
        if (++nodes_ > tree_nodes_max) {
            diagnostics_.error(node.at,
                               say("the file has more than ", std::to_string(tree_nodes_max),
                                   " values; expected fewer; move the lanes to a CSV "
                                   "table and name it in `tables`"));
            throw Stop{};
        }
        if (stack_.empty()) {
            root_ = std::move(node);
            return;
        }
        Level& level = stack_.back();
        if (level.node.kind == Node::Kind::list) {
            level.node.children.push_back(std::move(node));
        } else if (!level.has_key) {
            take_key(level, std::move(node));
        } else {
            level.has_key = false;
            if (level.key_broken) return;
            node.key = std::move(level.key);
            node.key_at = level.key_at;
            if (node.kind == Node::Kind::nothing) node.at = level.key_at;  // yaml-cpp: what follows
            level.node.children.push_back(std::move(node));
        }
    }

    void take_key(Level& level, Node&& node) {
        level.has_key = true;
        level.key_broken = node.kind != Node::Kind::scalar;
        level.key_at = node.at;
        if (level.key_broken && node.kind != Node::Kind::broken) {
            diagnostics_.error(node.at, say("found ", described(node),
                                            " as a key; expected a word; write `key: value`"));
        }
        level.key = std::move(node.text);
    }

    /// Keeps the first of several members of one key. Sorting keeps this cheap for huge maps.
    void refuse_duplicates(Node& map) {
        std::vector<std::size_t> order(map.children.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return map.children[a].key < map.children[b].key;
        });
        std::vector<bool> repeated(order.size());
        for (std::size_t i = 1, first = 0; i < order.size(); ++i) {
            const Node& again = map.children[order[i]];
            if (again.key != map.children[order[first]].key) {
                first = i;
                continue;
            }
            diagnostics_.error(again.key_at,
                               say("key ", shown(again.key), " is already set at ",
                                   diagnostics_.text_of(map.children[order[first]].key_at),
                                   "; expected each key once; remove one of them"));
            repeated[order[i]] = true;
        }
        std::size_t kept = 0;
        for (std::size_t i = 0; i < repeated.size(); ++i) {
            if (repeated[i]) continue;
            if (kept != i) map.children[kept] = std::move(map.children[i]);
            ++kept;
        }
        map.children.resize(kept);
    }

    const std::uint16_t file_;
    Diagnostics& diagnostics_;
    std::vector<Level> stack_;
    Node root_;
    std::size_t nodes_ = 0;
    unsigned documents_ = 0;
};

/// What yaml-cpp says, in words that help. Texts are those of yaml-cpp/exceptions.h.
std::string syntax_message(const std::string& message) {
    struct Remedy {
        std::string_view begins;
        std::string_view says;
    };
    static constexpr std::array remedies = {
        Remedy{"the referenced anchor is not defined",
               "found an alias (`*name`); expected the value itself, since a node file has no "
               "anchors and aliases; write the value out, or quote a text that begins with `*`"},
        Remedy{"illegal tab", "found a tab in the indentation; expected blanks; replace the tab"},
        Remedy{"end of map flow",
               "the map in braces does not go on as one; expected `key: value`, a comma or `}`; "
               "look for a missing comma or brace in the map"},
        Remedy{"end of sequence flow",
               "the list in brackets does not go on as one; expected a value, a comma or `]`; "
               "look for a missing comma or bracket in the list"},
        Remedy{"end of map",
               "this line does not belong to the map above it; expected `key: value`; look at the "
               "indentation and for a missing colon"},
        Remedy{"end of sequence",
               "this line does not belong to the list above it; expected `- value`; look at the "
               "indentation"},
        Remedy{"illegal map value",
               "found `: ` where no key can stand; expected one `key: value` per line; look at the "
               "indentation and for a missing colon in the line above, or quote a value that "
               "contains `: `"},
        Remedy{"illegal map key", "found a key where none can stand; look at the indentation"},
        Remedy{"illegal block entry",
               "found `- ` where no list can stand; begin the list on a line of its own"},
        Remedy{"illegal flow end",
               "found a closing bracket that nothing opened; remove it, or open it"},
        Remedy{"illegal EOF in scalar",
               "the file ends within a quoted text; expected a closing quote; look for the quote "
               "that opened it, which may be far above"},
        Remedy{"illegal document indicator",
               "found `---` or `...` within a quoted text; expected a closing quote before it"},
        Remedy{"unknown escape character",
               "found an unknown escape in a text in double quotes; write `\\\\` for a "
               "backslash, or use single quotes"},
        Remedy{"unknown token",
               "found a character that no value begins with (such as `@`, `%` or a backtick); "
               "put the value in quotes"},
    };
    for (const Remedy& remedy : remedies) {
        if (message.starts_with(remedy.begins)) return std::string(remedy.says);
    }
    return say("not YAML: ", message, "; look at this line and the one above it");
}

/// A bracket that is never closed has no place of its own in yaml-cpp: then it is where it opened.
void report_syntax(const YAML::Exception& error, const TreeBuilder& builder,
                   Diagnostics& diagnostics) {
    Place place = builder.place_of(error.mark);
    std::string message = syntax_message(error.msg);
    const auto opened = builder.opened();
    if (opened && error.msg.find("flow not found") != error.msg.npos) {
        if (place.line == 1 && place.column == 1) place = *opened;
        message += say(", opened at ", diagnostics.text_of(*opened));
    }
    diagnostics.error(place, std::move(message));
}

/// Whether `text` is small enough and text at all; reports it if not.
bool check_text(std::string_view text, std::uint16_t file, Diagnostics& diagnostics) {
    if (text.size() > node_file_bytes_max) {
        diagnostics.error({1, 1, file},
                          say("the file is longer than 16 MiB; expected a node file; move the "
                              "lanes to CSV tables and name them in `tables`"));
        return false;
    }
    const auto brackets =
        std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{'; });
    if (brackets > static_cast<std::ptrdiff_t>(tree_brackets_max)) {
        diagnostics.error({1, 1, file},
                          say("the file opens more than ", std::to_string(tree_brackets_max),
                              " brackets; expected a node file; move the lanes to CSV tables and "
                              "name them in `tables`"));
        return false;
    }
    const auto bad = find_bad_text(text);
    if (!bad) return true;
    const std::string_view before = text.substr(0, bad->offset);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const auto line_start = before.rfind('\n');
    const std::size_t column =
        line_start == before.npos ? before.size() : before.size() - line_start - 1;
    diagnostics.error(
        {static_cast<std::uint32_t>(lines) + 1, static_cast<std::uint32_t>(column) + 1, file},
        say("found ", bad->what, "; expected text; ", bad->remedy));
    return false;
}

/// yaml-cpp 0.7 takes a quoted text that never ends for a whole one if the last byte of the file
/// ends a line; without blanks at its end, no file does.
std::string_view without_blank_end(std::string_view text) {
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

}  // namespace

const Node* Node::find(std::string_view wanted) const noexcept {
    for (const Node& child : children) {
        if (child.key == wanted) return &child;
    }
    return nullptr;
}

std::string described(const Node& node) {
    switch (node.kind) {
        case Node::Kind::list:
            return "a list";
        case Node::Kind::map:
            return "a map";
        case Node::Kind::scalar:
            return node.quoted ? say("the quoted text ", shown(node.text)) : shown(node.text);
        case Node::Kind::nothing:
        case Node::Kind::broken:
            break;
    }
    return "nothing";
}

std::optional<Node> read_tree(std::string_view text, std::uint16_t file, Diagnostics& diagnostics) {
    if (!check_text(text, file, diagnostics)) return std::nullopt;
    TreeBuilder builder(file, diagnostics);
    try {
        std::istringstream in{std::string(without_blank_end(text))};
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Stop&) {
        return std::nullopt;
    } catch (const YAML::Exception& error) {
        report_syntax(error, builder, diagnostics);
        return std::nullopt;
    } catch (const std::exception& error) {
        diagnostics.error({1, 1, file}, say("the file cannot be read as YAML: ", error.what()));
        return std::nullopt;
    }
    if (!builder.any_document()) {
        diagnostics.error({1, 1, file},
                          "the file is empty; expected a node file; begin with `node: NAME`");
        return std::nullopt;
    }
    return builder.take_root();
}

}  // namespace lanes::config
