// The protocol of the unix socket, version 1: a line in, `STATUS LENGTH\n` and LENGTH bytes out,
// and so on. Whoever may connect may write. A line that is too long or no text gets status 2 and a
// reason, and the next line is heard again.
#pragma once

#include "manage/talk.hh"

namespace lanes::manage {

class LineTalk final : public Talk {
  public:
    explicit LineTalk(Ask ask) : ask_(std::move(ask)) {}

    void take(std::string_view bytes) override;
    bool ready() const noexcept override;
    void step(std::uint64_t now_ns, std::string& out) override;
    bool awaits() const noexcept override { return later_ != nullptr; }
    bool over() const noexcept override { return over_; }
    void dismiss(std::string_view why, std::string& out) override;

  private:
    static void say(const Answer& answer, std::string& out);

    Ask ask_;
    std::string heard_;
    std::shared_ptr<Later> later_;
    bool too_long_ = false;  ///< the line that is being heard, whose beginning was thrown away
    bool over_ = false;
};

}  // namespace lanes::manage
