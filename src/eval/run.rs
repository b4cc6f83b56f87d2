//! The state of one evaluation: frames of template variables, what was evaluated already, what was touched.

use super::error::{ErrorKind, EvalError, Fail, Res, undefined};
use super::ir::{BlockDef, Body, ForLoop, MacroDef, Program};
use super::{Engine, Scope, compile, hide, plain};
use crate::base::{Secret, Template, Value};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A value inside a running template: data, or one of the things only templates have.
#[derive(Clone)]
pub(crate) enum V {
    /// Never a template at its top; members may still be templates.
    Data(Value),
    Undefined(Arc<EvalError>),
    /// A list of which some members are undefined: who picks others, or gives them a default, is right.
    Sparse(Arc<Vec<V>>),
    Macro(Arc<MacroValue>),
    /// An imported template: what it sets and defines.
    Module(Arc<Frame>),
    Namespace(Arc<Mutex<Frame>>),
    Loop(Arc<LoopState>),
    /// A function of the language: `range`, `lookup`, …
    Global(&'static str),
    /// `hostvars`, and one host in it.
    AllHosts,
    Host(Arc<dyn Scope>),
    /// `vars`: all variables by name.
    AllVars,
    /// `super` in a block: name and depth of what it calls.
    Super(Arc<str>, usize),
    /// `self`, and one of its blocks.
    Blocks,
    Block(Arc<str>),
    /// `cycler` and `joiner`: items and how often it was asked.
    Cycler(Arc<(Vec<Value>, Mutex<usize>)>),
    Joiner(Arc<(Value, Mutex<bool>)>),
}

pub(crate) struct MacroValue {
    pub def: Arc<MacroDef>,
    /// The variables it sees, where they are not those of its caller.
    pub frames: Option<Vec<Frame>>,
}

pub(crate) struct LoopState {
    pub items: Arc<Vec<V>>,
    pub index: usize,
    pub depth: usize,
    pub recursive: Option<Arc<ForLoop>>,
    pub changed: Arc<Mutex<Option<Value>>>,
}

/// Variables a template has set, few, so a list.
#[derive(Clone, Default)]
pub(crate) struct Frame(pub Vec<(Arc<str>, V)>);

impl Frame {
    pub fn get(&self, name: &str) -> Option<&V> {
        self.0.iter().find(|(n, _)| **n == *name).map(|(_, v)| v)
    }

    pub fn set(&mut self, name: Arc<str>, value: V) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name, value)),
        }
    }
}

/// Templates nested in variables deeper than this are taken for an endless recursion.
const DEPTH: usize = 48;

pub(crate) struct Run<'a> {
    pub engine: &'a Engine,
    pub scope: &'a dyn Scope,
    pub frames: Vec<Frame>,
    /// Results of the templates in variables, by address; the template is kept so that none is reused.
    memo: HashMap<usize, (Arc<Template>, V)>,
    active: Vec<Arc<str>>,
    pub depth: usize,
    pub blocks: HashMap<Arc<str>, Vec<Arc<BlockDef>>>,
    pub touched_secret: bool,
    pub files: Files,
    pub macro_depth: usize,
    /// The expression is what another one came to, and may hold what a host said: it calls no lookup.
    pub distrusted: bool,
    /// The template may change lists and dicts in place.
    pub changes: bool,
}

/// Where the template files of this evaluation are found.
#[derive(Clone, Default)]
pub(crate) struct Files {
    pub search: Vec<PathBuf>,
    pub options: compile::TemplateOptions,
    pub current: Option<Arc<str>>,
}

impl<'a> Run<'a> {
    pub fn new(engine: &'a Engine, scope: &'a dyn Scope) -> Self {
        Run {
            engine,
            scope,
            frames: Vec::new(),
            memo: HashMap::new(),
            active: Vec::new(),
            depth: 0,
            blocks: HashMap::new(),
            touched_secret: false,
            files: Files::default(),
            macro_depth: 0,
            distrusted: false,
            changes: false,
        }
    }

    /// The finished value of a template in a YAML value.
    pub fn top(&mut self, template: &Arc<Template>) -> Res<Value> {
        let program = self.engine.native(template).map_err(|e| self.place(e, template))?;
        self.whole(&program, Some(template))
    }

    /// The finished value of a program: unknowns and secrets marked, members evaluated.
    pub fn whole(&mut self, program: &Program, template: Option<&Arc<Template>>) -> Res<Value> {
        self.touched_secret = false;
        self.frames.clear();
        let result = self.program(program).and_then(|v| match v {
            V::Undefined(e) => super::error::of_undefined(&e),
            other => plain(other, self),
        });
        match result {
            Ok(value) if self.touched_secret => Ok(hide(value)),
            Ok(value) => Ok(value),
            Err(e) => match e.kind {
                ErrorKind::Unknown(why) => Ok(Value::Unknown(why)),
                _ => Err(match template {
                    Some(t) => self.place(e, t),
                    None => e,
                }),
            },
        }
    }

    fn program(&mut self, program: &Program) -> Res<V> {
        let changes = std::mem::replace(&mut self.changes, program.changes);
        let result = match &program.body {
            Body::Native(expr) => self.eval(expr),
            Body::Text(stmts) => self.native_text(stmts),
        };
        self.changes = changes;
        result.map(|v| with_newlines(v, program.newlines)).map_err(|e| in_text(e, &program.text))
    }

    /// Gives a failure the place in the user's file that its line and column in the template stand for.
    fn place(&self, mut e: Fail, template: &Template) -> Fail {
        if let (None, Some(span), None) = (e.span, template.span, &e.file) {
            e.span = Some(super::expr::spot(&self.engine.sources, span, &template.text, e.line, e.column));
        }
        e
    }

    /// A variable's value ready for use: a template is evaluated, once.
    pub fn settle(&mut self, value: Value, name: &str) -> Res<V> {
        let Value::Template(template) = value else { return Ok(V::Data(value)) };
        let address = Arc::as_ptr(&template) as usize;
        if let Some((_, known)) = self.memo.get(&address) {
            return Ok(known.clone());
        }
        if !name.is_empty() && self.active.iter().any(|a| **a == *name) || self.depth > DEPTH {
            let mut chain: Vec<&str> = self.active.iter().map(|a| &**a).collect();
            let first = chain.iter().position(|a| *a == name).unwrap_or(0);
            chain.push(name);
            let message =
                format!("these variables are defined by each other: {}", chain[first..].join(" → "));
            return Err(self.place(EvalError::new(ErrorKind::Recursion, message), &template));
        }
        let result = self.nested(&template, name)?;
        self.memo.insert(address, (template, result.clone()));
        Ok(result)
    }

    fn nested(&mut self, template: &Arc<Template>, name: &str) -> Res<V> {
        let program = self.engine.native(template).map_err(|e| self.place(e, template))?;
        let frames = std::mem::take(&mut self.frames);
        let secret = std::mem::replace(&mut self.touched_secret, false);
        // A variable's template is the playbook's own again.
        let distrusted = std::mem::replace(&mut self.distrusted, false);
        let blocks = std::mem::take(&mut self.blocks);
        let named = !name.is_empty();
        if named {
            self.active.push(name.into());
        }
        self.depth += 1;
        let result = self.program(&program);
        self.depth -= 1;
        if named {
            self.active.pop();
        }
        self.frames = frames;
        self.blocks = blocks;
        self.distrusted = distrusted;
        let touched = std::mem::replace(&mut self.touched_secret, secret);
        match result {
            Ok(V::Data(value)) if touched => Ok(V::Data(hide(value))),
            Ok(V::Undefined(e)) => Ok(V::Undefined(Arc::new(*self.place(Box::new((*e).clone()), template)))),
            Ok(v) => Ok(v),
            Err(e) => match &e.kind {
                ErrorKind::Unknown(why) => Ok(V::Data(Value::Unknown(why.clone()))),
                ErrorKind::Undefined(_) => Ok(V::Undefined(Arc::new(*self.place(e, template)))),
                _ => Err(self.place(e, template)),
            },
        }
    }

    /// What is undefined further inside makes the whole undefined, for those who ask whether it is.
    pub fn soft(v: Res<V>) -> Res<V> {
        match v {
            Err(e) if matches!(e.kind, ErrorKind::Undefined(_)) => Ok(V::Undefined(e.into())),
            other => other,
        }
    }

    /// The list of these members.
    pub fn gathered(&mut self, members: Vec<V>) -> Res<V> {
        if members.iter().any(|member| matches!(member, V::Undefined(_))) {
            return Ok(V::Sparse(Arc::new(members)));
        }
        let members = members.into_iter().map(|member| self.data(member)).collect::<Res<Vec<_>>>()?;
        Ok(V::Data(Value::from(members)))
    }

    /// A name's value: the template's own variables, then the scope's, then the language's functions.
    pub fn fetch(&mut self, name: &Arc<str>) -> Res<V> {
        if let Some(v) = self.frames.iter().rev().find_map(|f| f.get(name)) {
            return Ok(v.clone());
        }
        if let Some(value) = self.scope.get(name) {
            return self.settle(value, name).map(|v| self.adopted(name, v));
        }
        if let Some(v) = super::globals::find(name) {
            return Ok(v);
        }
        Ok(V::Undefined(Arc::new(*undefined(name, format!("`{name}` is undefined")))))
    }
}

pub(crate) fn unknown(why: Arc<str>) -> Fail {
    EvalError::new(ErrorKind::Unknown(why.clone()), format!("not known yet: {why}"))
}

/// A text with at least so many newlines at its end.
fn with_newlines(v: V, count: usize) -> V {
    let padded = |text: &str| {
        let missing = count.saturating_sub(text.len() - text.trim_end_matches('\n').len());
        (missing > 0).then(|| text.to_owned() + &"\n".repeat(missing))
    };
    match &v {
        V::Data(Value::Str(s)) => padded(s).map(|t| V::Data(Value::from(t))),
        V::Data(Value::Secret(s)) => {
            s.reveal().ok().and_then(padded).map(|t| V::Data(Value::Secret(Secret::new(t))))
        }
        _ => None,
    }
    .unwrap_or(v)
}

/// Turns an offset kept in `column` while the failure rises into line and column of the text.
fn in_text(mut e: Fail, text: &str) -> Fail {
    if e.line == 0 && e.column > 0 {
        (e.line, e.column) = compile::line_column(text, e.column as usize - 1);
    }
    e
}
