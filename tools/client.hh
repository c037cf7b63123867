// Client: the command line's side of management. Finds a node's socket, sends it a line and prints
// what it answers. The protocol is of one line each way: `LINE\n`, then `STATUS LENGTH\n` and that
// many bytes; the connection may stay for the next line. The shell and `top` stand on it too.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/result.hh"
#include "manage/command.hh"

namespace lanes::tools {

inline constexpr int exit_no_node = 3;  ///< no node answers

/// Which node is meant; at most one of the two is set, and neither means the only one there is.
struct Target {
    std::string socket;
    std::string node;
};

/// The sockets of `directory` at which somebody listens, as names of nodes, sorted.
std::vector<std::string> running_nodes(const std::string& directory);

/// The path of the socket that is meant; the error says which nodes there are (code 0: several), or
/// how to get one.
engine::Result<std::string> socket_of(const Target& target);

class Client {
  public:
    /// How long a node may take by default: a reload of a million lanes takes some seconds.
    static constexpr int usual_patience_ms = 60'000;

    /// Nothing is connected yet.
    explicit Client(std::string socket, int patience_ms = usual_patience_ms)
        : socket_(std::move(socket)), patience_ms_(patience_ms) {}
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Connects, if the connection does not stand or the other end has closed it.
    engine::Result<void> connect();
    /// Sends a line and waits for its answer; connects first. A line is never sent twice: when the
    /// connection ends within, that is the error. A signal ends the wait, with code EINTR.
    engine::Result<manage::Answer> ask(std::string_view line);
    void close() noexcept;

    const std::string& socket() const noexcept { return socket_; }

  private:
    bool stands() const noexcept;
    engine::Result<void> read_more();
    engine::Result<manage::Answer> receive();

    std::string socket_;
    int patience_ms_;
    int fd_ = -1;
    std::string received_;
};

/// Arguments as a line that the node takes apart into the same ones.
std::string line_of(const std::vector<std::string>& arguments);

/// Does what the arguments say at the node that is meant, and returns the exit status.
int ask_node(const Target& target, const std::vector<std::string>& arguments);

/// `lanes trace ... --pcap PATH`: `words` are the command; see trace.cc.
int trace_to_file(const Target& target, const std::vector<std::string>& words,
                  const std::string& path);

/// First words of all commands, and what may stand behind each by this program's own parser.
using CommandWords = std::map<std::string, std::vector<std::string>>;
/// `lanes complete-words`; see complete_words.cc.
int complete_words(const CommandWords& commands, const std::vector<std::string>& arguments);

/// `lanes shell`; see shell.cc.
int shell(const Target& target);

enum class TopOutput : std::uint8_t { terminal, json };
/// `lanes top`; `count`: objects with json, 0: no end. See top.cc.
int top(const Target& target, TopOutput output, unsigned count);

}  // namespace lanes::tools
