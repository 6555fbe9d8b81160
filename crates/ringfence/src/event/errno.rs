//! Error numbers that denials have: include/uapi/asm-generic/errno-base.h and errno.h.

pub(super) const EPERM: u16 = 1;
pub(super) const ENOENT: u16 = 2;
pub(super) const ESRCH: u16 = 3;
pub(super) const EAGAIN: u16 = 11;
pub(super) const ENOMEM: u16 = 12;
pub(super) const EACCES: u16 = 13;
pub(super) const EBUSY: u16 = 16;
pub(super) const EXDEV: u16 = 18;
pub(super) const EMFILE: u16 = 24;
pub(super) const EFBIG: u16 = 27;
pub(super) const EROFS: u16 = 30;
pub(super) const EADDRNOTAVAIL: u16 = 99;
pub(super) const ENETUNREACH: u16 = 101;
