//! From what a running template holds to plain data: forced, evaluated in depth, as text, as truth.

use super::error::{ErrorKind, EvalError, Res, wrong};
use super::run::{Run, V, unknown};
use crate::base::pyrepr::text_into;
use crate::base::{Key, List, Map, Secret, Value};

impl Run<'_> {
    /// The value for use in an operation: undefined and unknown end the evaluation, secrets are opened.
    pub fn force(&mut self, v: V) -> Res<Value> {
        match v {
            V::Data(Value::Unknown(why)) => Err(unknown(why)),
            V::Data(Value::Secret(s)) => {
                self.touch(&s);
                match s.reveal() {
                    Ok(text) => Ok(Value::from(text)),
                    Err(why) => Err(EvalError::new(ErrorKind::Locked, why)),
                }
            }
            V::Data(Value::Template(t)) => {
                let v = self.settle(Value::Template(t), "")?;
                self.force(v)
            }
            other => self.data(other),
        }
    }

    /// The value as data, unknowns and secrets left as they are.
    pub fn data(&mut self, v: V) -> Res<Value> {
        Ok(match v {
            V::Data(value) => value,
            V::Undefined(e) => super::error::of_undefined(&e)?,
            V::Sparse(members) => {
                let members = members.iter().map(|member| self.data(member.clone()));
                Value::from(members.collect::<Res<Vec<_>>>()?)
            }
            V::Namespace(frame) => {
                let frame = frame.lock().unwrap_or_else(|e| e.into_inner()).clone();
                let mut map = Map::new();
                for (name, v) in frame.0 {
                    map.insert(Key::Str(name), self.data(v)?);
                }
                Value::from(map)
            }
            V::Host(scope) => {
                let names = scope.names();
                let mut inner = Run::new(self.engine, &*scope);
                inner.depth = self.depth + 1;
                let mut map = Map::new();
                for name in names {
                    let v = inner.fetch(&name.as_str().into())?;
                    if let V::Data(value) = v {
                        map.insert(Key::from(name), value);
                    }
                }
                Value::from(map)
            }
            V::AllHosts => {
                let mut map = Map::new();
                for host in self.scope.hosts() {
                    if let Some(scope) = self.scope.host(&host) {
                        map.insert(Key::from(host), self.data(V::Host(scope))?);
                    }
                }
                Value::from(map)
            }
            V::AllVars => {
                let scope = self.scope;
                let vars = scope.names().into_iter().filter_map(|n| scope.get(&n).map(|v| (Key::from(n), v)));
                Value::from(vars.collect::<Map>())
            }
            V::Macro(m) => return Err(wrong(format!("the macro `{}` must be called", m.def.name))),
            V::Global(name) => return Err(wrong(format!("the function `{name}` must be called"))),
            V::Module(_) => return Err(wrong("an imported template cannot be used as a value")),
            V::Loop(_) => return Err(wrong("`loop` cannot be used as a value")),
            V::Super(..) | V::Blocks | V::Block(_) => return Err(wrong("a block must be called")),
            V::Cycler(_) | V::Joiner(_) => return Err(wrong("a cycler or joiner cannot be used as a value")),
        })
    }

    /// The value with all templates inside evaluated; `None` if there are none.
    pub fn deep(&mut self, value: &Value) -> Res<Option<Value>> {
        if !needs_work(value) {
            return Ok(None);
        }
        Ok(Some(match value {
            Value::Template(_) => {
                let v = self.settle(value.clone(), "")?;
                let value = self.data(v)?;
                self.deep(&value)?.unwrap_or(value)
            }
            Value::List(items) => {
                let mut out = List::with_capacity(items.len());
                for item in items.iter() {
                    let item = self.deep(item)?.unwrap_or_else(|| item.clone());
                    if item != Value::Omit {
                        out.push(item);
                    }
                }
                Value::from(out)
            }
            Value::Map(map) => {
                let mut out = Map::with_capacity(map.len());
                for (key, item) in map.iter() {
                    let item = self.deep(item)?.unwrap_or_else(|| item.clone());
                    if item != Value::Omit {
                        out.insert(key.clone(), item);
                    }
                }
                Value::from(out)
            }
            other => other.clone(),
        }))
    }

    /// Forced and deeply evaluated: what filters and functions get.
    pub fn ready(&mut self, v: V) -> Res<Value> {
        let value = self.force(v)?;
        Ok(self.deep(&value)?.unwrap_or(value))
    }

    /// Python's `str()`, secrets inside opened (and noted), unknowns inside ending the evaluation.
    pub fn text(&mut self, value: &Value) -> Res<String> {
        if let Value::Str(s) = value {
            return Ok(s.to_string());
        }
        if *value == Value::Omit {
            return Ok(String::new());
        }
        let whole = self.deep(value)?;
        let value = whole.as_ref().unwrap_or(value);
        self.note(value)?;
        let mut out = String::new();
        text_into(value, true, &mut out);
        Ok(out)
    }

    /// A secret is read: what comes of it is one too.
    fn touch(&mut self, secret: &Secret) {
        self.touched_secret = true;
        self.engine.opened(secret);
    }

    /// Notes what a value that is about to be written out holds: secrets, unknowns.
    pub fn note(&mut self, value: &Value) -> Res<()> {
        match value {
            Value::Secret(s) => {
                self.touch(s);
                s.reveal().map(|_| ()).map_err(|why| EvalError::new(ErrorKind::Locked, why))
            }
            Value::Unknown(why) => Err(unknown(why.clone())),
            Value::List(items) => items.iter().try_for_each(|i| self.note(i)),
            Value::Map(map) => map.values().try_for_each(|i| self.note(i)),
            _ => Ok(()),
        }
    }

    /// Python's truth.
    pub fn truth(&mut self, v: V) -> Res<bool> {
        match v {
            V::Data(Value::Omit) | V::Macro(_) | V::Global(_) | V::Loop(_) | V::Host(_) => Ok(true),
            other => {
                let value = self.force(other)?;
                Ok(value.truth().unwrap_or(true))
            }
        }
    }
}

/// True when a value holds templates or omitted members.
pub(crate) fn needs_work(value: &Value) -> bool {
    match value {
        Value::Template(_) => true,
        Value::List(items) => items.iter().any(|i| needs_work(i) || *i == Value::Omit),
        Value::Map(map) => map.values().any(|i| needs_work(i) || *i == Value::Omit),
        _ => false,
    }
}
