// The protocol of the unix socket, fed byte by byte and all at once.
#include "manage/line_talk.hh"

#include <catch2/catch.hpp>

using namespace lanes::manage;

namespace {

/// Answers with what was asked, and the rights it was asked with.
Answer echo(std::string_view line, Rights rights) {
    return {line == "fail" ? 1 : 0,
            std::string(line) + (rights == Rights::write ? " w\n" : " r\n")};
}

/// All that comes out when these bytes go in, in pieces of at most `piece`.
std::string talk(std::string_view bytes, std::size_t piece = read_bytes_max) {
    LineTalk talk(echo);
    std::string out;
    while (!bytes.empty()) {
        const std::size_t len = std::min(piece, bytes.size());
        talk.take(bytes.substr(0, len));
        bytes.remove_prefix(len);
        while (talk.ready()) talk.step(0, out);
    }
    CHECK_FALSE(talk.over());
    return out;
}

std::string refusal(const std::string& why) {
    return "2 " + std::to_string(why.size() + 1) + "\n" + why + "\n";
}

const std::string too_long = refusal("a line may have at most 4096 bytes");
const std::string no_text = refusal("there is a control character in the line");
const std::string no_utf8 = refusal("the line is not UTF-8");

}  // namespace

TEST_CASE("every line gets one answer, with its status and its length") {
    for (const std::size_t piece : {1u, 2u, 3u, 4096u}) {
        CHECK(talk("a\nfail\n\nshow lanes\n", piece) ==
              "0 4\na w\n1 7\nfail w\n0 3\n w\n0 13\nshow lanes w\n");
    }
    CHECK(talk("no end") == "");
}

TEST_CASE("a line of 4096 bytes is heard, one of 4097 is refused, and the next is heard again") {
    const std::string longest(4095, 'x');
    for (const std::size_t piece : {1u, 7u, 4095u, 4096u}) {
        INFO(piece);
        CHECK(talk(longest + "\n", piece) == "0 4098\n" + longest + " w\n");
        CHECK(talk(longest + "x\nb\n", piece) == too_long + "0 4\nb w\n");
        CHECK(talk(std::string(100'000, 'y') + "\nb\n", piece) == too_long + "0 4\nb w\n");
        CHECK(talk("a\n" + std::string(8191, 'z') + "\nb\n", piece) ==
              "0 4\na w\n" + too_long + "0 4\nb w\n");
    }
}

TEST_CASE("what is no text is refused and does not reach the node") {
    for (const std::string bad : {"a\tb", "\r", "a\x1b[2J",
                                  "a\xc2\x9b"
                                  "2J",
                                  "\x7f", "a\x01"}) {
        CHECK(talk(bad + "\nb\n") == no_text + "0 4\nb w\n");
    }
    CHECK(talk(std::string("a\0b\n", 4)) == no_text);
    for (const std::string bad : {"\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                                  "\xf4\x90\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x92", "\x80"}) {
        CHECK(talk(bad + "\n") == no_utf8);
    }
    for (const std::string good :
         {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x92\xa9", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
        CHECK(talk(good + "\n") == "0 " + std::to_string(good.size() + 3) + "\n" + good + " w\n");
    }
}

TEST_CASE("who is dismissed hears why") {
    LineTalk talk(echo);
    std::string out;
    talk.dismiss("enough", out);
    CHECK(out == "1 7\nenough\n");
    CHECK(talk.over());
}

namespace {

/// There on the third look.
class Third final : public Later {
  public:
    explicit Third(bool& gone) : gone_(gone) {}
    ~Third() override { gone_ = true; }
    bool look(std::uint64_t, Answer& answer) override {
        answer = {1, "at last\n"};
        return ++looks_ == 3;
    }

  private:
    bool& gone_;
    int looks_ = 0;
};

}  // namespace

TEST_CASE("an answer that takes its time comes before the next line is heard") {
    bool gone = false;
    const auto ask = [&](std::string_view line, Rights) {
        Answer answer{0, std::string(line) + "\n"};
        if (line == "slow") answer.later = std::make_shared<Third>(gone);
        return answer;
    };
    LineTalk talk(ask);
    std::string out;
    talk.take("slow\nfast\n");
    talk.step(0, out);
    for (int look = 0; look < 3; ++look) {
        CHECK(talk.awaits());
        CHECK_FALSE(talk.ready());
        CHECK(out.empty());
        talk.step(0, out);
    }
    CHECK_FALSE(talk.awaits());
    CHECK(gone);
    CHECK(out == "1 8\nat last\n");
    REQUIRE(talk.ready());
    talk.step(0, out);
    CHECK(out == "1 8\nat last\n0 5\nfast\n");
}

TEST_CASE("nobody looks for an answer any more when the talk is gone") {
    bool gone = false;
    {
        LineTalk talk([&](std::string_view, Rights) {
            Answer answer;
            answer.later = std::make_shared<Third>(gone);
            return answer;
        });
        std::string out;
        talk.take("slow\n");
        talk.step(0, out);
        CHECK_FALSE(gone);
    }
    CHECK(gone);
}
