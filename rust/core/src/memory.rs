//! Memory whose size a user's number decides: asked for, so that there can be a "no".
//!
//! Where Rust's collections find no memory they end the process. What grows with a parameter (a
//! number of scales, of neighbours, of settings) or is a multiple of the image is asked for here
//! first; what is small beside that is not, and has the [`crate::reserve`] behind it.

use crate::{Error, Result};

/// An empty vector with room for `len` elements; `what` stands in the error.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn room<T>(len: usize, what: &'static str) -> Result<Vec<T>> {
    let mut room = Vec::new();
    match room.try_reserve_exact(len) {
        Ok(()) => Ok(room),
        Err(_) => Err(Error::Memory { what, bytes: bytes_of::<T>(len) }),
    }
}

/// A vector of `len` times the same; `what` stands in the error.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn filled<T: Clone>(value: T, len: usize, what: &'static str) -> Result<Vec<T>> {
    let mut filled = room(len, what)?;
    filled.resize(len, value);
    Ok(filled)
}

/// Makes room for `len` more elements.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn more_room<T>(of: &mut Vec<T>, len: usize, what: &'static str) -> Result<()> {
    of.try_reserve(len)
        .map_err(|_| Error::Memory { what, bytes: bytes_of::<T>(of.len().saturating_add(len)) })
}

/// Appends elements.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn extend<T>(of: &mut Vec<T>, mut more: Vec<T>, what: &'static str) -> Result<()> {
    more_room(of, more.len(), what)?;
    of.append(&mut more);
    Ok(())
}

/// From so many bytes on the system is asked before the heap: which takes memory of that size from
/// the system, too, and writes to its first page, and where another thread has run, to give that
/// page back interrupts the processor that it ran on.
const ASKED_OF_THE_SYSTEM: usize = 1 << 20;

/// Asks whether there is memory for `len` elements, for what is then allocated in parts.
///
/// Another thread may take it in the meantime, but a size that cannot be is refused.
///
/// # Errors
/// [`Error::Memory`].
pub fn check_room<T>(len: usize, what: &'static str) -> Result<()> {
    let bytes = len.saturating_mul(size_of::<T>());
    if cfg!(unix) && bytes >= ASKED_OF_THE_SYSTEM && has_address_space(bytes) {
        return Ok(());
    }
    // The compiler may leave out an allocation whose memory nobody looks at.
    room::<T>(len, what).map(|room| drop(std::hint::black_box(room)))
}

/// Whether so many bytes of address space can be had from the system.
///
/// A heap may have them left over from what was given back to it, and lend them to
/// [`check_room`], where the system has none: for stacks of threads, and for what the C library
/// keeps for each of them.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the system's own call")]
pub(crate) fn has_address_space(bytes: usize) -> bool {
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, at a place that the system chooses; no memory of ours is touched.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
    // SAFETY: the mapping that was just made, to which nothing refers.
    place != libc::MAP_FAILED && unsafe { libc::munmap(place, bytes) } == 0
}

/// Whether so many bytes can be had: systems without `mmap` refuse a thread where they cannot.
#[cfg(not(unix))]
pub(crate) fn has_address_space(bytes: usize) -> bool {
    check_room::<u8>(bytes, "threads").is_ok()
}

fn bytes_of<T>(len: usize) -> u128 {
    len as u128 * size_of::<T>() as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_an_error_that_names_it() {
        for len in [usize::MAX, usize::MAX / 16] {
            let bytes = len as u128 * 8;
            let refused = Err(Error::Memory { what: "the thing", bytes });
            assert_eq!(check_room::<f64>(len, "the thing"), refused);
            assert_eq!(filled(0.0, len, "the thing").map(drop), refused);
        }
    }

    #[test]
    fn some_megabytes_of_address_space_there_are_and_half_of_all_there_is_not() {
        assert!(has_address_space(4 << 20));
        assert!(!has_address_space(usize::MAX / 2));
    }

    #[test]
    fn what_is_filled_is_full() {
        assert_eq!(filled(7, 3, "sevens").unwrap(), [7; 3]);
        assert_eq!(check_room::<u64>(3, "sevens"), Ok(()));
    }
}
