//! The instance profile of the role's name.

use crate::cloud::CallError;
use crate::cloud::iam::{Iam, IamClient, input::*};
use crate::cloud::identity::Op;
use crate::cloud::remove::or_already;
use crate::cloud::{Outcome, Tags};

/// Whether the profile of this name holds the role of this name; `None`: there is no such profile.
pub async fn holds(iam: &IamClient, name: &str) -> Result<Option<bool>, CallError> {
    let input = GetInstanceProfileInputBuilder::default().instance_profile_name(name);
    match iam.get_instance_profile(input).await {
        Ok(reply) => {
            let holds =
                |p: aws_sdk_iam::types::InstanceProfile| p.roles().iter().any(|r| r.role_name() == name);
            Ok(Some(reply.instance_profile.is_some_and(holds)))
        }
        Err(error) if error.not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Has the profile, with the role in it; `there` is what [`holds`] said. Of one that is there already only the role is
/// a matter.
pub async fn ensure(iam: &IamClient, name: &str, op: &Op, there: Option<bool>) -> Result<(), CallError> {
    let there = match there {
        None => make(iam, name, op).await?,
        there => there,
    };
    if there == Some(true) {
        return Ok(());
    }
    let input = AddRoleToInstanceProfileInputBuilder::default().instance_profile_name(name).role_name(name);
    or_already(
        iam.add_role_to_instance_profile(input).await.map(drop),
        &["LimitExceeded", "LimitExceededException"],
    )
}

/// Makes the profile, and says what [`holds`] says then.
async fn make(iam: &IamClient, name: &str, op: &Op) -> Result<Option<bool>, CallError> {
    let mut input = CreateInstanceProfileInputBuilder::default().instance_profile_name(name);
    for (key, value) in op.tags(&Tags::new()) {
        input = input.tags(super::steps::tag(&key, &value)?);
    }
    let error = match iam.create_instance_profile(input).await {
        Ok(_) => return Ok(Some(false)),
        Err(error) => error,
    };
    let there = error.is(&["EntityAlreadyExists", "EntityAlreadyExistsException"]);
    if !there && error.outcome != Outcome::Doubtful {
        return Err(error);
    }
    match holds(iam, name).await? {
        None if !there => Err(error),
        holds => Ok(holds),
    }
}
