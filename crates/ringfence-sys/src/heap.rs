//! The heap of a program that lives for a millisecond: one static area, blocks one after another,
//! and no call to the kernel. A first touch of a page and a pair of mmap(2) and munmap(2) cost
//! more here than everything that a launch allocates.
//!
//! What it never does: give memory that was freed back to the kernel unasked ([`Heap::trim`] does),
//! or join freed blocks. That is for programs that end soon; a library's caller brings its own.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{null_mut, with_exposed_provenance_mut};
use core::sync::atomic::{AtomicBool, Ordering};

use linux_raw_sys::general as nr;

use crate::raw::syscall;

/// The static area: what the plan of a built-in policy needs several times over.
const STATIC: usize = 512 * 1024;
/// What is asked of mmap(2) when that is used up.
const CHUNK: usize = 1024 * 1024;
/// Blocks above this are mappings of their own, so that growing them moves pages, not bytes.
const LARGE: usize = 64 * 1024;
const PAGE: usize = 4096;
/// Pages that the static area may reach into.
const PAGES: usize = STATIC / PAGE + 1;
/// Every block begins at a multiple of this, and is as long as one.
const UNIT: usize = 16;
/// Freed blocks up to this size are kept by their exact size.
const SMALL: usize = 1024;
const SMALL_CLASSES: usize = SMALL / UNIT;
/// Above it, four classes to each doubling: 1280, 1536, 1792, 2048, … 64 KiB.
const CLASSES: usize = SMALL_CLASSES + 4 * (LARGE / SMALL).ilog2() as usize;
const READ_WRITE: usize = 3;
const PRIVATE_ANONYMOUS: usize = 0x22;
const MREMAP_MAYMOVE: usize = 1;
const MADV_DONTNEED: usize = 4;

#[repr(C, align(16))]
struct Area([u8; STATIC]);

/// A freed block, in the list of its class.
struct Free {
    next: *mut Free,
}

struct State {
    /// Where the next block begins; null before the first.
    top: *mut u8,
    /// The end of the present area.
    end: *mut u8,
    /// All memory of the present area from here on has never been written: it is zero.
    fresh: *mut u8,
    free: [*mut Free; CLASSES],
}

/// A `#[global_allocator]`.
///
/// Sizes are bytes. An allocation fails (null) where mmap(2) does. Several threads may use it, one
/// at a time; none should have to wait long, as no call of it takes long.
#[repr(C)]
pub struct Heap {
    busy: AtomicBool,
    state: UnsafeCell<State>,
    area: UnsafeCell<Area>,
}

// SAFETY: the area is only touched by whoever was given a block of it, and the state is only reached by `Heap::with`, which lets one thread in at a time.
unsafe impl Sync for Heap {}

/// What a block of `size` takes, and the list that it goes to.
const fn class(size: usize) -> (usize, usize) {
    let size = if size == 0 { 1 } else { size };
    if size <= SMALL {
        let units = size.div_ceil(UNIT);
        return (units * UNIT, units - 1);
    }
    // 2^power < size <= 2^(power + 1), in quarters of 2^power.
    let power = (size - 1).ilog2() as usize;
    let quarter = 1 << (power - 2);
    let quarters = (size - (1 << power)).div_ceil(quarter);
    ((1 << power) + quarters * quarter, SMALL_CLASSES + 4 * (power - SMALL.ilog2() as usize) + quarters - 1)
}

/// The size of the blocks in a list: what [`class`] says of any of them.
const fn size_in(list: usize) -> usize {
    match list.checked_sub(SMALL_CLASSES) {
        None => (list + 1) * UNIT,
        Some(quarters) => (SMALL << (quarters / 4)) + (quarters % 4 + 1) * ((SMALL / 4) << (quarters / 4)),
    }
}

/// How much of each page of the static area nobody uses, in bytes.
struct Unused {
    /// The page in which the area begins.
    base: usize,
    bytes: [u16; PAGES],
}

const fn is_large(layout: Layout) -> bool {
    layout.size() > LARGE || layout.align() > PAGE
}

impl Heap {
    /// An empty heap.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            busy: AtomicBool::new(false),
            state: UnsafeCell::new(State {
                top: null_mut(),
                end: null_mut(),
                fresh: null_mut(),
                free: [null_mut(); CLASSES],
            }),
            area: UnsafeCell::new(Area([0; STATIC])),
        }
    }

    /// Gives whole pages without a block in use back to the kernel (madvise(2) `MADV_DONTNEED`), and
    /// forgets what was freed on the others: a later trim does not find that again. Blocks in use
    /// stay as they are, and so do all but the last of the areas that mmap(2) gave.
    pub fn trim(&self) {
        self.with(|state| state.trim(self.area.get()));
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        while self.busy.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        // SAFETY: whoever set `busy` is alone until it is reset; `work` calls nothing that allocates.
        let result = work(unsafe { &mut *self.state.get() });
        self.busy.store(false, Ordering::Release);
        result
    }
}

impl State {
    /// A block, and whether it is known to be zero.
    #[inline]
    fn take(&mut self, layout: Layout, first: *mut Area) -> (*mut u8, bool) {
        if layout.size() > SMALL || layout.align() > UNIT {
            return self.take_any(layout, first);
        }
        // As `class` and `take_any` have it, with all that cannot be here left out.
        let units = layout.size().max(1).div_ceil(UNIT);
        let block = self.free[units - 1];
        if !block.is_null() {
            // SAFETY: as in `take_any`.
            self.free[units - 1] = unsafe { (*block).next };
            return (block.cast(), false);
        }
        let (top, size) = (self.top, units * UNIT);
        if size > self.end as usize - top as usize {
            return self.take_any(layout, first);
        }
        // SAFETY: inside the present area, as just checked.
        self.top = unsafe { top.add(size) };
        let zero = top >= self.fresh;
        self.fresh = self.fresh.max(self.top);
        (top, zero)
    }

    #[inline(never)]
    fn take_any(&mut self, layout: Layout, first: *mut Area) -> (*mut u8, bool) {
        let (size, list) = class(layout.size());
        if layout.align() <= UNIT && !self.free[list].is_null() {
            let block = self.free[list];
            // SAFETY: blocks in the list were given out by this heap, are of this size, and are
            // used by nobody else; their first word is the link that `give` wrote.
            self.free[list] = unsafe { (*block).next };
            return (block.cast(), false);
        }
        if self.top.is_null() {
            self.begin(first.cast(), STATIC);
        }
        let padding = self.top.align_offset(layout.align());
        if (self.end as usize - self.top as usize).checked_sub(padding).is_none_or(|room| room < size) {
            let chunk = map(CHUNK);
            if chunk.is_null() {
                return (chunk, false);
            }
            self.begin(chunk, CHUNK);
            // A chunk begins at a page and is longer than any block.
            return self.take_any(layout, first);
        }
        // SAFETY: both ends lie inside the present area, as just checked.
        let (block, end) = unsafe { (self.top.add(padding), self.top.add(padding + size)) };
        let zero = block >= self.fresh;
        self.top = end;
        self.fresh = self.fresh.max(end);
        (block, zero)
    }

    fn trim(&mut self, first: *mut Area) {
        if self.top.is_null() {
            return;
        }
        let mut unused = Unused { base: first as usize & !(PAGE - 1), bytes: [0; PAGES] };
        for (list, block) in self.free.iter_mut().enumerate() {
            let mut next = core::mem::replace(block, null_mut());
            while !next.is_null() {
                unused.add(next as usize, size_in(list));
                // SAFETY: a block in a list was given out by this heap and came back; `give` wrote the link.
                next = unsafe { (*next).next };
            }
        }
        let (top, end) = (self.top as usize, self.end as usize);
        if (first as usize..=first as usize + STATIC).contains(&top) {
            unused.add(top, end - top);
        } else {
            // SAFETY: whole pages of a chunk that no block reaches.
            unsafe { let_go(top.next_multiple_of(PAGE), end) };
        }
        unused.let_go();
    }

    fn begin(&mut self, area: *mut u8, len: usize) {
        self.top = area;
        self.fresh = area;
        // SAFETY: one past the end of an area of that length.
        self.end = unsafe { area.add(len) };
    }

    /// The last block makes room for the next; others wait in the list of their class.
    fn give(&mut self, block: *mut u8, size: usize) {
        let (size, list) = class(size);
        if block.wrapping_add(size) == self.top {
            self.top = block;
            return;
        }
        let free = block.cast::<Free>();
        // SAFETY: the block is at least 16 bytes long, aligned to as many, and its owner has given it up.
        unsafe { free.write(Free { next: self.free[list] }) };
        self.free[list] = free;
    }

    /// Whether the block, which keeps its place, now has room for `size`.
    fn resize(&mut self, block: *mut u8, old: usize, size: usize) -> bool {
        let ((old, _), (new, _)) = (class(old), class(size));
        if new == old {
            return true;
        }
        let end = block.wrapping_add(new);
        if block.wrapping_add(old) != self.top || end > self.end {
            return false;
        }
        self.top = end;
        self.fresh = self.fresh.max(end);
        true
    }
}

impl Unused {
    /// A span without a block in use. One outside of the static area is passed over.
    fn add(&mut self, start: usize, len: usize) {
        let (mut at, end) = (start, start + len);
        while at < end {
            let until = end.min((at + 1).next_multiple_of(PAGE));
            if let Some(bytes) = self.bytes.get_mut(at.wrapping_sub(self.base) / PAGE) {
                *bytes += (until - at) as u16;
            }
            at = until;
        }
    }

    fn let_go(&self) {
        let mut from = self.base;
        for run in self.bytes.chunk_by(|a, b| (usize::from(*a) == PAGE) == (usize::from(*b) == PAGE)) {
            let until = from + run.len() * PAGE;
            if usize::from(run[0]) == PAGE {
                // SAFETY: each byte of these pages belongs to a freed block or to none; of a page
                // that the area shares with others it never has all bytes.
                unsafe { let_go(from, until) };
            }
            from = until;
        }
    }
}

/// madvise(2) `MADV_DONTNEED`: the pages are zero when they are next touched.
///
/// # Safety
/// Both are multiples of [`PAGE`], and nobody needs what private anonymous memory holds between them.
unsafe fn let_go(from: usize, until: usize) {
    if from < until {
        // SAFETY: passed on to the caller.
        let _ = unsafe { syscall!(nr::__NR_madvise, from, until - from, MADV_DONTNEED) };
    }
}

/// A new private mapping; null where there is none to be had.
fn map(len: usize) -> *mut u8 {
    // SAFETY: a new anonymous mapping touches nothing that exists.
    unsafe { syscall!(nr::__NR_mmap, 0, len, READ_WRITE, PRIVATE_ANONYMOUS, usize::MAX, 0) }
        .map_or(null_mut(), with_exposed_provenance_mut)
}

fn pages(size: usize) -> Option<usize> {
    size.checked_next_multiple_of(PAGE)
}

// SAFETY: a block is the caller's alone until it is given back: `State` keeps `top` above every
// block that is out, lists hold only blocks that came back, and mappings are the kernel's promise.
// Sizes are rounded up alike by all functions (`class`, `pages`), so that a layout always finds the
// size that its block has. Nothing here unwinds.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return large(layout);
        }
        self.with(|state| state.take(layout, self.area.get()).0)
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return large(layout);
        }
        let (block, zero) = self.with(|state| state.take(layout, self.area.get()));
        if !zero && !block.is_null() {
            // SAFETY: the block has that many bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_large(layout) {
            let len = pages(layout.size()).unwrap_or(usize::MAX);
            // SAFETY: `large` mapped as many pages there, and the caller gives them up.
            let _ = unsafe { syscall!(nr::__NR_munmap, block as usize, len) };
            return;
        }
        self.with(|state| state.give(block, layout.size()));
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that is no overflow when rounded up to the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_large(layout), is_large(new)) {
            (true, true) => return remap(block, layout.size(), size),
            (false, false) if self.with(|state| state.resize(block, layout.size(), size)) => return block,
            _ => {}
        }
        // SAFETY: a new block, as long as the shorter of the two at least; they do not overlap.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// A mapping of its own. No type asks for more than a page of alignment; one that did gets null.
fn large(layout: Layout) -> *mut u8 {
    match pages(layout.size()) {
        Some(len) if layout.align() <= PAGE => map(len.max(PAGE)),
        _ => null_mut(),
    }
}

/// mremap(2): null, and the old mapping as it was, where there is no room.
fn remap(block: *mut u8, old: usize, new: usize) -> *mut u8 {
    let (Some(old), Some(new)) = (pages(old), pages(new)) else { return null_mut() };
    // SAFETY: `large` made a mapping of that many pages there, and the caller lets it move.
    unsafe { syscall!(nr::__NR_mremap, block as usize, old, new, MREMAP_MAYMOVE, 0) }
        .map_or(null_mut(), with_exposed_provenance_mut)
}
