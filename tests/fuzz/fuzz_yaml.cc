// libFuzzer target: any bytes as a node file. Whatever they are, the answer is a node that keeps
// its promises or a list of errors with places inside the text; never a crash, never an exception.
// Corpus: tests/fuzz/corpus/yaml, words: tests/fuzz/yaml.dict.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fuzz/config_promises.hh"

using namespace lanes;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    const auto no_tables = [](const std::string&) -> engine::Result<config::TablePieces> {
        return engine::Error{0, "no tables here"};
    };
    static const config::KeyFiles files = fuzz::key_files();
    const config::Loaded loaded = config::parse_node(text, "node.yaml", no_tables, files);
    fuzz::check_promises(loaded, "node.yaml", text);
    return 0;
}
