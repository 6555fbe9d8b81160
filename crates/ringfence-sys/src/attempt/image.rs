//! A program that does deeds after execve(2): an ELF file of a few hundred bytes in a
//! memfd_create(2), made by hand, so that it needs nothing of the view that it is executed in.
//!
//! It maps the page of its maker where the maker has it, closes that descriptor, does the deeds
//! whose rows stand in the page, and ends. elf(5).

use core::arch::global_asm;

use linux_raw_sys::general as nr;
use rustix::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::page::{LEN, Page, ROW, at};
use crate::raw::{Errno, syscall};

/// Where the program is loaded: below the page's place (`MAP_32BIT`), above mmap_min_addr.
const BASE: u64 = 0x40_0000;
const HEADERS: usize = 64 + 2 * 56;
const MOST: usize = 1024;

global_asm!(
    "ringfence_image_begin:",
    "lea rbx, [rip + ringfence_image_data]",
    // mmap(page, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0)
    "mov rdi, [rbx]",
    "mov rsi, [rbx + 8]",
    "mov edx, 3",
    "mov r10d, 0x11",
    "mov r8, [rbx + 16]",
    "xor r9d, r9d",
    "mov eax, 9",
    "syscall",
    "cmp rax, [rbx]",
    "jne 9f",
    "mov rbp, rax",
    "mov rdi, [rbx + 16]",
    "mov eax, 3",
    "syscall",
    "mov qword ptr [rbp + {EXECUTED}], 1",
    "mov r12, [rbp + {FIRST}]",
    "mov r13, [rbp + {END}]",
    // Each deed: r12 its number, r14 its row, r15 how often.
    "1:",
    "cmp r12, r13",
    "jae 9f",
    "lea rax, [r12 + 1]",
    "mov [rbp + {BEGUN}], rax",
    "imul r14, r12, {ROW}",
    "lea r14, [rbp + r14 + {ROWS}]",
    "mov r15, [r14 + 8]",
    "xor ecx, ecx",
    "2:",
    "movzx eax, byte ptr [r14 + rcx + 24]",
    "test eax, eax",
    "jz 3f",
    "mov rax, [rbp + rax * 8 + {ANSWERS} - 8]",
    "mov [r14 + rcx * 8 + 32], rax",
    "3:",
    "inc ecx",
    "cmp ecx, 6",
    "jb 2b",
    "4:",
    "mov rax, [r14]",
    "mov rdi, [r14 + 32]",
    "mov rsi, [r14 + 40]",
    "mov rdx, [r14 + 48]",
    "mov r10, [r14 + 56]",
    "mov r8, [r14 + 64]",
    "mov r9, [r14 + 72]",
    "syscall",
    // 1: whoever sees 0 ends; 2: whoever sees a process id does.
    "cmp qword ptr [r14 + 16], 2",
    "je 7f",
    "test rax, rax",
    "jnz 5f",
    "cmp qword ptr [r14 + 16], 0",
    "jne 9f",
    "jmp 5f",
    "7:",
    "test rax, rax",
    "jg 9f",
    "5:",
    "cmp rax, -4095",
    "jae 6f",
    "dec r15",
    "jnz 4b",
    "6:",
    "mov [rbp + r12 * 8 + {ANSWERS}], rax",
    "inc r12",
    "mov [rbp + {DONE}], r12",
    "jmp 1b",
    "9:",
    "xor edi, edi",
    "mov eax, 231",
    "syscall",
    "mov eax, 60",
    "syscall",
    "ud2",
    ".balign 8",
    "ringfence_image_data:",
    ".quad 0, 0, 0",
    "ringfence_image_end:",
    EXECUTED = const at::EXECUTED,
    FIRST = const at::FIRST,
    END = const at::END,
    BEGUN = const at::BEGUN,
    DONE = const at::DONE,
    ANSWERS = const at::ANSWERS,
    ROWS = const at::ROWS,
    ROW = const ROW,
);

unsafe extern "C" {
    static ringfence_image_begin: u8;
    static ringfence_image_data: u8;
    static ringfence_image_end: u8;
}

/// The program, for one page.
#[derive(Debug, PartialEq, Eq)]
pub struct Image {
    file: Descriptor,
    page: i32,
}

/// Compared by number, as nothing else is in it.
#[derive(Debug)]
struct Descriptor(OwnedFd);

impl PartialEq for Descriptor {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_raw_fd() == other.0.as_raw_fd()
    }
}

impl Eq for Descriptor {}

impl Image {
    /// Makes it.
    ///
    /// # Errors
    /// Those of memfd_create(2) and write(2): `EACCES` where the host lets no memory be executed
    /// (sysctl `vm.memfd_noexec`).
    pub fn new(page: &Page) -> Result<Self, Errno> {
        let mut bytes = [0u8; MOST];
        let len = fill(&mut bytes, page.view().address(), page.descriptor());
        let (close_on_exec, executable) = (1, 0x10);
        let name = c"ringfence-attempt";
        // SAFETY: the name is a string of its own; the new descriptor is ours. Before Linux 6.3
        // there is no flag for files that may be executed, and each may be.
        let file = unsafe {
            syscall!(nr::__NR_memfd_create, name.as_ptr(), close_on_exec | executable)
                .or_else(|_| syscall!(nr::__NR_memfd_create, name.as_ptr(), close_on_exec))
                .map(|fd| OwnedFd::from_raw_fd(fd as i32))
        }?;
        // SAFETY: write reads `len` bytes of `bytes`.
        let written = unsafe { syscall!(nr::__NR_write, file.as_raw_fd(), bytes.as_ptr(), len) }?;
        if written != len {
            return Err(Errno::IO);
        }
        Ok(Self { file: Descriptor(file), page: page.descriptor() })
    }

    /// Number of the descriptor that execveat(2) takes.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.file.0.as_raw_fd()
    }

    /// Number of the descriptor that the program maps, and closes.
    #[must_use]
    pub fn page(&self) -> i32 {
        self.page
    }
}

/// Writes the file; its length.
fn fill(bytes: &mut [u8; MOST], page: u64, descriptor: i32) -> usize {
    let (begin, data, end) =
        (&raw const ringfence_image_begin, &raw const ringfence_image_data, &raw const ringfence_image_end);
    let code = end as usize - begin as usize;
    let len = HEADERS + code;
    let mut at = 0;
    let mut put = |from: &[u8]| {
        for byte in from {
            if let Some(place) = bytes.get_mut(at) {
                *place = *byte;
            }
            at += 1;
        }
    };
    // ELFCLASS64, ELFDATA2LSB, EV_CURRENT; ET_EXEC, EM_X86_64.
    put(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    put(&[2, 0, 62, 0, 1, 0, 0, 0]);
    for word in [BASE + HEADERS as u64, 64, 0] {
        put(&word.to_le_bytes());
    }
    put(&[0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 64, 0, 0, 0, 0, 0]);
    // PT_LOAD, read and execute; PT_GNU_STACK, read and write.
    for (kind, flags, start, size, align) in
        [(1u32, 5u32, BASE, len as u64, 0x1000u64), (0x6474_e551, 6, 0, 0, 16)]
    {
        put(&kind.to_le_bytes());
        put(&flags.to_le_bytes());
        for word in [0, start, start, size, size, align] {
            put(&word.to_le_bytes());
        }
    }
    for offset in 0..code {
        // SAFETY: between two labels of the code above.
        put(&[unsafe { begin.add(offset).read() }]);
    }
    let place = HEADERS + (data as usize - begin as usize);
    for (number, word) in [page, LEN as u64, descriptor as u64].into_iter().enumerate() {
        for (offset, byte) in word.to_le_bytes().into_iter().enumerate() {
            if let Some(place) = bytes.get_mut(place + number * 8 + offset) {
                *place = byte;
            }
        }
    }
    len.min(MOST)
}
