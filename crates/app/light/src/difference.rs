use std::fmt::Display;

/// The first difference that a check found: the step, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<S>(pub S, pub String);

/// Says at which step an error is a difference.
pub trait At<T> {
    /// The error's words as a difference at `step`.
    fn at<S>(self, step: S) -> Result<T, Difference<S>>;
}

impl<T, E: Display> At<T> for Result<T, E> {
    fn at<S>(self, step: S) -> Result<T, Difference<S>> {
        self.map_err(|error| Difference(step, error.to_string()))
    }
}
