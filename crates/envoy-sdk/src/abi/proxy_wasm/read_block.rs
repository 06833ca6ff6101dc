//! Where Envoy copies to what a module reads of a buffer.
//!
//! A read is: Envoy asks the module for memory, copies, and soon after the module gives the memory back. So one block
//! serves nearly all of them, and neither costs a search in the heap.
//!
//! It begins at a page, because Envoy's buffers do. Processors copy more than 2 KiB with one instruction (`rep movsb`), which
//! on AMD's Zen 4 takes up to 40 times as long for a destination that lies 8 to 56 octets further in its page than the source
//! does in its own (glibc 2.36: 293 ns per KiB in place of 11, 16 KiB each). The heap's addresses are of that kind by chance.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// As much as a usual read brings at most: Envoy takes no more from a socket at once, and session-driver no more from Envoy.
const SIZE: usize = 64 * 1024;
/// A page.
const ALIGNMENT: usize = 4096;
/// A module has one thread.
const ORDERING: Ordering = Ordering::Relaxed;

static READ_BLOCK: ReadBlock = ReadBlock::new();

/// Where the memory for what `function` reads, a host call, is to be taken from.
pub(super) fn reads<T>(function: impl FnOnce() -> T) -> T {
    READ_BLOCK.reads(function)
}

/// The memory of a module: that of `std`, and a block of 64 KiB for what is read of Envoy's buffers, which is made with the
/// first read. [`entry_point!`](crate::entry_point) makes it the global allocator.
#[derive(Clone, Copy, Debug)]
pub struct Allocator<'a>(&'a ReadBlock);

impl Allocator<'static> {
    /// The one that reads take their memory from.
    pub const MODULE: Self = Self(&READ_BLOCK);
}

#[derive(Debug)]
struct ReadBlock {
    /// A read is about to ask for memory.
    expected: AtomicBool,
    /// Null until the first read.
    address: AtomicPtr<u8>,
    /// Somebody has it: what was read is still there.
    taken: AtomicBool,
}

impl ReadBlock {
    const fn new() -> Self {
        Self {
            expected: AtomicBool::new(false),
            address: AtomicPtr::new(null_mut()),
            taken: AtomicBool::new(false),
        }
    }

    /// The next memory that is asked for is to hold what `function` reads.
    fn reads<T>(&self, function: impl FnOnce() -> T) -> T {
        self.expected.store(true, ORDERING);
        let result = function();
        self.expected.store(false, ORDERING);
        result
    }

    /// The block, if what is asked for is a read that it can hold.
    fn take(&self, wanted: Layout) -> Option<*mut u8> {
        let fits = wanted.size() <= SIZE && wanted.align() <= ALIGNMENT;
        if !self.expected.swap(false, ORDERING) || !fits || self.taken.swap(true, ORDERING) {
            return None;
        }
        let mut address = self.address.load(ORDERING);
        if address.is_null() {
            let layout = Layout::from_size_align(SIZE, ALIGNMENT).ok()?;
            // SAFETY: the size is not 0. The block is never freed.
            address = unsafe { System.alloc(layout) };
            self.address.store(address, ORDERING);
        }
        if address.is_null() {
            self.taken.store(false, ORDERING);
            return None;
        }
        Some(address)
    }

    /// Whether this is the block, which whoever had it no longer has.
    fn give_back(&self, address: *mut u8) -> bool {
        let is_it = self.is(address);
        if is_it {
            self.taken.store(false, ORDERING);
        }
        is_it
    }

    fn is(&self, address: *mut u8) -> bool {
        std::ptr::eq(address, self.address.load(ORDERING))
    }
}

// SAFETY: whatever is not the block is `System`'s, which gets the same layouts as this. The block has room for every layout
// that it is given out for, is given out to one at a time, and is never freed.
unsafe impl GlobalAlloc for Allocator<'_> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.0.take(layout) {
            Some(block) => block,
            // SAFETY: the caller's promise is the same.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same. No read wants zeros.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        if !self.0.give_back(address) {
            // SAFETY: it is `System`'s, with this layout.
            unsafe { System.dealloc(address, layout) };
        }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !self.0.is(address) {
            // SAFETY: it is `System`'s, with this layout, and the rest is the caller's promise.
            return unsafe { System.realloc(address, layout, size) };
        }
        // Somebody wants to keep what was read: that is not what the block is for.
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return null_mut() };
        // SAFETY: the caller has promised that the size is not 0.
        let moved = unsafe { System.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both have as much room, and are not the same.
            unsafe { std::ptr::copy_nonoverlapping(address, moved, size.min(layout.size())) };
            self.0.give_back(address);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Envoy's host call asks for memory, and as what was read is dropped.
    struct Read<'a>(&'a ReadBlock, *mut u8, Layout);

    impl<'a> Read<'a> {
        fn of(block: &'a ReadBlock, size: usize) -> Self {
            block.reads(|| Self::unexpected(block, size))
        }

        fn unexpected(block: &'a ReadBlock, size: usize) -> Self {
            let layout = Layout::array::<u8>(size).unwrap();
            // SAFETY: no test asks for nothing.
            let address = unsafe { Allocator(block).alloc(layout) };
            // SAFETY: there is room for so many.
            unsafe { address.write_bytes(7, size) };
            Self(block, address, layout)
        }

        fn is_in_the_block(&self) -> bool {
            self.0.is(self.1)
        }

        fn resized(self, size: usize) -> Self {
            // SAFETY: allocated so.
            let address = unsafe { Allocator(self.0).realloc(self.1, self.2, size) };
            let read = Self(self.0, address, Layout::array::<u8>(size).unwrap());
            std::mem::forget(self);
            read
        }

        /// The first of its octets, as many as were written.
        fn written(&self, count: usize) -> &[u8] {
            // SAFETY: allocated so, and written.
            unsafe { std::slice::from_raw_parts(self.1, count) }
        }
    }

    impl Drop for Read<'_> {
        fn drop(&mut self) {
            // SAFETY: allocated so.
            unsafe { Allocator(self.0).dealloc(self.1, self.2) };
        }
    }

    #[test]
    fn one_read_after_the_other_has_the_block() {
        let block = ReadBlock::new();
        for size in [1, 100, SIZE] {
            let read = Read::of(&block, size);
            assert!(read.is_in_the_block(), "{size}");
            assert_eq!(read.1.align_offset(ALIGNMENT), 0);
        }
    }

    #[test]
    fn what_is_no_read_or_does_not_fit_has_memory_of_its_own() {
        let block = ReadBlock::new();
        assert!(!Read::unexpected(&block, 100).is_in_the_block());
        assert!(!Read::of(&block, SIZE + 1).is_in_the_block());
        block.reads(|| ());
        assert!(!Read::unexpected(&block, 100).is_in_the_block(), "nothing was read before");
        assert!(Read::of(&block, 100).is_in_the_block(), "still");
    }

    #[test]
    fn a_read_that_is_kept_leaves_the_block_to_nobody_else() {
        let block = ReadBlock::new();
        let kept = Read::of(&block, 100);
        let next = Read::of(&block, 200);
        assert_eq!((kept.is_in_the_block(), next.is_in_the_block()), (true, false));
        drop(kept);
        assert!(Read::of(&block, 100).is_in_the_block());
    }

    #[test]
    fn a_read_that_grows_or_shrinks_moves_out() {
        let block = ReadBlock::new();
        for (size, written) in [(50, 50), (1000, 100)] {
            let resized = Read::of(&block, 100).resized(size);
            assert!(!resized.is_in_the_block());
            assert_eq!(resized.written(written), vec![7; written]);
            assert!(Read::of(&block, 100).is_in_the_block());
        }
        let elsewhere = Read::unexpected(&block, 100).resized(1000);
        assert_eq!(elsewhere.written(100), [7; 100]);
    }
}
