//! Docker Swarm as the engine's own API tells it, and what follows from that: membership, quorum, the loss of a zone.
//!
//! - [`http`]: requests to the engine over its socket, and the answers. Bodies go over stdin, so that what is secret in
//!   them (join tokens) is in no argv, no file and no environment.
//! - [`view`]: nodes, roles, states, as the engine reports them.
//! - [`quorum`], [`zones`]: arithmetic on numbers, pure.
//! - [`members`]: what is there against what the inventory wants → steps, pure.
//! - [`spec`]: the options of a swarm, merged into those it has.
//! - [`join`]: joining, at whichever manager answers.
//! - [`cluster`]: who inits, who joins whom: what hosts say of themselves, put together.

pub mod cluster;
pub mod http;
pub mod join;
pub mod list;
pub mod members;
pub mod quorum;
pub mod spec;
pub mod steps;
pub mod view;
pub mod zones;

use crate::base::{Map, Value};

/// JSON as a value of the language.
pub fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as J;
    match json {
        J::Null => Value::Null,
        J::Bool(b) => Value::Bool(*b),
        J::Number(n) => match n.as_i64() {
            Some(i) => Value::Int(i),
            None => n.as_f64().map_or(Value::Null, Value::Float),
        },
        J::String(s) => Value::from(s.as_str()),
        J::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        J::Object(map) => {
            Value::from(map.iter().map(|(k, v)| (k.as_str().into(), value(v))).collect::<Map>())
        }
    }
}
