//! What a text uses, without running it: for findings at compile time.

use super::compile::{self, TemplateOptions};
use super::error::EvalError;
use super::ir::*;
use super::{filters, globals, lookups, tests};
use crate::base::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// The names that a template or expression uses; offsets are bytes in its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NameUse {
    /// Variables of the scope, each use; not those the template sets itself.
    pub names: Vec<(String, usize)>,
    /// As written, with their collection where it is.
    pub filters: Vec<(String, usize)>,
    /// As written, with their collection where it is.
    pub tests: Vec<(String, usize)>,
    /// Lookups with a constant name.
    pub lookups: Vec<(String, usize)>,
    /// Names below `ansible_facts`.
    pub facts: Vec<(String, usize)>,
    /// Names read from other hosts: `hostvars[…].name`.
    pub host_names: Vec<(String, usize)>,
    /// Regular expressions with which filters and tests are called, where they are constants.
    pub patterns: Vec<String>,
    /// `groups['name']` and `hostvars['name']`, without a default.
    pub members: Vec<(Source, String)>,
    /// Constants of which it is asked whether something has them (`'name' in groups`).
    pub asked: Vec<String>,
    /// Variables that are somewhere tested or given a default, so they may be missing.
    pub guarded: Vec<String>,
}

/// What has members that the inventory names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `groups`
    Groups,
    /// `hostvars`
    Hosts,
}

/// The filters that exist, sorted.
pub fn known_filters() -> Vec<&'static str> {
    filters::names()
}

/// The tests that exist, sorted.
pub fn known_tests() -> Vec<&'static str> {
    tests::names()
}

/// The lookups that exist, sorted.
pub fn known_lookups() -> Vec<&'static str> {
    lookups::NAMES.to_vec()
}

/// True when a filter of that name, with or without its collection, exists.
pub fn is_filter(name: &str) -> bool {
    filters::find(name).is_some()
}

/// True when a test of that name, with or without its collection, exists.
pub fn is_test(name: &str) -> bool {
    tests::find(name).is_some()
}

/// True when a lookup of that name, with or without its collection, exists.
pub fn is_lookup(name: &str) -> bool {
    lookups::NAMES.contains(&filters::short(name))
}

/// What a text uses: a bare expression (`when`), or a template.
///
/// # Errors
/// A syntax error, with line and column in the text.
pub fn names_used(text: &str, bare: bool) -> Result<NameUse, EvalError> {
    let program = if bare {
        compile::expression(text)
    } else {
        compile::template(text, &TemplateOptions::inline(), true)
    };
    Ok(used_by(&program.map_err(|e| *e)?))
}

/// What a template file uses, read with its options and its `#jinja2:` line.
///
/// # Errors
/// A syntax error, with line and column in the file.
pub fn names_used_in_file(text: &str, options: &TemplateOptions) -> Result<NameUse, EvalError> {
    let mut options = options.clone();
    let body = options.header(text).map_err(|e| *e)?;
    let skipped = text.len() - body.len();
    let program = compile::template(body, &options, false).map_err(|mut e| {
        e.line += u32::from(skipped > 0);
        *e
    })?;
    let mut used = used_by(&program);
    let lists = [&mut used.names, &mut used.filters, &mut used.tests, &mut used.lookups, &mut used.facts];
    for (_, at) in lists.into_iter().flatten().chain(&mut used.host_names) {
        *at += skipped;
    }
    Ok(used)
}

fn used_by(program: &Program) -> NameUse {
    let mut walk = Walk::default();
    match &program.body {
        Body::Native(expr) => walk.expr(expr, false),
        Body::Text(stmts) => walk.stmts(stmts),
    }
    let Walk { mut used, own, .. } = walk;
    used.names.retain(|(n, _)| !own.contains(n.as_str()));
    used.guarded.sort_unstable();
    used.guarded.dedup();
    used
}

/// `vars`, or one host of `hostvars`.
fn is_scope(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Var(name) => matches!(&**name, "vars" | "hostvars"),
        Kind::Attr(base, _) | Kind::Item(base, _) => is_scope(base),
        _ => false,
    }
}

#[derive(Default)]
struct Walk {
    used: NameUse,
    /// Names the template itself gives, wherever: a loop's variable is not a scope's.
    own: HashSet<String>,
}

impl Walk {
    fn define(&mut self, target: &Target) {
        match target {
            Target::Name(name) => {
                self.own.insert(name.to_string());
            }
            Target::Attr(..) => {}
            Target::Unpack(targets) => targets.iter().for_each(|t| self.define(t)),
        }
    }

    fn stmts(&mut self, stmts: &[Stmt]) {
        stmts.iter().for_each(|s| self.stmt(s));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Raw(_) | Stmt::Continue | Stmt::Break => {}
            Stmt::Emit(e) | Stmt::Extends(e) | Stmt::Do(e) => self.expr(e, false),
            Stmt::Include { name, .. } => self.expr(name, false),
            Stmt::For(def) => {
                self.define(&def.target);
                self.own.insert("loop".into());
                self.expr(&def.iter, false);
                def.filter.iter().for_each(|e| self.expr(e, false));
                self.stmts(&def.body);
                self.stmts(&def.otherwise);
            }
            Stmt::If(test, then, otherwise) => {
                self.expr(test, false);
                self.stmts(then);
                self.stmts(otherwise);
            }
            Stmt::With(sets, body) => {
                for (target, expr) in sets {
                    self.define(target);
                    self.expr(expr, false);
                }
                self.stmts(body);
            }
            Stmt::Set(target, expr) => {
                self.define(target);
                self.expr(expr, false);
            }
            Stmt::SetBlock(target, filter, body) => {
                self.define(target);
                filter.iter().for_each(|e| self.expr(e, false));
                self.stmts(body);
            }
            Stmt::FilterBlock(filter, body) => {
                self.expr(filter, false);
                self.stmts(body);
            }
            Stmt::Block(def) => self.stmts(&def.body),
            Stmt::Import(expr, name) => {
                self.own.insert(name.to_string());
                self.expr(expr, false);
            }
            Stmt::FromImport(expr, names) => {
                self.own.extend(names.iter().map(|(_, alias)| alias.to_string()));
                self.expr(expr, false);
            }
            Stmt::Macro(def) => {
                self.own.insert(def.name.to_string());
                self.macro_def(def);
            }
            Stmt::CallBlock { call, body } => {
                self.expr(call, false);
                self.macro_def(body);
            }
            Stmt::Plain(body) => self.stmts(body),
        }
    }

    fn macro_def(&mut self, def: &MacroDef) {
        self.own.extend(["caller", "varargs", "kwargs"].map(str::to_owned));
        for (name, default) in &def.params {
            self.own.insert(name.to_string());
            default.iter().for_each(|e| self.expr(e, false));
        }
        self.stmts(&def.body);
    }

    fn name(&mut self, name: &Arc<str>, at: u32, guarded: bool) {
        // `hostvars` and `vars` are read when something else has been done: who mentions them waits.
        if matches!(&**name, "omit" | "self") {
            return;
        }
        if guarded {
            self.used.guarded.push(name.to_string());
        }
        self.used.names.push((name.to_string(), at as usize));
    }

    /// The pattern of a filter or a test that takes one.
    fn pattern(&mut self, name: &str, args: &[Arg]) {
        const TAKE_ONE: [&str; 6] =
            ["regex_replace", "regex_search", "regex_findall", "regex", "match", "search"];
        let first = args.first().filter(|_| TAKE_ONE.contains(&filters::short(name)));
        if let Some(Arg::Pos(Expr { kind: Kind::Const(Value::Str(pattern)), .. })) = first {
            self.used.patterns.push(pattern.to_string());
        }
    }

    fn of_inventory(&mut self, base: &Expr, name: &str, guarded: bool) {
        let Kind::Var(base) = &base.kind else { return };
        let source = match &**base {
            "groups" => Source::Groups,
            "hostvars" => Source::Hosts,
            _ => return,
        };
        match guarded {
            true => self.used.asked.push(name.to_string()),
            false => self.used.members.push((source, name.to_string())),
        }
    }

    fn args(&mut self, args: &[Arg]) {
        args.iter().for_each(|a| self.expr(a.expr(), false));
    }

    fn member(&mut self, base: &Expr, name: &str, at: u32) {
        match &base.kind {
            Kind::Var(n) if &**n == "vars" => self.used.guarded.push(name.to_owned()),
            Kind::Var(n) if &**n == "ansible_facts" => self.used.facts.push((name.to_owned(), at as usize)),
            Kind::Item(host, _) | Kind::Attr(host, _) if matches!(&host.kind, Kind::Var(n) if &**n == "hostvars") =>
            {
                self.used.host_names.push((name.to_owned(), at as usize));
            }
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr, guarded: bool) {
        match &expr.kind {
            Kind::Const(_) => {}
            Kind::Var(name) => self.name(name, expr.at, guarded),
            Kind::List(items) | Kind::Tuple(items) => items.iter().for_each(|e| self.expr(e, false)),
            Kind::Map(pairs) => pairs.iter().for_each(|(k, v)| {
                self.expr(k, false);
                self.expr(v, false);
            }),
            Kind::Slice(base, bounds) => {
                self.expr(base, guarded);
                bounds.iter().flatten().for_each(|e| self.expr(e, false));
            }
            Kind::Not(inner) | Kind::Neg(inner) => self.expr(inner, false),
            Kind::And(l, r) | Kind::Or(l, r) | Kind::Op(_, l, r) | Kind::Concat(l, r) => {
                self.expr(l, false);
                self.expr(r, false);
            }
            Kind::Compare(first, rest) => {
                // `'name' in vars`, `'name' in hostvars[host]`
                if let (Kind::Const(Value::Str(name)), Some((Cmp::In | Cmp::NotIn, hay))) =
                    (&first.kind, rest.first())
                {
                    self.used.asked.push(name.to_string());
                    if is_scope(hay) {
                        self.used.guarded.push(name.to_string());
                    }
                }
                self.expr(first, false);
                rest.iter().for_each(|(_, e)| self.expr(e, false));
            }
            Kind::If(test, then, otherwise) => {
                self.expr(test, false);
                self.expr(then, false);
                otherwise.iter().for_each(|e| self.expr(e, false));
            }
            Kind::Filter(call) => {
                self.used.filters.push((call.name.to_string(), expr.at as usize));
                let guards =
                    matches!(filters::short(&call.name), "default" | "d" | "mandatory" | "type_debug");
                call.input.iter().for_each(|e| self.expr(e, guards));
                self.named_plugin(&call.name, &call.args);
                self.pattern(&call.name, &call.args);
                self.args(&call.args);
            }
            Kind::Test(call) => {
                self.used.tests.push((call.name.to_string(), expr.at as usize));
                let guards = matches!(filters::short(&call.name), "defined" | "undefined");
                self.expr(&call.input, guards);
                self.pattern(&call.name, &call.args);
                self.args(&call.args);
            }
            Kind::Attr(base, name) => {
                self.member(base, name, expr.at);
                self.expr(base, guarded);
            }
            Kind::Item(base, index) => {
                if let Kind::Const(Value::Str(name)) = &index.kind {
                    self.member(base, name, expr.at);
                    self.of_inventory(base, name, guarded);
                }
                self.expr(base, guarded);
                self.expr(index, false);
            }
            Kind::Call(callee, args) => {
                self.lookup(callee, args);
                // A function of the language; not called, its name is a variable's (`register: q`).
                if !matches!(&callee.kind, Kind::Var(name) if globals::NAMES.contains(&&**name)) {
                    self.expr(callee, guarded);
                }
                self.args(args);
            }
        }
    }

    /// `map('filter')` and `select('test')` name plugins in their first argument.
    fn named_plugin(&mut self, filter: &str, args: &[Arg]) {
        let skipped = match filters::short(filter) {
            "selectattr" | "rejectattr" => 1,
            "map" | "select" | "reject" => 0,
            _ => return,
        };
        if let Some(Arg::Pos(Expr { kind: Kind::Const(Value::Str(name)), at })) = args.get(skipped) {
            let into =
                if filters::short(filter) == "map" { &mut self.used.filters } else { &mut self.used.tests };
            into.push((name.to_string(), *at as usize));
        }
    }

    fn lookup(&mut self, callee: &Expr, args: &[Arg]) {
        let is_lookup = matches!(&callee.kind, Kind::Var(n) if matches!(&**n, "lookup" | "query" | "q"));
        if let (true, Some(Arg::Pos(Expr { kind: Kind::Const(Value::Str(name)), at }))) =
            (is_lookup, args.first())
        {
            self.used.lookups.push((name.to_string(), *at as usize));
            // Names that a lookup of variables is given.
            let constant = |a: &Arg| match &a.expr().kind {
                Kind::Const(Value::Str(name)) => Some(name.to_string()),
                _ => None,
            };
            self.used.guarded.extend(args.iter().skip(1).filter_map(constant));
        }
    }
}
