// Telnet (RFC 854, 855, 857) as far as a person at a node's prompt needs it. We offer no option but
// ECHO, for as long as a password is typed, and refuse what others offer. Lines are edited at the
// client; what comes is nevertheless edited by backspace, and a line ends as any client may end it.
//
// A session may only look until `enable` is given the node's password. Three wrong ones end it, and
// after each nobody may try again for a second.
#pragma once

#include <memory>

#include "crypto/password.hh"
#include "manage/talk.hh"

namespace lanes::manage {

/// Shared by all telnet sessions of a node.
struct TelnetGate {
    std::string node;
    std::shared_ptr<const crypto::Password> password;  ///< nullptr: nobody may change anything
    std::uint64_t closed_until_ns = 0;                 ///< no password is taken before
};

class TelnetTalk final : public Talk {
  public:
    static constexpr unsigned wrong_passwords_max = 3;

    /// `gate` outlives the talk. `peer` is who it is, for the log.
    TelnetTalk(Ask ask, TelnetGate& gate, std::string peer);
    ~TelnetTalk() override;

    void take(std::string_view bytes) override;
    bool ready() const noexcept override {
        return !later_ && (!heard_.empty() || !replies_.empty());
    }
    bool awaits() const noexcept override { return later_ != nullptr; }
    void step(std::uint64_t now_ns, std::string& out) override;
    bool over() const noexcept override { return over_; }
    void dismiss(std::string_view why, std::string& out) override;

  private:
    enum class State : std::uint8_t { data, command, option, sub, sub_command };
    enum class Hears : std::uint8_t { commands, password };

    bool take_byte(unsigned char byte, std::string& out);
    bool take_data(unsigned char byte, std::string& out);
    void take_command(unsigned char byte, std::string& out);
    void take_option(unsigned char option, std::string& out) const;
    void erase_character() noexcept;
    void interrupt(std::string& out);
    void clear_line() noexcept;
    void end_line(std::uint64_t now_ns, std::string& out);
    void hear_command(std::string_view line, std::uint64_t now_ns, std::string& out);
    void hear_password(std::uint64_t now_ns, std::string& out);
    void prompt(std::string& out) const;
    static void print(std::string_view text, std::string& out);

    Ask ask_;
    TelnetGate& gate_;
    std::string peer_;
    std::string heard_;  ///< what came and was not looked at
    std::string line_;   ///< as far as it has come
    std::shared_ptr<Later> later_;
    std::string replies_;  ///< to be sent before anything is heard
    State state_ = State::data;
    Hears hears_ = Hears::commands;
    Rights rights_ = Rights::read;
    unsigned char verb_ = 0;  ///< WILL, WONT, DO or DONT, before its option
    unsigned wrong_ = 0;
    bool after_return_ = false;
    bool too_long_ = false;
    bool over_ = false;
};

}  // namespace lanes::manage
