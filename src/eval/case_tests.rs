//! The tables in tests/eval: `template ⇒ expected`, each with the variables above it.
