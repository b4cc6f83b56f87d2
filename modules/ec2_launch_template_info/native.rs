//! ec2_launch_template_info: tell what launch templates there are.

use crate::base::{List, Map, Value};
use crate::cloud::kinds::LaunchTemplate;
use crate::cloud::together;
use crate::modules::cloud::{self, CloudFuture, Cx, Info, Query};
use crate::modules::{ArgsExt, Behaviour};

/// The run's one listing of DescribeLaunchTemplates, shared by all tasks; with ids or filters a call of its
/// own. The versions of each template that is told are a call each.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Templates(Info::<LaunchTemplate> {
        returns: "launch_templates",
        ids: &[("launch_template_ids", "launch-template-id")],
        table: |account| &account.launch_templates,
        value: super::m_ec2_launch_template::shown,
    })))
}

struct Templates(Info<LaunchTemplate>);

impl Query for Templates {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let mut told = self.0.run(cx).await?;
            let found = told.get("launch_templates").and_then(Value::as_list).cloned();
            let Some(found) = found else { return Ok(told) };
            let maps: Vec<Map> = found.iter().filter_map(Value::as_map).cloned().collect();
            let of = |one: &Map| one.str("launch_template_id").to_string();
            let ids: Vec<String> = maps.iter().map(of).collect();
            let asked = ids.iter().map(|id| super::m_ec2_launch_template::told_versions(cx, id)).collect();
            let mut all = List::new();
            for (mut template, versions) in maps.into_iter().zip(together(asked).await) {
                template.insert("versions".into(), versions?.into());
                all.push(template.into());
            }
            told.insert("launch_templates".into(), all.into());
            Ok(told)
        })
    }
}
