// See region.hh.
#include "engine/region.hh"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace lanes::engine {
namespace {

std::size_t page_bytes() noexcept {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Region::Region(Region&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Region& Region::operator=(Region&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Region::~Region() {
    if (data_ != nullptr) ::munmap(data_, size_);
}

Result<Region> Region::map(std::size_t len, Pages pages) {
    const std::size_t page = page_bytes();
    Region region;
    region.size_ = (len + page - 1) / page * page;
    void* at = ::mmap(nullptr, region.size_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return system_error(errno, "map " + std::to_string(region.size_) + " bytes of memory");
    }
    region.data_ = static_cast<std::byte*>(at);
    // Advice only: a kernel without transparent huge pages says no and nothing is lost.
    ::madvise(at, region.size_, pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return region;
}

void Region::clear(std::size_t offset, std::size_t len) noexcept {
    const std::size_t page = page_bytes();
    const std::size_t end = offset + len;
    const std::size_t first = (offset + page - 1) / page * page;
    const std::size_t last = end / page * page;
    if (first >= last) {
        std::memset(data_ + offset, 0, len);
        return;
    }
    std::memset(data_ + offset, 0, first - offset);
    ::madvise(data_ + first, last - first, MADV_DONTNEED);
    std::memset(data_ + last, 0, end - last);
}

}  // namespace lanes::engine
