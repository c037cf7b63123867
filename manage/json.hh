// JsonWriter: appends JSON to a string as it is told, field by field, without a tree in between: an
// answer on 10,000 lanes has 200,000 values, and it is made on the Control thread, which must not
// be kept from its ticks. What people wrote (names, paths) comes out escaped, and bytes that are
// not UTF-8 as U+FFFD. The views and the commands of management call it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lanes::manage {

class JsonWriter {
  public:
    /// Begins the one object of an answer, `schema` first.
    JsonWriter();

    JsonWriter& text(std::string_view key, std::string_view value);
    JsonWriter& number(std::string_view key, std::uint64_t value);
    JsonWriter& truth(std::string_view key, bool value);
    /// A field that is not known, or does not apply.
    JsonWriter& null(std::string_view key);
    JsonWriter& object(std::string_view key);
    JsonWriter& array(std::string_view key);
    /// Elements of an array.
    JsonWriter& object();
    JsonWriter& text(std::string_view value);
    /// Ends what object() or array() began.
    JsonWriter& end();

    /// Ends all that is open; a line of its own.
    std::string done();

  private:
    void comma();
    void key(std::string_view key);
    void quoted(std::string_view value);

    std::string out_;
    std::string open_;  ///< the brackets that are to come, last first
    bool first_ = true;
};

}  // namespace lanes::manage
