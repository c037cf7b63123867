// See telnet_talk.hh.
#include "manage/telnet_talk.hh"

#include <string.h>

#include <algorithm>
#include <utility>

#include "engine/log.hh"

namespace lanes::manage {
namespace {

// RFC 854.
constexpr unsigned char iac = 255;
constexpr unsigned char dont = 254;
constexpr unsigned char do_it = 253;
constexpr unsigned char wont = 252;
constexpr unsigned char will = 251;
constexpr unsigned char sub_begin = 250;
constexpr unsigned char erase_line = 248;
constexpr unsigned char erase_char = 247;
constexpr unsigned char are_you_there = 246;
constexpr unsigned char interrupt_process = 244;
constexpr unsigned char break_key = 243;
constexpr unsigned char sub_end = 240;
constexpr unsigned char option_echo = 1;  // RFC 857

constexpr std::uint64_t pause_ns = 1'000'000'000;  ///< after a wrong password

void tell(unsigned char verb, unsigned char option, std::string& out) {
    out += static_cast<char>(iac);
    out += static_cast<char>(verb);
    out += static_cast<char>(option);
}

void wipe(std::string& text) noexcept {
    ::explicit_bzero(text.data(), text.size());
    text.clear();
}

/// What a browser says that was led here by a page: it is no person at a prompt.
bool is_http(std::string_view line) {
    return line.find(" HTTP/1.") != line.npos;
}

}  // namespace

TelnetTalk::TelnetTalk(Ask ask, TelnetGate& gate, std::string peer)
    : ask_(std::move(ask)), gate_(gate), peer_(std::move(peer)) {
    // Neither ever grows, which would leave a copy behind.
    line_.reserve(line_bytes_max);
    heard_.reserve(read_bytes_max);
    print("node " + gate_.node + " of lanes; `help` lists what can be said, `exit` ends this\n",
          replies_);
    prompt(replies_);
}

TelnetTalk::~TelnetTalk() {
    wipe(line_);
    wipe(heard_);
}

void TelnetTalk::take(std::string_view bytes) {
    heard_ += bytes;
}

void TelnetTalk::step(std::uint64_t now_ns, std::string& out) {
    if (later_) {
        Answer answer;
        if (!later_->look(now_ns, answer)) return;
        later_.reset();
        print(answer.text, out);
        return prompt(out);
    }
    out += std::exchange(replies_, {});
    std::size_t used = 0;
    while (used < heard_.size() && !over_) {
        if (!take_byte(static_cast<unsigned char>(heard_[used++]), out)) continue;
        end_line(now_ns, out);
        break;
    }
    // What is left moves to the front; nothing of it stays behind, where a password may have been.
    const std::size_t before = heard_.size();
    heard_.erase(0, over_ ? before : used);
    const std::size_t left = heard_.size();
    heard_.resize(before);
    ::explicit_bzero(heard_.data() + left, before - left);
    heard_.resize(left);
}

void TelnetTalk::dismiss(std::string_view why, std::string& out) {
    print("\n", out);
    print(why, out);
    print("\n", out);
    over_ = true;
}

/// True: a line has ended.
bool TelnetTalk::take_byte(unsigned char byte, std::string& out) {
    switch (state_) {
        case State::data:
            if (byte != iac) return take_data(byte, out);
            state_ = State::command;
            return false;
        case State::command:
            state_ = State::data;
            if (byte == iac) return take_data(byte, out);
            take_command(byte, out);
            return false;
        case State::option:
            state_ = State::data;
            take_option(byte, out);
            return false;
        case State::sub:
            if (byte == iac) state_ = State::sub_command;
            return false;
        case State::sub_command:
            // IAC IAC is a byte of what is skipped; any other command but its end is out of place.
            state_ = byte == sub_end ? State::data : State::sub;
            return false;
    }
    return false;
}

bool TelnetTalk::take_data(unsigned char byte, std::string& out) {
    // A line ends with CR LF, CR NUL, CR or LF.
    const bool second = std::exchange(after_return_, false) && (byte == '\n' || byte == 0);
    if (second) return false;
    switch (byte) {
        case '\r':
            after_return_ = true;
            return true;
        case '\n':
            return true;
        case 0x08:
        case 0x7f:
            erase_character();
            return false;
        case 0x03:  // as a terminal would say IP, EL and the end of what it has to say
            interrupt(out);
            return false;
        case 0x15:
            clear_line();
            return false;
        case 0x04:
            over_ = over_ || line_.empty();
            return false;
        case '\t':
            byte = ' ';
            break;
        default:
            if (byte < 0x20) return false;
            break;
    }
    if (line_.size() + 1 >= line_bytes_max) {
        too_long_ = true;
    } else {
        line_ += static_cast<char>(byte);
    }
    return false;
}

void TelnetTalk::take_command(unsigned char byte, std::string& out) {
    switch (byte) {
        case will:
        case wont:
        case do_it:
        case dont:
            verb_ = byte;
            state_ = State::option;
            return;
        case sub_begin:
            state_ = State::sub;
            return;
        case interrupt_process:
        case break_key:
            return interrupt(out);
        case erase_char:
            return erase_character();
        case erase_line:
            return clear_line();
        case are_you_there:
            return print("[node " + gate_.node + " is here]\n", out);
        default:
            return;  // NOP, DM, GA, AO and what RFC 854 does not know
    }
}

// Nobody is told again what he said himself, or the two would never cease.
void TelnetTalk::take_option(unsigned char option, std::string& out) const {
    if (verb_ == will) tell(dont, option, out);
    const bool agreed = option == option_echo && hears_ == Hears::password;
    if (verb_ == do_it && !agreed) tell(wont, option, out);
}

void TelnetTalk::erase_character() noexcept {
    while (!line_.empty()) {
        const auto last = static_cast<unsigned char>(line_.back());
        line_.back() = 0;
        line_.pop_back();
        if ((last & 0xc0) != 0x80) return;
    }
}

void TelnetTalk::clear_line() noexcept {
    wipe(line_);
    too_long_ = false;
}

void TelnetTalk::interrupt(std::string& out) {
    clear_line();
    if (std::exchange(hears_, Hears::commands) == Hears::password) tell(wont, option_echo, out);
    print("\n", out);
    prompt(out);
}

void TelnetTalk::end_line(std::uint64_t now_ns, std::string& out) {
    if (hears_ == Hears::password) {
        hear_password(now_ns, out);
    } else if (too_long_) {
        print("a line may have at most " + std::to_string(line_bytes_max) + " bytes\n", out);
    } else if (const std::string_view why = not_text(line_); !why.empty()) {
        print(std::string(why) + '\n', out);
    } else {
        hear_command(line_, now_ns, out);
    }
    clear_line();
    if (!over_ && !later_ && hears_ == Hears::commands) prompt(out);
}

void TelnetTalk::hear_command(std::string_view line, std::uint64_t now_ns, std::string& out) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    line = line.substr(0, line.find_last_not_of(' ') + 1);
    if (line.empty()) return;
    if (line == "exit" || line == "quit" || is_http(line)) {
        over_ = true;
    } else if (line == "disable") {
        rights_ = Rights::read;
    } else if (line != "enable") {
        const Answer answer = ask_(line, rights_);
        later_ = answer.later;
        if (!later_) print(answer.text, out);
    } else if (rights_ == Rights::write) {
        print("this session may change the node already\n", out);
    } else if (!gate_.password) {
        print(
            "nobody may change the node over telnet; give it a `manage.password_file`, or use "
            "its unix socket\n",
            out);
    } else if (now_ns < gate_.closed_until_ns) {
        print("a wrong password was given just now: try again in a second\n", out);
    } else {
        hears_ = Hears::password;
        tell(will, option_echo, out);
        print("password: ", out);
    }
}

void TelnetTalk::hear_password(std::uint64_t now_ns, std::string& out) {
    hears_ = Hears::commands;
    tell(wont, option_echo, out);
    print("\n", out);
    // Whoever was asked before somebody else failed waits, too.
    if (now_ns < gate_.closed_until_ns) {
        print("a wrong password was given just now: try again in a second\n", out);
        return;
    }
    if (!too_long_ && gate_.password->is(line_)) {
        rights_ = Rights::write;
        wrong_ = 0;
        engine::log(engine::Severity::notice, engine::events::client_rights,
                    {{engine::Key::peer, peer_}}, peer_ + " may change the node now");
        return;
    }
    ++wrong_;
    gate_.closed_until_ns = now_ns + pause_ns;
    engine::log(engine::Severity::warning, engine::events::client_rights,
                {{engine::Key::peer, peer_}},
                peer_ + " gave a wrong password (" + std::to_string(wrong_) + " of " +
                    std::to_string(wrong_passwords_max) + ")");
    over_ = wrong_ == wrong_passwords_max;
    print(over_ ? "wrong once too often\n" : "wrong\n", out);
}

void TelnetTalk::prompt(std::string& out) const {
    print(gate_.node + (rights_ == Rights::write ? "# " : "> "), out);
}

/// Lines end with CR LF here, and a byte of 255 is sent twice.
void TelnetTalk::print(std::string_view text, std::string& out) {
    for (const char c : text) {
        if (c == '\n') out += '\r';
        if (static_cast<unsigned char>(c) == iac) out += c;
        out += c;
    }
}

}  // namespace lanes::manage
