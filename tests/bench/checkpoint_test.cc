// The file that a soak is resumed from: what is written comes back, a torn last line goes, and a
// file of another soak is refused by the name of what differs.
#include "bench/soak/checkpoint.hh"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

namespace lanes::bench {
namespace {

using Catch::Matchers::Contains;

const SoakTerms terms = {{"FILE", "a.yaml"}, {"--interval", "10"}};

class CheckpointFile {
  public:
    CheckpointFile() { REQUIRE(::mkdtemp(folder_) != nullptr); }
    ~CheckpointFile() { std::filesystem::remove_all(folder_); }
    CheckpointFile(const CheckpointFile&) = delete;
    CheckpointFile& operator=(const CheckpointFile&) = delete;

    std::string path() const { return std::string(folder_) + "/soak.jsonl"; }
    std::string text() const {
        std::ifstream file(path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write(const std::string& text) const {
        std::ofstream(path(), std::ios::binary | std::ios::trunc) << text;
    }
    /// Opens the file, adds nothing, and returns what was there.
    std::vector<Sample> resume(std::size_t* torn = nullptr, const SoakTerms& wanted = terms) const {
        std::vector<Sample> found;
        const Checkpoint checkpoint(path(), Checkpoint::Mode::resume, wanted, 2,
                                    [&](const Sample& sample) { found.push_back(sample); });
        if (torn != nullptr) *torn = checkpoint.torn_chars();
        return found;
    }
    std::string refusal(const SoakTerms& wanted = terms,
                        Checkpoint::Mode mode = Checkpoint::Mode::resume) const {
        try {
            const Checkpoint checkpoint(path(), mode, wanted, 2, [](const Sample&) {});
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "not refused";
    }
    void begin(unsigned samples) const;

  private:
    char folder_[32] = "/tmp/lanes-checkpoint-XXXXXX";
};

Sample sample_at(double x_seconds) {
    Sample sample;
    sample.piece = 2;
    sample.x_seconds = x_seconds;
    sample.piece_seconds = x_seconds / 3;
    sample.unix_seconds = 1'700'000'000;
    sample.steal_seconds = 0.1;
    sample.values = {1.0 / 3, std::nan("")};
    sample.traffic = {1, 2, 3, 4, 5, 6, std::uint64_t{1} << 60};
    sample.drops = {{"no_session", 7}};
    return sample;
}

void CheckpointFile::begin(unsigned samples) const {
    Checkpoint checkpoint(path(), Checkpoint::Mode::begin, terms, 2, [](const Sample&) {});
    for (unsigned i = 0; i < samples; ++i) checkpoint.add(sample_at(10.0 * (i + 1)));
}

}  // namespace

TEST_CASE("a sample comes back from its line as it was") {
    const Sample sample = sample_at(10.1);
    const Sample back = sample_from(to_line(sample), 2);
    CHECK(back.piece == sample.piece);
    CHECK(back.x_seconds == sample.x_seconds);
    CHECK(back.piece_seconds == sample.piece_seconds);
    CHECK(back.unix_seconds == sample.unix_seconds);
    CHECK(back.steal_seconds == sample.steal_seconds);
    REQUIRE(back.values.size() == 2);
    CHECK(back.values[0] == sample.values[0]);
    CHECK(std::isnan(back.values[1]));
    CHECK(back.traffic.sent == 1);
    CHECK(back.traffic.received == 2);
    CHECK(back.traffic.lost == 3);
    CHECK(back.traffic.sink_lost == 4);
    CHECK(back.traffic.corrupt == 5);
    CHECK(back.traffic.duplicates == 6);
    CHECK(back.traffic.reordered == std::uint64_t{1} << 60);
    CHECK(back.drops == sample.drops);
}

TEST_CASE("a resumed checkpoint gives all samples back and is appended to") {
    const CheckpointFile file;
    file.begin(3);
    {
        unsigned found = 0;
        Checkpoint checkpoint(file.path(), Checkpoint::Mode::resume, terms, 2,
                              [&](const Sample&) { ++found; });
        CHECK(found == 3);
        CHECK(checkpoint.torn_chars() == 0);
        checkpoint.add(sample_at(40));
    }
    const auto samples = file.resume();
    REQUIRE(samples.size() == 4);
    CHECK(samples[0].x_seconds == 10);
    CHECK(samples[3].x_seconds == 40);
}

TEST_CASE("wherever the last line was torn, all lines before it are kept and the rest is cut off") {
    const CheckpointFile file;
    file.begin(2);
    const std::string whole = file.text();
    const std::size_t second = whole.rfind('\n', whole.size() - 2) + 1;
    for (std::size_t len = second + 1; len < whole.size(); ++len) {
        file.write(whole.substr(0, len));
        std::size_t torn = 0;
        CAPTURE(len);
        REQUIRE(file.resume(&torn).size() == 1);
        REQUIRE(torn == len - second);
        REQUIRE(file.text() == whole.substr(0, second));
    }
}

TEST_CASE("a last line of zeros, as a power cut leaves it, is cut off") {
    const CheckpointFile file;
    file.begin(2);
    const std::string whole = file.text();
    file.write(whole + std::string(50, '\0') + "\n");
    std::size_t torn = 0;
    CHECK(file.resume(&torn).size() == 2);
    CHECK(torn == 51);
    CHECK(file.text() == whole);
}

TEST_CASE("a line that is broken in the middle is not passed over") {
    const CheckpointFile file;
    file.begin(3);
    std::string text = file.text();
    text[text.find("\"piece\"")] = '!';
    file.write(text);
    CHECK_THAT(file.refusal(), Contains("line 2 is no sample"));
    CHECK(file.text() == text);
}

TEST_CASE("a first line that was torn begins the file anew") {
    const CheckpointFile file;
    file.write("{\"soak\":1,\"opt");
    std::size_t torn = 0;
    CHECK(file.resume(&torn).empty());
    CHECK(torn == 14);
    CHECK(file.resume().empty());
}

TEST_CASE("resuming where there is nothing begins") {
    const CheckpointFile file;
    CHECK(file.resume().empty());
    CHECK(file.text().find("\"soak\":1") != std::string::npos);
}

TEST_CASE("a checkpoint of other options is refused by the name of the option") {
    const CheckpointFile file;
    file.begin(1);
    CHECK_THAT(file.refusal({{"FILE", "a.yaml"}, {"--interval", "1"}}),
               Contains("was made with --interval 10, and this soak has 1"));
    CHECK_THAT(file.refusal({{"FILE", "b.yaml"}, {"--interval", "10"}}),
               Contains("was made with FILE a.yaml, and this soak has b.yaml"));
    CHECK_THAT(file.refusal({{"FILE", "a.yaml"}, {"--interval", "10"}, {"--churn", "5"}}),
               Contains("was made with --churn nothing, and this soak has 5"));
    CHECK(file.refusal() == "not refused");
}

TEST_CASE("a file that is no checkpoint is refused and left as it is") {
    const CheckpointFile file;
    for (const char* text :
         {"shopping list\n", "{}\n", "[1]\n", "\n", "{\"soak\":1,\"options\":3}\n"}) {
        file.write(text);
        CAPTURE(text);
        CHECK_THAT(file.refusal(), Contains("is no checkpoint of a soak"));
        CHECK(file.text() == text);
    }
    file.write("{\"soak\":99,\"options\":{}}\n");
    CHECK_THAT(file.refusal(), Contains("another version"));
}

TEST_CASE("a checkpoint that is there is not overwritten by a soak that begins") {
    const CheckpointFile file;
    file.begin(1);
    const std::string text = file.text();
    CHECK_THAT(file.refusal(terms, Checkpoint::Mode::begin), Contains("--resume"));
    CHECK(file.text() == text);
}

TEST_CASE("two soaks do not share a checkpoint") {
    const CheckpointFile file;
    const Checkpoint first(file.path(), Checkpoint::Mode::begin, terms, 2, [](const Sample&) {});
    CHECK_THAT(file.refusal(), Contains("in use by another soak"));
}

TEST_CASE("a checkpoint in a folder that is not there says so") {
    const CheckpointFile file;
    const auto open = [&] {
        const Checkpoint checkpoint(file.path() + "/none", Checkpoint::Mode::begin, terms, 2,
                                    [](const Sample&) {});
    };
    CHECK_THROWS_WITH(open(), Contains("cannot be opened: No such file or directory"));
}

}  // namespace lanes::bench
