//! Memory set aside for the moment when there is no more.
//!
//! Rust's collections, and the libraries that this workspace is built on, end the process where a
//! small allocation fails. What is large is asked for (see [`crate::memory`]); for all that is
//! small, [`WithReserve`] stands behind the system's allocator as the allocator of the whole
//! library: what the system refuses comes from a reserve that was set aside when the library was
//! loaded. The computation is to ask [`WithReserve::drawn`] from time to time and to end with an
//! error once it grows, long before the reserve is used up.
#![allow(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes of a block, and the most that one request is given.
const BLOCK: usize = 256 << 10;

const N_BLOCKS: usize = 32;

/// Bytes of the reserve: address space from when the library is loaded, and memory only once it
/// is drawn on.
pub const RESERVE: usize = BLOCK * N_BLOCKS;

/// The reserve's memory. It is aligned as pages are, so that any layout that is asked for in
/// earnest finds its alignment.
#[repr(C, align(4096))]
struct Area(UnsafeCell<MaybeUninit<[u8; RESERVE]>>);

/// How far a block is handed out, and how many of its pieces are in use: two halves of one number,
/// so that they change together.
#[derive(Clone, Copy)]
struct Level {
    end: u32,
    live: u32,
}

impl Level {
    fn of(both: u64) -> Self {
        Self { end: (both >> 32) as u32, live: both as u32 }
    }

    fn both(self) -> u64 {
        u64::from(self.end) << 32 | u64::from(self.live)
    }

    /// Where a piece of this layout begins, and the level once it is handed out.
    fn with(self, layout: Layout) -> Option<(usize, Self)> {
        let start = (self.end as usize).next_multiple_of(layout.align());
        let end = start.checked_add(layout.size()).filter(|&end| end <= BLOCK)?;
        Some((start, Self { end: end as u32, live: self.live + 1 }))
    }

    /// The level once a piece is given back; a block is used anew when all of its pieces are back.
    fn without_one(self) -> Self {
        let live = self.live.saturating_sub(1);
        Self { end: if live == 0 { 0 } else { self.end }, live }
    }
}

/// An allocator with a reserve of 8 MB, for requests of at most 256 kB.
pub struct WithReserve<A = System> {
    system: A,
    area: Area,
    levels: [AtomicU64; N_BLOCKS],
    drawn: AtomicUsize,
}

// SAFETY: threads are handed disjoint pieces of the area, and nothing else of it is touched.
unsafe impl<A: Sync> Sync for WithReserve<A> {}

impl<A> WithReserve<A> {
    /// A full reserve behind an allocator.
    #[must_use]
    pub const fn behind(system: A) -> Self {
        Self {
            system,
            area: Area(UnsafeCell::new(MaybeUninit::uninit())),
            levels: [const { AtomicU64::new(0) }; N_BLOCKS],
            drawn: AtomicUsize::new(0),
        }
    }

    /// Bytes that have ever been taken from the reserve, whether given back or not.
    pub fn drawn(&self) -> usize {
        self.drawn.load(Ordering::Relaxed)
    }

    fn start(&self) -> *mut u8 {
        self.area.0.get().cast()
    }

    /// The number of the block that a pointer lies in, if it is the reserve's.
    fn block_of(&self, piece: *mut u8) -> Option<usize> {
        let offset = piece.addr().wrapping_sub(self.start().addr());
        (offset < RESERVE).then_some(offset / BLOCK)
    }

    /// A piece of the reserve; null if there is none left, or too much is asked for.
    fn draw(&self, layout: Layout) -> *mut u8 {
        if layout.align() > align_of::<Area>() {
            return ptr::null_mut();
        }
        for (block, level) in self.levels.iter().enumerate() {
            let handed_out = level.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |both| {
                Level::of(both).with(layout).map(|(_, level)| level.both())
            });
            if let Some((offset, _)) = handed_out.ok().and_then(|both| Level::of(both).with(layout))
            {
                self.drawn.fetch_add(layout.size(), Ordering::Relaxed);
                return self.start().wrapping_add(block * BLOCK + offset);
            }
        }
        ptr::null_mut()
    }

    fn give_back(&self, block: usize) {
        // The closure always answers, so there is nothing to do about a refusal.
        let _ = self.levels[block].fetch_update(Ordering::AcqRel, Ordering::Relaxed, |both| {
            Some(Level::of(both).without_one().both())
        });
    }
}

// SAFETY: pieces come from the system's allocator, or from the area: aligned, disjoint from all
// that is in use (a level only grows while a piece of its block is), within the area, and valid as
// long as the allocator, which an allocator of a library must be for ever. Nothing unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for WithReserve<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        let piece = unsafe { self.system.alloc(layout) };
        if piece.is_null() { self.draw(layout) } else { piece }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        let piece = unsafe { self.system.alloc_zeroed(layout) };
        if !piece.is_null() {
            return piece;
        }
        let piece = self.draw(layout);
        if !piece.is_null() {
            // SAFETY: a piece has the size of its layout, and is nobody else's.
            unsafe { piece.write_bytes(0, layout.size()) };
        }
        piece
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match self.block_of(piece) {
            Some(block) => self.give_back(block),
            // SAFETY: the caller's: it is not the reserve's, so it is the system's.
            None => unsafe { self.system.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if self.block_of(piece).is_none() {
            // SAFETY: the caller's, as above.
            let moved = unsafe { self.system.realloc(piece, layout, new_size) };
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: the caller has it that the new size, rounded up, is a layout's.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the caller has it that the new size is not 0.
        let moved = unsafe { self.alloc(new_layout) };
        if !moved.is_null() {
            // SAFETY: both have as many bytes, and the new piece is disjoint from what is in use.
            unsafe { ptr::copy_nonoverlapping(piece, moved, layout.size().min(new_size)) };
            // SAFETY: the caller's; nothing refers to it from here on.
            unsafe { self.dealloc(piece, layout) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// An allocator that can be told to have nothing left.
    struct Fickle(AtomicBool);

    // SAFETY: all that it hands out is the system's.
    unsafe impl GlobalAlloc for Fickle {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if self.0.load(Ordering::Relaxed) {
                return ptr::null_mut();
            }
            // SAFETY: the caller's.
            unsafe { System.alloc(layout) }
        }
        unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
            // SAFETY: the caller's.
            unsafe { System.dealloc(piece, layout) }
        }
    }

    /// An allocator of its own for each test, which no stack is large enough for.
    macro_rules! fickle {
        (empty: $empty:literal) => {{
            static MEMORY: WithReserve<Fickle> =
                WithReserve::behind(Fickle(AtomicBool::new($empty)));
            &MEMORY
        }};
    }

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn what_the_system_has_is_the_systems() {
        let memory = fickle!(empty: false);
        // SAFETY: of one layout, and given back.
        unsafe {
            let piece = memory.alloc(bytes(100));
            assert_eq!(memory.block_of(piece), None);
            memory.dealloc(piece, bytes(100));
        }
        assert_eq!(memory.drawn(), 0);
    }

    #[test]
    fn pieces_of_the_reserve_are_aligned_disjoint_and_keep_what_is_written() {
        let memory = fickle!(empty: true);
        let layouts: Vec<Layout> = (0..200)
            .map(|i| Layout::from_size_align(1 + 7919 * i % 9_000, 1 << (i % 13)).unwrap())
            .collect();
        // SAFETY: every piece is written to within its layout, and given back once.
        unsafe {
            let pieces: Vec<*mut u8> = layouts.iter().map(|&layout| memory.alloc(layout)).collect();
            for (i, (&piece, layout)) in pieces.iter().zip(&layouts).enumerate() {
                assert!(memory.block_of(piece).is_some() && piece.addr() % layout.align() == 0);
                piece.write_bytes(i as u8, layout.size());
            }
            for (i, (&piece, layout)) in pieces.iter().zip(&layouts).enumerate() {
                let written = std::slice::from_raw_parts(piece, layout.size());
                assert!(written.iter().all(|&byte| byte == i as u8));
                memory.dealloc(piece, *layout);
            }
        }
        let handed_out: usize = layouts.iter().map(Layout::size).sum();
        assert_eq!(memory.drawn(), handed_out);
        assert!(memory.levels.iter().all(|level| level.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn what_grows_takes_along_what_it_held() {
        let memory = fickle!(empty: false);
        // SAFETY: as above.
        unsafe {
            let piece = memory.alloc(bytes(3));
            piece.copy_from(b"abc".as_ptr(), 3);
            memory.system.0.store(true, Ordering::Relaxed);
            let grown = memory.realloc(piece, bytes(3), 5_000);
            assert!(memory.block_of(grown).is_some());
            let shrunk = memory.realloc(grown, bytes(5_000), 2);
            assert_eq!(std::slice::from_raw_parts(shrunk, 2), b"ab");
            memory.system.0.store(false, Ordering::Relaxed);
            let back = memory.realloc(shrunk, bytes(2), 9);
            assert_eq!(memory.block_of(back), None);
            assert_eq!(std::slice::from_raw_parts(back, 2), b"ab");
            memory.dealloc(back, bytes(9));
        }
        assert!(memory.levels.iter().all(|level| level.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn what_is_to_be_zero_is_zero_where_something_stood_before() {
        let memory = fickle!(empty: true);
        // SAFETY: as above.
        unsafe {
            let piece = memory.alloc(bytes(64));
            piece.write_bytes(7, 64);
            memory.dealloc(piece, bytes(64));
            let zeros = memory.alloc_zeroed(bytes(64));
            assert_eq!(zeros, piece);
            assert_eq!(std::slice::from_raw_parts(zeros, 64), [0; 64]);
            memory.dealloc(zeros, bytes(64));
        }
    }

    #[test]
    fn the_reserve_ends_and_is_there_again_when_it_is_given_back() {
        let memory = fickle!(empty: true);
        // SAFETY: as above.
        unsafe {
            assert!(memory.alloc(bytes(BLOCK + 1)).is_null());
            for _ in 0..2 {
                let pieces: Vec<_> = (0..N_BLOCKS).map(|_| memory.alloc(bytes(BLOCK))).collect();
                assert!(pieces.iter().all(|piece| !piece.is_null()));
                assert!(memory.alloc(bytes(1)).is_null());
                assert!(memory.realloc(pieces[0], bytes(BLOCK), BLOCK + 1).is_null());
                for piece in pieces {
                    memory.dealloc(piece, bytes(BLOCK));
                }
            }
        }
        assert_eq!(memory.drawn(), 2 * RESERVE);
    }

    #[test]
    fn threads_are_handed_pieces_of_their_own() {
        let memory = fickle!(empty: true);
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                scope.spawn(move || {
                    for size in 1..if cfg!(miri) { 20 } else { 2_000 } {
                        // SAFETY: as above.
                        unsafe {
                            let piece = memory.alloc(bytes(size));
                            piece.write_bytes(thread, size);
                            std::thread::yield_now();
                            let written = std::slice::from_raw_parts(piece, size);
                            assert!(written.iter().all(|&byte| byte == thread));
                            memory.dealloc(piece, bytes(size));
                        }
                    }
                });
            }
        });
        assert!(memory.levels.iter().all(|level| level.load(Ordering::Relaxed) == 0));
    }
}
