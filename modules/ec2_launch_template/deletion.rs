//! Single versions that go, while the template stays.

use super::told::{self, result};
use super::{Changes, Default_, Seen, Steps};
use crate::base::{List, Map, Value};
use crate::cloud::CallError;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::kinds::LaunchTemplate;
use crate::modules::cloud::{Attributes, Cx, Verdict, find};
use crate::modules::{ArgsExt, Failure};
use crate::spec::to_text;

/// Those of the named versions that are there, and the default that is left.
pub fn decide(
    cx: &Cx<'_>,
    template: &types::LaunchTemplate,
    seen: &Seen,
    what: &str,
) -> Result<Verdict<Steps>, Failure> {
    let list = cx.args.value("versions_to_delete");
    let wanted: Vec<i64> = match list {
        Some(Value::List(numbers)) => numbers.iter().filter_map(|n| to_text(n).parse().ok()).collect(),
        _ => Vec::new(),
    };
    if cx.is_unknown("versions_to_delete") {
        let mut attributes = Attributes::default();
        attributes.element("version", Some("known after apply"), None);
        let shown = result(template, &seen.shown());
        let change = attributes.change(what);
        return Ok(Verdict { change, ..Verdict::unchanged(shown) });
    }
    let there = seen.versions.iter().filter_map(types::LaunchTemplateVersion::version_number);
    let (delete, rest): (Vec<i64>, Vec<i64>) = there.partition(|n| wanted.contains(n));
    if delete.is_empty() {
        return Ok(Verdict::unchanged(result(template, &seen.shown())));
    }
    let word = cx.args.str("default_version").trim_start_matches('$');
    let default = match word.eq_ignore_ascii_case("latest") {
        true => rest.last().copied(),
        false => word.parse().ok().filter(|n| rest.contains(n)),
    };
    let Some(default) = default else {
        return Err(Failure::new(match rest.is_empty() {
            true => "`versions_to_delete` names all versions\nhint: without it the template goes".into(),
            false => format!("`default_version: {word}` is none of the versions that stay"),
        }));
    };
    find::may_touch::<LaunchTemplate>(cx, template)?;
    let mut attributes = Attributes::default();
    for number in &delete {
        attributes.element("version", Some(&number.to_string()), None);
    }
    let is = template.default_version_number().unwrap_or_default();
    let other = attributes.compare("default_version", is, default).then_some(Default_::Number(default));
    let mut after = result(template, &seen.shown());
    tell(&mut after, seen, &delete);
    let Some(change) = attributes.change(what) else { return Ok(Verdict::unchanged(after)) };
    let changes = Changes { default: other, delete, ..Changes::default() };
    Ok(Verdict::new(change, Steps::Change(changes), after))
}

/// One call for all of them, which says of each whether it went.
pub async fn carry_out(cx: &Cx<'_>, id: &str, versions: &[i64]) -> Result<(), Failure> {
    if versions.is_empty() {
        return Ok(());
    }
    let input = DeleteLaunchTemplateVersionsInputBuilder::default().launch_template_id(id);
    let input = input.set_versions(Some(versions.iter().map(ToString::to_string).collect()));
    let reply = cx.account.ec2.delete_launch_template_versions(input).await?;
    let left = reply.unsuccessfully_deleted_launch_template_versions.unwrap_or_default();
    let why = |v: &types::DeleteLaunchTemplateVersionsResponseErrorItem| {
        let error = v.response_error();
        let code = error.and_then(|e| e.code()).map(|c| c.as_str().to_string()).unwrap_or_default();
        let said = error.and_then(|e| e.message()).unwrap_or_default();
        // It went before, and the list lags.
        (code != "launchTemplateVersionDoesNotExist")
            .then(|| format!("version {} is left: {code} {said}", v.version_number().unwrap_or_default()))
    };
    match left.iter().filter_map(why).collect::<Vec<_>>() {
        none if none.is_empty() => Ok(()),
        some => Err(CallError::own("ec2:DeleteLaunchTemplateVersions", some.join("; ")).into()),
    }
}

/// `deleted_versions`, as Ansible's module returns them.
pub fn tell(result: &mut Map, seen: &Seen, versions: &[i64]) {
    if versions.is_empty() {
        return;
    }
    let gone = seen.versions.iter().filter(|v| v.version_number().is_some_and(|n| versions.contains(&n)));
    let gone: List = gone.map(|v| Value::from(told::version(v))).collect();
    result.insert("deleted_versions".into(), gone.into());
}
