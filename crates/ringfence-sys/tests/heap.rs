//! The heap against a model of what it owes: blocks that keep their bytes, are aligned, zero where
//! that was asked, and never overlap.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;

use ringfence_sys::heap::Heap;

/// xorshift64: the same numbers in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % limit
    }

    /// Mostly small; each class and the mappings come up.
    fn size(&mut self) -> usize {
        let most = [16, 64, 300, 1024, 5000, 65_536, 200_000][self.below(7)];
        1 + self.below(most)
    }
}

struct Block {
    len: usize,
    layout: Layout,
    mark: u8,
}

struct Model<'h> {
    heap: &'h Heap,
    blocks: BTreeMap<usize, Block>,
    mark: u8,
}

impl Model<'_> {
    fn fill(&mut self, at: *mut u8, layout: Layout) {
        assert!(!at.is_null());
        assert_eq!(at as usize % layout.align(), 0, "{layout:?}");
        let (start, end) = (at as usize, at as usize + layout.size());
        if let Some((before, block)) = self.blocks.range(..end).next_back() {
            assert!(before + block.len <= start, "a block of {layout:?} overlaps one of {:?}", block.layout);
        }
        self.mark = self.mark.wrapping_add(1);
        // SAFETY: the heap has just given that many bytes.
        unsafe { at.write_bytes(self.mark, layout.size()) };
        self.blocks.insert(start, Block { len: layout.size(), layout, mark: self.mark });
    }

    fn take(&mut self, layout: Layout, zeroed: bool) {
        // SAFETY: no layout of this test has size 0.
        let at = unsafe { if zeroed { self.heap.alloc_zeroed(layout) } else { self.heap.alloc(layout) } };
        if zeroed {
            self.expect(at as usize, layout.size(), 0);
        }
        self.fill(at, layout);
    }

    fn expect(&self, at: usize, len: usize, mark: u8) {
        // SAFETY: the bytes of a block that is out.
        let bytes = unsafe { std::slice::from_raw_parts(at as *const u8, len) };
        assert!(bytes.iter().all(|byte| *byte == mark), "a block of {len} bytes has lost its content");
    }

    fn remove(&mut self, nth: usize) -> Option<(usize, Block)> {
        let at = *self.blocks.keys().nth(nth % self.blocks.len().max(1))?;
        self.blocks.remove_entry(&at)
    }

    fn give(&mut self, nth: usize) {
        let Some((at, block)) = self.remove(nth) else { return };
        self.expect(at, block.len, block.mark);
        // SAFETY: the block came from this heap with this layout, and is used no more.
        unsafe { self.heap.dealloc(at as *mut u8, block.layout) };
    }

    fn resize(&mut self, nth: usize, size: usize) {
        let Some((at, block)) = self.remove(nth) else { return };
        // SAFETY: as above, and the size is not 0.
        let moved = unsafe { self.heap.realloc(at as *mut u8, block.layout, size) };
        self.expect(moved as usize, block.len.min(size), block.mark);
        self.fill(moved, Layout::from_size_align(size, block.layout.align()).unwrap());
    }
}

fn run(heap: &Heap, seed: u64, turns: usize) {
    let mut numbers = Numbers(seed);
    let mut model = Model { heap, blocks: BTreeMap::new(), mark: 0 };
    for turn in 0..turns {
        match numbers.below(8) {
            0..3 => {
                let most = if numbers.below(10) == 0 { 13 } else { 5 };
                let (align, size) = (1 << numbers.below(most), numbers.size());
                model.take(Layout::from_size_align(size, align).unwrap(), numbers.below(2) == 0);
            }
            3..5 => model.give(numbers.below(1 << 20)),
            // The newest block, which alone can give its room back at once.
            5 => model.give(model.blocks.len().saturating_sub(1)),
            _ => {
                let size = numbers.size();
                model.resize(numbers.below(1 << 20), size);
            }
        }
        if turn % 200 == 199 {
            heap.trim();
        }
    }
    while !model.blocks.is_empty() {
        model.give(0);
    }
}

#[test]
fn blocks_keep_their_bytes() {
    static HEAP: Heap = Heap::new();
    for seed in 1..=8 {
        run(&HEAP, seed, 2_000);
    }
}

/// How many of `pages` are in memory, as proc(5) says of `/proc/self/pagemap`.
fn resident(pages: std::ops::Range<usize>) -> usize {
    let map = std::fs::File::open("/proc/self/pagemap").unwrap();
    let mut entry = [0; 8];
    let mut present = |page: usize| {
        map.read_exact_at(&mut entry, page as u64 * 8).unwrap();
        u64::from_ne_bytes(entry) >> 63 == 1
    };
    pages.filter(|page| present(*page)).count()
}

/// A heap so many bytes behind the begin of a page.
#[repr(C, align(4096))]
struct Behind<const BYTES: usize>([u8; BYTES], Heap);

impl<const BYTES: usize> Behind<BYTES> {
    const fn new() -> Self {
        Self([0; BYTES], Heap::new())
    }
}

#[test]
fn a_trim_leaves_only_pages_in_use() {
    // Where the linker puts a heap decides which blocks reach from one page into the next.
    static HEAPS: (Behind<0>, Behind<256>, Behind<1024>, Behind<1792>, Behind<2560>, Behind<3840>) =
        (Behind::new(), Behind::new(), Behind::new(), Behind::new(), Behind::new(), Behind::new());
    let heaps = [&HEAPS.0.1, &HEAPS.1.1, &HEAPS.2.1, &HEAPS.3.1, &HEAPS.4.1, &HEAPS.5.1];
    for heap in heaps {
        a_trim_leaves_only_pages_in_use_of(heap);
    }
}

fn a_trim_leaves_only_pages_in_use_of(heap: &'static Heap) {
    let mut model = Model { heap, blocks: BTreeMap::new(), mark: 0 };
    let layout = |size| Layout::from_size_align(size, 16).unwrap();
    // Sizes of several classes, 240 kB of the static area; every 50th block stays, the last among them. Each is
    // all that its class takes, so that a block in use reaches into no page that `used` does not count.
    for turn in 0..400 {
        model.take(layout([48, 112, 1024, 1280][turn % 4]), false);
    }
    let first = model.blocks.keys().next().unwrap() / 4096;
    let last = model.blocks.keys().next_back().unwrap() / 4096;
    let full = resident(first..last + 1);
    assert!(full > 45, "{full} pages");
    let kept: Vec<usize> = model.blocks.keys().rev().step_by(50).copied().collect();
    for nth in (0..model.blocks.len()).rev() {
        if !kept.contains(model.blocks.keys().nth(nth).unwrap()) {
            model.give(nth);
        }
    }
    heap.trim();
    let mut used: Vec<usize> =
        model.blocks.iter().flat_map(|(at, block)| at / 4096..=(at + block.len - 1) / 4096).collect();
    used.dedup();
    // The first page may be shared with the heap's own state.
    let left = resident(first + 1..last + 1);
    assert!(left <= used.len(), "{left} pages are left of {full}, and {} are in use", used.len());
    for (at, block) in &model.blocks {
        model.expect(*at, block.len, block.mark);
    }
    // What is allocated now is zero where that is asked, and overlaps nothing.
    for turn in 0..400 {
        model.take(layout([48, 100, 1000, 1100][turn % 4]), true);
    }
}

#[test]
fn threads_share_it() {
    static HEAP: Heap = Heap::new();
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            scope.spawn(move || run(&HEAP, seed, 1_000));
        }
    });
}

#[test]
fn what_no_memory_can_hold_is_null() {
    static HEAP: Heap = Heap::new();
    let huge = Layout::from_size_align(isize::MAX as usize - 4095, 1).unwrap();
    // SAFETY: the size is not 0, and the block is not used.
    unsafe {
        assert!(HEAP.alloc(huge).is_null());
        let small = Layout::from_size_align(8, 8).unwrap();
        let block = HEAP.alloc(small);
        block.write_bytes(7, 8);
        assert!(HEAP.realloc(block, small, isize::MAX as usize - 4095).is_null());
        assert_eq!(block.read(), 7);
        HEAP.dealloc(block, small);
    }
}
