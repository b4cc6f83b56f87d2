//! Template files: blocks and inheritance, includes, imports, and the template module's rendering.

use super::Rendered;
use super::compile::{self, HEADER, TemplateOptions};
use super::error::{ErrorKind, EvalError, Res, wrong};
use super::exec::{Out, at};
use super::ir::*;
use super::run::{Frame, MacroValue, Run, V};
use crate::base::Value;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Run<'_> {
    /// The text of a block: the most derived definition, or that `above` it for `super()`.
    pub fn block(&mut self, name: &Arc<str>, above: usize) -> Res<String> {
        let def = self.blocks.get(name).and_then(|chain| chain.get(above)).cloned();
        let def = def.ok_or_else(|| wrong(format!("there is no block `{name}` to show here")))?;
        let frame =
            Frame(vec![("super".into(), V::Super(name.clone(), above + 1)), ("self".into(), V::Blocks)]);
        self.body_text(&def.body, frame)
    }

    pub fn parents(&mut self, out: &mut Out) -> Res<()> {
        let mut generations = 0;
        while let Some(parent) = out.extends.take() {
            generations += 1;
            if generations > 50 {
                return Err(EvalError::new(ErrorKind::Recursion, "templates extend each other endlessly"));
            }
            *out = Out::default();
            let Body::Text(stmts) = &parent.body else { return Ok(()) };
            self.stmts(stmts, out)?;
        }
        Ok(())
    }

    pub fn included(&mut self, program: &Program, file: Arc<str>) -> Res<String> {
        if self.depth > 40 {
            return Err(EvalError::new(ErrorKind::Recursion, "templates include each other endlessly"));
        }
        let before = self.files.current.replace(file);
        self.depth += 1;
        let blocks = std::mem::take(&mut self.blocks);
        let text = self.page(program);
        self.blocks = blocks;
        self.depth -= 1;
        self.files.current = before;
        text
    }

    /// Runs a whole file's program to text.
    fn page(&mut self, program: &Program) -> Res<String> {
        self.changes |= program.changes;
        let result = match &program.body {
            Body::Native(expr) => self.eval(expr),
            Body::Text(stmts) => self.native_text(stmts),
        };
        let text = result.and_then(|v| {
            let mut out = Out::default();
            self.write(&mut out, v)?;
            Ok(out.text)
        });
        text.map_err(|mut e| {
            if e.file.is_none() && e.span.is_none() {
                if e.line == 0 && e.column > 0 {
                    (e.line, e.column) = compile::line_column(&program.text, e.column as usize - 1);
                }
                e.file = self.files.current.clone();
            }
            e
        })
    }

    /// The variables and macros that a template defines.
    pub fn module(&mut self, expr: &Expr) -> Res<Frame> {
        let v = self.eval(expr)?;
        let (program, file) =
            self.load(v).map_err(|e| at(e, expr))?.ok_or_else(|| wrong("`import` needs a template"))?;
        let before = self.files.current.replace(file);
        self.frames.push(Frame::default());
        let mut out = Out::default();
        let flow = match &program.body {
            Body::Text(stmts) => self.stmts(stmts, &mut out).map(|_| ()),
            Body::Native(_) => Ok(()),
        };
        let frames = self.frames.clone();
        let mut exported = self.frames.pop().unwrap_or_default();
        self.files.current = before;
        flow?;
        for (_, v) in &mut exported.0 {
            if let V::Macro(m) = v {
                *v = V::Macro(Arc::new(MacroValue { def: m.def.clone(), frames: Some(frames.clone()) }));
            }
        }
        Ok(exported)
    }

    /// A template by its name, or the first that exists of a list of names.
    pub fn load(&mut self, v: V) -> Res<Option<(Arc<Program>, Arc<str>)>> {
        let names = match self.force(v)? {
            Value::List(items) => items.iter().map(|i| self.text(i)).collect::<Res<Vec<_>>>()?,
            other => vec![self.text(&other)?],
        };
        let beside =
            self.files.current.as_ref().and_then(|f| Path::new(&**f).parent().map(Path::to_path_buf));
        let context = &self.scope.context().search;
        for name in &names {
            let roots = beside.iter().chain(&self.files.search).cloned();
            let inherited = context.iter().flat_map(|d| [d.join("templates"), d.clone()]);
            let found = roots.chain(inherited).map(|d| d.join(name)).find(|p| p.is_file());
            if let Some(path) = found {
                let text = read(&path)?;
                let mut options =
                    TemplateOptions { keep_trailing_newline: false, ..self.files.options.clone() };
                let text = options.header(&text)?;
                let file: Arc<str> = path.display().to_string().into();
                let program = compile::template(text, &options, false).map_err(|mut e| {
                    e.file = Some(file.clone());
                    e
                })?;
                self.changes |= program.changes;
                return Ok(Some((Arc::new(program), file)));
            }
        }
        let message = format!("template not found: {}", names.join(", "));
        Err(EvalError::new(ErrorKind::File, message))
    }

    /// The template module's rendering: header, newline sequence, and at the end at least as many newlines as the file
    /// has, whatever its last line is made of.
    pub fn render_file(
        &mut self,
        text: &str,
        path: &Path,
        options: &TemplateOptions,
        search: &[PathBuf],
    ) -> Res<Rendered> {
        let mut options = TemplateOptions { keep_trailing_newline: false, ..options.clone() };
        let file: Arc<str> = path.display().to_string().into();
        let marks = [&options.variable.0, &options.block.0, &options.comment.0];
        if !text.starts_with(HEADER) && !marks.iter().any(|mark| text.contains(mark.as_str())) {
            return Ok(Rendered::Text(text.to_string()));
        }
        let text = &*with_plain_newlines(text);
        let body = options.header(text)?;
        let newlines = body.len() - body.trim_end_matches('\n').len();
        let program = compile::template(body, &options, false).map_err(|mut e| {
            e.file = Some(file.clone());
            e.line += u32::from(body.len() != text.len());
            e
        })?;
        self.files.search = search.to_vec();
        self.files.options = options.clone();
        self.files.current = Some(file);
        let rendered = match self.page(&program) {
            Ok(rendered) => rendered,
            Err(e) => match e.kind {
                ErrorKind::Unknown(why) => return Ok(Rendered::Unknown(why)),
                _ => return Err(e),
            },
        };
        let ends = rendered.len() - rendered.trim_end_matches('\n').len();
        let rendered = rendered + &"\n".repeat(newlines.saturating_sub(ends));
        let rendered = match options.newline_sequence.as_str() {
            "\n" => rendered,
            other => rendered.replace("\r\n", "\n").replace('\n', other),
        };
        Ok(if self.touched_secret { Rendered::Secret(rendered) } else { Rendered::Text(rendered) })
    }
}

fn read(path: &Path) -> Res<String> {
    std::fs::read_to_string(path)
        .map_err(|e| EvalError::new(ErrorKind::File, format!("cannot read {}: {e}", path.display())))
}

/// Lines of a template end with `\n`, however the file was saved.
fn with_plain_newlines(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n").into(),
        false => text.into(),
    }
}
