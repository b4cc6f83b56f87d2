//! Templates as owned trees, ready to run: names bound to filters and tests, constants as values.

use super::filters::FilterFn;
use super::tests::TestFn;
use crate::base::Value;
use std::sync::Arc;

/// An expression and the byte offset at which it begins in its template.
#[derive(Debug)]
pub(crate) struct Expr {
    pub kind: Kind,
    pub at: u32,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Const(Value),
    Var(Arc<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Op(Op, Box<Expr>, Box<Expr>),
    Concat(Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Vec<(Cmp, Expr)>),
    If(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    Filter(Box<FilterCall>),
    Test(Box<TestCall>),
    Attr(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Arg>),
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

#[derive(Debug)]
pub(crate) struct FilterCall {
    pub name: Arc<str>,
    pub run: Option<FilterFn>,
    /// Absent in a filter block, where the block's text is the input.
    pub input: Option<Expr>,
    pub args: Vec<Arg>,
}

#[derive(Debug)]
pub(crate) struct TestCall {
    pub name: Arc<str>,
    pub run: Option<TestFn>,
    pub input: Expr,
    pub args: Vec<Arg>,
}

#[derive(Debug)]
pub(crate) enum Arg {
    Pos(Expr),
    Named(Arc<str>, Expr),
    Spread(Expr),
    SpreadNamed(Expr),
}

impl Arg {
    pub fn expr(&self) -> &Expr {
        match self {
            Arg::Pos(e) | Arg::Named(_, e) | Arg::Spread(e) | Arg::SpreadNamed(e) => e,
        }
    }
}

/// What an assignment assigns to.
#[derive(Debug)]
pub(crate) enum Target {
    Name(Arc<str>),
    /// `ns.attr`
    Attr(Arc<str>, Arc<str>),
    Unpack(Vec<Target>),
}

#[derive(Debug)]
pub(crate) enum Stmt {
    Raw(Arc<str>),
    Emit(Expr),
    For(Arc<ForLoop>),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    With(Vec<(Target, Expr)>, Vec<Stmt>),
    Set(Target, Expr),
    SetBlock(Target, Option<Expr>, Vec<Stmt>),
    FilterBlock(Expr, Vec<Stmt>),
    Block(Arc<BlockDef>),
    Import(Expr, Arc<str>),
    FromImport(Expr, Vec<(Arc<str>, Arc<str>)>),
    Extends(Expr),
    Include {
        name: Expr,
        ignore_missing: bool,
    },
    Macro(Arc<MacroDef>),
    CallBlock {
        call: Expr,
        body: Arc<MacroDef>,
    },
    Continue,
    Break,
    Do(Expr),
    /// `{% autoescape %}`: no escaping takes place, the body alone counts.
    Plain(Vec<Stmt>),
}

#[derive(Debug)]
pub(crate) struct ForLoop {
    pub target: Target,
    pub iter: Expr,
    pub filter: Option<Expr>,
    pub recursive: bool,
    pub body: Vec<Stmt>,
    pub otherwise: Vec<Stmt>,
}

#[derive(Debug)]
pub(crate) struct BlockDef {
    pub name: Arc<str>,
    pub body: Vec<Stmt>,
}

#[derive(Debug)]
pub(crate) struct MacroDef {
    pub name: Arc<str>,
    pub params: Vec<(Arc<str>, Option<Expr>)>,
    pub body: Vec<Stmt>,
}

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Program {
    pub text: Arc<str>,
    pub body: Body,
    /// Newlines at the end of a YAML value; its text keeps as many (a block scalar's last one).
    pub newlines: usize,
    /// It may change lists and dicts in place.
    pub changes: bool,
}

#[derive(Debug)]
pub(crate) enum Body {
    /// Exactly one `{{ … }}`, or a bare expression: its value keeps its type.
    Native(Expr),
    Text(Vec<Stmt>),
}
