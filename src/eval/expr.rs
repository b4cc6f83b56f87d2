//! Expressions: from the tree to a value.

use super::error::{ErrorKind, Fail, Res, undefined, wrong};
use super::ir::*;
use super::ops;
use super::run::{Run, V};
use super::{filters, pyformat};
use crate::base::{List, Map, Sources, Span, Value};
use std::sync::Arc;

/// Positional and named arguments, evaluated.
#[derive(Default)]
pub(crate) struct Given {
    pub pos: Vec<V>,
    pub named: Vec<(Arc<str>, V)>,
}

impl Run<'_> {
    pub fn eval(&mut self, expr: &Expr) -> Res<V> {
        self.kind(expr).map_err(|mut e| {
            if e.line == 0 && e.column == 0 && e.span.is_none() {
                e.column = expr.at + 1;
            }
            e
        })
    }

    fn kind(&mut self, expr: &Expr) -> Res<V> {
        Ok(V::Data(match &expr.kind {
            Kind::Const(value) => return Ok(self.unshared(V::Data(value.clone()))),
            Kind::Var(name) => return self.fetch(name),
            Kind::List(items) | Kind::Tuple(items) => self.list(items)?,
            Kind::Map(pairs) => self.map(pairs)?,
            Kind::Not(inner) => {
                let v = self.eval(inner)?;
                Value::Bool(!self.truth(v)?)
            }
            Kind::Neg(inner) => ops::negate(&self.forced(inner)?)?,
            Kind::And(..) | Kind::Or(..) => return self.short_circuit(expr),
            Kind::Op(Op::Rem, left, right) => {
                let l = self.forced(left)?;
                let v = self.eval(right)?;
                let r = self.ready(v)?;
                match l {
                    Value::Str(format) => {
                        let tuple = matches!(right.kind, Kind::Tuple(_));
                        Value::from(pyformat::percent(self, &format, &r, tuple)?)
                    }
                    l => ops::arithmetic(Op::Rem, &l, &r)?,
                }
            }
            Kind::Op(op, left, right) => {
                let l = self.forced(left)?;
                let r = self.forced(right)?;
                ops::arithmetic(*op, &l, &r)?
            }
            Kind::Concat(left, right) => {
                let l = self.forced(left)?;
                let r = self.forced(right)?;
                let (l, r) = (self.text(&l)?, self.text(&r)?);
                Value::from(l + &r)
            }
            Kind::Compare(first, rest) => self.comparison(first, rest)?,
            Kind::If(test, then, otherwise) => return self.choice(test, then, otherwise.as_deref()),
            Kind::Filter(call) => return self.filter(call, None),
            Kind::Test(call) => Value::Bool(self.test(call)?),
            Kind::Attr(base, name) => {
                let base = self.eval(base)?;
                return self.attr(base, name);
            }
            Kind::Item(base, index) => {
                let base = self.eval(base)?;
                let index = self.forced(index)?;
                return self.item(base, &index);
            }
            Kind::Slice(base, bounds) => {
                let base = self.forced(base)?;
                let mut ends = [None; 3];
                for (end, bound) in ends.iter_mut().zip(bounds) {
                    if let Some(bound) = bound {
                        *end = match self.forced(bound)? {
                            Value::Int(i) => Some(i),
                            Value::Null => None,
                            other => {
                                return Err(wrong(format!(
                                    "a slice needs int bounds, not {}",
                                    other.type_name()
                                )));
                            }
                        };
                    }
                }
                ops::slice(&base, ends)?
            }
            Kind::Call(callee, args) => return self.call(callee, args),
        }))
    }

    /// Evaluates for use in an operation.
    pub fn forced(&mut self, expr: &Expr) -> Res<Value> {
        let v = self.eval(expr)?;
        self.force(v)
    }

    fn list(&mut self, items: &[Expr]) -> Res<Value> {
        let mut out = List::with_capacity(items.len());
        for item in items {
            let v = self.eval(item)?;
            out.push(self.data(v)?);
        }
        Ok(Value::from(out))
    }

    fn map(&mut self, pairs: &[(Expr, Expr)]) -> Res<Value> {
        let mut out = Map::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = self.forced(key)?;
            let key =
                ops::key(&key).ok_or_else(|| wrong(format!("a {} cannot be a key", key.type_name())))?;
            let v = self.eval(value)?;
            out.insert(key, self.data(v)?);
        }
        Ok(Value::from(out))
    }

    /// `and` and `or`; where the left side is unknown the right one may still decide.
    fn short_circuit(&mut self, expr: &Expr) -> Res<V> {
        let (left, right, decides) = match &expr.kind {
            Kind::And(l, r) => (l, r, false),
            Kind::Or(l, r) => (l, r, true),
            _ => return self.eval(expr),
        };
        let outcome = self.eval(left).and_then(|v| Ok((self.truth(v.clone())?, v)));
        match outcome {
            Ok((truth, v)) if truth == decides => Ok(v),
            Ok(_) => self.eval(right),
            Err(e) if matches!(e.kind, ErrorKind::Unknown(_)) => {
                let decided = self.eval(right).and_then(|v| self.truth(v));
                if decided.is_ok_and(|t| t == decides) { Ok(V::Data(Value::Bool(decides))) } else { Err(e) }
            }
            Err(e) => Err(e),
        }
    }

    fn comparison(&mut self, first: &Expr, rest: &[(Cmp, Expr)]) -> Res<Value> {
        let v = self.eval(first)?;
        let mut left = self.comparable(v)?;
        for (op, expr) in rest {
            let v = self.eval(expr)?;
            let right = match op {
                Cmp::In | Cmp::NotIn => self.container(v)?,
                _ => self.comparable(v)?,
            };
            if !ops::compare(*op, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn comparable(&mut self, v: V) -> Res<Value> {
        if matches!(v, V::Data(Value::Omit)) { Ok(Value::Omit) } else { self.ready(v) }
    }

    /// The right side of `in`: of maps only the keys count, so their members stay untouched.
    fn container(&mut self, v: V) -> Res<Value> {
        match v {
            V::Data(Value::Map(_)) => self.force(v),
            V::AllHosts => Ok(Value::from(self.scope.hosts().into_iter().map(Value::from).collect::<List>())),
            V::Host(scope) => Ok(Value::from(scope.names().into_iter().map(Value::from).collect::<List>())),
            V::AllVars => Ok(Value::from(self.scope.names().into_iter().map(Value::from).collect::<List>())),
            other => self.ready(other),
        }
    }

    fn choice(&mut self, test: &Expr, then: &Expr, otherwise: Option<&Expr>) -> Res<V> {
        let v = self.eval(test)?;
        if self.truth(v)? {
            return self.eval(then);
        }
        match otherwise {
            Some(expr) => self.eval(expr),
            None => {
                let message = "the inline `if` was false and has no `else`";
                Ok(V::Undefined(Arc::new(*undefined(super::error::NO_ELSE, message))))
            }
        }
    }

    pub fn arguments(&mut self, args: &[Arg]) -> Res<Given> {
        let mut given = Given::default();
        for arg in args {
            let v = self.eval(arg.expr())?;
            match arg {
                Arg::Pos(_) => given.pos.push(v),
                Arg::Named(name, _) => given.named.push((name.clone(), v)),
                Arg::Spread(_) => given.pos.extend(self.items(v)?),
                Arg::SpreadNamed(_) => match self.force(v)? {
                    Value::Map(map) => {
                        for (key, value) in map.iter() {
                            given.named.push((key.to_string().into(), self.settle(value.clone(), "")?));
                        }
                    }
                    other => return Err(wrong(format!("`**` needs a dict, not {}", other.type_name()))),
                },
            }
        }
        Ok(given)
    }

    /// Runs a filter, on its own input or on the text of a block.
    pub fn filter(&mut self, call: &FilterCall, block: Option<V>) -> Res<V> {
        let input = match (&call.input, block) {
            (Some(Expr { kind: Kind::Filter(inner), .. }), Some(text)) => self.filter(inner, Some(text))?,
            (Some(expr), _) => Run::soft(self.eval(expr))?,
            (None, Some(text)) => text,
            (None, None) => return Err(wrong("a filter without input")),
        };
        let given = self.arguments(&call.args)?;
        let run = call.run.ok_or_else(|| filters::missing(&call.name))?;
        let made = run.call(self, input, given).map_err(|e| named(e, "filter", &call.name))?;
        Ok(self.unshared(made))
    }

    fn test(&mut self, call: &TestCall) -> Res<bool> {
        let input = Run::soft(self.eval(&call.input))?;
        let given = self.arguments(&call.args)?;
        let run = call.run.ok_or_else(|| super::tests::missing(&call.name))?;
        run(self, input, given).map_err(|e| named(e, "test", &call.name))
    }
}

fn named(mut e: Fail, what: &str, name: &str) -> Fail {
    if e.kind == ErrorKind::Type && !e.message.starts_with("the filter") && !e.message.starts_with("the test")
    {
        e.message = format!("the {what} `{name}`: {}", e.message);
    }
    e
}

/// The place in a file of a line and column in a template's text, which may stand there indented,
/// folded or with escapes: exact where the line is found, else the whole value.
pub(crate) fn spot(sources: &Sources, span: Span, text: &str, line: u32, column: u32) -> Span {
    if line == 0 {
        return span;
    }
    let file = sources.get(span.file);
    let (start, end) = (span.start as usize, (span.end as usize).min(file.text.len()));
    let Some(written) = file.text.get(start..end) else { return span };
    let Some(wanted) = text.lines().nth(line as usize - 1) else { return span };
    let indent = wanted.len() - wanted.trim_start().len();
    let ahead: usize = wanted.chars().take((column as usize).saturating_sub(1)).map(char::len_utf8).sum();
    let before: usize = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
    // Of equal lines the one that is meant: as many stand before it in the file.
    let same = |part: &str, until: usize| text.get(..until).map_or(0, |t| t.matches(part).count());
    let nth = |part: &str, n: usize| written.match_indices(part).nth(n).map(|(found, _)| found);
    let line = wanted.trim();
    let found = match nth(line, same(line, before)) {
        Some(found) => found + ahead.saturating_sub(indent),
        // A folded line: the tag is looked for.
        None => {
            let tag = wanted.get(..ahead).and_then(|t| t.rfind("{{").max(t.rfind("{%")));
            let Some(tag) = tag else { return span };
            let part = wanted.get(tag..ahead).unwrap_or_default();
            let Some(found) = nth(part, same(part, before + tag)) else { return span };
            found + part.len()
        }
    };
    let at = start + found;
    Span::new(span.file, at, (at + 1).min(end.max(at)))
}
