//! Filters that make lists of lists: batches, products, zips, sub-elements.

use super::FilterFn::{self, Deep};
use super::lists::items;
use crate::base::{List, Value};
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::run::{Run, unknown};
use std::sync::Arc;

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("batch", Deep(batch)),
    ("slice", Deep(slice)),
    ("zip", Deep(zip)),
    ("zip_longest", Deep(zip_longest)),
    ("product", Deep(product_filter)),
    ("permutations", Deep(permutations)),
    ("combinations", Deep(combinations)),
    ("subelements", Deep(subelements_filter)),
];

/// The most items that a product or permutation may have.
const MOST: usize = 1_000_000;

fn batch(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let size = args.int(0, "linecount")?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let size = size.ok_or_else(|| wrong("needs a size above 0"))?;
    let fill = args.get(1, "fill_with").filter(|v| !v.is_null());
    let list = items(&value)?;
    let chunks = list.chunks(size).map(|chunk| {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = fill {
            chunk.resize(size, fill.clone());
        }
        Value::from(chunk)
    });
    Ok(Value::from(chunks.collect::<List>()))
}

fn slice(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let slices = args.int(0, "slices")?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let slices = slices.ok_or_else(|| wrong("needs a number above 0"))?;
    let fill = args.get(1, "fill_with").filter(|v| !v.is_null());
    let list = items(&value)?;
    let (each, extra) = (list.len() / slices, list.len() % slices);
    let mut rest = list.into_iter();
    let parts = (0..slices).map(|i| {
        let mut part: List = rest.by_ref().take(each + usize::from(i < extra)).collect();
        part.extend(fill.filter(|_| extra > 0 && i >= extra).cloned());
        Value::from(part)
    });
    Ok(Value::from(parts.collect::<List>()))
}

fn columns(value: &Value, args: &Args) -> Res<Vec<List>> {
    std::iter::once(value).chain(&args.pos).map(items).collect()
}

fn zip(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let columns = columns(&value, args)?;
    let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
    let row = |i: usize| Value::from(columns.iter().map(|c| c[i].clone()).collect::<List>());
    Ok(Value::from((0..rows).map(row).collect::<List>()))
}

fn zip_longest(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let columns = columns(&value, args)?;
    Ok(Value::from(together(&columns, args.named("fillvalue").cloned().unwrap_or_default())))
}

/// Rows of columns, the short ones filled.
pub(crate) fn together(columns: &[List], fill: Value) -> List {
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |c: &List, i: usize| c.get(i).cloned().unwrap_or_else(|| fill.clone());
    (0..rows).map(|i| Value::from(columns.iter().map(|c| cell(c, i)).collect::<List>())).collect()
}

fn product_filter(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let mut columns = columns(&value, args)?;
    if let Some(times) = args.int(99, "repeat")?.and_then(|n| usize::try_from(n).ok()) {
        columns = (0..times).flat_map(|_| columns.clone()).collect();
    }
    product(&columns).map(Value::from)
}

/// Every choice of one item of each column, the last turning fastest.
pub(crate) fn product(columns: &[List]) -> Res<List> {
    let mut rows: Vec<List> = vec![List::new()];
    for column in columns {
        if rows.len().saturating_mul(column.len()) > MOST {
            return Err(wrong(format!("the product would have more than {MOST} items")));
        }
        rows = rows
            .iter()
            .flat_map(|row| column.iter().map(move |item| row.iter().chain([item]).cloned().collect()))
            .collect();
    }
    Ok(rows.into_iter().map(Value::from).collect())
}

fn permutations(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let list = items(&value)?;
    let size = args.int(0, "r")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(list.len());
    choices(&list, size, false).map(Value::from)
}

fn combinations(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let size = args.int(0, "r")?.and_then(|n| usize::try_from(n).ok());
    let size = size.ok_or_else(|| wrong("needs the size of the combinations"))?;
    choices(&items(&value)?, size, true).map(Value::from)
}

fn choices(list: &List, size: usize, ascending: bool) -> Res<List> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        let mut longer = Vec::new();
        for row in &rows {
            for i in 0..list.len() {
                let fits = if ascending { row.last().is_none_or(|l| i > *l) } else { !row.contains(&i) };
                if fits {
                    longer.push(row.iter().copied().chain([i]).collect());
                }
            }
            if longer.len() > MOST {
                return Err(wrong(format!("there would be more than {MOST} of them")));
            }
        }
        rows = longer;
    }
    let row = |r: &Vec<usize>| Value::from(r.iter().map(|i| list[*i].clone()).collect::<List>());
    Ok(rows.iter().map(row).collect())
}

fn subelements_filter(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let path = match args.need(0, "subelements")? {
        Value::List(l) => l.iter().map(|v| run.text(v)).collect::<Res<Vec<_>>>()?,
        one => run.text(one)?.split('.').map(str::to_owned).collect(),
    };
    subelements(&value, &path, args.flag(1, "skip_missing", false)).map(Value::from)
}

/// Pairs of each item and each member of the list it holds under a path.
pub(crate) fn subelements(value: &Value, path: &[String], skip_missing: bool) -> Res<List> {
    let list = match value {
        Value::Map(map) => map.values().cloned().collect(),
        other => items(other)?,
    };
    let mut out = List::new();
    for item in list {
        let mut inner = Some(&item);
        for part in path {
            if let Some(Value::Unknown(why)) = inner {
                return Err(unknown(Arc::clone(why)));
            }
            if inner.is_some_and(|v| !matches!(v, Value::Map(_))) && !skip_missing {
                let dotted = path.join(".");
                return Err(wrong(format!("the key {dotted} should point to a dictionary down to `{part}`")));
            }
            inner = inner.and_then(|v| v.get(part));
        }
        match inner {
            Some(Value::List(members)) => {
                out.extend(members.iter().map(|m| Value::from(vec![item.clone(), m.clone()])));
            }
            Some(Value::Unknown(why)) => return Err(unknown(Arc::clone(why))),
            None | Some(Value::Null) if skip_missing => {}
            None => return Err(wrong(format!("could not find '{}' key in iterated item", path.join(".")))),
            Some(other) => {
                return Err(wrong(format!(
                    "the key {} should point to a list, got {}",
                    path.join("."),
                    other.type_name()
                )));
            }
        }
    }
    Ok(out)
}
