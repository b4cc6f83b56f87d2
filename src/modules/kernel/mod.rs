//! Kernel settings: what a key means, which file decides at boot, and how all of it is compared and written.
//!
//! Three places hold a kernel parameter: the running kernel, the line of a file, and the outcome of all files at
//! the next boot. [`settings`] looks at all three and says where they differ; [`boot`] is the pure function from
//! files to that outcome, as `systemd-sysctl` has it.

pub mod boot;
pub mod boot_modules;
mod found_files;
pub mod key;
pub mod lines;
pub mod params;
pub mod place;
mod running;
mod said;
pub mod settings;
