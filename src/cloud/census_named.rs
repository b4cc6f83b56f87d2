//! Roles, instance profiles and parameters by tag. Lists of IAM lack tags, so each role's are asked for.

use super::error::CallError;
use super::iam::{Iam, input as iam_input};
use super::identity::{STACK, Tags};
use super::named::{INSTANCE_PROFILE, PARAMETER, ROLE};
use super::remove::Thing;
use super::session::Account;
use super::ssm::{Ssm, input as ssm_input, types::ParameterStringFilter};
use super::together;

/// Why something was not seen.
pub enum Unseen {
    /// Whoever asks may not; others may.
    Denied(String),
    Failed(CallError),
}

impl From<CallError> for Unseen {
    fn from(error: CallError) -> Unseen {
        match error.denied() {
            true => Unseen::Denied(error.to_string()),
            false => Unseen::Failed(error),
        }
    }
}

/// Roles that AWS itself keeps.
const FOREIGN_PATHS: [&str; 2] = ["/aws-service-role/", "/aws-reserved/"];
/// Questions for tags under way at once.
const AT_ONCE: usize = 8;

fn belongs(tags: &Tags, stack: Option<&str>) -> bool {
    tags.get(STACK).is_some_and(|is| stack.is_none_or(|wanted| wanted == is))
}

/// The parameters with the stack's tag (`None`: any stack's).
pub async fn parameters(account: &Account, stack: Option<&str>) -> Result<Vec<(Thing, Tags)>, Unseen> {
    let filter = ParameterStringFilter::builder().key(format!("tag:{STACK}")).option("Equals");
    let filter = filter.set_values(stack.map(|s| vec![s.to_string()])).build();
    let filter = filter.map_err(|e| CallError::own("ssm:DescribeParameters", e.to_string()))?;
    let mut input =
        ssm_input::DescribeParametersInputBuilder::default().parameter_filters(filter).max_results(50);
    let (ssm, mut names) = (account.ssm(), Vec::new());
    loop {
        let page = ssm.describe_parameters(input.clone()).await?;
        names.extend(page.parameters.unwrap_or_default().into_iter().filter_map(|p| p.name));
        match page.next_token.filter(|t| !t.is_empty()) {
            Some(next) => input = input.next_token(next),
            None => break,
        }
    }
    let tags = |name: String| {
        let ssm = &ssm;
        async move {
            let input = ssm_input::ListTagsForResourceInputBuilder::default();
            let input = input.resource_type("Parameter".into()).resource_id(&name);
            let tags = match ssm.list_tags_for_resource(input).await {
                Err(error) if error.not_found() || error.is(&["InvalidResourceId"]) => return Ok(None),
                other => other?.tag_list.unwrap_or_default(),
            };
            let tags = tags.into_iter().map(|t| (t.key, t.value)).collect();
            Ok::<_, CallError>(Some((Thing { kind: PARAMETER, id: name }, tags)))
        }
    };
    some_at_once(names, stack, tags).await
}

/// The roles and instance profiles with the stack's tag (`None`: any stack's).
pub async fn global(account: &Account, stack: Option<&str>) -> Result<Vec<(Thing, Tags)>, Unseen> {
    let mut found = roles(account, stack).await?;
    found.extend(profiles(account, stack).await?);
    Ok(found)
}

async fn roles(account: &Account, stack: Option<&str>) -> Result<Vec<(Thing, Tags)>, Unseen> {
    let (iam, mut names) = (account.iam(), Vec::new());
    let mut input = iam_input::ListRolesInputBuilder::default().max_items(1000);
    loop {
        let page = iam.list_roles(input.clone()).await?;
        let own = page.roles.iter().filter(|r| !FOREIGN_PATHS.iter().any(|p| r.path().starts_with(p)));
        names.extend(own.map(|r| r.role_name().to_string()));
        match page.marker.filter(|m| page.is_truncated && !m.is_empty()) {
            Some(next) => input = input.marker(next),
            None => break,
        }
    }
    let tags = |name: String| {
        let iam = &iam;
        async move {
            let input = iam_input::ListRoleTagsInputBuilder::default().role_name(&name).max_items(100);
            let tags = match iam.list_role_tags(input).await {
                Err(error) if error.not_found() => return Ok(None),
                other => other?.tags,
            };
            let tags = tags.into_iter().map(|t| (t.key, t.value)).collect();
            Ok::<_, CallError>(Some((Thing { kind: ROLE, id: name }, tags)))
        }
    };
    some_at_once(names, stack, tags).await
}

async fn profiles(account: &Account, stack: Option<&str>) -> Result<Vec<(Thing, Tags)>, Unseen> {
    let (iam, mut names) = (account.iam(), Vec::new());
    let mut input = iam_input::ListInstanceProfilesInputBuilder::default().max_items(1000);
    loop {
        let page = iam.list_instance_profiles(input.clone()).await?;
        names.extend(page.instance_profiles.into_iter().map(|p| p.instance_profile_name));
        match page.marker.filter(|m| page.is_truncated && !m.is_empty()) {
            Some(next) => input = input.marker(next),
            None => break,
        }
    }
    let tags = |name: String| {
        let iam = &iam;
        async move {
            let input = iam_input::GetInstanceProfileInputBuilder::default().instance_profile_name(&name);
            let profile = match iam.get_instance_profile(input).await {
                Err(error) if error.not_found() => return Ok(None),
                other => other?.instance_profile,
            };
            let tags = profile.and_then(|p| p.tags).unwrap_or_default();
            let tags = tags.into_iter().map(|t| (t.key, t.value)).collect();
            Ok::<_, CallError>(Some((Thing { kind: INSTANCE_PROFILE, id: name }, tags)))
        }
    };
    some_at_once(names, stack, tags).await
}

/// Asks for the tags of each, some at once, and keeps the stack's.
async fn some_at_once<F>(
    names: Vec<String>,
    stack: Option<&str>,
    tags: impl Fn(String) -> F,
) -> Result<Vec<(Thing, Tags)>, Unseen>
where
    F: Future<Output = Result<Option<(Thing, Tags)>, CallError>>,
{
    let mut found = Vec::new();
    for names in names.chunks(AT_ONCE) {
        for one in together(names.iter().cloned().map(&tags).collect()).await {
            found.extend(one?.filter(|(_, tags)| belongs(tags, stack)));
        }
    }
    Ok(found)
}
