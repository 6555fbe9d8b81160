//! Kernel structures and constants that the steps carry, laid out as the kernel reads them.

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;

/// `struct sock_filter` of linux/filter.h.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SockFilter {
    /// Operation.
    pub code: u16,
    /// Jump if true.
    pub jt: u8,
    /// Jump if false.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// `struct mount_attr` of linux/mount.h, mount_setattr(2).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MountAttr {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, or 0: unchanged.
    pub propagation: u64,
    /// For `MOUNT_ATTR_IDMAP`; 0 here.
    pub userns_fd: u64,
}

/// `struct landlock_ruleset_attr` of linux/landlock.h (ABI 6 and later have all three).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LandlockRuleset {
    /// `LANDLOCK_ACCESS_FS_*`.
    pub fs: u64,
    /// `LANDLOCK_ACCESS_NET_*` (ABI 4).
    pub net: u64,
    /// `LANDLOCK_SCOPE_*` (ABI 6).
    pub scoped: u64,
}

/// A null-terminated vector of strings for execve(2), that lives as long as the strings.
#[derive(Clone, Copy, PartialEq)]
pub struct Vector<'a> {
    pointers: &'a [*const c_char],
    strings: PhantomData<&'a [&'a CStr]>,
}

// SAFETY: the pointers are those of `&CStr`s that the vector borrows, and are only read.
unsafe impl Send for Vector<'_> {}
// SAFETY: as above.
unsafe impl Sync for Vector<'_> {}

impl<'a> Vector<'a> {
    /// Fills `room`, which must hold one pointer more than there are strings.
    ///
    /// Returns `None` where it does not.
    pub fn fill(strings: &'a [&'a CStr], room: &'a mut [*const c_char]) -> Option<Self> {
        if room.len() != strings.len() + 1 {
            return None;
        }
        for (place, string) in room.iter_mut().zip(strings) {
            *place = string.as_ptr();
        }
        room[strings.len()] = core::ptr::null();
        Some(Self { pointers: room, strings: PhantomData })
    }

    /// The vector as execve(2) takes it.
    #[must_use]
    pub fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }

    /// How many strings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pointers.len() - 1
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl core::fmt::Debug for Vector<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "[{} strings]", self.len())
    }
}
