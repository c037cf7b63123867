// A directory of a test's own, removed with all that is in it, and what the tests of the state
// store ask about files. In memory where that can be had, since a thousand fsyncs take their time.
#pragma once

#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace lanes::test {

class ScratchDirectory {
  public:
    enum class Place { memory, disk };

    explicit ScratchDirectory(Place place = Place::memory) {
        const bool memory = place == Place::memory && ::access("/dev/shm", W_OK) == 0;
        path_ = memory ? "/dev/shm" : std::filesystem::temp_directory_path().string();
        path_ += "/lanes-test-XXXXXX";
        REQUIRE(::mkdtemp(path_.data()) != nullptr);
    }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    ~ScratchDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string operator/(const std::string& name) const { return path_ + '/' + name; }

  private:
    std::string path_;
};

inline std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

inline void write_content(const std::string& path, const std::string& content) {
    std::ofstream file(path, std::ios::binary);
    file << content;
    REQUIRE(file.flush());
}

/// The names in a directory, hidden ones too.
inline std::set<std::string> names_in(const std::string& path) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        names.insert(entry.path().filename());
    }
    return names;
}

}  // namespace lanes::test
