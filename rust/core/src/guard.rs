//! A panic as a value.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Panicked(String);

/// Does the work; a panic in it, or on a thread that it started, is an error.
///
/// What the work was about to change must not be used afterwards.
///
/// # Errors
/// [`Panicked`].
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Panicked(message(panic.as_ref())))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let fixed = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    let message = fixed.or_else(|| panic.downcast_ref::<String>().cloned());
    message.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::parallel;

    #[test]
    fn panics_are_errors_and_results_are_results() {
        assert_eq!(caught(|| 3), Ok(3));
        assert_eq!(caught(|| panic!("fixed")), Err::<(), _>(Panicked("fixed".into())));
        let number = 5;
        assert_eq!(caught(|| panic!("at {number}")), Err::<(), _>(Panicked("at 5".into())));
        let odd = caught(|| std::panic::panic_any(5));
        assert_eq!(odd, Err::<(), _>(Panicked("no message".into())));
    }

    #[test]
    fn a_panic_on_another_thread_is_an_error_of_the_caller() {
        let threads = NonZeroUsize::new(3).unwrap();
        let items: Vec<usize> = (0..50).collect();
        let work = || parallel::map(&items, threads, |&i| assert!(i < 7, "item {i}"));
        let error = caught(work).unwrap_err();
        assert!(error.to_string().starts_with("item "));
    }
}
