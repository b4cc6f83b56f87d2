//! The executor.

pub mod cancel;
pub mod event;
pub mod lockstep;
pub mod options;
pub mod redact;
pub mod saved;
