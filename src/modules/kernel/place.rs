//! Whose kernel runs on a host, and whether a task insists on changing it.

use crate::modules::{Args, ArgsExt};
use crate::remote::Output;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Host,
    /// The kernel is the machine's; much of it is read-only or not there.
    Container,
    /// The kernel is another system's: its values are not this one's.
    Chroot,
}

impl Place {
    /// What place.sh reported.
    pub fn of(output: &Output) -> Place {
        match output.field("place", "kind").as_deref() {
            Some("chroot") => Place::Chroot,
            Some("container") => Place::Container,
            _ => Place::Host,
        }
    }
}

/// The argument `live`: what is to become of the running kernel.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Live {
    /// It takes the setting, or the task fails.
    Required,
    /// In a container that cannot set it, the files alone are right, and a warning says so.
    Possible,
    /// Only files are written: for images.
    Never,
}

impl Live {
    pub fn of(args: &Args) -> Live {
        match args.str("live") {
            "possible" => Live::Possible,
            "never" => Live::Never,
            _ => Live::Required,
        }
    }

    /// Whether the running kernel is looked at and changed at all.
    pub fn touches(self, place: Place) -> bool {
        self != Live::Never && place != Place::Chroot
    }

    /// Whether a setting that cannot be made on the running kernel is accepted.
    pub fn forgives(self, place: Place) -> bool {
        self == Live::Possible && place != Place::Host
    }
}

/// A constant script of this folder's place.sh and a module's own text.
#[macro_export]
macro_rules! placed_script {
    ($name:literal, $file:literal) => {{
        static SCRIPT: std::sync::LazyLock<std::sync::Arc<$crate::remote::Script>> =
            std::sync::LazyLock::new(|| {
                let place = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/modules/kernel/place.sh"));
                $crate::remote::Script::new($name, format!("{place}{}", include_str!($file)))
            });
        &*SCRIPT
    }};
}
