// The tagged replay window: which sequence numbers of one subspace have been delivered. Shared by
// all receiving workers without a lock; also the duplicate eliminator of a lane sent over two
// paths.
//
// A ring of 16-byte words, each (block number + 1 : bitmap of the 64 numbers of that block), zero
// when unused; block = sequence / 64, slot = block mod the number of words. A sequence number is
// accepted by swapping in its word as a whole (cmpxchg16b or its like): the block number travels
// with the bits, so there is no top pointer to race for, nothing to clear when the window moves,
// and no wrap: block + 1 is at most 2^58. One swap covers a run of up to 64 numbers of one block.
// The window that RFC 6479 describes (a ring of plain bitmaps and a top pointer) needs a lock here.
//
// What is older than the ring is told by the slot alone: it holds a newer block then. A number up
// to (words - 1) * 64 behind the newest is so always accepted once. Beyond that it depends on its
// slot: where nothing newer has come to it, an older number still is; never a delivered one, whose
// block is in the slot or has been followed there by a newer one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lanes {

class Window {
  public:
    struct alignas(16) Word {
        std::uint64_t tag = 0;  ///< block + 1; 0: unused
        std::uint64_t bits = 0;
    };
    static constexpr std::uint64_t block_numbers = 64;

    enum class Verdict : std::uint8_t { fresh, duplicate, old };

    /// A view of `words` (a power of two) words of shared memory, zero at first.
    Window(Word* words, std::uint32_t count) noexcept : words_(words), mask_(count - 1) {}

    /// Asks the memory for the word that commit() of this number will write.
    void prefetch(std::uint64_t sequence) const noexcept {
        __builtin_prefetch(&words_[sequence / block_numbers & mask_], 1);
    }

    /// What commit() of this number would find now. For use before a costly open.
    Verdict check(std::uint64_t sequence) const noexcept {
        return View(*this, sequence / block_numbers).check(sequence);
    }

    /// A block as it is at one moment, for checking several of its numbers.
    class View {
      public:
        View(const Window& window, std::uint64_t block) noexcept
            : block_(block), word_(load(window.words_[block & window.mask_])) {}

        std::uint64_t block() const noexcept { return block_; }
        /// A number of this block.
        Verdict check(std::uint64_t sequence) const noexcept {
            if (word_.tag != block_ + 1) {
                return word_.tag < block_ + 1 ? Verdict::fresh : Verdict::old;
            }
            return (word_.bits >> (sequence % block_numbers) & 1) != 0 ? Verdict::duplicate
                                                                       : Verdict::fresh;
        }

      private:
        std::uint64_t block_;
        Word word_;
    };

    struct Outcome {
        std::uint64_t fresh;  ///< of the numbers asked for, those that this call was first to take
        bool old;             ///< the whole block is older than the window
    };

    /// Takes the numbers block * 64 + i of every bit i set in `wanted`. Each number is `fresh` in
    /// exactly one call of all threads, until its slot is taken by a newer block.
    Outcome commit(std::uint64_t block, std::uint64_t wanted) noexcept {
        const std::uint64_t tag = block + 1;
        Word& shared = words_[block & mask_];
        Word seen = load(shared);
        for (;;) {
            if (seen.tag > tag) return {0, true};
            const std::uint64_t taken = seen.tag == tag ? seen.bits : 0;
            const std::uint64_t fresh = wanted & ~taken;
            if (fresh == 0) return {0, false};
            if (swap(shared, seen, Word{tag, taken | wanted})) return {fresh, false};
        }
    }

    /// Forgets everything (a clear lane whose sender went back in time). Numbers that are being
    /// committed at this moment may be delivered a second time later.
    void restart() noexcept {
        for (std::uint64_t i = 0; i <= mask_; ++i) {
            Word seen = load(words_[i]);
            while (seen.tag != 0 && !swap(words_[i], seen, Word{})) {
            }
        }
    }

    /// Makes every number below `floor` old or a duplicate. Of an unused window.
    void start_at(std::uint64_t floor) noexcept {
        const std::uint64_t last = floor / block_numbers;
        const std::uint64_t first = last > mask_ ? last - mask_ : 0;
        for (std::uint64_t block = first; block <= last; ++block) {
            const std::uint64_t below = (std::uint64_t{1} << floor % block_numbers) - 1;
            words_[block & mask_] = Word{block + 1, block < last ? ~std::uint64_t{0} : below};
        }
    }

    /// One more than the highest number that was taken; 0 when none was. While others commit, what
    /// they take meanwhile may or may not be seen.
    std::uint64_t end() const noexcept {
        Word newest;
        for (std::uint64_t i = 0; i <= mask_; ++i) {
            const Word word = load(words_[i]);
            if (word.tag > newest.tag) newest = word;
        }
        if (newest.tag == 0) return 0;
        const auto used = static_cast<std::uint64_t>(64 - __builtin_clzll(newest.bits | 1));
        return (newest.tag - 1) * block_numbers + (newest.bits == 0 ? 0 : used);
    }

  private:
    __extension__ using Whole = unsigned __int128;

    // Two plain loads, tag first. If the word changes between them, the tag is the older half: a
    // newer tag than ours is never missed for long (the swap fails), and bits that are read behind
    // our own tag are ours or belong to a block that makes us too old.
    static Word load(const Word& word) noexcept {
        auto& shared = const_cast<Word&>(word);
        Word seen;
        seen.tag = std::atomic_ref(shared.tag).load(std::memory_order_acquire);
        seen.bits = std::atomic_ref(shared.bits).load(std::memory_order_acquire);
        return seen;
    }

    /// On failure `expected` holds what is there, read as a whole.
    static bool swap(Word& word, Word& expected, Word wanted) noexcept {
        const Whole before = Whole{expected.bits} << 64 | expected.tag;
        const Whole after = Whole{wanted.bits} << 64 | wanted.tag;
        // __sync and not __atomic: the latter becomes a library call in g++, the former is inline.
        const Whole found =
            __sync_val_compare_and_swap(reinterpret_cast<Whole*>(&word), before, after);
        if (found == before) return true;
        expected = Word{static_cast<std::uint64_t>(found), static_cast<std::uint64_t>(found >> 64)};
        return false;
    }

    Word* words_;
    std::uint64_t mask_;
};

}  // namespace lanes
